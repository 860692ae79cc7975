"""How good a segmentation is: of one case by class, and of many cases together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.evaluate.metrics import macro
from genesis_hub.evaluate.overlap import Overlap, overlap
from genesis_hub.evaluate.surface import surfaces

Array = NDArray[Any]
Empty = Literal["leave out", "one"]
DISTANCES = ("assd", "hd95")


@dataclass(frozen=True)
class ClassScores:
    """One class in one case; where truth and prediction both are empty, every score is NaN.

    assd, hd95: in mm, infinite where only one of the two is empty. surface_dice: 0 there.
    """

    overlap: Overlap
    assd: float
    hd95: float
    surface_dice: float

    @property
    def dice(self) -> float:
        """Dice of this case; 0 where only the truth or only the prediction is empty."""
        return self.overlap.dice

    @property
    def iou(self) -> float:
        """IoU of this case; 0 where only the truth or only the prediction is empty."""
        return self.overlap.iou


@dataclass(frozen=True)
class PooledScores:
    """One class over many cases: counts of cases first, then what was measured.

    empty: nothing there, nothing found. missed: there, nothing found. invented: found, not there.
    dice, iou, surface_dice: means over cases, 0 for those missed or invented; empty ones are left
    out or count 1, as asked. pooled_dice, pooled_iou: of the voxels of all cases together, where
    large organs and fine voxels weigh more. assd, hd95: means in mm over the cases where both are
    there, so read `missed` and `invented` beside them. NaN where no case counts.
    """

    cases: int
    empty: int
    missed: int
    invented: int
    dice: float
    iou: float
    surface_dice: float
    pooled_dice: float
    pooled_iou: float
    assd: float
    hd95: float


def segmentation_metrics(
    prediction: Array,
    truth: Array,
    *,
    classes: Sequence[str],
    spacing: Sequence[float],
    tolerance: float = 1.0,
) -> dict[str, ClassScores]:
    """Return the scores of one case by the name of each class but the background.

    prediction, truth: (X, Y[, Z]) of class numbers, 0 being the background; or, where classes
    overlap, (K, X, Y[, Z]) of 0 and 1. Integers or bools.
    classes: the names of all: the background's first for class numbers; K without one for masks.
    spacing: mm between voxels along X, Y[, Z]: (1, 1) for pictures, whose distances are in pixels.
    tolerance: mm that two surfaces may be apart and still agree, for `surface_dice`.
    """
    prediction, truth = np.asarray(prediction), np.asarray(truth)
    numbered = prediction.ndim == len(spacing)
    check(prediction, truth, classes, spacing, numbered)
    if tolerance < 0:
        raise BadInput(f"tolerance is {tolerance} mm, but 0 or more is expected")
    scores = {}
    for k, name in enumerate(classes):
        if numbered and k == 0:
            continue
        ours = prediction == k if numbered else prediction[k].astype(bool)
        theirs = truth == k if numbered else truth[k].astype(bool)
        apart = surfaces(ours, theirs, spacing)
        scores[name] = ClassScores(
            overlap(ours, theirs), apart.average, apart.hausdorff95, apart.dice(tolerance)
        )
    return scores


def pooled(
    records: Sequence[Mapping[str, ClassScores]], *, empty: Empty = "leave out"
) -> dict[str, PooledScores]:
    """Return the scores of many cases by class.

    empty: what a case counts for Dice, IoU and surface Dice where there is nothing and nothing was
    found: nothing, or 1. Either is usual, and where most cases are empty (pneumothorax) they differ
    enormously: say which. Distances never count it.
    """
    if not records or any(set(record) != set(records[0]) for record in records):
        raise BadInput(
            f"{len(records)} records with classes {sorted({tuple(r) for r in records})}, but one "
            "at least is expected, and the same classes in all"
        )
    if empty not in ("leave out", "one"):
        raise BadInput(f"empty is {empty!r}, but must be 'leave out' or 'one'")
    return {name: over_cases([r[name] for r in records], empty) for name in records[0]}


def over_cases(scores: Sequence[ClassScores], empty: Empty) -> PooledScores:
    """Return one class's scores over its cases."""
    everything = reduce(add, (score.overlap for score in scores))

    def mean(measure: str) -> float:
        return macro(filled(scores, measure, empty))

    return PooledScores(
        cases=len(scores),
        empty=sum(score.overlap.empty for score in scores),
        missed=sum(s.overlap.true > 0 and s.overlap.predicted == 0 for s in scores),
        invented=sum(s.overlap.true == 0 and s.overlap.predicted > 0 for s in scores),
        dice=mean("dice"),
        iou=mean("iou"),
        surface_dice=mean("surface_dice"),
        pooled_dice=everything.dice,
        pooled_iou=everything.iou,
        assd=mean("assd"),
        hd95=mean("hd95"),
    )


def filled(scores: Sequence[ClassScores], measure: str, empty: Empty) -> NDArray[np.float64]:
    """Return one number of each case as it counts for the mean; NaN where it does not."""
    values = np.array([getattr(score, measure) for score in scores], dtype=np.float64)
    if measure in DISTANCES:
        return np.where(np.isfinite(values), values, np.nan)
    vacant = [score.overlap.empty for score in scores]
    return np.where(vacant, 1.0 if empty == "one" else np.nan, values)


def check(
    prediction: Array,
    truth: Array,
    classes: Sequence[str],
    spacing: Sequence[float],
    numbered: bool,
) -> None:
    """Raise `BadInput` where two segmentations cannot be compared, or are none."""
    if len(spacing) not in (2, 3) or not all(0 < mm < np.inf for mm in spacing):
        raise BadInput(f"spacing is {tuple(spacing)}, but 2 or 3 numbers above 0 are expected")
    if prediction.shape != truth.shape or prediction.ndim - len(spacing) not in (0, 1):
        raise BadInput(
            f"prediction is {prediction.shape}, truth {truth.shape} and spacing {tuple(spacing)}, "
            "but one shape is expected, (X, Y[, Z]) or (K, X, Y[, Z]), and spacing for X, Y[, Z]"
        )
    if len(set(classes)) != len(classes) or len(classes) < 1 + numbered:
        raise BadInput(
            f"classes are {tuple(classes)}, but different names, one for each, are needed"
        )
    if not numbered and len(classes) != len(prediction):
        raise BadInput(f"{len(classes)} class names for {len(prediction)} masks; give one each")
    most = len(classes) - 1 if numbered else 1
    for word, array in (("prediction", prediction), ("truth", truth)):
        if array.dtype.kind not in "biu":
            raise BadInput(f"{word} is {array.dtype}, but integers or bools are expected")
        if array.size and not 0 <= (low := array.min()) <= (high := array.max()) <= most:
            raise BadInput(f"{word} holds {low} to {high}, but 0 to {most} are expected")
