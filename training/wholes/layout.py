"""Arrays without a header, whose channels may lie last: read as the images they are meant to be."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from genesis_hub.data.image import Array, Image

ARRAYS = (".npy", ".npz")


def laid(image: Image, ndim: int, channels: int) -> Image:
    """Return an image with its channels first; but for arrays, files know where they are.

    An array of three axes whose last is of one channel, or of as many as are learned from, is a
    picture (X, Y, C); one of four axes a volume (X, Y, Z, C), unless its first axis fits as well.
    """
    if not image.path.name.lower().endswith(ARRAYS) or image.ndim != 3:
        return image
    counts = {1, channels}
    if ndim == 2 and image.channels == 1 and image.shape[3] in counts | {3}:
        return turned(image, lambda values: values[0])
    if ndim == 3 and image.channels not in counts and image.shape[3] in counts:
        return turned(image, lambda values: values)
    return image


def turned(image: Image, values_of: Callable[[Array], Array]) -> Image:
    """Return an image whose last axis holds its channels, with that axis first."""

    def load() -> Array:
        return np.moveaxis(values_of(image.load()), -1, 0)

    sides = image.shape[1:] if image.channels == 1 else image.shape
    return replace(
        image, shape=(sides[-1], *sides[:-1]), load=load, affine=None, spacing=None, grey=None
    )
