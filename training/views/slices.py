"""Views of labelled slices, the mask moved with its slice: turned, scaled, shifted, mirrored."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from training.views.draws import Draws
from training.views.equalise import equalised

LINES = (((1, 0), (1, 2)), ((0, 1), (2, 1)), ((0, 0), (2, 2)), ((0, 2), (2, 0)))


@dataclass(frozen=True)
class Slices:
    """How slices are changed; each share is of the slices that a change befalls.

    turn: degrees to either side; scale, shift: shares of the side, to either side.
    mirror: "axes": along each axis by itself, for half of the slices; "both": along both at once,
    which is half a turn, as the released code has it.
    brightness, contrast: to either side, one of them or both; noise: the least and the greatest
    variance; blurred: by a Gaussian, along a line, or by the median, of three pixels.
    stretched: each slice then goes from 0 to 1 by its own ends, as published; a network that was
    taught so wants it of its users' slices, too.
    """

    moved: float = 0.5
    turn: float = 15.0
    scale: float = 0.1
    shift: float = 0.0625
    mirror: str = "axes"
    lit: float = 0.5
    brightness: float = 0.1
    contrast: float = 0.1
    noisy: float = 0.5
    noise: tuple[float, float] = (0.001, 0.005)
    blurry: float = 0.5
    stretched: bool = False


PRESETS = {
    "smart": Slices(),
    "smart_v1": Slices(mirror="both", stretched=True),
    "none": Slices(moved=0, mirror="", lit=0, noisy=0, blurry=0),
}


class Moves(NamedTuple):
    """Where each sample's pixels come from: (N, 2, 3), and which axes are mirrored, (N, 2)."""

    matrix: Tensor
    on: Tensor
    mirrored: Tensor


def slice_views(
    x: Tensor, mask: Tensor, draws: Draws, preset: Slices, *, equalise: bool = False
) -> tuple[Tensor, Tensor]:
    """Return slices and masks (N, 1, X, Y) as they are learned from: values, then in [0, 1].

    equalise: the contrast of each slice is equalised before it is changed. A mask takes the nearest
    of its pixels, so that it stays of 0 and 1.
    """
    if equalise:
        x = equalised(x)
    moves = draw_moves(draws, preset)
    x, mask = moved(x, moves, "bicubic").clamp(0, 1), moved(mask, moves, "nearest")
    x = toned(x, draws, preset)
    return (stretched(x) if preset.stretched else x), mask


def draw_moves(draws: Draws, preset: Slices) -> Moves:
    """Draw how slices are turned, scaled and shifted, and which axes are mirrored."""
    angle, scale, down, across = (2 * draws.uniform("slice.move", 4) - 1).unbind(1)
    angle, scale = (angle * preset.turn).deg2rad(), 1 / (1 + scale * preset.scale)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    # From the view's place to the slice's, in shares of half a side.
    rows = torch.stack([cos, -sin, 2 * across * preset.shift], 1)
    columns = torch.stack([sin, cos, 2 * down * preset.shift], 1)
    axes = draws.chance("slice.mirror", 0.5, 2) & bool(preset.mirror)
    if preset.mirror == "both":
        axes = axes[:, :1].expand(-1, 2)
    return Moves(torch.stack([rows, columns], 1), draws.chance("slice.moved", preset.moved), axes)


def moved(x: Tensor, moves: Moves, mode: str) -> Tensor:
    """Return slices at their new places; beyond an edge a slice is mirrored.

    The grid counts from the middle of the first pixel to that of the last, so that the pixel at the
    edge is not repeated.
    """
    for axis in (0, 1):
        x = torch.where(moves.mirrored[:, axis, None, None, None], x.flip(2 + axis), x)
    if not bool(moves.on.any()):
        return x
    grid = F.affine_grid(moves.matrix, list(x.shape), align_corners=True)
    made = F.grid_sample(x, grid, mode=mode, padding_mode="reflection", align_corners=True)
    return torch.where(moves.on.view(-1, 1, 1, 1), made, x)


def toned(x: Tensor, draws: Draws, preset: Slices) -> Tensor:
    """Return slices with their values changed: light, noise, sharpness."""
    bright, dark = (2 * draws.uniform("slice.light", 2) - 1).unbind(1)
    kind = draws.integers("slice.light.kind", 0, 2)  # Both, or one of them alone.
    add = torch.where(kind == 2, 0.0, bright * preset.brightness)
    factor = torch.where(kind == 1, 1.0, 1 + dark * preset.contrast)
    lit = (x * wide(factor) + wide(add)).clamp(0, 1)
    x = torch.where(wide(draws.chance("slice.lit", preset.lit)), lit, x)
    noisy = draws.chance("slice.noisy", preset.noisy)
    if bool(noisy.any()):
        low, high = preset.noise
        spread = (low + draws.uniform("slice.noise") * (high - low)).sqrt()
        made = (x + wide(spread) * normal(draws, x.shape[1:])).clamp(0, 1)
        x = torch.where(wide(noisy), made, x)
    blurry = draws.chance("slice.blurry", preset.blurry)
    return torch.where(wide(blurry), softened(x, draws), x) if bool(blurry.any()) else x


def normal(draws: Draws, shape: torch.Size) -> Tensor:
    """Return numbers around 0 with a deviation of 1, of shape (N, *shape), by Box and Muller."""
    radius = (-2 * torch.log1p(-draws.uniform("slice.noise.radius", *shape))).sqrt()
    return radius * torch.cos(2 * torch.pi * draws.uniform("slice.noise.angle", *shape))


def softened(x: Tensor, draws: Draws) -> Tensor:
    """Return slices blurred over three pixels: by a Gaussian, along a line, or by the median."""
    count, channels, high, across = x.shape
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    around = F.unfold(padded, 3).view(count, channels, 9, high, across)
    gauss = x.new_tensor([1.0, 2.0, 1.0]) / 4
    kernels = [torch.outer(gauss, gauss).flatten()]
    for line in LINES:
        kernel = x.new_zeros(3, 3)
        for row, column in ((1, 1), *line):
            kernel[row, column] = 1 / 3
        kernels.append(kernel.flatten())
    kind = draws.integers("slice.blur", 0, 2)
    along = draws.integers("slice.blur.line", 1, len(LINES))
    kernel = torch.stack(kernels)[torch.where(kind == 1, along, 0)]
    smooth = (around * kernel[:, None, :, None, None]).sum(2)
    return torch.where(wide(kind == 2), around.median(2).values, smooth)


def stretched(x: Tensor) -> Tensor:
    """Return slices each from 0 to 1 by its own ends; one of a single value stays as it is."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-12), x)


def wide(of_samples: Tensor) -> Tensor:
    """Return one number of each sample, to go over its pixels."""
    return of_samples.view(-1, 1, 1, 1)
