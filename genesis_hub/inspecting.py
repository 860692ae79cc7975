"""What a foreign file holds, told without building anything from it."""

from dataclasses import dataclass
from pathlib import Path

from genesis_hub.errors import GenesisHubError
from genesis_hub.plan import make_plan
from genesis_hub.registry import ENTRIES
from genesis_hub.weights.foreign import Foreign, first_bytes, open_foreign
from genesis_hub.weights.pickled import ALLOWED
from genesis_hub.weights.rename import rename
from genesis_hub.weights.tensorfile import sha256_of
from genesis_hub.weights.torchfile import TorchFile, flatten

LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Match:
    """One of our names that a file may be of: how much of it is known, and whether it imports."""

    name: str
    layout: str
    known: int
    of: int
    fits: str


@dataclass(frozen=True)
class Findings:
    """What was found in a file.

    would_run: importable names that unpickling it would bring in beyond those of plain weights.
    refused: why `import` would not take it; empty where it would.
    """

    path: Path
    sha256: str
    size: int
    kind: str
    tensors: tuple[tuple[str, tuple[int, ...], str], ...]
    beside: tuple[str, ...]
    would_run: tuple[str, ...]
    matches: tuple[Match, ...]
    refused: str = ""


def inspect(file: str | Path) -> Findings:
    """Tell what a file holds, which code it would run, and which of our names it matches.

    Nothing in the file is imported, called or built: a pickle is read as a description.
    """
    path = Path(file)
    start = first_bytes(path)
    size, sha256 = path.stat().st_size, sha256_of(path)
    try:
        foreign = open_foreign(path)
    except GenesisHubError as error:
        rows, foreign_names = look_inside(path, start)
        return Findings(
            path,
            sha256,
            size,
            "no file that can be loaded",
            rows,
            (),
            foreign_names,
            (),
            str(error),
        )
    found = foreign.tensors
    rows = tuple(
        (key, found.shape(key), str(found.dtype(key)).removeprefix("torch."))
        for key in found.keys()
    )
    matches = tuple(sorted(matching(foreign), key=lambda m: (bool(m.fits), -m.known / m.of)))
    why = "" if matches else "none of our names knows its tensors"
    return Findings(path, sha256, size, foreign.kind, rows, foreign.beside, (), matches, why)


def look_inside(
    path: Path, start: bytes
) -> tuple[tuple[tuple[str, tuple[int, ...], str], ...], tuple[str, ...]]:
    """Return the tensors and foreign names of a torch file that was refused, as far as they go."""
    if not start.startswith((b"PK", b"\x80")):
        return (), ()
    seen: set[str] = set()
    rows: list[tuple[str, tuple[int, ...], str]] = []
    try:
        tensors, _ = flatten(TorchFile(path, globals_seen=seen))
        rows = [
            ("/".join(place), t.shape, str(t.dtype).removeprefix("torch."))
            for place, t in tensors.items()
        ]
    except GenesisHubError:
        pass  # Damaged as well; what was seen up to there is still worth telling.
    plain = {f"{module}.{name}" for module, names in ALLOWED.items() for name in names}
    return tuple(rows), tuple(sorted(seen - plain))


def matching(foreign: Foreign) -> list[Match]:
    """Return the names, of all we know, whose rules know at least half of a file's tensors."""
    keys = foreign.tensors.keys()
    found = []
    for entry in ENTRIES.values():
        for layout in entry.layouts:
            try:
                renamed = rename(keys, layout)
            except GenesisHubError:
                continue
            known = len(renamed.names) + len(renamed.dropped)
            if not renamed.names or known < LEAST_SHARE * len(keys):
                continue
            try:
                chosen = make_plan(entry, foreign).layout
                fits = "" if chosen == layout else None
            except GenesisHubError as error:
                fits = str(error)
            if fits is not None:
                found.append(Match(entry.name, layout.name, known, len(keys), fits))
    return found
