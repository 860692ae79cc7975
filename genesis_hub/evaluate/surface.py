"""How far apart the surfaces of two masks are, in mm.

A mask's surface is its voxels with a face towards the outside (the image's end is outside), each
counted once: as MONAI without subvoxels and medpy have it. Where voxels are far from cubes, or the
mask is but a few voxels thick, DeepMind's surface-distance, which weighs by area, differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

Mask = NDArray[np.bool_]
Distances = NDArray[np.float64]
INFINITY = float("inf")
NAN = float("nan")


@dataclass(frozen=True)
class Surfaces:
    """The distance of each surface voxel of either mask to the nearest of the other, in mm.

    Both masks empty: all is NaN. One of them: distances are infinite, and no surface agrees (0).
    """

    from_predicted: Distances
    from_true: Distances

    @property
    def average(self) -> float:
        """The average symmetric surface distance: the mean over the voxels of both surfaces."""
        return self.undefined(INFINITY) if self.lacking else float(self.all.mean())

    @property
    def hausdorff95(self) -> float:
        """The greater of the two directions' 95th percentiles (medpy has that of both pooled)."""
        if self.lacking:
            return self.undefined(INFINITY)
        return float(max(np.percentile(d, 95) for d in (self.from_predicted, self.from_true)))

    def dice(self, tolerance: float) -> float:
        """Return the normalised surface Dice: the share of both surfaces within tolerance (mm)."""
        return self.undefined(0.0) if self.lacking else float((self.all <= tolerance).mean())

    @property
    def all(self) -> Distances:
        """The distances of both."""
        return np.concatenate([self.from_predicted, self.from_true])

    @property
    def lacking(self) -> bool:
        """Whether a mask is empty."""
        return not len(self.from_predicted) or not len(self.from_true)

    def undefined(self, one: float) -> float:
        """Return NaN where both masks are empty, else what holds where one is."""
        return one if len(self.all) else NAN


def surfaces(predicted: Mask, true: Mask, spacing: Sequence[float]) -> Surfaces:
    """Return the distances between two masks of one shape, voxels being `spacing` mm apart."""
    place = box(predicted | true)
    ours, theirs = surface(predicted[place]), surface(true[place])
    return Surfaces(distances(ours, theirs, spacing), distances(theirs, ours, spacing))


def distances(start: Mask, end: Mask, spacing: Sequence[float]) -> Distances:
    """Return the distance in mm of each voxel of `start` to the nearest of `end`."""
    # Without an end scipy measures to a corner that does not exist, and says nothing.
    if not start.any() or not end.any():
        return np.full(np.count_nonzero(start), np.inf)
    away: Distances = distance_transform_edt(~end, sampling=tuple(spacing))
    return away[start]


def surface(mask: Mask) -> Mask:
    """Return the voxels of a mask that have a face towards the outside."""
    return mask & ~binary_erosion(mask) if mask.size else mask


def box(mask: Mask) -> tuple[slice, ...]:
    """Return the smallest box that holds all of a mask: nothing beyond it changes a distance."""
    place = [slice(0, side) for side in mask.shape]
    for axis in range(mask.ndim):
        others = tuple(i for i in range(mask.ndim) if i != axis)
        held = np.flatnonzero(mask[tuple(place)].any(axis=others))
        place[axis] = slice(held[0], held[-1] + 1) if len(held) else slice(0, 0)
    return tuple(place)
