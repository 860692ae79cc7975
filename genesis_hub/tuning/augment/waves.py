"""Smooth elastic fields that cannot fold an image over itself."""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis_hub.tuning.augment.drawing import Draw
from genesis_hub.tuning.augment.intensity import along


def wave(draw: Draw, sides: Sequence[int], device: torch.device) -> Tensor:
    """Return how far each place is bent along each axis, in voxels: (axes, *sides).

    A cubic B-spline over `bend_points` points per side, each moved by at most `bend` of the side.
    """
    ndim, points = len(sides), draw.bend_points
    seeded = torch.Generator().manual_seed(draw.bend_seed)
    field = (torch.rand(ndim, *(points,) * ndim, generator=seeded) * 2 - 1) * draw.bend
    field = field * torch.tensor(sides).view(-1, *(1,) * ndim)
    field = field.to(device)
    for axis, side in enumerate(sides):
        field = along(field, spline(side, points), axis)
    return field


def spline(side: int, points: int) -> Tensor:
    """Return the cubic B-spline's weights of each point at each place: (side, points)."""
    spans = points - 3
    place = (torch.arange(side) + 0.5) / side * spans
    first = place.floor().clamp(max=spans - 1)
    t = place - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    matrix = torch.zeros(side, points)
    for step, weight in enumerate(weights):
        matrix[torch.arange(side), first.long() + step] = weight / 6
    return matrix
