"""Means over cases, and other ratios of sums over cases, as a sample to be resampled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.evaluate.metrics import mean_known, ratio
from genesis_hub.evaluate.resampling import numbered
from genesis_hub.evaluate.segmentation import ClassScores, Empty, filled

Array = NDArray[Any]
Floats = NDArray[np.float64]
BOUNDED = ("dice", "iou", "surface_dice", "pooled_dice", "pooled_iou")


def means(
    values: Mapping[str, Sequence[float]],
    *,
    patients: Sequence[str],
    among: Sequence[str] = (),
    bounded: Sequence[str] = (),
) -> "Ratios":
    """Return per-case numbers, whose means are measured, as `intervals` and `compare` take them.

    values: by name, one of each case; NaN is left out. bounded: the names of those that lie between
    0 and 1 by their nature. patients: whose each case is; among: all patients in order, for samples
    to be averaged.
    """
    sums = {}
    for name, column in values.items():
        numbers = np.asarray(column, dtype=np.float64)
        if len(numbers) != len(patients) or np.isinf(numbers).any():
            raise BadInput(
                f"{name} has {len(numbers)} numbers for {len(patients)} cases, or infinite ones; "
                "give one for each, NaN where there is none"
            )
        sums[name] = mean_of(numbers)
    return summed(sums, {}, patients, among, bounded)


def segmented(
    records: Sequence[Mapping[str, ClassScores]],
    *,
    patients: Sequence[str],
    among: Sequence[str] = (),
    empty: Empty = "leave out",
) -> "Ratios":
    """Return the scores of cases, whose numbers are those of `pooled`, as "dice/liver".

    "dice" is the mean over classes of their mean Dice, and so on. The rest is as of `means`.
    """
    sums = {}
    classes = list(records[0]) if records else []
    if any(list(record) != classes for record in records):
        raise BadInput("records have other classes; give the scores of the same classes")
    for name in classes:
        scores = [record[name] for record in records]
        overlaps = [score.overlap for score in scores]
        both, every = (
            np.array([getattr(o, word) for o in overlaps], dtype=np.float64)
            for word in ("both", "either")
        )
        sums[f"pooled_dice/{name}"] = 2 * both, every + both
        sums[f"pooled_iou/{name}"] = both, every
        for measure in ("dice", "iou", "surface_dice", "assd", "hd95"):
            sums[f"{measure}/{name}"] = mean_of(filled(scores, measure, empty))
    measures = dict.fromkeys(name.partition("/")[0] for name in sums)
    over = {m: tuple(f"{m}/{name}" for name in classes) for m in measures}
    return summed(sums, over, patients, among, BOUNDED)


def mean_of(numbers: Floats) -> tuple[Floats, Floats]:
    """Return what each case adds above and below the line of a mean; NaN adds nothing."""
    known = ~np.isnan(numbers)
    return np.where(known, numbers, 0.0), known.astype(np.float64)


def summed(
    sums: Mapping[str, tuple[Floats, Floats]],
    over: Mapping[str, tuple[str, ...]],
    patients: Sequence[str],
    among: Sequence[str],
    bounded: Sequence[str],
) -> "Ratios":
    """Return ratios of what patients have: the numbers of each case above and below the line."""
    codes, number = numbered(patients, among)
    if not sums or not number:
        raise BadInput(f"{len(sums)} numbers of {number} patients; give one of each at least")
    above, below = (
        np.stack(
            [np.bincount(codes, pair[side], number).astype(np.float64) for pair in sums.values()]
        )
        for side in (0, 1)
    )
    return Ratios(number, tuple(sums), above, below, dict(over), tuple(bounded), codes)


@dataclass(frozen=True, eq=False)
class Ratios:
    """Sums of each patient (numbers, patients), whose ratios are measured.

    over: names of means over several of the numbers, those that are there.
    """

    patients: int
    names: tuple[str, ...]
    above: Floats
    below: Floats
    over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounded: tuple[str, ...] = ()
    codes: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def size(self) -> int:
        return 3 * len(self.names)

    def narrowed(self, measures: Sequence[str]) -> "Ratios":
        parts = {part for name in measures for part in self.over.get(name, (name,))}
        rows = [place for place, name in enumerate(self.names) if name in parts]
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            above=self.above[rows],
            below=self.below[rows],
            over={name: self.over[name] for name in measures if name in self.over},
        )

    def measured(self, counts: Floats) -> dict[str, Floats]:
        found = dict(zip(self.names, ratio(self.above @ counts, self.below @ counts), strict=True))
        whole = {
            name: mean_known(np.stack([found[one] for one in parts]))
            for name, parts in self.over.items()
        }
        return {**whole, **found}

    def bearing(self) -> dict[str, int]:
        rests = {
            name: int(np.count_nonzero(below)) * (name.partition("/")[0] in self.bounded)
            for name, below in zip(self.names, self.below, strict=True)
        }
        fewest = {
            name: min(filter(None, (rests[one] for one in parts)), default=0)
            for name, parts in self.over.items()
        }
        return {**fewest, **rests}

    def beside(self, other: "Ratios") -> "Ratios":
        if self.names != other.names or not np.array_equal(self.codes, other.codes):
            raise BadInput(
                f"two models' numbers differ in their cases ({len(self.codes)} and "
                f"{len(other.codes)}), patients or names; give both models' numbers for the same "
                "cases in the same order"
            )
        above = np.concatenate([self.above, other.above], 1)
        below = np.concatenate([self.below, other.below], 1)
        return replace(self, patients=2 * self.patients, above=above, below=below)
