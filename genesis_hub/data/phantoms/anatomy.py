"""One made-up chest: the numbers a seed draws, and the large shapes they make."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genesis_hub.data.phantoms.shapes import (
    Array,
    Grid,
    Waves,
    both,
    draw_waves,
    either,
    ellipsoid,
    oval,
    profile,
    turned,
)


@dataclass(frozen=True, eq=False)
class Chest:
    """The numbers of one chest, in millimetres and HU.

    wide, deep: half axes of the rib cage; dome, apex: where the right lung begins and ends on z.
    blood: HU of heart and vessels (above 60: contrast was given); wobble: bends every outline.
    """

    wide: float
    deep: float
    dome: float
    apex: float
    fat: float
    muscle: float
    breast: float
    lean: float
    heart: float
    tilt: tuple[float, float]
    left_drop: float
    blood: tuple[float, float]
    lung_hu: float
    bone: float
    disc: float
    rib_fall: float
    noise: float
    wobble: Waves
    grain: Waves
    fine: Waves

    def height(self, z: Array) -> Array:
        """Return z as a share of the lung: 0 at the right dome, 1 at the apex."""
        return (z - np.float32(self.dome)) / np.float32(self.apex - self.dome)

    def level(self, share: float) -> float:
        """Return the z at a share of the lung's height: the inverse of `height`."""
        return self.dome + share * (self.apex - self.dome)

    def spine_y(self, z: Array) -> Array:
        """Return where the middle of the vertebral bodies lies: the curve of the back."""
        knots = ((-0.8, 44.0), (0.0, 48.0), (0.5, 51.0), (0.8, 42.0), (1.1, 24.0), (1.5, 8.0))
        return profile(self.height(z), knots, 0.1) + np.float32(self.deep - 88)

    @property
    def heart_centre(self) -> tuple[float, float, float]:
        return 22.0 * self.heart + self.lean, -0.30 * self.deep, self.dome + 36.0 * self.heart


def draw_chest(draw: np.random.Generator) -> Chest:
    """Draw a chest as people differ: in size, shape, fat, heart, contrast and dose."""
    size = draw.normal(1, 0.05)
    tall = np.clip(draw.normal(182, 12), 155, 205)
    middle = draw.normal(20, 5)
    enhanced = draw.random() < 0.45
    female = draw.random() < 0.5
    early = draw.random() < 0.3
    right = draw.uniform(130, 320) if enhanced else draw.normal(42, 4)
    left = right * (draw.uniform(0.75, 1.0) if not early else draw.uniform(1.0, 1.4))
    return Chest(
        wide=float(np.clip(131 * size + draw.normal(0, 4), 116, 142)),
        deep=float(np.clip(88 * size + draw.normal(0, 5), 74, 99)),
        dome=float(middle - tall / 2),
        apex=float(middle + tall / 2),
        fat=float(np.clip(draw.gamma(4.0, 3.0), 4, 26)),
        muscle=float(draw.uniform(12, 20) - 3 * female),
        breast=float(draw.uniform(8, 26)) if female else 0.0,
        lean=float(draw.normal(0, 2)),
        heart=float(np.clip(draw.normal(1, 0.08), 0.82, 1.2)),
        tilt=(float(draw.normal(-36, 5)), float(draw.normal(-32, 5))),
        left_drop=float(draw.uniform(6, 20)),
        blood=(float(right), float(left) if enhanced else float(right)),
        lung_hu=float(np.clip(draw.normal(-868, 12), -890, -840)),
        bone=float(draw.uniform(0.75, 1.25)),
        disc=float(draw.uniform(0, 23)),
        rib_fall=float(draw.uniform(0.8, 1.15)),
        noise=float(draw.uniform(7, 20)),
        wobble=draw_waves(draw, 60),
        grain=draw_waves(draw, 16),
        fine=draw_waves(draw, 5, 60),
    )


@dataclass(frozen=True, eq=False)
class Rooms:
    """The large shapes of a chest on a grid, each as signed distances, made when asked for."""

    chest: Chest
    grid: Grid

    @cached_property
    def up(self) -> Array:
        return self.chest.height(self.grid.z)

    @cached_property
    def wobble(self) -> Array:
        return self.chest.wobble.on(self.grid)

    @cached_property
    def body(self) -> Array:
        """The skin; shoulders at the top, a neck above them, breasts where there are some."""
        chest, grid = self.chest, self.grid
        half = chest.wide + chest.muscle * 1.1 + chest.fat
        depth = chest.deep + chest.muscle * 0.9 + 12 + 0.75 * chest.fat
        knots = ((-0.8, 0.96), (-0.2, 0.99), (0.3, 0.98), (0.7, 1.02), (0.9, 1.03), (1.05, 0.96))
        wide = half * profile(self.up, (*knots, (1.2, 0.72), (1.38, 0.40), (2.0, 0.36)), 0.05)
        knots = ((-0.8, 1.0), (0.0, 1.0), (0.5, 0.98), (0.8, 0.88), (1.0, 0.76), (1.4, 0.5))
        deep = depth * profile(self.up, knots, 0.08)
        back = chest.deep + 30 + 0.6 * chest.fat
        bend = ((-1.0, -4.0), (0.4, 0.0), (0.8, -4.0), (1.1, -16.0), (1.4, -30.0))
        centre = back + profile(self.up, bend, 0.1) - deep
        # The furrow over the spine, and the flat back of somebody who lies on a table.
        furrow = 7 * np.exp(-((grid.x / 16) ** 2)) * np.clip(grid.y / 60, 0, 1)
        distance = oval(grid.x, grid.y - centre, wide, deep, 2.4) + furrow - 1.5 * self.wobble
        if chest.breast:
            place = np.exp(-(((np.abs(grid.x) - 72) / 46) ** 2) - ((self.up - 0.34) / 0.26) ** 2)
            front = np.clip(-grid.y / 50, 0, 1)
            distance -= np.float32(chest.breast) * place * front
        return np.asarray(distance, np.float32)

    @cached_property
    def cage(self) -> Array:
        """The inner face of the ribs, open below, a dome above, broader behind than in front."""
        chest, grid = self.chest, self.grid
        knots = ((-0.8, 0.93), (-0.2, 1.0), (0.2, 1.0), (0.45, 0.97), (0.7, 0.86), (0.87, 0.70))
        top = ((0.97, 0.50), (1.04, 0.22), (1.07, 0.08))
        wide = chest.wide * profile(self.up, (*knots, *top), 0.03)
        knots = ((-0.8, 0.95), (-0.2, 1.0), (0.2, 1.0), (0.5, 0.96), (0.75, 0.84), (0.9, 0.68))
        top = ((1.0, 0.46), (1.05, 0.22), (1.07, 0.08))
        deep = chest.deep * profile(self.up, (*knots, *top), 0.03)
        centre = profile(self.up, ((-0.8, -2.0), (0.5, 1.0), (0.8, 5.0), (1.1, 14.0)), 0.1)
        y = grid.y - centre
        egg = 1 + 0.10 * np.clip(y / chest.deep, -1, 1)
        return oval(grid.x / egg, y, wide, deep, 2.35) + 1.2 * self.wobble

    @cached_property
    def dome(self) -> Array:
        """The height of the diaphragm over (x, y): two domes that fall away to the ribs."""
        chest = self.chest
        x, y = self.grid.x / chest.wide, self.grid.y / chest.deep
        front = np.where(y < 0.05, 0.75, 1.15)
        fall = 62 * np.abs((y - 0.05) * front) ** 2.2
        right = chest.dome - 150 * np.abs(x + 0.48) ** 2.2 - fall
        left = chest.dome - chest.left_drop - 150 * np.abs(x - 0.52) ** 2.2 - fall
        # Breathing muscle is never quite a paraboloid.
        return either(-right, -left, 14.0) * -1 + 2.5 * np.cos(7 * x + 5 * y)

    @cached_property
    def heart(self) -> Array:
        """The heart with its sac; far from it only a lower bound of the distance."""
        chest = self.chest
        centre = np.array(chest.heart_centre)
        radii = (68 * chest.heart, 47 * chest.heart, 45 * chest.heart)
        result = np.full(self.grid.size, 40, np.float32)
        reach = radii[0] + 22
        where, grid = self.grid.crop(tuple(centre - reach), tuple(centre + reach))
        result[where] = (
            ellipsoid(grid, centre, radii, turned(*chest.tilt)) + 1.5 * self.wobble[where]
        )
        return result

    @cached_property
    def middle(self) -> Array:
        """Everything between the lungs: spine, great vessels and heart."""
        chest, grid = self.chest, self.grid
        y = grid.y - chest.spine_y(grid.z)
        front = profile(
            self.up, ((0.0, 22.0), (0.35, 12.0), (0.6, 9.0), (0.75, 11.0), (0.9, 24.0)), 0.05
        )
        centre = profile(
            self.up,
            ((0.2, 20.0), (0.42, 26.0), (0.55, 32.0), (0.68, 30.0), (0.82, 25.0), (1.0, 25.0)),
            0.05,
        )
        share = profile(y, ((-95.0, 0.0), (-62.0, 1.0)), 14.0)
        width = front + share * (centre - front)
        back = profile(y, ((-16.0, 0.0), (4.0, 1.0)), 6.0)
        width = width + back * (25 - width)
        lean = chest.lean + 3 * np.clip(1 - self.up, 0, 1)
        column = np.abs(grid.x - lean - 1.6 * self.wobble) - width
        return either(column * np.float32(0.9), self.heart, 14.0)

    @cached_property
    def lungs(self) -> Array:
        """Both lungs; x tells them apart."""
        inner = both(self.cage + 2.0, -self.middle, 12.0)
        return both(inner, (self.dome - self.grid.z) * np.float32(0.75), 10.0)
