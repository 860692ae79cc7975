"""Head-CT-like phantoms: axial slices and volumes in HU, with and without bleeds."""

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.bleeds import BLEEDS, Bleed, Blood, bleed_level, draw_blood
from genesis_hub.data.phantoms.brain import NAMES, paint_head
from genesis_hub.data.phantoms.phantom import (
    Fact,
    Phantom,
    check_choice,
    check_seed,
    check_size,
    lps_affine,
)
from genesis_hub.data.phantoms.shapes import Array, Canvas, Grid, make_grid, soften
from genesis_hub.data.phantoms.skull import TOP, Head, Vault, draw_head

FIELD = 216.0
SLICE = 5.0


def head_ct(
    seed: int, *, size: tuple[int, int] = (256, 256), bleed: Bleed | bool | None = None
) -> Phantom:
    """Return a phantom like one axial slice of a head CT: int16 HU (1, rows, columns), upright.

    bleed: "epidural", "subdural", "intraparenchymal", "subarachnoid" or "intraventricular"; False
    for none; None lets the seed decide, one in two bleeds. The forehead is up, and the head's
    left on the right of the picture. `truth` has "bleed" (0 or 1), "kind"
    ("none" or which) and "voxels" (how many bleed).
    """
    seed, sides, kind = check_seed(seed), check_size(size, 2), check_bleed(bleed)
    people, findings, scanner = np.random.default_rng(seed).spawn(3)
    head = draw_head(people)
    blood = choose_blood(findings, kind)
    step = FIELD / min(sides)
    level = bleed_level(head.level, blood)
    grid = make_grid((sides[1], sides[0], 1), (step, step, SLICE), (0, 0, level))
    canvas, mask = paint(grid, head, blood, level)
    scan(canvas, head, scanner)
    return Phantom(
        image=as_hu(canvas.hu[:, :, 0].T)[None],
        spacing=(step, step),
        affine=None,
        labels=np.ascontiguousarray(canvas.labels[:, :, 0].T),
        names=NAMES,
        masks=masks_of(canvas.labels[:, :, 0].T, mask[:, :, 0].T),
        truth=truth_of(blood, mask),
        seed=seed,
        kind="head-ct",
    )


def head_ct_volume(
    seed: int, *, size: tuple[int, int, int] = (128, 128, 24), bleed: Bleed | bool | None = None
) -> Phantom:
    """Return a phantom like a head CT from the base of the skull to the vertex.

    int16 HU (1, X, Y, Z) in LPS order, slices last; a field of 216 x 216 x 125 mm fits the size.
    bleed and `truth` are as `head_ct` has them, of the same head and the same bleed.
    """
    seed, sides, kind = check_seed(seed), check_size(size, 3), check_bleed(bleed)
    people, findings, scanner = np.random.default_rng(seed).spawn(3)
    head = draw_head(people)
    blood = choose_blood(findings, kind)
    steps = (FIELD / sides[0], FIELD / sides[1], 125.0 / sides[2])
    grid = make_grid(sides, steps, (0, 0, TOP * head.scale - 55))
    canvas, mask = paint(grid, head, blood, bleed_level(head.level, blood))
    scan(canvas, head, scanner)
    return Phantom(
        image=as_hu(canvas.hu)[None],
        spacing=steps,
        affine=lps_affine(sides, steps),
        labels=canvas.labels,
        names=NAMES,
        masks=masks_of(canvas.labels, mask),
        truth=truth_of(blood, mask),
        seed=seed,
        kind="head-ct",
    )


def check_bleed(bleed: object) -> Bleed | bool | None:
    """Return the kind of bleed asked for, or raise `BadInput`."""
    check_choice("bleed", bleed, BLEEDS)
    return next((kind for kind in BLEEDS if kind == bleed), None if bleed is None else False)


def choose_blood(draw: np.random.Generator, kind: Bleed | bool | None) -> Blood | None:
    """Return the bleed, or None; the draws are the same whatever was asked for."""
    bleeds = bool(draw.random() < 0.5)
    blood = draw_blood(draw, kind if isinstance(kind, str) else None)
    return blood if isinstance(kind, str) or (kind is None and bleeds) else None


def paint(
    grid: Grid, head: Head, blood: Blood | None, level: float
) -> tuple[Canvas, NDArray[np.bool_]]:
    """Return the painted canvas, the head turned as it lay, and the mask of the bleed."""
    canvas = Canvas(grid)
    share = paint_head(canvas, Vault(head, grid), blood, level)
    place = places(grid, head)
    canvas.hu, share = blended(canvas.hu, place), blended(share, place)
    canvas.labels = canvas.labels[np.rint(place[0]).astype(int), np.rint(place[1]).astype(int)]
    # A voxel that blood shares with bone is the bone's: nobody could tell it apart.
    return canvas, np.asarray((share >= 0.5) & (canvas.hu < 120))


def places(grid: Grid, head: Head) -> tuple[Array, Array]:
    """Return where in an upright head each column of voxels lies, as fractional indices."""
    cos, sin = np.cos(np.deg2rad(head.turn)), np.sin(np.deg2rad(head.turn))
    x, y = grid.x[:, :, 0] - head.offset[0], grid.y[:, :, 0] - head.offset[1]
    across = (cos * x + sin * y - grid.x.flat[0]) / grid.spacing[0]
    down = (cos * y - sin * x - grid.y.flat[0]) / grid.spacing[1]
    return np.clip(across, 0, grid.x.size - 1.001), np.clip(down, 0, grid.y.size - 1.001)


def blended(volume: Array, place: tuple[Array, Array]) -> Array:
    """Return the volume at fractional places of its first two axes."""
    i, j = (part.astype(int) for part in place)
    a, b = ((part - part.astype(int)).astype(np.float32)[..., None] for part in place)
    near = volume[i, j] * (1 - b) + volume[i, j + 1] * b
    far = volume[i + 1, j] * (1 - b) + volume[i + 1, j + 1] * b
    return np.asarray(near * (1 - a) + far * a)


def scan(canvas: Canvas, head: Head, draw: np.random.Generator) -> None:
    """Add the noise of a scanner, most of it where the skull swallowed the most rays."""
    noise = draw.standard_normal(canvas.grid.size, dtype=np.float32)
    for axis in (0, 1):
        step = canvas.grid.spacing[axis]
        noise = soften(noise, min(0.25, 0.2 / step**1.5), axis)
        canvas.hu = soften(canvas.hu, min(0.2, 0.12 / step**2), axis)
    noise *= np.float32(head.noise) / noise.std()
    noise *= 0.7 + 0.5 * np.exp(-((canvas.grid.x / 70) ** 2) - (canvas.grid.y / 80) ** 2)
    noise *= np.clip((canvas.hu + 1010) / 120, 0.1, 1)
    canvas.hu += noise


def as_hu(hu: Array) -> NDArray[np.int16]:
    """Return HU as scanners store them."""
    return np.ascontiguousarray(np.rint(np.clip(hu, -1024, 3071)).astype(np.int16))


def masks_of(labels: NDArray[np.uint8], blood: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return the masks of a head."""
    skull = labels == 2
    return {
        "body": labels > 0,
        "skull": skull,
        "brain": labels >= 3,
        "bleed": np.ascontiguousarray(blood),
    }


def truth_of(blood: Blood | None, mask: NDArray[np.bool_]) -> dict[str, Fact]:
    """Return what is known of the bleed; one too thin to cover half a voxel counts all the same."""
    return {
        "bleed": int(blood is not None),
        "kind": blood.kind if blood else "none",
        "voxels": int(mask.sum()),
    }
