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
    rows, columns = (torch.arange(side, device=x.device) for side in x.shape[2:])
    middle = [(side - 1) / 2 for side in x.shape[2:]]
    grid = sources(
        plan.angle,
        (rows - middle[0]).expand(len(x), -1),
        (columns - middle[1]).expand(len(x), -1),
        torch.ones(len(x), device=x.device),
    )
    grid += torch.tensor([middle[1], middle[0]], device=x.device)
    return taken(x, grid, "zeros")


def tilted_within(x: Tensor, plan: Tilts, crops: Crops, aspect: Tensor) -> tuple[Tensor, Crops]:
    """Return pictures turned about the middle of their crops, and where those lie in them now.

    Of a picture alone nothing but its crop is turned. aspect: (N,), height over width of what the
    square x holds: it is turned as it was taken.
    """
    top, left, height, width = crops.boxes.to(torch.float32).unbind(1)
    middle = torch.stack([left + (width - 1) / 2, top + (height - 1) / 2], 1)
    rows, columns = (torch.arange(side, device=x.device)[None] for side in x.shape[2:])
    if by_sample(x) and len(x) == 1:
        first, begin, tall, wide = crops.boxes[0].tolist()
        rows, columns = rows[:, first : first + tall], columns[:, begin : begin + wide]
        crops = Crops(crops.boxes * torch.tensor([0, 0, 1, 1]))
    grid = sources(plan.angle, rows - middle[:, 1:], columns - middle[:, :1], aspect)
    grid += middle[:, None, None]
    return taken(x, grid, "border"), crops


def sources(angle: Tensor, rows: Tensor, columns: Tensor, aspect: Tensor) -> Tensor:
    """Return from where, (column, row) from the middle, what lies at rows and columns comes.

    rows: (N, H); columns: (N, W); aspect: (N,). The answer: (N, H, W, 2).
    """
    radians = angle.deg2rad()[:, None]
    cos, sin, aspect = radians.cos(), radians.sin(), aspect[:, None]
    grid = rows.new_empty(len(rows), rows.shape[1], columns.shape[1], 2, dtype=torch.float32)
    torch.sub((columns * cos)[:, None], (rows * sin * aspect)[:, :, None], out=grid[..., 0])
    torch.add((columns * sin / aspect)[:, None], (rows * cos)[:, :, None], out=grid[..., 1])
    return grid


def taken(x: Tensor, grid: Tensor, beyond: str) -> Tensor:
    """Return the nearest pixel of each place (column, row) in pixels; the grid is written over."""
    sides = torch.tensor([x.shape[3], x.shape[2]], device=x.device, dtype=torch.float32)
    grid.mul_(2).add_(1).div_(sides).sub_(1)
    return F.grid_sample(x, grid, mode="nearest", padding_mode=beyond, align_corners=False)
