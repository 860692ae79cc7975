"""What is learned from: unlabelled scans, cubes cut from them, and where windows may lie."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Sides = tuple[int, int, int]
Window = NDArray[np.float32]

__all__ = ["Corpus", "Sides", "Window"]


class Corpus(Protocol):
    """Scans that windows are cut from, whatever holds them: files, memory, or an object store.

    modalities: of each scan, in the words of the input contract ("ct", "mri").
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def patients(self) -> tuple[str, ...]: ...

    @property
    def modalities(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def sides(self, index: int) -> Sides:
        """Return a scan's sides (X, Y, Z)."""
        ...

    def window(self, index: int, start: Sides, size: Sides) -> Window:
        """Return a window (1, X, Y, Z) as the model takes it, in [0, 1]."""
        ...

    def __getstate__(self) -> Any:
        """Be handed to worker processes without what was read."""
        ...
