"""An image brought to one square or cube: resized with its proportions kept, and padded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.corpus.resizing import weights

Values = NDArray[np.float32]


def fitted(values: NDArray[Any], side: int, spacing: Sequence[float] | None = None) -> Values:
    """Return an image (C, X, Y[, Z]) as (C, side, side[, side]), zeros around it.

    spacing: of its axes, where it is known; else all are taken for alike. The longest axis, in
    millimetres, fills the side.
    """
    sides = sides_in(values.shape[1:], side, spacing)
    x = np.ascontiguousarray(values, dtype=np.float32)
    for axis, (have, want) in enumerate(zip(values.shape[1:], sides, strict=True), 1):
        if have != want:
            x = np.moveaxis(np.tensordot(weights(have, want), x, (1, axis)), 0, axis)
    out = np.zeros((len(x), *(side,) * len(sides)), dtype=np.float32)
    place = tuple(slice((side - n) // 2, (side - n) // 2 + n) for n in sides)
    out[(slice(None), *place)] = x
    return out


def sides_in(
    shape: Sequence[int], side: int, spacing: Sequence[float] | None = None
) -> tuple[int, ...]:
    """Return the sides that an image has within its square or cube."""
    lengths = [n * s for n, s in zip(shape, spacing or (1.0,) * len(shape), strict=True)]
    return tuple(max(1, round(side * length / max(lengths))) for length in lengths)
