"""What a chest X-ray may show: hazy opacity, a nodule, or fluid under the lung."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.anatomy import Rooms
from genesis_hub.data.phantoms.nodules import Nodule, paint_nodule
from genesis_hub.data.phantoms.shapes import Array, Canvas, Waves, cover, draw_waves

Finding = Literal["opacity", "nodule", "effusion"]
FINDINGS: tuple[Finding, ...] = ("opacity", "nodule", "effusion")


@dataclass(frozen=True, eq=False)
class Drawn:
    """One finding: its side (-1 right, 1 left), its place as shares of the chest, its size.

    spot: across (0 middle, 1 wall), front to back (-1 to 1), up (0 dome, 1 apex).
    """

    kind: Finding
    side: int
    spot: tuple[float, float, float]
    size: float
    strength: float
    clouds: Waves
    bumps: NDArray[np.float64]


def draw_finding(draw: np.random.Generator, kind: Finding | None) -> Drawn:
    """Draw a finding: of the kind asked for, or of any."""
    drawn = FINDINGS[int(draw.integers(len(FINDINGS)))]
    return Drawn(
        kind=kind or drawn,
        side=int(draw.choice((-1, 1))),
        spot=(
            float(draw.uniform(0.5, 0.68)),
            float(draw.uniform(-0.4, 0.4)),
            float(draw.uniform(0.2, 0.72)),
        ),
        size=float(draw.uniform(0, 1)),
        strength=float(draw.uniform(0.55, 0.95)),
        clouds=draw_waves(draw, 22),
        bumps=draw.normal(0, 1, (5, 3)),
    )


def paint_finding(canvas: Canvas, rooms: Rooms, finding: Drawn) -> Array:
    """Paint a finding and return the share of each voxel it fills."""
    chest, grid = rooms.chest, canvas.grid
    across, back, up = finding.spot
    centre = np.array(
        [
            finding.side * across * chest.wide,
            back * chest.deep,
            chest.level(up),
        ]
    )
    if finding.kind == "nodule":
        diameter = 22 + 18 * finding.size
        nodule = Nodule(centre, diameter, "solid", finding.bumps, np.zeros((0, 3)))
        return paint_nodule(canvas, nodule).astype(np.float32)
    lungs = cover(rooms.lungs, grid.blur)
    own = np.clip(0.5 + grid.x * finding.side / 4, 0, 1)
    if finding.kind == "effusion":
        # Fluid creeps up along the wall, so its surface looks like a bowl's.
        out = np.abs(grid.x) / chest.wide
        surface = chest.dome - 28 + 50 * finding.size + 70 * np.clip(out - 0.35, 0, 1) ** 2
        share = lungs * own * np.clip((surface - grid.z) / 6 + 0.5, 0, 1)
        canvas.paint(np.asarray(share, np.float32), 12)
        return np.asarray(share, np.float32)
    radii = np.array([30.0, 42.0, 36.0]) * (0.8 + 0.7 * finding.size)
    away = ((grid.x - centre[0]) / radii[0]) ** 2 + ((grid.y - centre[1]) / radii[1]) ** 2
    away = np.sqrt(away + ((grid.z - centre[2]) / radii[2]) ** 2)
    haze = np.clip(1.35 - away + 0.28 * finding.clouds.on(grid), 0, 1) * own * lungs
    share = np.asarray(haze, np.float32)
    canvas.paint(share * np.float32(finding.strength), -60)
    return share
