"""One image as a file holds it: its values, where they lie in the patient, whence they came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.extras import require

Array = NDArray[Any]
Affine = NDArray[np.float64]

# Which way an axis runs, by the side its index grows towards, in NIfTI's frame (RAS+).
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True, eq=False, repr=False)
class Image:
    """What is known of an image from its header; `array` reads the values when first asked.

    shape: (C, X, Y) for pictures, whose X runs down the rows and Y along the columns, as timm and
    torchvision have it; (C, X, Y, Z) for volumes, in the axes of the file.
    load: gives the values in that shape; memory-mapped where the format allows.
    affine: (4, 4), voxel index (X, Y, Z) to millimetres in NIfTI's frame (right, anterior,
    superior); None where a file does not know where its patient lay.
    spacing: millimetres between neighbours along each axis; None where it is not known.
    unit: "HU" where the values are known to be that, else empty.
    modality: "ct", "mri", "xray" or what else the file says in DICOM's letters; empty if nothing.
    grey: for pictures, the values that mean black and white.
    sources: the files it was read from; one per slice for most DICOM series.
    notes: what a reader did or saw that a user may want to know.
    """

    path: Path
    kind: str
    shape: tuple[int, ...]
    load: Callable[[], Array]
    affine: Affine | None = None
    spacing: tuple[float, ...] | None = None
    unit: str = ""
    modality: str = ""
    grey: tuple[float, float] | None = None
    sources: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    name: str = ""

    def __repr__(self) -> str:
        sides = " x ".join(f"{side:.4g}" for side in self.spacing or ())
        said = [str(self.shape), self.orientation, f"{sides} mm" if sides else "", self.unit]
        return f"Image({str(self.path)!r}, {self.kind}, {', '.join(filter(None, said))})"

    @property
    def title(self) -> str:
        """The file's name, and the part of it that is meant."""
        file, sign, part = str(self.path).partition("#")
        return f"{Path(file).name}{sign}{part}"

    @property
    def ndim(self) -> int:
        """Spatial axes: 2 for pictures, 3 for volumes."""
        return len(self.shape) - 1

    @property
    def channels(self) -> int:
        """Values at each place."""
        return self.shape[0]

    @cached_property
    def array(self) -> Array:
        """The values: (C, X, Y[, Z])."""
        values = self.load()
        assert values.shape == self.shape, (values.shape, self.shape)
        return values

    @property
    def orientation(self) -> str:
        """Where the axes run, such as "LPS": to the left, to the back, to the head; or empty."""
        return "" if self.affine is None else codes_of(self.affine)

    def framed(self, codes: str) -> Array:
        """Return the values with their axes running as `codes` say; a view, nothing is copied.

        An image that does not know how it lies is taken to be in that frame already.
        """
        if self.affine is None:
            return self.array
        return turned(self.array, self.orientation, codes)

    def unframed(self, array: Array, codes: str) -> Array:
        """Return an answer (C, X, Y, Z) in the frame of `codes` in the axes of the file again."""
        if self.affine is None:
            return array
        return turned(array, codes, self.orientation)

    def framed_spacing(self, codes: str) -> tuple[float, ...] | None:
        """Return the spacing along the axes of `framed(codes)`."""
        if self.affine is None or self.spacing is None:
            return self.spacing
        return tuple(self.spacing[axis] for axis, _ in steps(self.orientation, codes))

    def framed_sides(self, codes: str) -> tuple[int, ...]:
        """Return the sides of `framed(codes)`, without reading a value."""
        sides = self.shape[1:]
        if self.affine is None:
            return sides
        return tuple(sides[axis] for axis, _ in steps(self.orientation, codes))


def stacked(images: Sequence[Image]) -> Image:
    """Return images of one place as the channels of one, or refuse those of different shapes."""
    one = images[0]
    if len(images) == 1:
        return one
    for other in images[1:]:
        if other.shape[1:] != one.shape[1:]:
            raise BadInput(
                f"{other.path} is {other.shape[1:]} and {one.path} is {one.shape[1:]}: channels of "
                "one image have one shape; resample one to the other"
            )
    return replace(
        one,
        shape=(sum(image.channels for image in images), *one.shape[1:]),
        load=lambda: np.concatenate([image.array for image in images]),
        sources=tuple(source for image in images for source in image.sources),
        notes=tuple(note for image in images for note in image.notes),
    )


def codes_of(affine: Affine) -> str:
    """Return which way each index runs, as the nearest of the six sides: "LPS"."""
    orientations = require("nibabel.orientations", "medical")
    return "".join(orientations.aff2axcodes(affine))


def steps(have: str, want: str) -> list[tuple[int, bool]]:
    """Return for each axis wanted which of ours it is, and whether it runs the other way."""
    found = []
    for code in want:
        axis = next(i for i, c in enumerate(have) if c in (code, OPPOSITE[code]))
        found.append((axis, have[axis] != code))
    return found


def turned(array: Array, have: str, want: str) -> Array:
    """Return (C, X, Y, Z) with its axes permuted and flipped from one set of codes to another."""
    turns = steps(have, want)
    moved = array.transpose(0, *(1 + axis for axis, _ in turns))
    return moved[(slice(None), *(slice(None, None, -1 if flip else 1) for _, flip in turns))]


def spacing_of(affine: Affine) -> tuple[float, ...]:
    """Return the millimetres between neighbours along each index."""
    return tuple(float(length) for length in np.linalg.norm(affine[:3, :3], axis=0))


def sound_affine(affine: Affine, path: Path) -> Affine:
    """Return an affine as float64, or raise `BadInput` where it places voxels nowhere."""
    affine = np.asarray(affine, dtype=np.float64)
    sides = np.linalg.norm(affine[:3, :3], axis=0) if np.isfinite(affine).all() else np.zeros(3)
    if not sides.all() or abs(np.linalg.det(affine[:3, :3] / sides)) < 1e-3:
        raise BadInput(
            f"{path}: its orientation cannot be used: {np.round(affine, 4).tolist()} does not "
            "place the voxels in space; mend the header (in NIfTI: sform, qform, pixdim)"
        )
    return affine


def cut_out(array: Array, starts: Sequence[int], counts: Sequence[int]) -> Array:
    """Return a copy of (C, *counts) from a place on; edge values are repeated beyond it."""
    inner, over = [slice(None)], [(0, 0)]
    for start, count, side in zip(starts, counts, array.shape[1:], strict=True):
        low, high = max(start, 0), min(start + count, side)
        inner.append(slice(low, high))
        over.append((low - start, start + count - high))
    part = array[tuple(inner)]
    return np.pad(part, over, mode="edge") if any(map(any, over)) else np.array(part)
