"""A picture as it is learned from: eight bits, one channel or three, bright as its file says."""

from pathlib import Path

import numpy as np

from genesis_hub.data.image import Array, Image
from genesis_hub.data.readers.parts import parted
from genesis_hub.data.readers.picture import SUFFIXES, read_picture
from genesis_hub.errors import BadInput
from genesis_hub.sampling import unfit_values
from training.corpus.listing import Scan
from training.pictures import Pixels

EIGHT_BIT = (0.0, 255.0)
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
PART = 0.5  # A picture that fills less of its file's range than this is scaled by its own ends.


def opened(scan: Scan, least: int, *, known: bool = False) -> Image:
    """Return a picture's image; a JPEG that is larger than needed is decoded smaller.

    least: pixels that each side must keep. known: it was read before and found whole.
    """
    file, part = parted(scan.paths[0])
    if part or not file.name.lower().endswith(SUFFIXES):
        return scan.open()
    if not file.is_file():
        raise BadInput(f"{file}: there is no such file")
    if not file.stat().st_size:
        raise BadInput(f"{file}: the file is empty; copy or export it again")
    return read_picture(Path(file), least=least, known=known)


def pixels_of(image: Image, *, colour: bool) -> tuple[Pixels, str]:
    """Return a picture as uint8 (1 or 3, H, W), and what was done to its values, if anything.

    Eight bits stay as they are. Others go from what the file calls black and white, a DICOM file by
    its window; where the picture fills less than half of that (12 bits in 16), from its own least
    to its greatest value. colour: three channels, a grey one repeated; else the grey of colours.
    """
    if image.ndim != 2:
        raise BadInput(
            f"{image.path} is a volume {image.shape}; pictures (C, rows, columns) are learned from "
            "here, so give its slices"
        )
    if image.channels not in (1, 3):
        raise BadInput(
            f"{image.path} has {image.channels} channels; pictures of 1 (grey) or 3 (colours) are "
            "learned from"
        )
    values = image.array
    if unfit := unfit_values(values):
        raise BadInput(f"{image.path}: {unfit}")
    least, most = float(values.min()), float(values.max())
    if least == most:
        raise BadInput(f"{image.path}: all its pixels are {least:g}; there is nothing to see")
    said = ""
    if values.dtype != np.uint8 or image.grey not in (None, EIGHT_BIT):
        low, high = image.grey or (least, most)
        said = f"values {low:g} to {high:g} became 0 to 255"
        if min(most, high) - max(least, low) < PART * (high - low):
            low, high = least, most
            said = "values became 0 to 255 from each picture's least to its greatest"
        values = scaled(values, low, high)
    return as_channels(values, colour=colour), said


def scaled(values: Array, low: float, high: float) -> Array:
    """Return values between two ends as eight bits."""
    shown = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    eight: Pixels = np.rint(shown.clip(0, 255)).astype(np.uint8)
    return eight


def as_channels(values: Array, *, colour: bool) -> Pixels:
    """Return eight-bit values (C, H, W) in three channels or in one."""
    if colour:
        return np.ascontiguousarray(np.broadcast_to(values, (3, *values.shape[1:])))
    if len(values) == 3:
        grey = np.tensordot(LUMA, values.astype(np.float32), (0, 0))
        return np.rint(grey).clip(0, 255).astype(np.uint8)[None]
    return np.ascontiguousarray(values)
