"""A look at some of an image's values, and at all of them for NaN.

A check that costs more than reading would be switched off.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = Tensor | NDArray[Any]
SIDE = {2: 96, 3: 24}  # Places sampled along each axis.


@dataclass(frozen=True)
class Sample:
    """Some values of an image, sorted, and what is seen of them at once."""

    values: NDArray[np.float64]
    dtype: str

    @property
    def lo(self) -> float:
        """The least value seen."""
        return float(self.values[0])

    @property
    def hi(self) -> float:
        """The greatest value seen."""
        return float(self.values[-1])

    @property
    def whole(self) -> bool:
        """Whether all are whole numbers."""
        return bool((self.values == np.round(self.values)).all())

    def share(self, lo: float, hi: float) -> float:
        """Return the share of the values in [lo, hi]."""
        begin = np.searchsorted(self.values, lo, "left")
        return float(np.searchsorted(self.values, hi, "right") - begin) / len(self.values)

    def at(self, share: float) -> float:
        """Return the value below which a share of them lies."""
        return float(self.values[round(share * (len(self.values) - 1))])

    def within(self, lo: float, hi: float) -> bool:
        """Say whether all lie in [lo, hi]."""
        return lo <= self.lo and self.hi <= hi

    def __str__(self) -> str:
        return f"{self.lo:.4g} to {self.hi:.4g}"


def sampled(image: Pixels, ndim: int) -> Sample:
    """Return evenly spread values of an image."""
    steps = (slice(None, None, max(1, -(-side // SIDE[ndim]))) for side in image.shape[-ndim:])
    place: Any = (..., *steps)
    some = image[place]
    if isinstance(some, Tensor):
        some = some.detach().to("cpu", torch.float64).numpy()
    return Sample(
        np.sort(np.asarray(some, dtype=np.float64), axis=None),
        str(image.dtype).removeprefix("torch."),
    )


def unfit_values(image: Pixels) -> str:
    """Return what is said of NaN and infinite values, searched everywhere; empty if none."""
    if isinstance(image, Tensor):
        if not image.is_floating_point() or bool(torch.isfinite(image.sum(dtype=torch.float32))):
            return ""
        finite = torch.isfinite(image).cpu().numpy()
    else:
        if image.dtype.kind != "f":
            return ""
        flat = in_memory_order(image)
        with np.errstate(all="ignore"):
            wide = np.float32 if image.dtype.itemsize < 4 else image.dtype
            if np.isfinite(np.add.reduce(flat, axis=None, dtype=wide)):
                return ""  # A sum is finite only where every value is.
        finite = np.isfinite(image)
    count = finite.size - int(np.count_nonzero(finite))
    if not count:
        return ""
    place = tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), finite.shape))
    return (
        f"{count} values are NaN or infinite, the first at {place}; replace them, "
        "e.g. numpy.nan_to_num(image, nan=image_background)"
    )


def in_memory_order(image: NDArray[Any]) -> NDArray[Any]:
    """Return the same values with axes turned so that they are met as they lie in memory."""
    turned = image[tuple(slice(None, None, -1 if step < 0 else 1) for step in image.strides)]
    return turned.transpose(np.argsort(turned.strides)[::-1])
