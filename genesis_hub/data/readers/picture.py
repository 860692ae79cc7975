"""PNG, JPEG and other single pictures, 8 and 16 bit, through Pillow (it comes with timm)."""

import warnings
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageOps

from genesis_hub.data.image import Array, Image
from genesis_hub.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MOST_PIXELS = 500_000_000
SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def read_picture(path: Path) -> Image:
    """Return a picture as (C, rows, columns): one channel, or three where the colours differ."""
    try:
        with warnings.catch_warnings(action="ignore"), PIL.Image.open(path) as opened:
            columns, rows = opened.size
            frames = getattr(opened, "n_frames", 1)
            mode, format_ = opened.mode, opened.format or ""
            turned = opened.getexif().get(0x0112, 1) >= 5  # EXIF: a quarter turn
    except Exception as error:  # Pillow raises whatever its parts raise
        raise broken(path, error) from error
    if frames > 1:
        raise BadInput(f"{path}: it holds {frames} pictures; save each in a file of its own")
    if rows * columns > MOST_PIXELS:
        raise BadInput(
            f"{path}: its header says {rows} x {columns} pixels, more than {MOST_PIXELS}; "
            "make it smaller"
        )
    if mode == "F":
        raise BadInput(f"{path}: its pixels are floating-point; save it as NPY or with 16 bits")
    # Whether the colours differ is known only from the pixels; pictures are small.
    array, notes = load_picture(path)
    if turned:
        notes.append("turned upright as its EXIF says")
    white = 65535.0 if array.dtype == np.uint16 else 255.0
    return Image(
        path=path,
        kind=format_.lower() or "picture",
        shape=array.shape,
        load=lambda: array,
        grey=(0.0, white),
        sources=(path,),
        notes=tuple(notes),
    )


def load_picture(path: Path) -> tuple[Array, list[str]]:
    """Return the pixels (C, rows, columns) and what was done to them."""
    notes: list[str] = []
    try:
        with warnings.catch_warnings(action="ignore"), PIL.Image.open(path) as opened:
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            if upright.mode in SIXTEEN:
                return sixteen_bit(np.asarray(upright), path), notes
            if deep(path):
                notes.append("its colours have 16 bits and were read with 8")
            if upright.mode == "1":
                upright = upright.convert("L")
            if upright.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in upright.info:
                notes.append("its transparency was left away")
                upright = upright.convert("L" if upright.mode in ("LA", "La") else "RGB")
            if upright.mode not in ("L", "RGB"):
                upright = upright.convert("RGB")
            pixels = np.asarray(upright)
    except Exception as error:  # Pillow raises whatever its parts raise
        raise broken(path, error) from error
    if pixels.ndim == 2:
        return pixels[None], notes
    if (pixels[..., :1] == pixels[..., 1:]).all():
        notes.append("its three colours are the same and were read as one channel")
        return pixels[None, ..., 0].copy(), notes
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0)), notes


def deep(path: Path) -> bool:
    """Say whether a PNG file has 16 bits per value."""
    with path.open("rb") as file:
        head = file.read(25)
    return head[:4] == b"\x89PNG" and head[24:] == b"\x10"


def sixteen_bit(pixels: Array, path: Path) -> Array:
    """Return 16-bit grey values as uint16; Pillow gives some as 32-bit numbers."""
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise BadInput(f"{path}: its grey values run to {pixels.max()}; 16 bits are the most read")
    return pixels.astype(np.uint16)[None]


def broken(path: Path, error: Exception) -> BadInput:
    """Return the error for a picture that cannot be decoded."""
    return BadInput(
        f"{path}: not a picture that can be read ({error}); the file is damaged or was cut short; "
        "copy or export it again"
    )
