"""What a phantom is: a made-up image with everything that is known about it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput

Kind = Literal["chest-ct", "head-ct", "chest-xray"]
Fact = int | float | str | tuple["Fact", ...]

# Below this an organ of the size of a heart is a few voxels, and no label can be trusted.
LEAST_SIDE = 24


@dataclass(frozen=True, eq=False, repr=False)
class Phantom:
    """A made-up image and its truth; nobody was ever in front of the machine.

    image: (C, X, Y, Z) for volumes, (C, rows, columns) for pictures.
    spacing: millimetres per voxel, one per axis of `labels`.
    affine: voxel index to RAS+ millimetres as NIfTI has it; None for pictures.
    labels: uint8, the image without its channel axis; 0 is outside.
    names: what each label is called.
    masks: findings and tissues that may lie across the labels, by name.
    truth: plain numbers, words and tuples: class labels, places in voxels, sizes in millimetres.
    """

    image: NDArray[np.generic]
    spacing: tuple[float, ...]
    affine: NDArray[np.float64] | None
    labels: NDArray[np.uint8]
    names: Mapping[int, str]
    masks: Mapping[str, NDArray[np.bool_]]
    truth: Mapping[str, Fact]
    seed: int
    kind: Kind

    def __repr__(self) -> str:
        sides = " x ".join(f"{side:.4g}" for side in self.spacing)
        return f"Phantom({self.kind}, seed {self.seed}, {self.image.shape}, {sides} mm)"


def lps_affine(size: tuple[int, ...], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the NIfTI affine of an LPS volume whose centre is at 0, 0, 0 mm."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(size, dtype=np.float64) - 1) / 2)
    return affine


def check_seed(seed: int) -> int:
    """Return the seed, or raise `BadInput` where numpy could not start from it."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise BadInput(f"seed is {seed!r}, but a whole number of 0 or more is expected")
    return int(seed)


def check_size(size: tuple[int, ...], dims: int) -> tuple[int, ...]:
    """Return the size as whole numbers, or raise `BadInput`."""
    rule = f"{dims} whole numbers of {LEAST_SIDE} or more are expected"
    if not isinstance(size, tuple | list) or len(size) != dims:
        raise BadInput(f"size is {size!r}, but {rule}")
    for side in size:
        if isinstance(side, bool) or not isinstance(side, int | np.integer) or side < LEAST_SIDE:
            raise BadInput(f"size is {size!r}, but {rule}")
    return tuple(int(side) for side in size)


def check_spacing(
    spacing: tuple[float, ...] | None, size: tuple[int, ...], field: tuple[float, ...]
) -> tuple[float, ...]:
    """Return millimetres per voxel: as given, or so that `field` millimetres fit the size."""
    if spacing is None:
        return tuple(extent / side for extent, side in zip(field, size, strict=True))
    rule = f"{len(size)} numbers of millimetres above 0 are expected, or None"
    if not isinstance(spacing, tuple | list) or len(spacing) != len(size):
        raise BadInput(f"spacing is {spacing!r}, but {rule}")
    for step in spacing:
        number = isinstance(step, int | float | np.number) and not isinstance(step, bool)
        if not number or not math.isfinite(step) or step <= 0:
            raise BadInput(f"spacing is {spacing!r}, but {rule}")
    return tuple(float(step) for step in spacing)


def check_choice(thing: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise `BadInput` unless `value` is None, False or one of the words allowed."""
    if value is None or value is False or value in allowed:
        return
    raise BadInput(
        f"{thing} is {value!r}, but one of {', '.join(map(repr, allowed))} is expected, "
        "False for none, or None to let the seed decide"
    )
