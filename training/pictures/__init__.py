"""Unlabelled pictures as a corpus: listed, read once, kept small, and cut into parts."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

__all__ = ["Album", "Pixels"]


class Album(Protocol):
    """Pictures that parts are cut from, whatever holds them: files, a cache, or a formula."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def patients(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def sides(self, index: int) -> tuple[int, int]:
        """Return height and width of a picture, in its own pixels."""
        ...

    def picture(self, index: int) -> Pixels:
        """Return a picture (C, H, W), which may be held at other sides than its own."""
        ...

    def look(self, index: int) -> str:
        """Return the perceptual hash of a picture."""
        ...
