"""MetaImage (.mhd with its raw file, .mha), as LUNA16 has it.

Read by hand: SimpleITK, the one library that knows it, copies the whole volume and cannot map it.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.image import Affine, Array, Image, sound_affine, spacing_of
from genesis_hub.data.readers.raw import beside, check_room, flat, native
from genesis_hub.errors import BadInput

SUFFIXES = (".mhd", ".mha")
TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
MOST_HEADER = 64 * 1024
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_metaimage(path: Path) -> Image:
    """Return the image in a MetaImage file: (C, X, Y, Z)."""
    header, end = read_header(path)
    ndim = whole(header, "ndims", path)
    sides = numbers(header, "dimsize", path, ndim)
    if ndim not in (2, 3, 4) or any(side < 1 or side % 1 for side in sides):
        raise BadInput(f"{path}: DimSize {sides} with NDims {ndim}: 2 to 4 axes of 1 or more fit")
    shape = [int(side) for side in sides]
    spatial = tuple([*shape, 1][:3])
    frames = shape[3] if ndim == 4 else 1
    per_voxel = whole(header, "elementnumberofchannels", path, default=1)
    if header["elementtype"] not in TYPES:
        raise BadInput(
            f"{path}: ElementType {header['elementtype']!r} is not one of {', '.join(TYPES)}"
        )
    big = header.get("elementbyteordermsb", header.get("binarydatabyteordermsb", "false"))
    dtype = np.dtype((">" if big.lower().startswith("t") else "<") + TYPES[header["elementtype"]])
    if header.get("binarydata", "true").lower().startswith("f"):
        raise BadInput(f"{path}: its values are written as text; save it with BinaryData = True")
    values, offset = values_of(header, path, end)
    count = prod(spatial) * frames * per_voxel
    packed = ""
    if header.get("compresseddata", "false").lower().startswith("t"):
        with values.open("rb") as file:
            file.seek(offset)
            packed = "gzip" if file.read(2) == b"\x1f\x8b" else "zlib"
    elif header.get("headersize") == "-1":
        offset = values.stat().st_size - count * dtype.itemsize
    check_room(values, dtype, count, offset=offset, packed=packed)

    def load() -> Array:
        row = flat(values, dtype, count, offset=offset, packed=packed)
        cells = row.reshape((per_voxel, *spatial, frames), order="F")
        joined = np.moveaxis(cells, -1, 1).reshape((per_voxel * frames, *spatial))
        return native(joined if frames > 1 else cells[..., 0])

    affine = affine_of(header, path, ndim)
    return Image(
        path=path,
        kind="metaimage",
        shape=(per_voxel * frames, *spatial),
        load=load,
        affine=affine,
        spacing=spacing_of(affine),
        modality=MODALITIES.get(header.get("modality", ""), ""),
        sources=(path,) if values == path else (path, values),
    )


MODALITIES = {"MET_MOD_CT": "ct", "MET_MOD_MR": "mri"}


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """Return the header's lines, keys in lower case, and where it ends."""
    header: dict[str, str] = {}
    with path.open("rb") as file:
        while file.tell() < MOST_HEADER:
            line = file.readline(MOST_HEADER)
            key, sign, value = line.partition(b"=")
            if not sign:
                break
            name = key.decode("latin-1").strip().lower()
            header[name] = text_of(value).strip()
            if name == "elementdatafile":  # Always the last line; the values may follow.
                missing = {"ndims", "dimsize", "elementtype"} - header.keys()
                if missing:
                    break
                return header, file.tell()
    raise BadInput(
        f"{path}: not a MetaImage header: NDims, DimSize, ElementType and, last, ElementDataFile "
        "are expected, a line each"
    )


def text_of(value: bytes) -> str:
    """Return a line's text; the names of files are UTF-8 today and were Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def values_of(header: dict[str, str], path: Path, end: int) -> tuple[Path, int]:
    """Return the file that holds the values, and where they begin."""
    name = header["elementdatafile"]
    if name.upper() == "LOCAL":
        return path, end
    if name.upper().startswith("LIST") or "%" in name:
        raise BadInput(
            f"{path}: its values lie in one file per slice ({name}); save it as one .mha file"
        )
    values = beside(path, name)
    skip = header.get("headersize", "0")
    if skip != "-1" and (not skip.isdecimal() or len(skip) > 15):
        raise BadInput(
            f"{path}: HeaderSize is {skip!r:.200}, but -1 or a number of bytes is expected"
        )
    return values, max(int(skip), 0)


def affine_of(header: dict[str, str], path: Path, ndim: int) -> Affine:
    """Return voxel index to millimetres; MetaImage counts towards left and back."""
    default = [1.0] * ndim
    spacing = numbers(header, "elementspacing", path, ndim, default, also=("elementsize",))
    offset = numbers(header, "offset", path, ndim, [0.0] * ndim, also=("position", "origin"))
    eye = [float(value) for value in np.eye(ndim).ravel()]
    lines = numbers(
        header, "transformmatrix", path, ndim * ndim, eye, also=("rotation", "orientation")
    )
    # One line of the matrix is the direction of one index.
    directions = np.array(lines).reshape(ndim, ndim).T
    affine = np.eye(4)
    depth = min(ndim, 3)
    affine[:depth, :depth] = (directions @ np.diag(spacing))[:depth, :depth]
    affine[:depth, 3] = offset[:depth]
    return sound_affine(LPS_TO_RAS @ affine, path)


def numbers(
    header: dict[str, str],
    key: str,
    path: Path,
    count: int,
    default: list[float] | None = None,
    also: tuple[str, ...] = (),
) -> list[float]:
    """Return a line of numbers of the header."""
    text = next((header[name] for name in (key, *also) if name in header), None)
    if text is None and default is not None:
        return default
    try:
        found = [float(word) for word in (text or "").split()]
    except ValueError:
        found = []
    if len(found) != count or not np.isfinite(found).all() or "_" in (text or ""):
        raise BadInput(f"{path}: {key} is {text!r}, but {count} numbers are expected")
    return found


def whole(header: dict[str, str], key: str, path: Path, default: int | None = None) -> int:
    """Return a whole number of at least 1 from the header."""
    text: Any = header.get(key, default)
    if isinstance(text, str) and (not text.isdecimal() or len(text) > 6 or int(text) < 1):
        raise BadInput(f"{path}: {key} is {text!r:.200}, but a whole number from 1 is expected")
    return int(text)
