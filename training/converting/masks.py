"""A case's volumes and its mask, turned to one frame and checked against each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.cases.alignment import affine_mismatch, shape_mismatch
from genesis_hub.data.image import Image, stacked
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from training.converting.arrays import Labels
from training.converting.wish import Item

FRAME = "LPS"


def volume_of(item: Item) -> Image:
    """Return the image of a case, its sequences as channels, or raise where they do not agree."""
    images = [read(path) for path in item.images]
    for image in images:
        if image.ndim != 3 or image.channels != 1:
            raise BadInput(f"{image.path} is {image.shape}, but one volume (X, Y, Z) is expected")
        agreeing(images[0], image)
    return stacked(images)


def mask_of(item: Item, image: Image, renamed: Mapping[int, int] | None = None) -> Labels | None:
    """Return the mask of a case as (X, Y, Z) in the frame, or None where it has none.

    renamed: values that are written as others.
    """
    if item.mask is None:
        return None
    mask = read(item.mask)
    if mask.channels != 1:
        raise BadInput(f"{item.mask} has {mask.channels} channels, but a mask has one")
    agreeing(image, mask)
    labels = whole_numbers(mask.framed(FRAME)[0], item)
    for old, new in (renamed or {}).items():
        both = np.isin([old, new], labels).all()
        if both:
            raise BadInput(
                f"{item.mask} holds both {old} and {new}, but {old} is written as {new} here; one "
                "of the two conventions is meant: mend the mask"
            )
        labels[labels == old] = new
    return labels


def agreeing(one: Image, other: Image) -> None:
    """Raise where two volumes of a case do not lie alike."""
    shape, place = shape_mismatch(one, other), affine_mismatch(one, other)
    if shape or place:
        said = shape or f"does not lie where {one.title} does ({place})"
        raise BadInput(f"{other.path} {said}; resample one to the other's grid")


def whole_numbers(values: NDArray[Any], item: Item) -> Labels:
    """Return a mask's values as bytes, a copy."""
    labels: Labels = np.rint(values).clip(0, 255).astype(np.uint8)
    if not np.array_equal(labels, values):
        strange = values[labels != values].flat[0]
        raise BadInput(
            f"{item.mask} holds {strange:g}, but classes are whole numbers from 0 to 255"
        )
    return labels
