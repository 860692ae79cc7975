"""Mirrored cubes: a chain of flips, each along an axis drawn anew."""

from typing import NamedTuple

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from training.views.draws import Draws
from training.views.pieces import by_sample, checked, in_pieces

AXES = {"channel": 1, "x": 2, "y": 3, "z": 4}


class Flips(NamedTuple):
    """Which axes of each sample are mirrored: (N, len(dims))."""

    odd: Tensor
    dims: tuple[int, ...]

    def of(self, rows: slice) -> "Flips":
        """Return the flips of some samples."""
        return Flips(self.odd[rows], self.dims)


def flip(
    x: Tensor,
    draws: Draws,
    *,
    axes: tuple[str, ...] = ("x", "y", "z"),
    chain: float = 0.4,
    most: int = 3,
) -> Tensor:
    """Return the cubes with some axes mirrored; the same draws mirror another tensor alike.

    chain: the chance of each further flip, of at most `most`; two along one axis cancel out.
    """
    return in_pieces(flipped, checked(x, draws), draw_flips(draws, axes, chain, most))


def draw_flips(draws: Draws, axes: tuple[str, ...], chain: float, most: int) -> Flips:
    """Draw which axes are mirrored."""
    if unknown := [axis for axis in axes if axis not in AXES]:
        raise BadInput(f"axes={unknown[0]!r} is no axis of a cube; {', '.join(AXES)} are")
    numbers = draws.uniform("flip", 2, most)
    goes_on = (numbers[:, 0] < chain).long().cumprod(1)
    drawn = (numbers[:, 1] * len(axes)).long()
    each = drawn[:, :, None] == torch.arange(len(axes), device=drawn.device)
    times = (each * goes_on[:, :, None]).sum(1)
    return Flips(times % 2 == 1, tuple(AXES[axis] for axis in axes))


def flipped(x: Tensor, flips: Flips) -> Tensor:
    """Mirror each sample along its axes."""
    if by_sample(x) and len(x) == 1:
        dims = [dim for dim, odd in zip(flips.dims, flips.odd[0].tolist(), strict=True) if odd]
        return x.flip(dims) if dims else x
    for place, dim in enumerate(flips.dims):
        x = torch.where(flips.odd[:, place].view(-1, 1, 1, 1, 1), x.flip(dim), x)
    return x
