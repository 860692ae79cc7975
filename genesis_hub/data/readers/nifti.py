"""NIfTI-1, NIfTI-2 and Analyze-style pairs: nibabel reads the header, the values are ours.

nibabel unpacks through Python's zlib and takes three times as long as SimpleITK; its header reading
is complete and lenient where files are, so that is what is used of it.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.image import Affine, Array, Image, sound_affine, spacing_of
from genesis_hub.data.readers.raw import beside, check_room, flat, rescaled
from genesis_hub.errors import BadInput
from genesis_hub.extras import require

SUFFIXES = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")
COLOURS = {128: 3, 2304: 4}  # NIfTI's codes of RGB24 and RGBA32
MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
CODE_OF_RGB = 128


def read_nifti(path: Path) -> Image:
    """Return the image in a NIfTI file: (C, X, Y, Z); a fourth or fifth axis becomes channels."""
    nibabel = require("nibabel", "medical")
    try:
        opened = nibabel.load(path)
        header = opened.header
        affine = opened.affine
        proxy = opened.dataobj
        shape = tuple(int(side) for side in proxy.shape)
        code = int(header["datatype"])
    except Exception as error:  # nibabel raises whatever its parts raise
        raise BadInput(
            f"{path}: not a NIfTI file that can be read ({type(error).__name__}: {error}); "
            "copy or export it again"
        ) from error
    channels = channels_of(shape, path)
    if code == CODE_OF_RGB or code in COLOURS:
        dtype, channels = np.dtype(np.uint8), channels * COLOURS[code]
    else:
        dtype = np.dtype(proxy.dtype)
        if dtype.kind not in "iuf" or dtype.itemsize > 8:
            raise BadInput(f"{path}: its values are {dtype}; convert them to real numbers first")
    spatial = tuple([*shape[:3], 1, 1][:3])
    values = Path(proxy.file_like if isinstance(proxy.file_like, str | Path) else path)
    offset, packed = int(proxy.offset), "gzip" if values.name.lower().endswith(".gz") else ""
    beside(path, values.name)
    count = prod(spatial) * channels
    room = offset if packed else 0  # The header is packed along with the values.
    check_room(
        values, dtype, count + room // dtype.itemsize, offset=0 if packed else offset, packed=packed
    )
    # The header that nibabel hands out no longer has them; they are 1 and 0 where none hold.
    slope, intercept = float(proxy.slope), float(proxy.inter)

    def load() -> Array:
        if packed:
            flatted = flat(
                values, np.dtype(np.uint8), offset + count * dtype.itemsize, packed=packed
            )
            row = flatted[offset:].view(dtype)
        else:
            row = flat(values, dtype, count, offset=offset)
        return rescaled(arranged(row, spatial, channels, code in COLOURS), slope, intercept)

    notes: list[str] = []
    where = in_millimetres(sound_affine(affine, path), header, notes)
    if not int(header.get("sform_code", 0)) and not int(header.get("qform_code", 0)):
        notes.append("neither sform nor qform is set: its axes are taken as nibabel takes them")
    return Image(
        path=path,
        kind="nifti",
        shape=(channels, *spatial),
        load=load,
        affine=where,
        spacing=spacing_of(where),
        sources=(path,),
        notes=tuple(notes),
    )


def channels_of(shape: tuple[int, ...], path: Path) -> int:
    """Return how many values lie at each place, or refuse what is no image."""
    if not shape or any(side < 1 for side in shape):
        raise BadInput(f"{path}: its header says {shape}: there is nothing in it")
    if len(shape) > 5:
        raise BadInput(f"{path}: it has {len(shape)} axes {shape}; at most (X, Y, Z, T, C) is read")
    return prod(shape[3:])


def arranged(row: Array, spatial: tuple[int, ...], channels: int, colour: bool) -> Array:
    """Return a row of values as (C, X, Y, Z); a view."""
    if colour:  # The colours of a voxel lie side by side, before x.
        return row.reshape((-1, *spatial), order="F")
    return np.moveaxis(row.reshape((*spatial, channels), order="F"), -1, 0)


def in_millimetres(affine: Affine, header: Any, notes: list[str]) -> Affine:
    """Return the affine in millimetres where the header says, believably, that it is not."""
    try:
        unit = header.get_xyzt_units()[0]
    except (AttributeError, KeyError):
        return affine
    factor = MILLIMETRES.get(unit, 1.0)
    # Headers with a wrong unit are common; believed only if voxels become 0.01 to 50 mm wide.
    sides = np.array(spacing_of(affine)) * factor
    if factor == 1.0 or not ((sides > 0.01) & (sides < 50)).all():
        return affine
    notes.append(f"its lengths are in {unit}s and were turned into millimetres")
    return np.diag([factor] * 3 + [1.0]) @ affine
