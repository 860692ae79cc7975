"""NRRD (.nrrd, .nhdr with its values beside it): pynrrd reads the header, the values are ours."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.image import Affine, Array, Image, sound_affine, spacing_of
from genesis_hub.data.readers.raw import beside, check_room, flat, native
from genesis_hub.errors import BadInput
from genesis_hub.extras import require

SUFFIXES = (".nrrd", ".nhdr")
PACKED = {"raw": "", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
NAMES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long",
           "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
KINDS = {name: kind for kind, names in NAMES.items() for name in names}
SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip


def read_nrrd(path: Path) -> Image:
    """Return the image in an NRRD file: (C, X, Y, Z); axes without direction become channels."""
    library = require("nrrd", "medical")
    try:
        with path.open("rb") as file:
            header = library.read_header(file)
            end = file.tell()
        sides = [int(side) for side in header["sizes"]]
        encoding, dimension = str(header["encoding"]).lower(), int(header["dimension"])
        lines, skip = (int(header.get(key, header.get(old, 0))) for key, old in SKIPS)
        kind, values = KINDS.get(str(header["type"])), data_file(header, path)
        endian = str(header.get("endian", "")).lower()
    except BadInput:
        raise
    except Exception as error:  # pynrrd raises whatever its parts raise
        raise BadInput(
            f"{path}: not an NRRD file that can be read ({type(error).__name__}: {error}); "
            "copy or export it again"
        ) from error
    if encoding not in PACKED:
        raise BadInput(f"{path}: its encoding is {encoding!r}; save it as raw, gzip or bzip2")
    if len(sides) != dimension or min(sides, default=0) < 1:
        raise BadInput(f"{path}: its sizes are {sides} for {dimension} axes; 1 or more each fit")
    if kind is None:
        raise BadInput(f"{path}: its values are {header['type']!r}; real numbers are expected")
    if endian not in ("little", "big") and kind[1] != "1":
        raise BadInput(
            f"{path}: its byte order (endian) is {endian!r}, but little or big is needed"
        )
    dtype = np.dtype((">" if endian == "big" else "<") + kind)
    packed = PACKED[encoding]
    if lines or skip < -1 or (packed and skip):
        raise BadInput(
            f"{path}: line skip is {lines} and byte skip {skip}; save it with its values alone"
        )
    count = prod(sides)
    offset = (end if values == path else 0) + max(skip, 0)
    if skip == -1:
        offset = values.stat().st_size - count * dtype.itemsize
    check_room(values, dtype, count, offset=offset, packed=packed)
    spatial, inner, outer = axes_of(header, sides, path)

    def load() -> Array:
        row = flat(values, dtype, count, offset=offset, packed=packed)
        cells = row.reshape((inner, *spatial, outer), order="F")
        if outer > 1:
            return native(np.moveaxis(cells, -1, 1).reshape((inner * outer, *spatial)))
        return native(cells[..., 0])

    affine = affine_of(header, path)
    spacing = plain_spacing(header) if affine is None else spacing_of(affine)
    return Image(
        path=path,
        kind="nrrd",
        shape=(inner * outer, *spatial),
        load=load,
        affine=affine,
        spacing=spacing,
        sources=(path,) if values == path else (path, values),
    )


SKIPS = (("line skip", "lineskip"), ("byte skip", "byteskip"))


def data_file(header: Any, path: Path) -> Path:
    """Return the file that holds the values."""
    name = header.get("data file", header.get("datafile"))
    if name is None:
        return path
    if not isinstance(name, str) or name.upper().startswith("LIST") or "%" in name:
        raise BadInput(f"{path}: its values lie in several files ({name}); save it as one .nrrd")
    return beside(path, name)


def axes_of(header: Any, sides: list[int], path: Path) -> tuple[tuple[int, ...], int, int]:
    """Return the sides in space, and how many values lie inside and outside of them."""
    directions = header.get("space directions")
    if directions is not None:
        known = [bool(lines_of([line])) for line in directions]
    else:
        kinds = header.get("kinds") or [""] * len(sides)
        known = [kind.lower() in ("", "domain", "space", "???", "none") for kind in kinds]
    places = [axis for axis, true in enumerate(known) if true][:3]
    if not places or len(known) != len(sides) or places[-1] - places[0] != len(places) - 1:
        raise BadInput(
            f"{path}: its axes {sides} cannot be told apart from its header; at most channels, "
            "three axes in space and a list are read"
        )
    first, last = places[0], places[-1]
    spatial = tuple([*sides[first : last + 1], 1, 1][:3])
    return spatial, prod(sides[:first]), prod(sides[last + 1 :])


def lines_of(directions: Any) -> list[Any]:
    """Return the directions of those axes that have one."""
    lines = [np.asarray(line, dtype=float) for line in directions]
    return [line for line in lines if np.isfinite(line).all()]


def affine_of(header: Any, path: Path) -> Affine | None:
    """Return voxel index to millimetres in NIfTI's frame, or None without directions."""
    directions, space = header.get("space directions"), str(header.get("space", "")).lower()
    if directions is None or space not in SPACES:
        return None
    rows = lines_of(directions)[:3]
    origin = np.asarray(header.get("space origin", (0, 0, 0)), dtype=float)
    if any(len(row) != 3 for row in rows) or origin.shape != (3,):
        raise BadInput(f"{path}: its space directions or origin are not of three numbers each")
    affine = np.eye(4)
    affine[:3, : len(rows)] = np.transpose(rows)
    affine[:3, 3] = origin
    return sound_affine(np.diag([*SPACES[space], 1.0]) @ affine, path)


def plain_spacing(header: Any) -> tuple[float, ...] | None:
    """Return the spacing of a file without directions."""
    lines = lines_of(header.get("space directions", ()))
    lengths = [np.linalg.norm(line) for line in lines] or header.get("spacings", ())
    found = [float(value) for value in lengths if np.isfinite(value)]
    return tuple(found) if len(found) == 3 and min(found) > 0 else None
