"""Where a patch of a grid lies beside the one in the middle: a class for each of the others."""

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.patches import Patches, cut


def middle_of(count: int) -> int:
    """Return the patch that others are told from; of an even grid, none is quite in the middle."""
    return count // 2


def patch_of(labels: Tensor, count: int) -> Tensor:
    """Return which patch a class is: the middle one is none."""
    return labels + (labels >= middle_of(count)).long()


def label_of(patches: Tensor, count: int) -> Tensor:
    """Return which class a patch is, other than the middle one."""
    return patches - (patches > middle_of(count)).long()


def pairs(x: Tensor, draws: Draws, grid: Patches) -> tuple[Tensor, Tensor]:
    """Return the middle patch and another of each image: (N, 2, C, p, p[, p]), and its class (N,).

    Only these two are cut out.
    """
    labels = draws.integers("location", 0, grid.count - 2)
    corners = grid.drawn(draws)
    rows = torch.arange(len(x), device=labels.device)
    queries = corners[rows, patch_of(labels, grid.count)]
    both = torch.stack([corners[:, middle_of(grid.count)], queries], 1)
    return cut(x, both, grid.patch), labels
