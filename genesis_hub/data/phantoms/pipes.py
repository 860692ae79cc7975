"""Great vessels and airways of a chest: a table of tubes, and their painting onto a canvas."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from genesis_hub.data.phantoms.anatomy import Chest
from genesis_hub.data.phantoms.shapes import Canvas
from genesis_hub.data.phantoms.tubes import Points, tube

Content = Literal["right", "left", "mixed", "flesh"]


@dataclass(frozen=True)
class Pipe:
    """One tube: knots (x and y in millimetres, z as a share of the lung's height) and radii.

    holds: what flows in it: blood before the lungs (right), after them (left), or neither.
    """

    holds: Content
    knots: tuple[tuple[float, float, float], ...]
    radii: tuple[float, ...]


GULLET = Pipe("flesh", ((-2, 26, 1.3), (4, 27, 0.5), (12, 23, -0.2)), (6.5, 6.5, 6.5))
UPPER_VEIN = Pipe(
    "right", ((-20, -34, 0.92), (-30, -32, 0.80), (-32, -26, 0.60), (-30, -18, 0.42)), (7, 9, 9, 9)
)
LEFT_VEIN = Pipe(
    "right", ((46, -44, 1.02), (24, -46, 0.88), (-4, -44, 0.83), (-28, -34, 0.79)), (6, 6, 6, 6)
)
LOWER_VEIN = Pipe("mixed", ((-28, 4, -0.7), (-26, 2, 0.0), (-26, -6, 0.25)), (11, 11, 11))
TRUNK = Pipe("right", ((12, -46, 0.42), (22, -36, 0.54), (24, -18, 0.60)), (15, 14, 12))
RIGHT_ARTERY = Pipe(
    "right", ((22, -18, 0.585), (2, -10, 0.555), (-24, -6, 0.54), (-46, 6, 0.52)), (12, 11, 10, 7.5)
)
LEFT_ARTERY = Pipe("right", ((22, -20, 0.58), (34, -2, 0.625), (46, 14, 0.61)), (12, 11, 8))
ARCH = Pipe(
    "left",
    (
        (2, -34, 0.38),
        (-14, -40, 0.52),
        (-12, -32, 0.68),
        (4, -12, 0.77),
        (20, 14, 0.75),
        (25, 33, 0.62),
        (23, 35, 0.40),
        (16, 31, 0.10),
        (8, 27, -0.25),
        (4, 25, -0.8),
    ),
    (16, 16.5, 15, 13.5, 13, 12.5, 12, 11.5, 11, 10.5),
)
NECK_ARTERIES = (
    Pipe("left", ((0, -24, 0.79), (-22, -30, 1.05), (-35, -30, 1.4)), (6, 5, 4)),
    Pipe("left", ((8, -10, 0.79), (18, -14, 1.05), (29, -14, 1.4)), (5, 4.5, 4)),
    Pipe("left", ((14, 0, 0.79), (34, -4, 1.02), (60, -10, 1.16)), (5, 5, 4)),
)
VESSELS = (GULLET, UPPER_VEIN, LEFT_VEIN, LOWER_VEIN, TRUNK, RIGHT_ARTERY, LEFT_ARTERY)

WINDPIPE = (((-1.0, -16.0, 1.45), (1.0, 0.0, 0.95), (1.0, 10.0, 0.65)), (8.5, 8.5, 8.5))
# On the left, then on the right, where the main branch is wider and steeper.
BRANCHES = (
    (1, ((1, 10, 0.645), (15, 13, 0.61), (36, 17, 0.54)), (7.0, 6.2, 6.0)),
    (1, ((36, 17, 0.54), (46, 24, 0.42), (62, 44, 0.20)), (4.8, 3.2, 1.4)),
    (1, ((36, 17, 0.54), (57, 2, 0.62), (66, -12, 0.82)), (4.2, 2.6, 1.2)),
    (1, ((36, 17, 0.54), (55, -8, 0.45), (72, -40, 0.34)), (3.6, 2.2, 1.2)),
    (-1, ((-1, 10, 0.645), (14, 13, 0.60), (32, 16, 0.56)), (7.5, 7.0, 6.6)),
    (-1, ((32, 16, 0.56), (43, 24, 0.42), (60, 44, 0.18)), (5.0, 3.4, 1.4)),
    (-1, ((30, 16, 0.58), (54, 4, 0.64), (66, -10, 0.82)), (4.2, 2.6, 1.2)),
    (-1, ((34, 17, 0.52), (52, -8, 0.46), (72, -42, 0.32)), (3.6, 2.2, 1.2)),
)


def paint_vessels(canvas: Canvas, chest: Chest, aorta: int) -> None:
    """Paint the gullet, both hollow veins, the arteries of the lungs, and the aorta."""
    right, left = chest.blood
    mixed = (right + 3 * left) / 4 if right > 60 else right
    holds = {"right": right, "left": left, "mixed": mixed, "flesh": 40.0}
    for pipe in (*VESSELS, *NECK_ARTERIES):
        knots = placed(chest, pipe.knots)
        canvas.paint(tube(canvas.grid, knots, pipe.radii), holds[pipe.holds])
    canvas.paint(tube(canvas.grid, placed(chest, ARCH.knots), ARCH.radii), left, aorta)


def paint_airways(canvas: Canvas, chest: Chest, label: int) -> None:
    """Paint the windpipe and its first branches: a thin wall around air."""
    pipes = [(placed(chest, WINDPIPE[0]), np.array(WINDPIPE[1]))]
    for side, knots, radii in BRANCHES:
        turned = tuple((side * x, y, z) for x, y, z in knots)
        pipes.append((placed(chest, turned), np.array(radii)))
    for spots, inside in pipes:
        canvas.paint(tube(canvas.grid, spots, tuple(1.2 + 1.08 * inside)), 20)
    for spots, inside in pipes:
        canvas.paint(tube(canvas.grid, spots, tuple(inside)), -985, label)


def placed(chest: Chest, knots: tuple[tuple[float, float, float], ...]) -> Points:
    """Return knots of the table as millimetres in one chest."""
    deep = chest.deep / 88
    return np.array([(x + chest.lean, y * deep, chest.level(share)) for x, y, share in knots])
