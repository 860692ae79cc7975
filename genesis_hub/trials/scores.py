"""The scores that a JSON config names, over all test cases together; each follows from counts.

Where the published code errs, ours are as their names say: kappa and accuracy are of grades, not of
raw answers; a grading by bits that says nothing at all is grade 0 and counts; Dice of a class does
not slip to the next one where a class is absent; the regions of BraTS are compared voxel by voxel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput
from genesis_hub.evaluate.metrics import mean_known, ratio

Floats = NDArray[np.float64]
Array = NDArray[Any]

# Of the labels of BraTS (1 necrosis, 2 oedema, 3 enhancing) those that make up a region.
REGIONS = {"brats_wt": (1, 2, 3), "brats_tc": (1, 3), "brats_et": (3,)}
CLASSES = {f"dice_pancreas_{number}": number for number in range(3)}


@dataclass(frozen=True)
class Counts:
    """What scores follow from, for B draws of cases at once.

    met: (K, K, B), how often class i was answered by class j. right, asked: (B,), how many yes and
    no were right, and how many there were.
    """

    met: Floats
    right: Floats
    asked: Floats

    @property
    def classes(self) -> int:
        return len(self.met)


def kappa(counts: Counts) -> Floats:
    """Return Cohen's kappa with quadratic weights; NaN where all is one grade, said and true."""
    grades = np.arange(counts.classes)
    apart = np.subtract.outer(grades, grades)[..., None] ** 2.0
    true, said = counts.met.sum(1), counts.met.sum(0)
    chance = true[:, None] * said[None] / total(counts)
    return 1 - ratio((apart * counts.met).sum((0, 1)), (apart * chance).sum((0, 1)))


def accuracy(counts: Counts) -> Floats:
    """Return the share of cases with the right class."""
    return ratio(np.einsum("iib->b", counts.met), total(counts))


def binary_accuracy(counts: Counts) -> Floats:
    """Return the share of right answers among all yes and no, by a threshold of one half."""
    return ratio(counts.right, counts.asked)


def jaccards(counts: Counts) -> Floats:
    """Return the Jaccard index of each class (K, B); NaN where it is neither there nor found."""
    both = np.einsum("iib->ib", counts.met)
    return ratio(both, counts.met.sum(1) + counts.met.sum(0) - both)


def dices(counts: Counts) -> Floats:
    """Return Dice of each class (K, B); NaN where it is neither there nor found."""
    both = np.einsum("iib->ib", counts.met)
    return ratio(2 * both, counts.met.sum(1) + counts.met.sum(0))


def dice(counts: Counts) -> Floats:
    """Return the mean of Dice over the classes that are there or found, background among them."""
    return mean_known(dices(counts))


def jaccard(counts: Counts) -> Floats:
    """Return the mean of the Jaccard index over the classes that are there or found."""
    return mean_known(jaccards(counts))


def of_class(number: int) -> Callable[[Counts], Floats]:
    """Return what measures Dice of one class."""
    return lambda counts: dices(counts)[number]


def of_region(members: Sequence[int]) -> Callable[[Counts], Floats]:
    """Return what measures Dice of several classes taken as one."""

    def measured(counts: Counts) -> Floats:
        own = list(members)
        both = counts.met[np.ix_(own, own)].sum((0, 1))
        return ratio(2 * both, counts.met[own].sum((0, 1)) + counts.met[:, own].sum((0, 1)))

    return measured


@dataclass(frozen=True)
class Score:
    """A score: what it serves, how it follows from counts, how many classes it needs.

    bounded: it lies between 0 and 1.
    """

    serves: str
    measure: Callable[[Counts], Floats]
    classes: int = 2
    bounded: bool = True


SCORES = {
    "qw_kappa": Score("classification", kappa, bounded=False),
    "qw_kappa_kaggle": Score("classification", kappa, bounded=False),
    "cat_accuracy": Score("classification", accuracy),
    "cat_acc_kaggle": Score("classification", accuracy),
    "bin_accuracy": Score("classification", binary_accuracy),
    "dice": Score("segmentation", dice),
    "jaccard": Score("segmentation", jaccard),
    **{name: Score("segmentation", of_class(k), k + 1) for name, k in CLASSES.items()},
    **{name: Score("segmentation", of_region(own), 4) for name, own in REGIONS.items()},
}


def check_scores(names: Sequence[str], *, task: str, classes: int) -> None:
    """Raise `BadInput` for a score that there is not, or that the labels cannot have."""
    for name in names:
        if name not in SCORES:
            raise BadInput(
                f"scores: {name!r} is none{close_names(name, SCORES)}; {', '.join(SCORES)} are "
                "known"
            )
        score = SCORES[name]
        if score.serves != task:
            known = ", ".join(key for key, one in SCORES.items() if one.serves == task)
            raise BadInput(
                f"scores: {name!r} is for {score.serves}, but the labels are for {task}; "
                f"{known} serve that"
            )
        if classes < score.classes:
            raise BadInput(
                f"scores: {name!r} needs {score.classes} classes, but there are {classes}; leave "
                "it away, or give num_classes"
            )


@dataclass(frozen=True, eq=False)
class Scored:
    """Test cases by what their scores follow from, as `intervals` and `compare` take them.

    met: (P, K, K), asked: (P, 2), right ones and all, of each of P patients.
    """

    met: Floats
    asked: Floats
    names: tuple[str, ...]

    @property
    def patients(self) -> int:
        return len(self.met)

    @property
    def size(self) -> int:
        return max(len(self.met), int(self.met[0].size))

    def narrowed(self, measures: Sequence[str]) -> "Scored":
        return replace(self, names=tuple(measures))

    def measured(self, counts: Floats) -> dict[str, Floats]:
        patients, classes = self.met.shape[:2]
        met = (self.met.reshape(patients, -1).T @ counts).reshape(classes, classes, -1)
        right, asked = self.asked.T @ counts
        together = Counts(met, right, asked)
        return {name: SCORES[name].measure(together) for name in self.names}

    def bearing(self) -> dict[str, int]:
        known = int((self.met.sum((1, 2)) > 0).sum())
        return {name: known if SCORES[name].bounded else 0 for name in self.names}

    def beside(self, other: "Scored") -> "Scored":
        met = np.concatenate([self.met, other.met])
        return replace(self, met=met, asked=np.concatenate([self.asked, other.asked]))

    def values(self) -> dict[str, float]:
        """Return each score of all cases together."""
        found = self.measured(np.ones((self.patients, 1)))
        return {name: float(value[0]) for name, value in found.items()}


def total(counts: Counts) -> Floats:
    """Return how many answers there are."""
    found: Floats = counts.met.sum((0, 1))
    return found
