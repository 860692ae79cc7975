"""Bleeds in a head: five kinds, each where the anatomy lets blood go."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.shapes import Array, both, cover, profile
from genesis_hub.data.phantoms.skull import Vault

Bleed = Literal["epidural", "subdural", "intraparenchymal", "subarachnoid", "intraventricular"]
BLEEDS: tuple[Bleed, ...] = (
    "epidural",
    "subdural",
    "intraparenchymal",
    "subarachnoid",
    "intraventricular",
)


@dataclass(frozen=True, eq=False)
class Blood:
    """One bleed: side (-1 right, 1 left), the angle on the skull, its size and HU."""

    kind: Bleed
    side: int
    angle: float
    thick: float
    spread: float
    spot: NDArray[np.float64]
    radii: tuple[float, float, float]
    hu: float


def draw_blood(draw: np.random.Generator, kind: Bleed | None) -> Blood:
    """Draw a bleed: of the kind asked for, or of any."""
    drawn = BLEEDS[int(draw.integers(len(BLEEDS)))]
    side = int(draw.choice((-1, 1)))
    deep = bool(draw.random() < 0.5)
    place = (27.0, -4.0) if deep else (34.0, float(draw.uniform(-45, 45)))
    spot = np.array([side * place[0], place[1], 0.0]) + draw.normal(0, 4, 3) * (1, 1, 0)
    size = draw.uniform(9, 20)
    return Blood(
        kind=kind or drawn,
        side=side,
        angle=float(draw.uniform(-50, 55)),
        thick=float(draw.uniform(0, 1)),
        spread=float(draw.uniform(45, 80)),
        spot=spot,
        radii=(float(size * 0.75), float(size * draw.uniform(1.0, 1.5)), float(size)),
        hu=float(draw.uniform(58, 76)),
    )


def blood_cover(vault: Vault, blood: Blood, level: float, fluid: Array) -> Array:
    """Return the share of each voxel that is blood.

    level: the height of its middle; fluid: the share of each voxel that is fluid outside the brain.
    """
    grid, width = vault.grid, vault.grid.blur
    inside = cover(vault.inner + 0.3, width)
    if blood.kind == "intraventricular":
        return vault.ventricles * pooled(vault, blood, level)
    if blood.kind == "subarachnoid":
        return fluid * pooled(vault, blood, level) * inside
    if blood.kind == "intraparenchymal":
        x, y, z = blood.spot + np.array([0, 0, level])
        off = [
            (grid.x - x) / blood.radii[0],
            (grid.y - y) / blood.radii[1],
            (grid.z - z) / blood.radii[2],
        ]
        radius = np.sqrt(off[0] ** 2 + off[1] ** 2 + off[2] ** 2)
        ragged = (
            (radius - 1) * min(blood.radii) + 2.2 * vault.head.grain.on(grid) + 2 * vault.wobble
        )
        return cover(both(np.asarray(ragged, np.float32), vault.brain + 3), width)
    turn = np.rad2deg(np.arctan2(grid.y, grid.x * blood.side)).astype(np.float32)
    near = np.sqrt(np.clip(1 - ((grid.z - level) / 34) ** 2, 0, 1))
    if blood.kind == "epidural":
        # A ball pressed in from outside: the skull bends one face, the ball the other.
        ball, deep = 44.0, 11 + 13 * blood.thick
        edge = vault.head.scale * (
            vault.head.wide * np.cos(np.deg2rad(blood.angle)) ** 2
            + vault.head.deep * np.sin(np.deg2rad(blood.angle)) ** 2
        )
        out = edge - vault.head.bone + ball - deep
        x, y = (
            blood.side * out * np.cos(np.deg2rad(blood.angle)),
            out * np.sin(np.deg2rad(blood.angle)),
        )
        away = np.sqrt((grid.x - x) ** 2 + (grid.y - y) ** 2 + (grid.z - level) ** 2) - ball
        return cover(both(np.asarray(away, np.float32), vault.inner + 0.3), width)
    bend = np.clip(np.abs(turn - blood.angle / 3) / blood.spread, 0, 1)
    thick = (5 + 8 * blood.thick) * near * (1 - bend**2) ** 0.7
    depth = -vault.inner
    crescent = np.maximum(depth - thick, 2 - grid.x * blood.side)
    return cover(np.asarray(crescent, np.float32), width) * inside


def bleed_level(vault_level: float, blood: Blood | None) -> float:
    """Return the height of a bleed's middle: the slice's, where blood of its kind can be there."""
    if blood and blood.kind == "intraventricular":
        return float(np.clip(vault_level, 42, 60))
    if blood and blood.kind == "subarachnoid":
        return float(np.clip(vault_level, 22, 60))
    return vault_level


def pooled(vault: Vault, blood: Blood, level: float) -> Array:
    """Return where loose blood gathers: around a place, more of it behind, where it sinks."""
    grid = vault.grid
    if blood.kind == "intraventricular":
        sunk = profile(grid.y, ((4.0 - 40 * blood.thick, 0.0), (10.0 - 40 * blood.thick, 1.0)))
        own = np.clip(0.5 + grid.x * blood.side / 3, 0, 1)
        return np.asarray(np.maximum(sunk, own * (blood.thick > 0.4)), np.float32) + 0 * grid.z
    reach = 42 + 25 * blood.thick
    away = np.sqrt(
        (grid.x - blood.side * 42) ** 2
        + (grid.y - blood.angle * 0.5) ** 2
        + ((grid.z - level) * 1.3) ** 2
    )
    return np.asarray(np.clip((reach - away) / 10 + vault.wobble, 0, 1), np.float32)
