"""Masks: read beside their image, and what their values mean as classes or as marked places."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genesis_hub.data.cases.alignment import affine_mismatch, shape_mismatch
from genesis_hub.data.image import Array, Image
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput

MOST = 255
LOSSY, HALF = (".jpg", ".jpeg"), 127  # Edges of such masks run.


def mask_on(image: Image, path: Path, *, placed: bool = True) -> Image:
    """Return an image's mask, or raise `BadInput` where it was drawn on another grid.

    placed: one that lies elsewhere than the image is refused, too.
    """
    mask = read(path)
    off = shape_mismatch(image, mask) or (affine_mismatch(image, mask) if placed else "")
    if off:
        raise BadInput(f"its mask {path.name} {off}; give the mask that was drawn on the image")
    return mask


def marks_of(mask: Image) -> Array:
    """Return where a mask is above 0, (X, Y[, Z]); of lossy files above one half."""
    return np.asarray((mask.array > (HALF if is_lossy(mask.path) else 0)).any(0))


def is_lossy(path: Path) -> bool:
    """Say whether a file keeps values only nearly."""
    return path.suffix.lower() in LOSSY


def mask_values(image: Image) -> tuple[int, ...]:
    """Return the values a mask holds, or raise `BadInput` where they can be no classes."""
    array = image.array
    if image.channels != 1:
        raise BadInput(
            f"it has {image.channels} channels (colours), but one value for each place is expected"
        )
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.rint(array))
        if not whole.all():
            raise BadInput(f"it holds {array[~whole][0]}, but whole numbers are expected")
    least, most = array.min(), array.max()
    if least < 0 or most > MOST:
        raise BadInput(f"its values run from {least} to {most}, but 0 to {MOST} are expected")
    counts = np.bincount(array.astype(np.uint8).ravel(order="K"), minlength=MOST + 1)
    return tuple(int(value) for value in np.flatnonzero(counts))


def class_indices(image: Image, values: Sequence[tuple[int, int]]) -> Array:
    """Return a mask as indices of classes, (X, Y[, Z]) of uint8.

    values: pairs of a value in the file and the index of its class, as `CaseList.values` has them.
    """
    table = np.full(MOST + 1, MOST, dtype=np.uint8)
    for value, index in values:
        table[value] = index
    known = {value for value, _ in values}
    unknown = [value for value in mask_values(image) if value not in known]
    if unknown:
        raise BadInput(
            f"{image.path}: it holds {', '.join(map(str, unknown))}, but the classes are "
            f"{', '.join(map(str, sorted(known)))}; name them in classes="
        )
    indices: Array = table[image.array[0].astype(np.uint8)]
    return indices
