"""Pictures turned by a few degrees, the nearest pixel taken for each."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from training.views.crops import Crops
from training.views.draws import Draws
from training.views.pieces import by_sample


class Tilts(NamedTuple):
    """By how many degrees each sample is turned against the clock: (N,)."""

    angle: Tensor

    def of(self, rows: slice) -> "Tilts":
        """Return the angles of some samples."""
        return Tilts(self.angle[rows])


def draw_tilts(draws: Draws, most: float) -> Tilts:
    """Draw angles up to `most` degrees to either side."""
    return Tilts((2 * draws.uniform("tilt") - 1) * most)


def tilted(x: Tensor, plan: Tilts) -> Tensor:
    """Return pictures (N, C, H, W) turned about their middle; what comes in from beyond is 0."""
    rows, columns = (torch.arange(side, device=x.device)[None] for side in x.shape[2:])
    middle = torch.tensor([[(side - 1) / 2 for side in x.shape[2:]]], device=x.device)
    middle = middle.expand(len(x), -1)
    grid = sources(plan.angle, rows, columns, middle, torch.ones_like(middle[:, 0]), x.shape)
    return F.grid_sample(x, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def tilted_within(x: Tensor, plan: Tilts, crops: Crops, aspect: Tensor) -> tuple[Tensor, Crops]:
    """Return pictures turned about the middle of their crops, and where those lie in them now.

    Of a picture alone nothing but its crop is turned. aspect: (N,), height over width of what the
    square x holds: it is turned as it was taken.
    """
    top, left, height, width = crops.boxes.to(torch.float32).unbind(1)
    middle = torch.stack([top + (height - 1) / 2, left + (width - 1) / 2], 1)
    rows, columns = (torch.arange(side, device=x.device)[None] for side in x.shape[2:])
    if by_sample(x) and len(x) == 1:
        first, begin, tall, wide = crops.boxes[0].tolist()
        rows, columns = rows[:, first : first + tall], columns[:, begin : begin + wide]
        crops = Crops(crops.boxes * torch.tensor([0, 0, 1, 1]))
    grid = sources(plan.angle, rows, columns, middle, aspect, x.shape)
    # A box reaches beyond the picture by less than a pixel, where it was rounded to whole ones.
    found = F.grid_sample(x, grid, mode="nearest", padding_mode="border", align_corners=False)
    return found, crops


def sources(
    angle: Tensor, rows: Tensor, columns: Tensor, middle: Tensor, aspect: Tensor, shape: torch.Size
) -> Tensor:
    """Return from where what lies at rows and columns comes, as `grid_sample` counts places.

    rows: (N or 1, H); columns: (N or 1, W); middle: (N, 2), row and column that stay; aspect: (N,);
    shape: of the pictures. The answer: (N, H, W, 2), column and row, each from -1 to 1.
    """
    radians = angle.deg2rad()[:, None]
    cos, sin, aspect = radians.cos(), radians.sin(), aspect[:, None]
    down, across = rows - middle[:, :1], columns - middle[:, 1:]
    tall, wide = 2 / shape[2], 2 / shape[3]
    grid = down.new_empty(len(angle), down.shape[1], across.shape[1], 2)
    from_left = across * cos * wide + ((middle[:, 1:] + 0.5) * wide - 1)
    torch.sub(from_left[:, None], (down * sin * aspect * wide)[:, :, None], out=grid[..., 0])
    from_top = down * cos * tall + ((middle[:, :1] + 0.5) * tall - 1)
    torch.add((across * sin / aspect * tall)[:, None], from_top[:, :, None], out=grid[..., 1])
    return grid
