"""What a mask's values mean: read as whole numbers, turned into indices of classes."""

from collections.abc import Sequence

import numpy as np

from genesis_hub.data.image import Array, Image
from genesis_hub.errors import BadInput

MOST = 255


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
