"""Boxes, scales and sides of volumes: plain functions of arrays (C, X, Y, Z)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from genesis_hub.errors import BadInput
from training.corpus.resizing import weights
from training.wholes.fitting import sides_in

Values = NDArray[np.float32]
Labels = NDArray[np.uint8]
Box = tuple[slice, ...]


def scaled(values: NDArray[Any], words: Sequence[object]) -> Values:
    """Return each channel from its own least value, 0, to its greatest, 1.

    words: what the channels are called where one cannot be scaled. The published code scales all
    channels together, so that one dark sequence stays dark.
    """
    x = values.astype(np.float32)
    for channel, word in zip(x, words, strict=True):
        low, high = float(channel.min()), float(channel.max())
        if not np.isfinite(high - low):
            raise BadInput(f"{word}: some of its values are NaN or infinite; mend the file")
        if low == high:
            raise BadInput(f"{word}: all its values are {low:g}; there is nothing to see")
        channel -= np.float32(low)
        channel /= np.float32(high - low)
    return x


def box_of(inside: NDArray[np.bool_], word: object) -> Box:
    """Return the smallest box that holds all that is inside, its last plane too."""
    found: list[Box | None] = ndimage.find_objects(inside.view(np.uint8), max_label=1)
    if found[0] is None:
        raise BadInput(f"{word}: nothing in it is above its background; there is nothing to see")
    return found[0]


def window_of(box: Box, shape: Sequence[int], sides: Sequence[int]) -> Box:
    """Return a window about the middle of a box, moved into the volume where it can be."""
    window = []
    for part, whole, side in zip(box, shape, sides, strict=True):
        begin = (part.start + part.stop - side) // 2
        begin = min(max(begin, 0), whole - side) if side <= whole else (whole - side) // 2
        window.append(slice(begin, begin + side))
    return tuple(window)


def cut(values: NDArray[Any], box: Box) -> NDArray[Any]:
    """Return a box of (..., X, Y, Z), with zeros where it reaches beyond."""
    inner = tuple(
        slice(max(part.start, 0), min(part.stop, whole))
        for part, whole in zip(box, values.shape[-len(box) :], strict=True)
    )
    around = [
        (own.start - part.start, part.stop - own.stop) for own, part in zip(inner, box, strict=True)
    ]
    here: tuple[Any, ...] = (..., *inner)
    return np.pad(values[here], [(0, 0)] * (values.ndim - len(box)) + around)


def sides_for(
    shape: Sequence[int], side: int, spacing: Sequence[float] | None, *, pad: bool
) -> tuple[int, ...]:
    """Return the sides of what is seen: all alike, or with their proportions in millimetres."""
    return sides_in(shape, side, spacing) if pad else (side,) * len(shape)


def resized(values: Values, sides: Sequence[int]) -> Values:
    """Return (C, ...) with other sides: smoothed where it shrinks, then linear."""
    x = values
    for axis, (have, want) in enumerate(zip(values.shape[1:], sides, strict=True), 1):
        if have != want:
            x = np.moveaxis(np.tensordot(weights(have, want), x, (1, axis)), 0, axis)
    return x


def nearest(labels: Labels, sides: Sequence[int]) -> Labels:
    """Return labels with other sides, each the nearest one: no class comes up between two."""
    places = [
        ((np.arange(want) + 0.5) * have / want).astype(np.intp)
        for have, want in zip(labels.shape, sides, strict=True)
    ]
    return labels[np.ix_(*places)]


def centred(values: NDArray[Any], sides: Sequence[int]) -> NDArray[Any]:
    """Return (..., X, Y[, Z]) in the middle of zeros."""
    free = [want - have for have, want in zip(values.shape[-len(sides) :], sides, strict=True)]
    around = [(room // 2, room - room // 2) for room in free]
    return np.pad(values, [(0, 0)] * (values.ndim - len(sides)) + around)
