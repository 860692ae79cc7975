"""From what a user points at to items: a folder of scans, a table, files of cubes, or a pack."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from genesis_hub.data.cases import Case, CaseList, write_split
from genesis_hub.engine.objective import Items
from genesis_hub.inputs import Inputs
from training.corpus import Corpus, Sides, Window
from training.corpus.bat import bat_of
from training.corpus.chunked import SEAL
from training.corpus.cubefiles import CubeItems, all_in, one_kind
from training.corpus.folds import VALID
from training.corpus.kept import inputs_for
from training.corpus.leftout import LeftOut
from training.corpus.listing import divided, listed
from training.corpus.packed import Packed
from training.corpus.phantoms import Phantoms
from training.corpus.together import Together, evenly
from training.corpus.volumes import ROOM, Volumes
from training.corpus.windows import WindowItems
from training.recipe import Recipe

LOOKED_AT = 100  # Scans in which it is seen beforehand whether the rule for windows fits.
PHANTOM = "phantom"
SPARE = "volumes"  # The folder of a run that holds scans unpacked while it lasts.


@dataclass(frozen=True)
class Part:
    """Some scans of a corpus, a corpus themselves."""

    whole: Corpus
    places: tuple[int, ...]

    @cached_property  # Asked for with every window.
    def names(self) -> tuple[str, ...]:
        """The scans' names."""
        return tuple(self.whole.names[place] for place in self.places)

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """Whose they are."""
        return tuple(self.whole.patients[place] for place in self.places)

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """What they are."""
        return tuple(self.whole.modalities[place] for place in self.places)

    def __len__(self) -> int:
        return len(self.places)

    def sides(self, index: int) -> Sides:
        return self.whole.sides(self.places[index])

    def window(self, index: int, start: Sides, size: Sides) -> Window:
        return self.whole.window(self.places[index], start, size)


@dataclass(frozen=True)
class Material:
    """What a run learns from and validates on, once it was read.

    left_out: what cannot be learned from, each with its reason. notes: what a user should hear.
    seen: what the weights will have seen: case, patient and perceptual hashes of each scan.
    weights: how often each item comes; None: all alike.
    """

    train: Items
    validation: Items | None
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    seen: Callable[[], list[dict[str, Any]]] = field(default=list)
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Source:
    """A corpus that was found but not read.

    cases: its scans, each for learning or validation. count: windows in an epoch, should no scan be
    left out. read: gives the material; of several processes the first reads before the others.
    """

    cases: CaseList
    count: int
    notes: tuple[str, ...]
    read: Callable[..., Material]

    @property
    def facts(self) -> dict[str, Any]:
        """What may not change when a run goes on."""
        counts = {split: len(self.cases.of(split)) for split in ("train", "val")}
        return {"digest": self.cases.digest, "cases": counts}

    def write_split(self, path: Path) -> None:
        """Write which scan is learned from."""
        write_split(path, self.cases)


def source_of(data: str | Path, recipe: Recipe) -> Source:
    """Return what lies at a place, or raise `BadInput` where nothing can be learned from it."""
    if holds_pack(data):
        return packed(data, recipe)
    if holds_cubes(data):
        return cubes(Path(data), recipe)
    return scans(data, recipe)


def holds_pack(data: str | Path) -> bool:
    """Say whether `training.pack` wrote what lies at a place; an address is taken for such."""
    return "://" in str(data) or (Path(data).expanduser() / SEAL).is_file()


def holds_cubes(data: str | Path) -> bool:
    """Say whether a folder holds files of cubes."""
    folder = Path(data).expanduser()
    return folder.is_dir() and any(bat_of(path) for path in folder.iterdir())


def scans(data: str | Path, recipe: Recipe) -> Source:
    """Return the scans of a folder or of a table."""
    listing = listed(data, modality=recipe.modality, seed=recipe.seed, validation=recipe.validation)

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        corpus = Volumes(
            listing.scans,
            contract(recipe),
            # Processes share what is mapped; what one holds in memory, each would hold.
            room=0 if shared else ROOM,
            spare=spare,
            least=recipe.size,
            tolerate=recipe.tolerate,
            check=not recipe.no_check,
            quiet=quiet,
        )
        split_of = {scan.name: scan.split for scan in listing.scans}
        splits = [split_of[name] or "train" for name in corpus.names]
        return material(corpus, splits, recipe, corpus.left_out, corpus.look)

    return Source(listing.cases, epoch_of(listing.cases, recipe), listing.notes, read)


def packed(data: str | Path, recipe: Recipe) -> Source:
    """Return a corpus that `training.pack` wrote."""
    corpus = Packed(data, contract(recipe))
    rows = zip(corpus.names, corpus.patients, corpus.splits, strict=True)
    cases, notes = divided(as_cases(rows), seed=recipe.seed, validation=recipe.validation)
    split_of = {case.name: case.split or "train" for case in cases}

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        hashes = corpus.hashes
        # A scan that is for testing is in no split: it is not learned from.
        splits = [split_of.get(name, "test") for name in corpus.names]
        return material(corpus, splits, recipe, (), lambda place: hashes[place])

    return Source(cases, epoch_of(cases, recipe), notes, read)


def cubes(data: Path, recipe: Recipe) -> Source:
    """Return files of cubes: the folds to learn from and, where they are, those to validate on."""
    train = CubeItems(data, size=recipe.size)
    there = {bat.fold for bat in one_kind(all_in(data), data, None, recipe.size)}
    folds = [fold for fold in VALID if fold in there]
    kept = CubeItems(data, size=recipe.size, folds=folds) if folds else None
    rows = [(name, who, "train") for name, who in zip(train.names, train.patients, strict=True)]
    if kept is not None:
        rows += [(name, who, "val") for name, who in zip(kept.names, kept.patients, strict=True)]
    cases = as_cases(rows)
    note = "" if folds else "no fold for validation (5, 6) is there: the last weights are kept"
    looks = train.looks

    def seen() -> list[dict[str, Any]]:
        return [
            {"case": name, "patient": who, "hashes": [looks[name]] if name in looks else []}
            for name, who in zip(train.names, train.patients, strict=True)
        ]

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        return with_phantoms(Material(train, kept, seen=seen), ["cube"], 1, recipe)

    return Source(cases, len(train) + recipe.phantoms, tuple(filter(None, [note])), read)


def as_cases(rows: Iterable[tuple[str, str, str]]) -> CaseList:
    """Return scans by name, patient and split as a list that can be divided and written."""
    cases = tuple(
        Case(name, (Path(name),), patient=who, split=split or None) for name, who, split in rows
    )
    return CaseList(cases, None, (), False, Path())


def epoch_of(cases: CaseList, recipe: Recipe) -> int:
    """Return how many windows an epoch has."""
    return len(cases.of("train")) * recipe.scale + recipe.phantoms


def material(
    corpus: Corpus,
    splits: Sequence[str],
    recipe: Recipe,
    left_out: Sequence[LeftOut],
    look: Callable[[int], str],
) -> Material:
    """Return windows of the scans to learn from, and of those to validate on."""
    learned = [place for place, split in enumerate(splits) if split == "train"]
    kept = [place for place, split in enumerate(splits) if split == "val"]
    train = windows(Part(corpus, tuple(learned)), recipe)
    barren = train.barren(scans=LOOKED_AT)
    notes = [f"left out: {one}" for one in (*left_out, *train.left_out)]
    if barren:
        notes.append(
            f"in {len(barren)} of {min(LOOKED_AT, len(train.scans))} scans looked at, such as "
            f"{barren[0]}, no place is as the rule for its modality asks; windows are taken from "
            "anywhere in them that is not background"
        )

    def seen() -> list[dict[str, Any]]:
        return [
            {
                "case": corpus.names[place],
                "patient": corpus.patients[place],
                "hashes": [look(place)],
            }
            for place in learned
        ]

    found = Material(
        train,
        windows(Part(corpus, tuple(kept)), recipe) if kept else None,
        (*left_out, *train.left_out),
        tuple(notes),
        seen,
    )
    kinds = [train.corpus.modalities[scan] for scan in train.scans]
    return with_phantoms(found, kinds, recipe.scale, recipe)


def with_phantoms(found: Material, kinds: Sequence[str], per_kind: int, recipe: Recipe) -> Material:
    """Return material with made-up scans beside the real ones, and every kind as often, if asked.

    kinds: of the scans that are there. The hashes that the weights carry are of the real ones.
    """
    train: Items = found.train
    weights = evenly(kinds, per_kind) if recipe.balanced else None
    if recipe.phantoms:
        made = Phantoms(
            recipe.phantoms, recipe.size, inputs_for("ct", recipe.size), seed=recipe.seed
        )
        train = Together((train, WindowItems(made, recipe.size)))
        if weights is not None:
            weights += evenly([PHANTOM] * recipe.phantoms, 1)
    return replace(found, train=train, weights=weights)


def windows(part: Part, recipe: Recipe) -> WindowItems:
    """Return windows of some scans."""
    return WindowItems(
        part, recipe.size, recipe.scale, faithful=recipe.faithful, tolerate=recipe.tolerate
    )


def contract(recipe: Recipe) -> Callable[[str], Inputs]:
    """Return the input contract by modality; a range that was asked for is for all."""
    wide: Any = recipe.range
    return partial(inputs_for, size=recipe.size, range=wide)
