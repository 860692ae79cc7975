"""What may happen to whole images as they are loaded: zoomed, turned, mirrored, brightened."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from training.views.draws import Draws

SHIFT = 0.125  # Of brightness, to either side.
CONTRAST = (0.5, 1.5)  # About an image's own mean.
PLANES = ((0, 1), (1, 2), (0, 2))


@dataclass(frozen=True)
class Loading:
    """How images are changed as they are loaded; with neither they stay as they are.

    zoom: factors of each axis. turn: they are turned and mirrored, too, and in 3D brightened.
    """

    zoom: tuple[float, float] | None = None
    turn: bool = False


class Moves(NamedTuple):
    """Where each sample comes from. matrix: (N, D, D), what is shown to where it lies."""

    matrix: Tensor
    still: Tensor


def loaded(x: Tensor, draws: Draws, loading: Loading) -> Tensor:
    """Return images (N, C, S, S[, S]) changed as they are loaded; zeros come in from outside.

    2D: zoomed by factors of their own along each axis, above 1 making things smaller as in Keras;
    `turn`: then by any angle, and mirrored along each axis in half of the cases. 3D with `turn`:
    mirrored so, turned by any angle in one plane in half of the cases, brightened in seven of ten.
    """
    if loading == Loading():
        return x
    if x.ndim == 4:
        return moved(x, flat_moves(draws, loading))
    if not loading.turn:
        return x
    return brightened(moved(x, solid_moves(draws)), draws, 0.7)


def flat_moves(draws: Draws, loading: Loading) -> Moves:
    """Draw how pictures are zoomed, turned and mirrored."""
    low, high = loading.zoom or (1.0, 1.0)
    zoom = low + (high - low) * draws.uniform("load.zoom", 2)
    matrix = torch.diag_embed(zoom)
    if loading.turn:
        signs = 1.0 - 2.0 * draws.chance("load.flip", 0.5, 2).float()
        angle = 2 * math.pi * draws.uniform("load.turn")
        matrix = planar(angle, (0, 1), 2) @ torch.diag_embed(signs * zoom)
    return Moves(matrix, torch.zeros_like(zoom[:, 0], dtype=torch.bool))


def solid_moves(draws: Draws) -> Moves:
    """Draw how volumes are mirrored and turned."""
    signs = 1.0 - 2.0 * draws.chance("load.flip", 0.5, 3).float()
    angle = 2 * math.pi * draws.uniform("load.turn") * draws.chance("load.turned", 0.5)
    each = torch.stack([planar(angle, plane, 3) for plane in PLANES], 1)
    which = draws.integers("load.plane", 0, len(PLANES) - 1)
    matrix = each[torch.arange(len(which), device=which.device), which] @ torch.diag_embed(signs)
    return Moves(matrix, (angle == 0) & (signs == 1).all(1))


def planar(angle: Tensor, plane: tuple[int, int], ndim: int) -> Tensor:
    """Return matrices (N, ndim, ndim) that turn one plane by angles (N,)."""
    first, second = plane
    matrix = torch.eye(ndim, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = angle.cos()
    matrix[:, first, second], matrix[:, second, first] = -angle.sin(), angle.sin()
    return matrix


def moved(x: Tensor, moves: Moves, offset: Tensor | None = None) -> Tensor:
    """Return each sample moved about its middle, linearly between its pixels.

    offset: (N, D), shifts on top, in halves of a side.
    """
    ndim = x.ndim - 2
    # Grids count places with the last axis first.
    matrix = moves.matrix.flip((1, 2))
    shift = matrix.new_zeros(len(x), ndim) if offset is None else offset.flip(1)
    out = x.clone()
    for row in (~moves.still).nonzero()[:, 0].tolist():  # One grid of a volume at a time.
        theta = torch.cat([matrix[row], shift[row, :, None]], 1)[None].to(x.dtype)
        grid = F.affine_grid(theta, [1, *x.shape[1:]], align_corners=False)
        out[row : row + 1] = F.grid_sample(
            x[row : row + 1], grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
    return out


def brightened(x: Tensor, draws: Draws, share: float) -> Tensor:
    """Return images brighter or darker, then of more or less contrast, for a share of them."""
    shape = (-1, *(1,) * (x.ndim - 1))
    shift = (2 * draws.uniform("load.shift") - 1) * SHIFT
    factor = CONTRAST[0] + (CONTRAST[1] - CONTRAST[0]) * draws.uniform("load.contrast")
    on = draws.chance("load.bright", share)
    bright = x + torch.where(on, shift, 0.0).view(shape)
    mean = bright.flatten(1).mean(1).view(shape)
    return (bright - mean) * torch.where(on, factor, 1.0).view(shape) + mean
