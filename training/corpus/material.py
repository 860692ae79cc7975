"""What a corpus comes to: found but not read, then items to learn from and to validate on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genesis_hub.data.cases import Case, CaseList, write_split
from genesis_hub.engine.objective import Items
from training.corpus.kept import inputs_for
from training.corpus.leftout import LeftOut
from training.corpus.phantoms import Phantoms
from training.corpus.together import Together, evenly
from training.corpus.windows import WindowItems
from training.kinds import VolumeRecipe

PHANTOM = "phantom"


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
    classes: of its cubes; 0 where nothing says what they are. told: what else may not change when a
    run goes on.
    """

    cases: CaseList
    count: int
    notes: tuple[str, ...]
    read: Callable[..., Material]
    classes: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What may not change when a run goes on."""
        counts = {split: len(self.cases.of(split)) for split in ("train", "val")}
        return {"digest": self.cases.digest, "cases": counts, **self.told}

    def write_split(self, path: Path) -> None:
        """Write which scan is learned from."""
        write_split(path, self.cases)


def as_cases(rows: Iterable[tuple[str, str, str]]) -> CaseList:
    """Return scans by name, patient and split as a list that can be divided and written."""
    cases = tuple(
        Case(name, (Path(name),), patient=who, split=split or None) for name, who, split in rows
    )
    return CaseList(cases, None, (), False, Path())


def with_phantoms(
    found: Material, kinds: Sequence[str], per_kind: int, recipe: VolumeRecipe
) -> Material:
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
