"""PNG, JPEG and other single pictures, 8 and 16 bit, through Pillow (it comes with timm)."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageOps

from genesis_hub.data.image import Array, Image
from genesis_hub.data.readers.raw import BROKEN, STEP, opened
from genesis_hub.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
MOST_PIXELS = 500_000_000
SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def read_picture(path: Path, *, least: int = 0, known: bool = False) -> Image:
    """Return a picture as (C, rows, columns): one channel, or three where the colours differ.

    least: a JPEG may come at a half, a quarter or an eighth of its sides, as long as neither is
    shorter than this: it is decoded so, in a third of the time; 0: as it is. known: it was read
    before, so that its file is not looked through for damage that Pillow would pass over.
    """
    try:
        with warnings.catch_warnings(action="ignore"), PIL.Image.open(path) as opened:
            columns, rows = opened.size
            frames = getattr(opened, "n_frames", 1)
            mode, format_ = opened.mode, opened.format or ""
            turned = opened.getexif().get(0x0112, 1) in range(2, 9)  # EXIF's orientation
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
    if format_ == "PNG" and not known:
        check_png(path)
    # Whether the colours differ is known only from the pixels; pictures are small.
    array, notes = load_picture(path, least)
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


def load_picture(path: Path, least: int = 0) -> tuple[Array, list[str]]:
    """Return the pixels (C, rows, columns) and what was done to them."""
    notes: list[str] = []
    try:
        with warnings.catch_warnings(action="ignore"), PIL.Image.open(path) as opened:
            if least:
                opened.draft(None, (least, least))
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


def check_png(path: Path) -> None:
    """Refuse a PNG file with torn pixels, or fewer than it says; Pillow reads them as they come."""
    data = path.read_bytes()
    columns, rows, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    packed, at, kinds = [], 8, set()
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        kinds.add(kind)
        if kind == b"IDAT":
            packed.append(data[at + 8 : at + 8 + size])
            sums = zlib.crc32(data[at + 4 : at + 8 + size]).to_bytes(4, "big")
            if sums != data[at + 8 + size : at + 12 + size]:
                raise broken(path, "the checksum of its pixels is wrong")
        at += size + 12
    bits = depth * PNG_VALUES.get(colour, 1)
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    need = 0
    for left, top, right, down in passes:
        width, height = -(-(columns - left) // right), -(-(rows - top) // down)
        need += height * (1 + (width * bits + 7) // 8) if width > 0 and height > 0 else 0
    stream, have = opened("zlib"), 0
    try:
        piece = stream.decompress(b"".join(packed), STEP)
        while piece and have < need:
            have += len(piece)
            piece = b"" if stream.eof else stream.decompress(b"", STEP)
    except BROKEN as error:
        raise broken(path, error) from error
    if have < need or (colour == 3 and b"PLTE" not in kinds):
        raise broken(path, f"{have} of {need} bytes of pixels are there, chunks {sorted(kinds)}")


PNG_VALUES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Where each pass of an interlaced PNG begins, and its steps.
ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


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


def broken(path: Path, error: object) -> BadInput:
    """Return the error for a picture that cannot be decoded."""
    return BadInput(
        f"{path}: not a picture that can be read ({error}); the file is damaged or was cut short; "
        "copy or export it again"
    )
