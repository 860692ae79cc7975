"""One made-up head: the numbers a seed draws, and the shapes of scalp, skull, brain and fluid."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.shapes import (
    Array,
    Grid,
    Waves,
    both,
    draw_waves,
    either,
    oval,
    profile,
)
from genesis_hub.data.phantoms.tubes import tube

TOP = 108.0  # Millimetres from the base of the skull to the vertex, before scaling.


@dataclass(frozen=True, eq=False)
class Head:
    """The numbers of one head, in millimetres, degrees and HU.

    turn, tip: how it lies in the machine; age: 0 to 1, widens sulci and ventricles.
    folds: (5, waves): turns per circle, paces along depth and height, phase, strength.
    """

    wide: float
    deep: float
    scale: float
    egg: float
    bone: float
    scalp: float
    age: float
    turn: float
    tip: float
    offset: tuple[float, float]
    lopsided: float
    level: float
    noise: float
    chalk: bool
    wobble: Waves
    grain: Waves
    folds: NDArray[np.float64]


def draw_head(draw: np.random.Generator) -> Head:
    """Draw a head as people differ: in size, shape, age, and how it was laid down."""
    count = 48
    folds = np.stack(
        [
            draw.integers(3, 22, count) * draw.choice([-1, 1], count),
            draw.normal(0, 0.16, count),
            draw.normal(0, 0.09, count),
            draw.uniform(0, 2 * np.pi, count),
            draw.rayleigh(1, count),
        ]
    )
    folds[4] /= np.sqrt((folds[4] ** 2).sum() / 2)
    return Head(
        wide=float(np.clip(draw.normal(73, 3), 66, 80)),
        deep=float(np.clip(draw.normal(90, 4), 80, 98)),
        scale=float(np.clip(draw.normal(1, 0.04), 0.9, 1.1)),
        egg=float(draw.uniform(0.04, 0.14)),
        bone=float(draw.uniform(5.5, 8.5)),
        scalp=float(draw.uniform(4, 8)),
        age=float(draw.beta(1.6, 1.6)),
        turn=float(draw.normal(0, 4)),
        tip=float(draw.normal(0, 0.05)),
        offset=(float(draw.normal(0, 3)), float(draw.normal(0, 3))),
        lopsided=float(draw.normal(0, 0.02)),
        level=float(draw.uniform(20, 78)),
        noise=float(draw.uniform(1.8, 3.8)),
        chalk=bool(draw.random() < 0.5),
        wobble=draw_waves(draw, 70),
        grain=draw_waves(draw, 9, 60),
        folds=folds,
    )


@dataclass(frozen=True, eq=False)
class Vault:
    """The shapes of a head on a grid whose z is the height above the base of the skull."""

    head: Head
    grid: Grid

    @cached_property
    def wobble(self) -> Array:
        return self.head.wobble.on(self.grid)

    @cached_property
    def outer(self) -> Array:
        """The outside of the skull."""
        head, grid = self.head, self.grid
        up = grid.z / np.float32(TOP * head.scale)
        bulge = np.clip((up - 0.36) / 0.66, 0, 1) ** 2.3
        shrink = np.sqrt(np.clip(1 - bulge, 2e-3, 1)) * profile(up, ((-0.3, 0.86), (0.3, 1.0)), 0.2)
        wide, deep = head.wide * head.scale, head.deep * head.scale
        # Broad behind, narrow in front; one side a little fuller than the other.
        share = 1 + head.egg * grid.y / deep + head.lopsided * np.sign(grid.x)
        return oval(grid.x / share, grid.y, wide * shrink, deep * shrink, 2.2) + self.wobble

    @cached_property
    def inner(self) -> Array:
        """The inside of the skull, thicker in front and behind than at the temples."""
        ends = 1.8 * (self.grid.y / np.float32(self.head.deep)) ** 4
        thick = self.head.bone * (0.85 + 0.1 * self.wobble) + ends
        return np.asarray(self.outer + thick)

    @cached_property
    def brain(self) -> Array:
        """The surface of the brain without its folds."""
        return self.inner + np.float32(1.2 + 1.8 * self.head.age)

    @cached_property
    def sulci(self) -> Array:
        """The furrows, as thin sheets that run inwards from the surface."""
        head, grid = self.head, self.grid
        around = np.arctan2(grid.y, grid.x).astype(np.float32)
        depth = -self.brain
        field: Array = np.zeros(grid.size, np.float32)
        for turns, inward, upward, phase, strength in head.folds.T.astype(np.float32):
            field += strength * np.cos(turns * around + inward * depth + (upward * grid.z + phase))
        sheet = np.abs(field) * np.float32(3.6) - np.float32(0.35 + 0.85 * head.age)
        reach = 13 + 4 * head.age + 5 * self.wobble - 40 * np.clip(0.3 - grid.z / TOP, 0, 1)
        return both(sheet, (depth - reach) * np.float32(0.25))

    @cached_property
    def cleft(self) -> Array:
        """The gap between the halves of the brain, and at the sides those over the temples."""
        grid, head = self.grid, self.head
        gap = 0.5 + 1.1 * head.age
        roof = grid.z - 62
        front, back = grid.y + 34, 38 - grid.y
        split = np.minimum(np.minimum(front, back), -roof + 0 * grid.x)
        middle = both(np.abs(grid.x + 0.8 * self.wobble) - gap, np.asarray(split, np.float32) * 0.3)
        side = np.abs(grid.x) / (head.wide * head.scale)
        line = grid.y + 14 - 16 * (side - 0.5) + 5 * np.sin(grid.x / 7 + 2 * self.wobble)
        temple = np.abs(line) - (0.8 + 1.6 * head.age) * (0.6 + side)
        temple = both(temple, 34 - np.abs(grid.x) + 0 * line)
        temple = both(temple, (np.abs(grid.z - 36) - 12) * np.float32(0.5))
        return either(middle, np.asarray(temple, np.float32))

    @cached_property
    def cisterns(self) -> Array:
        """The pools of fluid at the base and behind the midbrain."""
        head, grid = self.head, self.grid
        # Seen from below, a star of five points in front of the midbrain.
        points = 1 + 0.35 * np.sin(5 * np.arctan2(grid.y + 8, grid.x))
        star = oval(grid.x, grid.y + 8, 11, 9) + 5 * (1 - points) + np.abs(grid.z - 14) * 0.5
        # Behind the midbrain fluid bends forward on both sides, thinner as it goes.
        bend: Array = np.abs(grid.y - 25 + (grid.x / 4.4) ** 2) - 3.5 * np.exp(-((grid.x / 9) ** 2))
        bend = (bend - 0.4 - head.age + 1.2 * self.head.grain.on(grid)) * np.float32(0.6)
        bend = both(both(bend, np.abs(grid.x) - 19), np.abs(grid.z - 29) - 7)
        around = oval(grid.x, grid.y - 9, 18 + 2 * self.wobble, 17) + 1.5 * self.head.grain.on(grid)
        ring = np.abs(around) - (0.2 + 0.9 * head.age + 0.05 * (grid.y - 9))
        ring = both(np.asarray(ring, np.float32), np.abs(grid.z - 17) - 6)
        return either(either(np.asarray(star, np.float32), np.asarray(bend)), ring)

    @cached_property
    def ventricles(self) -> Array:
        """The share of each voxel inside the chambers of fluid."""
        head, grid = self.head, self.grid
        wide = (0.7 + 0.75 * head.age) * head.scale
        share = np.zeros(grid.size, np.float32)
        for side, more in ((-1, 1 + 3 * head.lopsided), (1, 1 - 3 * head.lopsided)):
            for knots, radii in HORNS:
                spots = np.array(knots) * (side * (0.6 + 0.4 * wide), 1, 1) * head.scale
                thick = tuple(radius * wide * more for radius in radii)
                np.maximum(share, tube(grid, spots, thick), out=share)
        third = both(np.abs(grid.x) - (1.0 + 2.2 * head.age), np.abs(grid.y - 4) - 13)
        third = both(third, np.abs(grid.z - 36) - 11)
        fourth = oval(grid.x, grid.y - 38, 7.0, 5.0) + np.maximum(np.abs(grid.z - 8) - 8, 0)
        for part in (third, fourth):
            np.maximum(share, np.clip(0.5 - part / self.grid.blur, 0, 1), out=share)
        return share


# Horns of a lateral ventricle on the left: knots (x, y, z) and radii.
HORNS = (
    (((7.0, -10.0, 50.0), (11.0, -24.0, 47.0), (17.0, -36.0, 43.0)), (5.0, 5.5, 3.5)),
    (
        ((8.0, -14.0, 54.0), (10.0, 2.0, 61.0), (15.0, 18.0, 58.0), (24.0, 32.0, 48.0)),
        (5.0, 5.5, 6.5, 7.5),
    ),
    (((24.0, 32.0, 48.0), (26.0, 44.0, 44.0), (24.0, 58.0, 41.0)), (7.5, 5.0, 2.0)),
    (((24.0, 32.0, 46.0), (32.0, 22.0, 30.0), (34.0, 2.0, 18.0)), (6.0, 3.2, 2.4)),
)
