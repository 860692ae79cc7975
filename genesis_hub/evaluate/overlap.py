"""How far two masks cover each other: counts of voxels, and what follows from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
NAN = float("nan")


@dataclass(frozen=True)
class Overlap:
    """Voxels of a prediction, of the truth, and of both; overlaps of several cases add up.

    All ratios are NaN where they would be 0 / 0: "nothing there, nothing found" is no success that
    can be measured, and counting it as 1 makes any score rise with the number of empty images.
    """

    predicted: int
    true: int
    both: int

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(
            self.predicted + other.predicted, self.true + other.true, self.both + other.both
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing and nothing was found."""
        return not self.predicted and not self.true

    @property
    def either(self) -> int:
        """Voxels of the prediction, of the truth, or of both."""
        return self.predicted + self.true - self.both

    @property
    def dice(self) -> float:
        """2 |P T| / (|P| + |T|); 0 where only one of them is empty, NaN where both are."""
        return divide(2 * self.both, self.predicted + self.true)

    @property
    def iou(self) -> float:
        """|P T| / |P or T|; 0 where only one of them is empty, NaN where both are."""
        return divide(self.both, self.either)

    @property
    def sensitivity(self) -> float:
        """The share of the truth that was found; NaN without truth."""
        return divide(self.both, self.true)

    @property
    def precision(self) -> float:
        """The share of the prediction that is true; NaN without a prediction."""
        return divide(self.both, self.predicted)


def overlap(predicted: NDArray[Any], true: NDArray[Any]) -> Overlap:
    """Return the counts of two masks of one shape; what is not 0 is inside."""
    p, t = predicted.astype(bool, copy=False), true.astype(bool, copy=False)
    return Overlap(*(int(np.count_nonzero(mask)) for mask in (p, t, p & t)))


def divide(above: int, below: int) -> float:
    """Return above / below, NaN where below is 0."""
    return above / below if below else NAN
