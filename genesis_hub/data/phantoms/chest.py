"""Chest-CT-like phantoms: volumes in HU with lungs, vessels, bones and nodules of known places."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.anatomy import Chest, Rooms, draw_chest
from genesis_hub.data.phantoms.bones import paint_bones
from genesis_hub.data.phantoms.nodules import Nodule, draw_nodules, paint_nodule
from genesis_hub.data.phantoms.organs import paint_belly, paint_heart, paint_wall
from genesis_hub.data.phantoms.phantom import (
    Phantom,
    check_seed,
    check_size,
    check_spacing,
    lps_affine,
)
from genesis_hub.data.phantoms.pipes import paint_airways
from genesis_hub.data.phantoms.shapes import Canvas, Grid, cover, make_grid, soften, spots_of
from genesis_hub.data.phantoms.tubes import Branches, Points, grow_tree, tree_points, tube_cover
from genesis_hub.errors import BadInput

NAMES = {
    1: "body",
    2: "right lung",
    3: "left lung",
    4: "heart",
    5: "aorta",
    6: "airways",
    7: "spine",
    8: "ribs",
    9: "breastbone",
    10: "shoulder blades",
    11: "liver",
    12: "stomach",
    13: "spleen",
}
LABEL = {name: number for number, name in NAMES.items()}
BONES = (7, 8, 9, 10)
FIELD = (360.0, 360.0, 320.0)
MOST_NODULES = 50


def chest_ct(
    seed: int,
    *,
    size: tuple[int, int, int] = (160, 160, 80),
    spacing: tuple[float, float, float] | None = None,
    nodules: int | None = None,
) -> Phantom:
    """Return a phantom like a chest CT: int16 HU (1, X, Y, Z) in LPS order, slices last.

    size: voxels per side, 24 or more.
    spacing: millimetres per voxel; by default the whole chest (360 x 360 x 320 mm) fits the size.
    nodules: how many; None lets the seed decide, and about a third have none.

    The same seed gives the same bytes, and the same chest at every size and spacing. `truth` has
    "nodule" (0 or 1), "centres" (voxels), "diameters_mm", "looks", and "contrast" (0 or 1).
    """
    seed, sides = check_seed(seed), check_size(size, 3)
    steps = check_spacing(spacing, sides, FIELD)
    if nodules is not None and (
        isinstance(nodules, bool)
        or not isinstance(nodules, int | np.integer)
        or not 0 <= nodules <= MOST_NODULES
    ):
        raise BadInput(
            f"nodules is {nodules!r}, but a whole number from 0 to {MOST_NODULES} is expected, "
            "or None to let the seed decide"
        )
    grid = make_grid(sides, steps)
    people, trees, findings, scanner = np.random.default_rng(seed).spawn(4)
    chest = draw_chest(people)
    plan = plan_lungs(chest, trees, findings, nodules)
    canvas = Canvas(grid)
    vessels = paint_chest(canvas, chest, plan)
    lumps = np.zeros(grid.size, np.bool_)
    shown = [nodule for nodule in plan.nodules if holds(grid, nodule.centre)]
    for nodule in shown:
        lumps |= paint_nodule(canvas, nodule)
    scan(canvas, chest, scanner)
    corner = np.array([grid.x.flat[0], grid.y.flat[0], grid.z.flat[0]])
    centres = [(nodule.centre - corner) / np.array(steps) for nodule in shown]
    labels = canvas.labels
    return Phantom(
        image=np.rint(np.clip(canvas.hu, -1024, 3071)).astype(np.int16)[None],
        spacing=steps,
        affine=lps_affine(sides, steps),
        labels=labels,
        names={0: "outside", **NAMES},
        masks={
            "body": labels > 0,
            "lungs": (labels == LABEL["right lung"]) | (labels == LABEL["left lung"]),
            "bones": np.isin(labels, BONES),
            "vessels": vessels,
            "nodules": lumps,
        },
        truth={
            "nodule": int(bool(shown)),
            "centres": tuple(tuple(round(float(v), 3) for v in centre) for centre in centres),
            "diameters_mm": tuple(round(nodule.diameter, 3) for nodule in shown),
            "looks": tuple(nodule.look for nodule in shown),
            "contrast": int(chest.blood[0] > 60),
        },
        seed=seed,
        kind="chest-ct",
    )


@dataclass(frozen=True, eq=False)
class LungPlan:
    """What is inside the lungs, in millimetres, whatever the grid: vessels and nodules."""

    vessels: list[Branches]
    nodules: list[Nodule]


def plan_lungs(
    chest: Chest, trees: np.random.Generator, findings: np.random.Generator, count: int | None
) -> LungPlan:
    """Return vessels and nodules, placed on a coarse grid of its own so that no grid moves them."""
    grid = make_grid((40, 32, 36), (7.0, 7.0, 7.0), (0.0, 0.0, chest.dome + 70))
    depths = -Rooms(chest, grid).lungs
    vessels: list[Branches] = []
    for side in (-1, 1):
        spots = spots_of(grid, (depths > 3) & (grid.x * side > 0))
        for count_of_tree, root, radius in vessel_roots(chest, side):
            chosen = trees.choice(len(spots), count_of_tree, replace=len(spots) < count_of_tree)
            targets = spots[chosen] + trees.uniform(-3.5, 3.5, (count_of_tree, 3))
            vessels += grow_tree(trees, root, targets, radius)
    lumps = draw_nodules(findings, count, spots_of(grid, depths > 2), depths[depths > 2])
    return LungPlan(vessels, lumps)


def vessel_roots(chest: Chest, side: int) -> list[tuple[int, Points, float]]:
    """Return (targets, root, radius) of one lung's artery and of its vein, lower and behind."""
    middle = chest.level(0.52)
    artery = np.array([side * 34.0 + chest.lean, 8.0, middle + 6 * side])
    vein = np.array([side * 30.0 + chest.lean, 14.0, middle - 18])
    return [(1024, artery, 6.8), (512, vein, 5.6)]


def paint_chest(canvas: Canvas, chest: Chest, plan: LungPlan) -> NDArray[np.bool_]:
    """Paint everything but the nodules; return the mask of the vessels in the lungs."""
    rooms, grid = Rooms(chest, canvas.grid), canvas.grid
    paint_wall(canvas, rooms, LABEL["body"])
    paint_belly(canvas, rooms, (LABEL["liver"], LABEL["stomach"], LABEL["spleen"]))
    lungs = rooms.lungs
    inside = cover(lungs, grid.blur)
    # Blood sinks: the back of a lung is denser in somebody who lies on it.
    air = chest.lung_hu + 38 * grid.y / chest.deep + 13 * chest.grain.on(grid)
    air += 16 * chest.fine.on(grid)
    canvas.paint(inside, air)
    within = lungs < 0
    canvas.labels[within & (grid.x < chest.lean)] = LABEL["right lung"]
    canvas.labels[within & (grid.x >= chest.lean)] = LABEL["left lung"]
    paint_heart(canvas, rooms, LABEL["heart"], LABEL["aorta"])
    vessels = tube_cover(grid, *tree_points(plan.vessels, 0.5 * min(grid.spacing)))
    vessels *= cover(lungs - 8, 6.0)
    canvas.paint(vessels, chest.blood[0])
    paint_airways(canvas, chest, LABEL["airways"])
    paint_bones(canvas, rooms, BONES)
    return np.asarray((vessels >= 0.5) & within)


def scan(canvas: Canvas, chest: Chest, draw: np.random.Generator) -> None:
    """Add what a scanner adds: noise of the grain of its kernel, more where rays were weakened."""
    noise = draw.standard_normal(canvas.grid.size, dtype=np.float32)
    for axis, step in enumerate(canvas.grid.spacing):
        weight = min(0.25, 0.22 / step**1.5)
        noise = soften(noise, weight, axis)
        canvas.hu = soften(canvas.hu, min(0.16, 0.25 / step**2), axis)
    # Thick slices average more rays; shoulders swallow many.
    dose = chest.noise * (4 / canvas.grid.spacing[2]) ** 0.25
    up = chest.height(canvas.grid.z)
    gain = dose * (1 + 0.5 * np.exp(-(((up - 1) / 0.2) ** 2))) / noise.std()
    shape = np.exp(-((canvas.grid.x / 190) ** 2) - (canvas.grid.y / 150) ** 2)
    noise *= gain
    noise *= shape
    # Air outside is clean: reconstructions clip what falls below it.
    noise *= np.clip((canvas.hu + 1010) / 120, 0.05, 1)
    canvas.hu += noise


def holds(grid: Grid, point: Points) -> bool:
    """Tell whether a point in millimetres lies in the volume."""
    return all(
        axis.flat[0] - step / 2 <= value <= axis.flat[-1] + step / 2
        for axis, value, step in zip((grid.x, grid.y, grid.z), point, grid.spacing, strict=True)
    )
