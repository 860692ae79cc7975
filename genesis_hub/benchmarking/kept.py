"""What was compared before: a comparison of the same answers is read, not computed again."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis_hub.atomic import new_file
from genesis_hub.evaluate import Comparison, Interval
from genesis_hub.evaluate.comparison import PERMUTATIONS
from genesis_hub.evaluate.intervals import RESAMPLES
from genesis_hub.tuning.predictions import TABLE

if TYPE_CHECKING:
    from genesis_hub.benchmarking.standings import Standing

FILE = "compared.json"


class Kept:
    """Rows that were computed before, by the digest of what they are computed from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.before = read(self.path)
        self.now: dict[str, Any] = {}

    def get(self, digest: str) -> dict[str, Any] | None:
        """Return a row's numbers, folds, draws and comparison; None where it must be computed."""
        told = self.before.get(digest)
        if told is None:
            return None
        self.now[digest] = told
        return {
            "numbers": {name: Interval(**one) for name, one in told["numbers"].items()},
            "folds": tuple(told["folds"]),
            "draws": tuple(told["draws"]),
            "against": None if told["against"] is None else Comparison(**told["against"]),
        }

    def put(self, digest: str, row: "Standing") -> None:
        """Keep a row that was computed."""
        told = asdict(row)
        self.now[digest] = {key: told[key] for key in ("numbers", "folds", "draws", "against")}

    def write(self) -> None:
        """Write the rows of now; others, of answers that are gone, fall away."""
        if self.now != self.before:
            with new_file(self.path) as aside:
                aside.write_text(json.dumps(self.now) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Return what was kept; nothing where it cannot be read: it is computed again."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def digest_of(
    ours: Sequence[Sequence[Path]], theirs: Sequence[Sequence[Path]], *, facts: Sequence[Any]
) -> str:
    """Return the sha256 of all that a row follows from: answers, and facts such as settings."""
    digest = hashlib.sha256(json.dumps([RESAMPLES, PERMUTATIONS, *facts]).encode("utf-8"))
    for part in parts(ours, theirs):
        digest.update(part)
    return digest.hexdigest()


def parts(*sides: Sequence[Sequence[Path]]) -> Iterator[bytes]:
    """Give the digests of tables of answers, with marks where a draw or a side ends."""
    for side in sides:
        for draw in side:
            for cell in draw:
                yield hashlib.sha256((cell / TABLE).read_bytes()).digest()
            yield b"draw"
        yield b"side"
