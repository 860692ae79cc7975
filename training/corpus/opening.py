"""From what a user points at to items: scans, files of cubes, a pack, or discovered patterns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from genesis_hub.data.cases import CaseList
from genesis_hub.inputs import Inputs
from training.corpus import Corpus, Sides, Window
from training.corpus.bat import bat_of
from training.corpus.chunked import SEAL
from training.corpus.kept import inputs_for
from training.corpus.leftout import LeftOut
from training.corpus.listing import divided, listed
from training.corpus.material import Material, Source, as_cases, with_phantoms
from training.corpus.packed import Packed
from training.corpus.patterns import holds_patterns
from training.corpus.prepared import cubes, patterns
from training.corpus.volumes import ROOM, Volumes
from training.corpus.windows import WindowItems
from training.kinds import VolumeRecipe

LOOKED_AT = 100  # Scans in which it is seen beforehand whether the rule for windows fits.
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


def source_of(data: str | Path, recipe: VolumeRecipe) -> Source:
    """Return what lies at a place, or raise `BadInput` where nothing can be learned from it."""
    if holds_pack(data):
        return packed(data, recipe)
    if holds_patterns(Path(data).expanduser()):
        return patterns(data, recipe)
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


def scans(data: str | Path, recipe: VolumeRecipe) -> Source:
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


def packed(data: str | Path, recipe: VolumeRecipe) -> Source:
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


def epoch_of(cases: CaseList, recipe: VolumeRecipe) -> int:
    """Return how many windows an epoch has."""
    return len(cases.of("train")) * recipe.scale + recipe.phantoms


def material(
    corpus: Corpus,
    splits: Sequence[str],
    recipe: VolumeRecipe,
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


def windows(part: Part, recipe: VolumeRecipe) -> WindowItems:
    """Return windows of some scans."""
    return WindowItems(
        part, recipe.size, recipe.scale, faithful=recipe.faithful, tolerate=recipe.tolerate
    )


def contract(recipe: VolumeRecipe) -> Callable[[str], Inputs]:
    """Return the input contract by modality; a range that was asked for is for all."""
    wide: Any = recipe.range
    return partial(inputs_for, size=recipe.size, range=wide)
