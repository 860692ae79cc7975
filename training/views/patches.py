"""A grid of patches over a square or a cube: where they lie, and cut from a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from training.views.draws import Draws


@dataclass(frozen=True)
class Patches:
    """So many patches a side, each in a cell of its own.

    side: of the image. jitter: a patch is so many voxels smaller than its cell, and may lie
    anywhere in it; below 0, patches overlap by so many. What the cells leave over at the far end of
    an axis is in none. Patches are counted with the first axis slowest.
    """

    side: int
    per_side: int
    ndim: int
    jitter: int = 0

    @property
    def pitch(self) -> int:
        """How far cells lie apart."""
        return (self.side - max(0, -self.jitter)) // self.per_side

    @property
    def patch(self) -> int:
        """The side of a patch."""
        return self.pitch - self.jitter

    @property
    def count(self) -> int:
        """How many patches there are."""
        return int(self.per_side**self.ndim)

    @property
    def left_over(self) -> int:
        """How many voxels at the far end of an axis are in no cell."""
        return self.side - max(0, -self.jitter) - self.per_side * self.pitch

    def corners(self) -> Tensor:
        """Return where the cells begin: (count, ndim) int64."""
        cells = product(range(self.per_side), repeat=self.ndim)
        return torch.tensor(list(cells)) * self.pitch

    def middle(self) -> Tensor:
        """Return where patches begin that lie in the middle of their cells: (count, ndim)."""
        return self.corners() + max(0, self.jitter) // 2

    def drawn(self, draws: Draws) -> Tensor:
        """Return where patches begin that lie anywhere in their cells: (N, count, ndim)."""
        device = draws.keys.device
        room = max(0, self.jitter)
        return self.corners().to(device) + draws.integers("jitter", 0, room, self.count, self.ndim)


def cut(x: Tensor, corners: Tensor, side: int) -> Tensor:
    """Return patches (N, n, C, side, side[, side]) of images (N, C, S, S[, S]).

    corners: (N, n, ndim), where each begins.
    """
    ndim = x.ndim - 2
    rows = corners.tolist()
    parts = [one[window(start, side)] for one, own in zip(x, rows, strict=True) for start in own]
    return torch.stack(parts).view(*corners.shape[:2], x.shape[1], *(side,) * ndim)


def window(start: Sequence[int], side: int) -> tuple[slice, ...]:
    """Return the place of a patch in an image (C, S, S[, S])."""
    return (slice(None), *(slice(begin, begin + side) for begin in start))


def padded(x: Tensor, side: int, ndim: int) -> Tensor:
    """Return images with zeros around them, the odd one behind: (..., side, side[, side])."""
    free = side - x.shape[-1]
    front = free // 2
    return torch.nn.functional.pad(x, (front, free - front) * ndim)
