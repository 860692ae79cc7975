"""One door to every image format: `read(path)` gives an `Image`, of a file or of a part of one."""

import os
from dataclasses import replace
from pathlib import Path

from genesis_hub.data.image import Image
from genesis_hub.data.readers import arrays, metaimage, nifti, nrrd, picture
from genesis_hub.data.readers.boxes import Opener, is_box, read_box
from genesis_hub.data.readers.dicom import read_series
from genesis_hub.data.readers.jsrt import is_jsrt, read_jsrt
from genesis_hub.data.readers.outlines import is_mask, read_mask
from genesis_hub.data.readers.parts import parted, words_of
from genesis_hub.data.readers.series import only, series_in
from genesis_hub.data.readers.slices import has_magic
from genesis_hub.data.readers.stacks import read_item
from genesis_hub.errors import BadInput

READERS = (
    (nifti.SUFFIXES, nifti.read_nifti),
    (metaimage.SUFFIXES, metaimage.read_metaimage),
    (nrrd.SUFFIXES, nrrd.read_nrrd),
    (picture.SUFFIXES, picture.read_picture),
    (arrays.SUFFIXES, arrays.read_arrays),
)
SUFFIXES = tuple(suffix for suffixes, _ in READERS for suffix in suffixes)
DICOM = (".dcm", ".dicom", ".ima", "")
LONGEST_FIRST = sorted((*SUFFIXES, *DICOM[:3]), key=len, reverse=True)
FORMATS = "NIfTI, DICOM, MetaImage, NRRD, PNG, JPEG, BMP, GIF, TIFF, NPY, NPZ"

__all__ = ["FORMATS", "Image", "is_dicom", "is_plain", "read", "stem_of"]


def read(path: str | Path, *, series: str | None = None, uneven: bool = False) -> Image:
    """Return the image in a file, or in a folder of DICOM files; values are read when asked for.

    path: behind a "#" it may name a part: an item of a stack of images (`x_train.npy#17`,
    `pneumoniamnist.npz#train_images/17`), a box around a point of a volume
    (`scan.mhd#lps=-128.7,-175.3,-298.4&box=64,64,32`; see `boxes.read_box`), or a mask that a table
    or several files make together (`train-rle.csv#mask=runs&...`; see `outlines`).
    series: which one, where a folder holds several: a name, number or UID.
    uneven: take a DICOM series with gaps as evenly spaced instead of refusing it.
    """
    file, part = parted(path) if isinstance(path, str | Path) else (path, "")
    if not part:
        return read_whole(path, series, uneven)
    path = Path(path)
    if is_mask(part):
        image = read_mask(file, part, path, lambda other: read_whole(other, None, uneven))
    elif is_box(part):
        image = read_box(file, part, path, Opener(read_whole, series, uneven))
    else:
        image = read_item(file, part, path)
    return replace(image, name=f"{stem_of(file)}_{words_of(part)}")


def read_whole(path: str | Path, series: str | None, uneven: bool) -> Image:
    """Return the image in a file or a folder."""
    path = existing(path)
    if path.is_dir():
        heap = [file for file in files_in(path) if not is_plain(file)]
        found = series_in(heap, stem=path.resolve().name)
        if not found:
            raise BadInput(
                f"{path}: no DICOM image lies in this folder; give the file itself ({FORMATS}), or "
                "the folder of a series"
            )
        return read_series(only(found, path, series), path=path, uneven=uneven)
    if path.stat().st_size == 0:
        raise BadInput(f"{path}: the file is empty; copy or export it again")
    if is_jsrt(path):
        return replace(read_jsrt(path), name=stem_of(path))
    for suffixes, reader in READERS:
        if path.name.lower().endswith(suffixes):
            image = reader(path)
            return replace(image, name=stem_of(path))
    if is_dicom(path):
        found = series_in([path], stem=stem_of(path), named=True)
        return read_series(only(found, path, series), path=path, uneven=uneven)
    raise BadInput(f"{path}: {path.suffix!r} is no image format known here; {FORMATS} are read")


def files_in(folder: Path) -> list[Path]:
    """Return the files in a folder and below, hidden ones aside, in a fixed order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )


def existing(path: str | Path) -> Path:
    """Return a path that is there, or raise `BadInput`."""
    if not isinstance(path, str | Path) or not str(path).strip():
        raise BadInput(f"{path!r} is no path of an image")
    found = Path(path)
    try:
        found = found.expanduser()
        there = found.exists()
    except (OSError, ValueError, RuntimeError):  # a name too long, a NUL, a ~ of nobody
        there = False
    if not there:
        raise BadInput(f"{found}: there is no such file or folder")
    if not found.is_file() and not found.is_dir():
        raise BadInput(f"{found}: neither a file nor a folder, but a pipe or a device")
    if not os.access(found, os.R_OK):
        raise BadInput(f"{found}: you may not read it; ask its owner, or chmod u+r it")
    return found


def is_plain(path: Path) -> bool:
    """Say whether a name ends as an image's does, DICOM aside."""
    return path.name.lower().endswith(SUFFIXES)


def is_dicom(path: Path) -> bool:
    """Say whether a file is called as DICOM files are, or begins as they do."""
    return path.suffix.lower() in DICOM or has_magic(path)


def stem_of(path: Path) -> str:
    """Return a file's name without the endings of image formats; that of a part tells which."""
    path, part = parted(path)
    if part:
        return f"{stem_of(path)}_{words_of(part)}"
    name = path.name
    for suffix in LONGEST_FIRST:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return path.stem if path.suffix.lower() in DICOM[:3] else name
