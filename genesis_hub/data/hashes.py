"""Perceptual hashes: what an image looks like in a few hundred signs, to find it again.

The image is shrunk to a small grid by area, and of its lowest cosine frequencies it is kept which
are above their median: pHash (Zauner, 2010) with 255 bits instead of 63, and a volume's with 511,
since X-rays look more alike than photographs do. A copy that was coded again, resized, brightened,
or saved with its axes otherwise keeps nearly all bits, a negative none; one that was turned,
mirrored, or cropped by more than a hundredth does not, and a slice is not found in its volume.

A hash holds neither name nor pixel, but who has an image can tell whether it is the one hashed:
that is its use, and all that it gives away beside a blur of the whole.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn

from genesis_hub.data.image import Array, Image
from genesis_hub.errors import BadInput

KIND = "dct-1"  # What files of hashes say of how these were made.
FRAME = "LPS"
CELLS = {2: 32, 3: 16}  # Sides of the grid.
KEPT = {2: 16, 3: 8}  # Lowest frequencies along each axis.
# Most bits, as a share, that differ in images taken for the same. Copies of real scans coded again,
# resized or brightened differ in up to .09, cropped by a hundredth a side in .16 (96 % found); two
# people's X-rays in .17 and more (448,878 pairs), CT slices .20, hippocampi .20, heads .164.
ALIKE = 0.16
ROWS = 2000  # Compared at once.


class Near(NamedTuple):
    """Two hashes of images that look the same: their places, and the share of bits that differ."""

    one: int
    other: int
    share: float


def perceptual_hash(image: Image) -> str:
    """Return the hash of an image in hexadecimal: 64 digits for a picture, 128 for a volume.

    A volume that knows how it lies is turned to one frame first; channels are averaged.
    """
    return hash_of(image.framed(FRAME) if image.ndim == 3 else image.array)


def hash_of(values: Array) -> str:
    """Return the hash of values (C, X, Y) or (C, X, Y, Z)."""
    ndim = values.ndim - 1
    if ndim not in KEPT:
        raise BadInput(f"values are {values.shape}; (C, X, Y) or (C, X, Y, Z) are expected")
    grid = shrunk(values.mean(0, dtype=np.float32), CELLS[ndim])
    waves = dctn(np.nan_to_num(grid, posinf=0, neginf=0).astype(np.float64), norm="ortho")
    low = waves[(slice(0, KEPT[ndim]),) * ndim].ravel()[1:]  # Without the mean.
    low[np.abs(low) <= 1e-6 * np.abs(waves).max()] = 0  # What is flat has no noise of its own.
    return np.packbits(low > np.median(low)).tobytes().hex()


def shrunk(values: Array, cells: int) -> Array:
    """Return values on a grid of so many cells a side, each the mean of what it covers."""
    # Along the axes as they lie in memory: turned volumes would be copied for each.
    order = np.argsort([-abs(stride) for stride in values.strides], kind="stable")
    values = values.transpose(order)
    for axis, side in enumerate(values.shape):
        edges = np.linspace(0, side, cells + 1)
        begins = np.arange(side)
        cover = np.minimum(begins + 1, edges[1:, None]) - np.maximum(begins, edges[:-1, None])
        cover = np.clip(cover, 0, None).astype(np.float32)
        cover /= cover.sum(1, keepdims=True)
        values = np.moveaxis(np.tensordot(cover, values, (1, axis)), 0, axis)
    return values.transpose(np.argsort(order))


def distance(one: str, other: str) -> float:
    """Return the share of bits that differ; 1 for a picture beside a volume."""
    if len(one) != len(other):
        return 1.0
    first, second = signs([one, other])
    return float((first != second).mean())


def near(
    hashes: Sequence[str], others: Sequence[str] | None = None, *, share: float = ALIKE
) -> list[Near]:
    """Return the pairs of `hashes` and `others` with at most this share of bits apart.

    Without others: the pairs among `hashes`, each once. 10,000 by 10,000 take seconds.
    """
    found: list[Near] = []
    right = placed(hashes if others is None else others)
    for digits, places in placed(hashes).items():
        facing = right.get(digits, [])
        if not facing:
            continue
        columns = signs([(hashes if others is None else others)[place] for place in facing])
        for at in range(0, len(places), ROWS):
            some = places[at : at + ROWS]
            rows = signs([hashes[place] for place in some])
            apart = (1 - rows @ columns.T / rows.shape[1]) / 2
            for row, column in np.argwhere(apart <= share + 1e-6):
                one, other = some[row], facing[column]
                if others is not None or one < other:
                    found.append(Near(one, other, round(float(apart[row, column]), 4)))
    return sorted(found)


def placed(hashes: Sequence[str]) -> dict[int, list[int]]:
    """Return the places of hashes by how many digits they have: only like kinds are compared."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(hashes):
        places[len(one)].append(place)
    return places


def signs(hashes: Sequence[str]) -> Array:
    """Return the bits of hashes of one kind as -1 and 1, so that a product compares them."""
    try:
        packed = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8)
        bits = np.unpackbits(packed.reshape(len(hashes), -1), axis=1)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{hashes[0]!r} and others beside it are no perceptual hashes") from error
    return bits.astype(np.float32) * 2 - 1
