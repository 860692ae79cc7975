"""Lung nodules: where they sit, how they look, and their painting onto a canvas."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.shapes import Array, Canvas, cover
from genesis_hub.data.phantoms.tubes import Points, tube

Look = Literal["solid", "spiculated", "ground-glass", "calcified"]
LOOKS: tuple[Look, ...] = ("solid", "spiculated", "ground-glass", "calcified")
DENSITY: dict[Look, float] = {
    "solid": 35.0,
    "spiculated": 40.0,
    "ground-glass": -560.0,
    "calcified": 320.0,
}


@dataclass(frozen=True, eq=False)
class Nodule:
    """One nodule: its place and diameter in millimetres, and what makes its surface uneven."""

    centre: NDArray[np.float64]
    diameter: float
    look: Look
    bumps: Points
    spikes: Points


def draw_nodules(
    draw: np.random.Generator, count: int | None, spots: Points, depths: Array
) -> list[Nodule]:
    """Draw nodules of 4 to 25 mm at some of the spots.

    depths: how many millimetres inside a lung each spot lies.
    count: how many, or None to draw it; fewer come where no free spot is left.
    """
    drawn = int(draw.integers(1, 6)) if draw.random() < 0.65 else 0
    wanted = drawn if count is None else count
    nodules: list[Nodule] = []
    for _ in range(wanted):
        diameter = float(np.exp(draw.uniform(np.log(4), np.log(25))))
        # A third touch the pleura: their middles lie one radius deep.
        touches = draw.random() < 0.33
        fits = np.abs(depths - diameter / 2) < 2.5 if touches else depths > diameter / 2 + 3
        for other in nodules:
            apart = np.linalg.norm(spots - other.centre, axis=1)
            fits &= apart > (diameter + other.diameter) / 2 + 6
        pick, look = draw.random(), str(draw.choice(LOOKS, p=(0.5, 0.25, 0.17, 0.08)))
        nudge = draw.uniform(-1.5, 1.5, 3)
        bumps, spikes = draw.normal(0, 1, (5, 3)), draw.normal(0, 1, (int(draw.integers(9, 16)), 3))
        places = np.flatnonzero(fits)
        if not len(places):
            continue
        centre = spots[places[int(pick * len(places))]] + nudge
        kind: Look = next(word for word in LOOKS if word == look)
        if kind == "spiculated" and diameter < 8:
            kind = "solid"
        nodules.append(Nodule(centre, diameter, kind, bumps, spikes))
    return nodules


def paint_nodule(canvas: Canvas, nodule: Nodule) -> NDArray[np.bool_]:
    """Paint one nodule and return its mask: at least the voxel at its middle."""
    grid, radius = canvas.grid, nodule.diameter / 2
    mask = np.zeros(grid.size, np.bool_)
    reach = radius * 1.6 + grid.blur
    where, part = grid.crop(tuple(nodule.centre - reach), tuple(nodule.centre + reach))
    offset = [
        axis - middle for axis, middle in zip((part.x, part.y, part.z), nodule.centre, strict=True)
    ]
    away = np.sqrt(offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2) + np.float32(1e-3)
    surface = np.float32(radius)
    for bump in nodule.bumps:
        toward = sum(part * share for part, share in zip(offset, bump, strict=True)) / away
        surface = surface + np.float32(0.05 * radius) * np.sin(np.float32(2.2) * toward)
    share = cover(np.asarray(away - surface, np.float32), grid.blur)
    spot = canvas.hu[where]
    spot += share * np.maximum(DENSITY[nodule.look] - spot, 0)
    mask[where] = share >= 0.5
    nearest = tuple(
        int(np.abs(axis.ravel() - middle).argmin())
        for axis, middle in zip((grid.x, grid.y, grid.z), nodule.centre, strict=True)
    )
    mask[nearest] = True
    if nodule.look == "spiculated":
        for spike in nodule.spikes:
            way = spike / np.linalg.norm(spike) * radius
            knots = np.stack([nodule.centre + way * share for share in (0.7, 1.2, 1.75)])
            rays = tube(part, knots, (1.3, 0.8, 0.35))
            spot += rays * np.maximum(-50 - spot, 0)
    return mask
