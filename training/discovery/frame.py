"""The common frame: volumes of any size and spacing, brought to where one index is one anatomy.

Without registration two patients share an index only as far as their scans share a place. So each
is resampled to one spacing and centred; where fields of view differ, it is the body that is centred
(`body="crop"`), or each body's box is brought to one size (`body="fit"`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.corpus import Sides
from training.corpus.kept import Kept
from training.corpus.resizing import weights
from training.corpus.tissue import CONTENT
from training.discovery.scans import Volume

DENSE = 0.25  # -500 HU: above it is the body, not its lungs, not the air around.
COARSE = 80  # Voxels along a side at which a body is looked for.


@dataclass(frozen=True)
class Extent:
    """What of a scan is meant: from one voxel to before another, and its spacing, if known."""

    low: Sides
    high: Sides
    spacing: tuple[float, ...] | None

    @property
    def sides(self) -> Sides:
        """Voxels along each axis."""
        x, y, z = (high - low for low, high in zip(self.low, self.high, strict=True))
        return x, y, z


@dataclass(frozen=True)
class Frame:
    """Voxels of one spacing that all volumes are laid into.

    spacing: millimetres; where no scan knows its own, voxels are taken as they are.
    fit: what every extent is brought to, whatever its own sides; None leaves it its size.
    """

    spacing: tuple[float, ...]
    sides: Sides
    fit: Sides | None = None

    def holding(self, size: Sides) -> "Frame":
        """Return the frame at least as large as a cube: what is shorter is padded."""
        x, y, z = (max(side, need) for side, need in zip(self.sides, size, strict=True))
        return replace(self, sides=(x, y, z))

    def span(self, extent: Extent) -> tuple[tuple[int, int], ...]:
        """Return where an extent lies along each axis; it may reach beyond the frame."""
        found = []
        have = extent.spacing or self.spacing
        for axis, side in enumerate(extent.sides):
            length = max(1, round(side * have[axis] / self.spacing[axis]))
            length = self.fit[axis] if self.fit else length
            start = (self.sides[axis] - length) // 2
            found.append((start, start + length))
        return tuple(found)

    def volume(self, kept: Kept, extent: Extent) -> Volume:
        """Return a scan in the frame, (X, Y, Z) in [0, 1]; 0 where it does not reach."""
        values = kept.window(extent.low, extent.sides)[0]
        span = self.span(extent)
        for axis, (start, end) in enumerate(span):
            values = along(values, end - start, axis)
        place, part = [], []
        for (start, end), side in zip(span, self.sides, strict=True):
            first, last = max(start, 0), min(end, side)
            place.append(slice(first, last))
            part.append(slice(first - start, last - start))
        if all(here == slice(0, side) for here, side in zip(place, self.sides, strict=True)):
            return np.ascontiguousarray(values[tuple(part)])
        made = np.zeros(self.sides, dtype=np.float32)
        made[tuple(place)] = values[tuple(part)]
        return made

    def source(self, extent: Extent, point: Sequence[float]) -> NDArray[np.float64]:
        """Return the voxel of a scan (X, Y, Z) that a voxel of the frame was made of."""
        found = []
        for axis, (start, end) in enumerate(self.span(extent)):
            step = extent.sides[axis] / (end - start)
            found.append(extent.low[axis] + (point[axis] - start + 0.5) * step - 0.5)
        return np.array(found)


def frame_of(
    extents: Sequence[Extent], *, spacing: Sequence[float] | None = None, fit: bool = False
) -> Frame:
    """Return the frame of some extents: their median spacing, unless it is given, and sides."""
    known = [one.spacing for one in extents if one.spacing]
    if spacing is None:
        spacing = np.median(known, axis=0).round(6).tolist() if known else (1.0, 1.0, 1.0)
    step = tuple(float(one) for one in spacing)
    lengths = [np.array(one.sides) * (one.spacing or step) / np.array(step) for one in extents]
    x, y, z = (max(1, round(float(length))) for length in np.median(lengths, axis=0))
    return Frame(step, (x, y, z), (x, y, z) if fit else None)


def along(values: Volume, want: int, axis: int) -> Volume:
    """Return a volume with another side, smoothed where it shrinks, then linear."""
    have = values.shape[axis]
    if have == want:
        return values
    moved = np.moveaxis(values, axis, 0)
    made = weights(have, want) @ np.ascontiguousarray(moved).reshape(have, -1)
    return np.ascontiguousarray(np.moveaxis(made.reshape(want, *moved.shape[1:]), 0, axis))


def shrunk(values: Volume, sides: Sides) -> Volume:
    """Return a volume with other sides."""
    # The axis that shrinks most goes first: the others then have less to do.
    for axis in sorted(range(3), key=lambda axis: sides[axis] / values.shape[axis]):
        values = along(values, sides[axis], axis)
    return values


def body_of(kept: Kept, modality: str) -> tuple[Sides, Sides]:
    """Return the box of the patient's body: the first voxel of it and the one after the last.

    The largest connected part of what is dense; a table a voxel thick at the coarse grid is cut
    off. The whole scan where nothing is found.
    """
    sides = kept.sides
    step = [max(1, side // COARSE) for side in sides]
    whole = kept.window((0, 0, 0), sides)[0]
    dense: NDArray[np.bool_] = whole[tuple(slice(None, None, s) for s in step)] > (
        DENSE if modality == "ct" else CONTENT
    )
    opened = ndimage.binary_opening(dense)
    labels, count = ndimage.label(opened if opened.any() else dense)
    if not count:
        return (0, 0, 0), sides
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    box = ndimage.find_objects((labels == largest).astype(np.uint8))[0]
    low, high = [], []
    for part, wide, side in zip(box, step, sides, strict=True):
        low.append(part.start * wide)
        high.append(min(side, part.stop * wide))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
