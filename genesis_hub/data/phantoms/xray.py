"""Chest-X-ray-like phantoms: the rays that come through a chest phantom, as a picture."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.anatomy import Chest, Rooms, draw_chest
from genesis_hub.data.phantoms.chest import LungPlan, paint_chest, plan_lungs
from genesis_hub.data.phantoms.findings import FINDINGS, Drawn, Finding, draw_finding, paint_finding
from genesis_hub.data.phantoms.phantom import Phantom, check_choice, check_seed, check_size
from genesis_hub.data.phantoms.shapes import Array, Canvas, cover, make_grid, soften
from genesis_hub.data.phantoms.tubes import tube

NAMES = {0: "outside the lungs", 1: "right lung", 2: "left lung", 3: "heart and mediastinum"}
FIELD = 355.0
FINEST, LAYERS = 168, 56  # Voxels along a side and along the rays: finer only costs time.

# Five columns by seven rows, as the lead letters on a cassette.
LETTERS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


@dataclasses.dataclass(frozen=True)
class Exposure:
    """How a picture was taken: letter and its place, dose, tone, and dark borders, as shares."""

    letter: str
    place: tuple[float, float]
    noise: float
    white: float
    gamma: float
    scatter: float
    borders: tuple[float, float, float, float]


def chest_xray(
    seed: int, *, size: tuple[int, int] = (256, 256), finding: Finding | bool | None = None
) -> Phantom:
    """Return a phantom like a frontal chest X-ray: uint8 (1, rows, columns), upright, bone bright.

    finding: "opacity", "nodule" or "effusion"; False for none; None lets the seed decide, one in
    two has one. The left lung is on the right of the picture. `truth` has "finding" ("none" or
    which) and "opacity", "nodule", "effusion" as 0 or 1; `masks["finding"]` shows where.
    """
    seed, sides = check_seed(seed), check_size(size, 2)
    check_choice("finding", finding, FINDINGS)
    people, trees, findings, camera = np.random.default_rng(seed).spawn(4)
    chest = stand_up(draw_chest(people))
    plan = plan_lungs(chest, trees, findings, 0)
    chance = bool(findings.random() < 0.5)
    kind = next((word for word in FINDINGS if word == finding), None)
    drawn = draw_finding(findings, kind)
    shown = drawn if kind or (finding is None and chance) else None
    exposure = draw_exposure(camera)
    step = FIELD / min(sides)
    rays = project(chest, plan, shown, (sides[0] * step, sides[1] * step), sides)
    film = expose(rays.depth, exposure, camera)
    word = shown.kind if shown else "none"
    return Phantom(
        image=develop(film, exposure)[None],
        spacing=(step, step),
        affine=None,
        labels=rays.labels,
        names=NAMES,
        masks={
            "body": rays.depth > 0.25,
            "lungs": (rays.labels == 1) | (rays.labels == 2),
            "finding": rays.finding,
        },
        truth={"finding": word, **{name: int(name == word) for name in FINDINGS}},
        seed=seed,
        kind="chest-xray",
    )


def stand_up(chest: Chest) -> Chest:
    """Return the chest without contrast in its blood, as X-rays are taken."""
    return dataclasses.replace(chest, blood=(42.0, 42.0), lung_hu=chest.lung_hu - 20)


def draw_exposure(draw: np.random.Generator) -> Exposure:
    """Draw how the picture is taken."""
    borders = draw.uniform(0, 0.035, 4) * (draw.random(4) < 0.3)
    return Exposure(
        letter=str(draw.choice(("L", "R"))),
        place=(float(draw.uniform(0.04, 0.10)), float(draw.uniform(0.04, 0.09))),
        noise=float(draw.uniform(0.006, 0.014)),
        white=float(draw.uniform(0.86, 1.0)),
        gamma=float(draw.uniform(0.95, 1.3)),
        scatter=float(draw.uniform(0.010, 0.030)),
        borders=(float(borders[0]), float(borders[1]), float(borders[2]), float(borders[3])),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Rays:
    """What the rays met: attenuation, anatomy and finding, each (rows, columns)."""

    depth: Array
    labels: NDArray[np.uint8]
    finding: NDArray[np.bool_]


def project(
    chest: Chest,
    plan: LungPlan,
    finding: Drawn | None,
    field: tuple[float, float],
    size: tuple[int, ...],
) -> Rays:
    """Return the sums along y through a chest that stands with hanging arms."""
    cells = (min(size[1], FINEST), min(max(size) // 2, LAYERS), min(size[0], FINEST))
    steps = (field[1] / cells[0], 310.0 / cells[1], field[0] / cells[2])
    middle = chest.level(0.46)
    canvas = Canvas(make_grid(cells, steps, (0.0, 0.0, middle)))
    paint_arms(canvas, chest)
    paint_chest(canvas, chest, plan)
    rooms = Rooms(chest, canvas.grid)
    lungs, above = (
        cover(rooms.lungs, canvas.grid.blur),
        canvas.grid.z > np.maximum(rooms.dome, chest.dome - 28),
    )
    between = (rooms.middle < 0) & (rooms.cage < 0) & above
    share = paint_finding(canvas, rooms, finding) if finding else np.zeros((1, 1, 1), np.float32)

    def seen(volume: Array) -> Array:
        return enlarge((volume.sum(1) * np.float32(steps[1]))[:, ::-1].T, size)

    water = np.clip(canvas.hu + 1000, 0, None) / 1000
    # Bone stops the soft part of the rays more than its HU say.
    water += np.clip(canvas.hu - 120, 0, None) * np.float32(0.0020)
    depth = seen(water) * np.float32(0.0175)
    own = [seen(lungs * (canvas.grid.x * side > chest.lean * side)) > 42 for side in (-1, 1)]
    labels = np.zeros(size, np.uint8)
    labels[own[0]], labels[own[1]] = 1, 2
    labels[seen(between.astype(np.float32)) > 42] = 3
    found = seen(share) > 6 if finding else np.zeros(size, np.bool_)
    return Rays(depth, labels, found)


def paint_arms(canvas: Canvas, chest: Chest) -> None:
    """Paint upper arms that hang, with their bones; the chest is painted over them."""
    side_of = chest.wide + chest.muscle + chest.fat
    for side in (-1, 1):
        top, low = chest.apex - 6, chest.dome - 60
        flesh = ((side * (side_of - 16), 6.0, top), (side * (side_of + 34), 8.0, low))
        canvas.paint(tube(canvas.grid, flesh, (40.0 + 0.5 * chest.fat, 36.0)), 20)
        bone = (
            (side * (side_of - 8), 2.0, top - 4),
            (side * (side_of + 2), 4.0, top - 40),
            (side * (side_of + 36), 8.0, low),
        )
        canvas.paint(tube(canvas.grid, bone, (20.0, 12.0, 11.0)), 480 * chest.bone)


def enlarge(picture: Array, size: tuple[int, ...]) -> Array:
    """Return a picture at a greater size, its values blended between pixel centres."""
    for axis, side in enumerate(size):
        have = picture.shape[axis]
        if have == side:
            continue
        at = np.clip((np.arange(side) + 0.5) * have / side - 0.5, 0, have - 1)
        low = np.minimum(at.astype(int), have - 2)
        share = (at - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        picture = (
            np.take(picture, low, axis) * (1 - share) + np.take(picture, low + 1, axis) * share
        )
    return np.asarray(picture, np.float32)


def expose(depth: Array, exposure: Exposure, draw: np.random.Generator) -> Array:
    """Return the film from 0 to 1: scattered rays veil what is dense, few rays make grain."""
    arrived = np.exp(-depth) * (1 - exposure.scatter) + np.float32(exposure.scatter)
    grain = draw.standard_normal(depth.shape, dtype=np.float32)
    grain = soften(soften(grain, 0.15, 0), 0.15, 1)
    arrived *= 1 + exposure.noise * grain / np.sqrt(arrived + np.float32(0.02))
    film = -np.log(np.clip(arrived, 1e-3, 1))
    film /= np.float32(np.quantile(film, 0.985) / exposure.white)
    return np.asarray(np.clip(film, 0, 1) ** np.float32(exposure.gamma), np.float32)


def develop(film: Array, exposure: Exposure) -> NDArray[np.uint8]:
    """Return the picture: the film with its letter, its dark borders, in 256 greys."""
    rows, columns = film.shape
    film = film.copy()
    pattern = np.array([[int(dot) for dot in row] for row in LETTERS[exposure.letter]], np.bool_)
    dot = max(1, round(min(rows, columns) / 110))
    pattern = pattern.repeat(dot, 0).repeat(dot, 1)
    top, side = round(exposure.place[0] * rows), round(exposure.place[1] * columns)
    left = columns - side - pattern.shape[1] if exposure.letter == "L" else side
    spot = film[top : top + pattern.shape[0], left : left + pattern.shape[1]]
    spot[pattern] = 0.97
    up, down, west, east = (
        round(share * extent)
        for share, extent in zip(exposure.borders, (rows, rows, columns, columns), strict=True)
    )
    film[:up], film[rows - down :], film[:, :west], film[:, columns - east :] = 0, 0, 0, 0
    return np.rint(film * 255).astype(np.uint8)
