"""Boxes: what lies around a point of a volume, cut out along the volume's own axes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from genesis_hub.data.image import Affine, Image, cut_out, spacing_of, steps
from genesis_hub.errors import BadInput

PATIENT = "LPS"  # The frame of DICOM, MetaImage and LUNA16: millimetres to the left, back, head.
WIDEST = 2000  # Millimetres: longer than any patient.
KEPT = 2  # Volumes held open; one that is packed lies in memory whole.
Three = tuple[float, float, float]


@dataclass(frozen=True)
class Opener:
    """How a volume is opened; two that are alike open it once."""

    read: Callable[[Path, str | None, bool], Image]
    series: str | None = None
    uneven: bool = False


def is_box(part: str) -> bool:
    """Say whether a part of a file is a box."""
    return part.startswith("lps=")


def box_words(point: Sequence[float], sides: Sequence[float]) -> str:
    """Return a box as it stands behind the "#" of a path."""
    return f"lps={','.join(map(number, point))}&box={','.join(map(number, sides))}"


def number(value: float) -> str:
    """Return a number in as few signs as tell it."""
    return repr(float(value)).removesuffix(".0")


@dataclass(frozen=True, eq=False)
class Grid:
    """A volume and its ways from the patient to its voxels.

    inverse: millimetres (right, anterior, superior) to voxel indices. along: for each axis of the
    file, which of left, back and head it runs along, either way.
    """

    volume: Image
    affine: Affine
    inverse: Affine
    along: tuple[int, ...]
    spacing: tuple[float, ...]


def read_box(file: Path, part: str, path: Path, opener: Opener) -> Image:
    """Return a box around a point of a volume: `lps=x,y,z&box=a,b,c`, both in millimetres.

    The point is the patient's: to the left, to the back, to the head (LPS), as in DICOM and LUNA16;
    its voxel comes to lie in the middle. The sides are meant from right to left, from front to back
    and from feet to head, each taken along the axis of the file that runs nearest to it; one number
    stands for three. Nothing is resampled. What lies outside the volume repeats its edge.
    """
    point, sides = parsed(part, path)
    stamp = file.stat().st_mtime_ns
    grid = grid_of(file, stamp, opener)
    place = (grid.inverse @ (-point[0], -point[1], point[2], 1.0))[:3]
    counts, starts = [], []
    for axis, (index, whole) in enumerate(zip(place, grid.volume.shape[1:], strict=True)):
        if not -0.5 <= index <= whole - 0.5:
            raise outside(grid, point, place, path)
        count = max(1, round(sides[grid.along[axis]] / grid.spacing[axis]))
        counts.append(count)
        starts.append(math.floor(index + 0.5) - count // 2)
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ starts
    # The volume is asked for anew: a box that is held must not hold a whole volume in memory.
    return replace(
        grid.volume,
        path=path,
        kind="box",
        shape=(grid.volume.channels, *counts),
        load=lambda: cut_out(grid_of(file, stamp, opener).volume.array, starts, counts),
        affine=affine,
    )


def parsed(part: str, path: Path) -> tuple[Three, Three]:
    """Return point and sides of a box, or raise `BadInput` saying what is wrong with them."""
    words = dict(word.partition("=")[::2] for word in part.split("&"))
    if words.keys() != {"lps", "box"}:
        raise BadInput(
            f"{path}: {part!r} is no box; write #lps=X,Y,Z&box=A,B,C, all in millimetres"
        )
    point, sides = numbers(words["lps"]), numbers(words["box"])
    sides = sides * 3 if len(sides) == 1 else sides
    if len(point) != 3 or len(sides) != 3 or not all(0 < side <= WIDEST for side in sides):
        raise BadInput(
            f"{path}: lps={words['lps']!r} and box={words['box']!r}, but a point is three numbers, "
            f"and a box one or three above 0 and up to {WIDEST}"
        )
    return (point[0], point[1], point[2]), (sides[0], sides[1], sides[2])


def numbers(text: str) -> tuple[float, ...]:
    """Return finite numbers between commas; none where one is no number."""
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        return ()
    return found if all(map(math.isfinite, found)) else ()


@lru_cache(maxsize=KEPT)
def grid_of(file: Path, stamp: int, opener: Opener) -> Grid:
    """Return a volume that boxes are cut from; stamp: when its file was written."""
    volume = opener.read(file, opener.series, opener.uneven)
    if volume.ndim != 3 or volume.affine is None:
        what = "a picture" if volume.ndim == 2 else "a volume that does not know where it lies"
        raise BadInput(
            f"{file}: it is {what}, so it has no place in millimetres to cut a box around; give "
            "the scan as DICOM, NIfTI or MetaImage"
        )
    order = [axis for axis, _ in steps(volume.orientation, PATIENT)]
    return Grid(
        volume,
        volume.affine,
        np.linalg.inv(volume.affine).astype(np.float64),
        tuple(order.index(axis) for axis in range(3)),
        spacing_of(volume.affine),
    )


def outside(grid: Grid, point: Three, place: Affine, path: Path) -> BadInput:
    """Return the error for a point that no voxel is at."""
    turned = (grid.inverse @ (*point, 1.0))[:3]
    sides = np.array(grid.volume.shape[1:])
    hint = "the point must be in the patient's millimetres, to the left, back and head (LPS)"
    if ((turned >= -0.5) & (turned <= sides - 0.5)).all():
        hint = "read as RAS it would lie inside: change the sign of x and y"
    elif ((np.array(point) >= 0) & (np.array(point) < sides)).all():
        hint = "it looks like voxel numbers: " + hint
    said = ", ".join(f"{value:.1f}" for value in place)
    return BadInput(
        f"{path}: the point lies outside the volume, at voxel ({said}) of {tuple(sides.tolist())}; "
        f"{hint}"
    )
