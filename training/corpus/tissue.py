"""Which windows are learned from: the published rule, which keeps lung and air, and its kin.

The published test looks at each voxel, at the one a slice further and at the one after that: 1
where the voxel itself is tissue, a half where only the next is, else 0; a cube is kept when the
mean is at most 0.15. The third slice can never change a score, so one more slice than the cube is
deep is all that is read here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

AHEAD = 1  # Slices behind a cube that its score depends on.
TISSUE = 0.425  # -150 HU, where -1000 to 1000 HU are 0 to 1.
MOST = 0.15
# Above this a voxel is no background: -900 HU. Of windows of eight chests (2 mm, 32x32x16) that the
# published rule keeps, none held less than 0.48 such voxels; air around a patient holds a few
# hundredths.
CONTENT = 0.05
LEAST = 0.4


@dataclass(frozen=True)
class Rule:
    """Which windows are learned from, told by their values in [0, 1].

    most: the greatest mean tissue score; None takes any.
    least: the least share of voxels that are no background.
    """

    name: str
    most: float | None
    least: float

    def verdict(self, crop: NDArray[Any], deps: int) -> "Verdict":
        """Judge one window (X, Y, deps + 1), or (X, Y, deps) where the scan ends with it."""
        score = tissue_score(crop, deps)
        held = 1.0 if self.least == 0 else content(crop[..., :deps])
        return Verdict(
            score, held, holds=held >= self.least, fits=self.most is None or score <= self.most
        )


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a window.

    score: mean tissue score; content: share of voxels that are no background. holds: there is
    enough in it; fits: it has no more tissue than is wanted.
    """

    score: float
    content: float
    holds: bool
    fits: bool

    @property
    def accepted(self) -> bool:
        """Whether it is learned from."""
        return self.holds and self.fits


PUBLISHED = Rule("published: mean tissue score <= 0.15", MOST, 0.0)
LUNG = Rule("lung: mean tissue score <= 0.15, and at least 40 % no background", MOST, LEAST)
FILLED = Rule("at least 40 % no background", None, LEAST)


def rule_for(modality: str, *, faithful: bool = False) -> Rule:
    """Return the rule of a modality: lungs of CT, anything but background of all else.

    faithful: the published one, which knows CT alone and takes air around a patient for lung.
    """
    if faithful:
        return PUBLISHED
    return LUNG if modality == "ct" else FILLED


def tissue_score(crop: NDArray[Any], deps: int, *, tissue: float = TISSUE) -> float:
    """Return the mean tissue score of the first `deps` slices of (X, Y, deps or more).

    tissue: from this value on a voxel is tissue, in the numbers of the crop, which may be HU.
    Beyond the last slice there is no tissue.
    """
    dense = crop[..., : deps + AHEAD] >= tissue
    all_ = np.count_nonzero(dense)
    if dense.shape[-1] == deps:  # The scan ends here.
        here = all_
        either = np.count_nonzero(dense[..., :-1] | dense[..., 1:])
        either += np.count_nonzero(dense[..., -1])
    else:
        here = all_ - np.count_nonzero(dense[..., -1])
        either = np.count_nonzero(dense[..., :-1] | dense[..., 1:])
    # 1 for tissue here, a half for tissue only behind: the mean of "here" and "here or behind".
    return float((here + either) / (2 * dense.shape[0] * dense.shape[1] * deps))


def content(window: NDArray[Any]) -> float:
    """Return the share of voxels that are no background."""
    return float(np.count_nonzero(window > CONTENT) / window.size)
