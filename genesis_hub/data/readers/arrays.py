"""NPY and NPZ: arrays without a patient's space, unless an NPZ brings its affine or spacing.

numpy's own reader takes a header's word for the memory it takes, and knows pickles: only its
parser of headers is used.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from genesis_hub.data.image import Affine, Array, Image, sound_affine, spacing_of
from genesis_hub.data.readers.raw import MOST_PACKED, flat, native
from genesis_hub.errors import BadInput

SUFFIXES = (".npy", ".npz")
NAMES = ("image", "volume", "data", "arr_0", "x")
BESIDE = ("affine", "spacing", "label", "labels", "mask")
MOST_BESIDE = 1 << 16


@dataclass(frozen=True)
class Stored:
    """An array in a file, known by its header; `member` names it in an archive."""

    path: Path
    member: str
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return prod(self.shape) * self.dtype.itemsize

    def values(self) -> Array:
        """Return its values: mapped from NPY, unpacked from NPZ."""
        count = prod(self.shape)
        if self.member:
            row = self.unzipped().view(self.dtype)
        else:
            row = flat(self.path, self.dtype, count, offset=self.offset)
        return row.reshape(self.shape, order="F" if self.fortran else "C")

    def unzipped(self) -> Array:
        """Return the bytes of its values."""
        out = np.empty(self.size, dtype=np.uint8)
        room: Any = memoryview(out.data)
        filled = 0
        for piece in self.pieces():
            room[filled : filled + len(piece)] = piece
            filled += len(piece)
        return out

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of its values as they are unpacked, never more than there shall be."""
        given = 0
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                file.read(self.offset)
                while piece := file.read(1 << 20):
                    given += len(piece)
                    if given > self.size:
                        break
                    yield piece
        except Exception as error:  # zipfile raises whatever its parts raise
            raise broken(self.path, error) from error
        if given != self.size:
            raise broken(self.path, f"it ends after {given} of {self.size} bytes")


def read_arrays(path: Path) -> Image:
    """Return the image in an NPY or NPZ file.

    Two axes are a picture. Three are a volume (X, Y, Z), unless the first has 1, 3 or 4 places and
    the others more (channels first) or the last has 1, or 3 or 4 of uint8 (channels last). Four are
    (C, X, Y, Z), or (X, Y, Z, C) where the last has 1 to 4 places and all others more.
    """
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                stored, beside = header_of(file, path), dict[str, Any]()
        else:
            stored, beside = from_npz(path)
    except BadInput:
        raise
    except Exception as error:  # numpy and zipfile raise whatever their parts raise
        raise broken(path, error) from error
    # A stand-in of no memory: what `with_channels` does to it is done to the values later.
    shaped = with_channels(np.broadcast_to(np.zeros((), stored.dtype), stored.shape), path)
    affine, spacing = place(beside, path, shaped.ndim - 1)
    if not stored.member:
        stored.values()  # Mapping costs nothing and tells of a file cut short.
    return Image(
        path=path,
        kind="array",
        shape=shaped.shape,
        load=lambda: native(with_channels(stored.values(), path)),
        affine=affine,
        spacing=spacing,
        grey=(0.0, 255.0) if stored.dtype == np.uint8 and shaped.ndim == 3 else None,
        sources=(path,),
    )


def header_of(file: Any, path: Path, member: str = "") -> Stored:
    """Return what the header of an array says, or refuse what is no array of numbers."""
    version = npy.read_magic(file)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        raise BadInput(
            f"{path}: it holds pickled objects, which could do harm and are never read; save it "
            "again with numpy.save(path, array) from an array of numbers"
        )
    if dtype.kind not in "iufb" or dtype.itemsize > 8:
        raise BadInput(f"{path}: its values are {dtype}, but real numbers are expected")
    if min(shape, default=0) < 1:
        raise BadInput(f"{path}: its shape is {shape}: there is nothing in it")
    return Stored(path, member, tuple(map(int, shape)), bool(fortran), dtype, file.tell())


def from_npz(path: Path) -> tuple[Stored, dict[str, Any]]:
    """Return the one image of an NPZ file and what lies beside it."""
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        images = [key for key in members if key not in BESIDE]
        named = next((key for key in NAMES if key in images), None)
        if named is None and len(images) != 1:
            raise BadInput(
                f"{path}: which of {', '.join(sorted(images)) or 'its no arrays'} is the image? "
                f"name it {NAMES[0]!r}, or save one image per file"
            )
        stored = member_of(archive, members[named or images[0]], path)
        beside: dict[str, Any] = {}
        for key in ("affine", "spacing"):
            if key in members:
                small = member_of(archive, members[key], path)
                if small.size > MOST_BESIDE:
                    raise BadInput(f"{path}: its {key} is {small.shape}: too many numbers")
                beside[key] = small.values()
    return stored, beside


def member_of(archive: zipfile.ZipFile, member: str, path: Path) -> Stored:
    """Return an array of an archive whose header and whose size there agree."""
    facts = archive.getinfo(member)
    with archive.open(member) as file:
        stored = header_of(file, path, member)
    need = stored.offset + stored.size
    if facts.file_size != need or need > MOST_PACKED["gzip"] * max(facts.compress_size, 1):
        raise broken(
            path, f"{member} promises {need} bytes, but {facts.file_size} are listed for it"
        )
    return stored


def with_channels(array: Array, path: Path) -> Array:
    """Return an array with its channels first."""
    if array.ndim == 2:
        return array[None]
    if array.ndim == 3:
        if array.shape[0] in (1, 3, 4) and min(array.shape[1:]) > 4:
            return array
        colour = array.shape[2] in (3, 4) and array.dtype == np.uint8
        # (H, W, 1), as Keras wants its pictures, is no volume of one slice.
        if (colour or array.shape[2] == 1) and min(array.shape[:2]) > 4:
            return np.moveaxis(array, 2, 0)
        return array[None]
    if array.ndim == 4:
        last = array.shape[3] <= 4 < min(array.shape[:3])
        return np.moveaxis(array, 3, 0) if last else array
    raise BadInput(
        f"{path}: its shape is {array.shape}; expected (X, Y), (X, Y, Z), (C, X, Y), "
        "(C, X, Y, Z) or (X, Y, Z, C)"
    )


def place(
    beside: dict[str, Any], path: Path, ndim: int
) -> tuple[Affine | None, tuple[float, ...] | None]:
    """Return affine and spacing as an NPZ gives them."""
    if "affine" in beside and ndim == 3:
        if beside["affine"].shape != (4, 4):
            raise BadInput(
                f"{path}: its affine is {beside['affine'].shape}, but (4, 4) is expected"
            )
        affine = sound_affine(beside["affine"], path)
        return affine, spacing_of(affine)
    if "spacing" in beside:
        spacing = tuple(float(value) for value in np.ravel(beside["spacing"]))
        if len(spacing) != ndim or not all(0 < value < np.inf for value in spacing):
            raise BadInput(f"{path}: its spacing is {spacing}, but {ndim} lengths are expected")
        return None, spacing
    return None, None


def broken(path: Path, what: object) -> BadInput:
    """Return the error for a file that holds no array."""
    return BadInput(
        f"{path}: cannot be read as an array of numbers ({what}); save it again with "
        "numpy.save(path, array)"
    )
