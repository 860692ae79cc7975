"""Contexts of contrastive predictive coding: which patches of a grid predict which.

The first axis is the direction of prediction, from the top down. A column is a place along the
other axes; its context is its cell in the last context row, and an inverted pyramid above it.
"""

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.patches import Patches, cut, padded

NOTHING = -1  # A patch beyond the grid: all of zeros.
SMALLER = {2: (11, 12), 3: (7, 8)}  # The share of a patch's side that is cropped from it.


class Contexts(NamedTuple):
    """For each column, the patches of its context (Q, T), its own cell last, and targets (Q, K)."""

    context: Tensor
    target: Tensor


def contexts(per_side: int, ndim: int, *, mirrored: bool = False) -> Contexts:
    """Return the contexts of a grid's columns.

    Beyond its sides lie zeros in 2D, in 3D the grid mirrored. mirrored: in 3D above its first row,
    too, as published: with less than four patches a side that shows the rows to be predicted.
    Between a context and its targets a row is left out in 2D.
    """
    last = per_side // 2 - 1
    rows = range(min(0, last - 1), last)
    first = last + (2 if ndim == 2 else 1)
    found = []
    for column in product(range(per_side), repeat=ndim - 1):
        cells = [
            (row, *(c + s for c, s in zip(column, shift, strict=True)))
            for row in rows
            for shift in product(range(row - last, last - row + 1), repeat=ndim - 1)
        ]
        seen = [number(cell, per_side, ndim, mirrored=mirrored) for cell in cells]
        own = [number((last, *column), per_side, ndim)]
        below = [number((row, *column), per_side, ndim) for row in range(first, per_side)]
        found.append((seen + own, below))
    return Contexts(
        torch.tensor([one[0] for one in found]), torch.tensor([one[1] for one in found])
    )


def number(cell: tuple[int, ...], per_side: int, ndim: int, *, mirrored: bool = False) -> int:
    """Return which patch lies in a cell; NOTHING for one beyond the grid that is not mirrored."""
    inside = [0 <= place < per_side for place in cell]
    if not all(inside):
        if ndim == 2 or (not inside[0] and not mirrored):
            return NOTHING
        cell = tuple(reflected(place, per_side) for place in cell)
    found = 0
    for place in cell:
        found = found * per_side + place
    return found


def reflected(place: int, per_side: int) -> int:
    """Return a place beyond a grid mirrored into it, its border not repeated."""
    period = max(1, 2 * (per_side - 1))
    place %= period
    return min(place, period - place)


def targets_of(per_side: int, ndim: int) -> int:
    """Return how many rows are predicted."""
    return max(0, per_side - (per_side // 2 - 1) - (2 if ndim == 2 else 1))


def cropped(x: Tensor, draws: Draws, crop: int) -> Tensor:
    """Return images (N, C, S, S[, S]) with a crop of them drawn, in the middle of zeros."""
    side, ndim = x.shape[2], x.ndim - 2
    if crop == side:
        return x
    corners = draws.integers("crop", 0, side - crop, 1, ndim)
    return padded(cut(x, corners, crop)[:, 0], side, ndim)


def patches_of(x: Tensor, draws: Draws, grid: Patches) -> Tensor:
    """Return all patches of images: (N, n, C, p, p[, p]), each a smaller crop amid zeros.

    In 3D each is mirrored along the first axis in half of the cases.
    """
    part, whole = SMALLER[grid.ndim]
    crop = max(1, grid.patch * part // whole)
    inner = draws.integers("inner", 0, grid.patch - crop, grid.count, grid.ndim)
    made = cut(x, grid.drawn(draws) + inner, crop)
    if grid.ndim == 3:
        odd = draws.chance("mirror", 0.5, grid.count).view(*made.shape[:2], 1, 1, 1, 1)
        made = torch.where(odd, made.flip(3), made)
    return padded(made, grid.patch, grid.ndim)


def others(draws: Draws, columns: int) -> Tensor:
    """Return for each column of each image another one, of any image: (N * columns,) int64."""
    total = len(draws) * columns
    drawn = draws.integers("other", 0, total - 2, columns).flatten()
    return drawn + (drawn >= torch.arange(total, device=drawn.device)).long()
