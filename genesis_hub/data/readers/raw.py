"""Plain numbers in a file, mapped or unpacked, never more and never fewer than the header says."""

import bz2
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput

try:
    # About twice as fast as zlib, which makes reading slower than SimpleITK's.
    igzip_lib: Any = import_module("isal.igzip_lib")
except ImportError:
    igzip_lib = None

Array = NDArray[Any]

# Deflate packs at most 1,032 to 1: a header that promises more cannot be true, and is told before
# memory is taken for it. bzip2 does better on zeros.
MOST_PACKED = {"gzip": 1040, "zlib": 1040, "bzip2": 50_000_000}
STEP = 1 << 20  # Packed bytes read at a time,
BROKEN = (zlib.error, OSError, ValueError, EOFError, getattr(igzip_lib, "IsalError", EOFError))
PIECE = 1 << 18  # and bytes unpacked at a time: a bomb is seen before it takes memory.


def flat(
    path: Path, dtype: np.dtype[Any], count: int, *, offset: int = 0, packed: str = ""
) -> Array:
    """Return `count` numbers of a file in one row: mapped, or unpacked where they are packed.

    packed: "gzip", "zlib" or "bzip2" from `offset` on; empty for plain bytes.
    """
    check_room(path, dtype, count, offset=offset, packed=packed)
    if not packed:
        return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(count,))
    return unpacked(path, dtype.itemsize * count, offset, packed).view(dtype)


def check_room(
    path: Path, dtype: np.dtype[Any], count: int, *, offset: int = 0, packed: str = ""
) -> None:
    """Raise `BadInput` unless a file can hold what its header promises."""
    need, have = dtype.itemsize * count, path.stat().st_size - max(offset, 0)
    if packed and need > have * MOST_PACKED[packed]:
        raise BadInput(
            f"{path}: its header promises {need} bytes, more than {have} packed bytes can hold; "
            "the header is damaged"
        )
    if not packed and have != need:
        raise BadInput(
            f"{path}: its header promises {need} bytes of values, but {have} are there; "
            f"{'the file was cut short' if have < need else 'the header is not of this file'}; "
            "copy or export it again"
        )


def unpacked(path: Path, need: int, offset: int, packed: str) -> NDArray[np.uint8]:
    """Unpack `need` bytes; what is over or missing is an error."""
    out = np.empty(need, dtype=np.uint8)
    filled, room = 0, memoryview(out.data)
    with path.open("rb") as file:
        file.seek(offset)
        stream, block = opened(packed), file.read(STEP)
        while block or not stream.needs_input:
            try:
                piece = stream.decompress(block, PIECE)
            except BROKEN as error:
                raise damaged(path, f"its packed values are broken ({error})") from error
            if filled + len(piece) > need:
                raise damaged(path, f"it holds more than the {need} bytes its header promises")
            room[filled : filled + len(piece)] = piece
            filled += len(piece)
            if stream.eof:  # Several members in a row are one stream (bgzip writes such files).
                block = stream.unused_data or file.read(STEP)
                if not block.strip(b"\0"):
                    break
                stream = opened(packed)
            else:
                block = file.read(STEP) if stream.needs_input else b""
    if filled != need or not stream.eof:
        raise damaged(path, f"it ends after {filled} of the {need} bytes its header promises")
    return out


def opened(packed: str) -> Any:
    """Return a fresh decompressor, which gives as many bytes at a time as it is asked for."""
    if packed == "bzip2":
        return bz2.BZ2Decompressor()
    if igzip_lib is None:
        return Inflater(31 if packed == "gzip" else 15)
    flag = igzip_lib.DECOMP_GZIP if packed == "gzip" else igzip_lib.DECOMP_ZLIB
    return igzip_lib.IgzipDecompressor(flag=flag)


class Inflater:
    """zlib's decompressor, used as those of bz2 and isal are."""

    def __init__(self, window: int) -> None:
        self.stream = zlib.decompressobj(window)
        self.full = False  # There may be more to come without another byte put in.

    @property
    def eof(self) -> bool:
        return self.stream.eof

    @property
    def unused_data(self) -> bytes:
        return self.stream.unused_data

    @property
    def needs_input(self) -> bool:
        return not (self.stream.eof or self.full or self.stream.unconsumed_tail)

    def decompress(self, block: bytes, most: int) -> bytes:
        """Return at most so many bytes more."""
        piece = self.stream.decompress(self.stream.unconsumed_tail + block, most)
        self.full = len(piece) == most
        return piece


def beside(path: Path, name: str) -> Path:
    """Return the file that a header says its values lie in, or raise `BadInput`."""
    values = path.parent / name
    try:
        there = values.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise BadInput(
            f"{path}: its values should lie in {name!r:.200}, which is not there; "
            "keep both files in one folder"
        )
    return values


def native(array: Array) -> Array:
    """Return an array in this machine's byte order; mapped ones that are so stay mapped."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def damaged(path: Path, what: str) -> BadInput:
    """Return the error for a file that is not whole."""
    return BadInput(
        f"{path}: {what}; the file is damaged or was cut short; copy or export it again"
    )


def rescaled(values: Array, slope: float, intercept: float) -> Array:
    """Return slope * values + intercept; whole numbers stay whole where both are whole.

    The kind is the narrowest of int16, int32 and float32 that the range allows: a CT stays int16.
    """
    values = native(values)
    if (slope, intercept) == (1.0, 0.0):
        return values
    if values.dtype.kind in "iu" and slope == 1.0 and float(intercept).is_integer():
        facts = np.iinfo(values.dtype)
        narrow = facts.bits <= 16 and values.size
        lo, hi = (int(values.min()), int(values.max())) if narrow else (facts.min, facts.max)
        for kind in (np.int16, np.int32):
            room = np.iinfo(kind)
            if room.min <= lo + intercept and hi + intercept <= room.max:
                return np.add(values, int(intercept), dtype=kind, casting="unsafe")
    # float32 holds 16-bit integers and their scaled values; wider ones are scaled as float64.
    whole = values.dtype.kind in "iu"
    exact = values.dtype.itemsize > (2 if whole else 4)
    most = float(np.iinfo(values.dtype).max) if whole else 1.0
    huge = abs(slope) * most + abs(intercept) > float(np.finfo(np.float32).max)
    out: Any = values.astype(np.float64 if exact or huge else np.float32)
    out *= slope
    out += intercept
    scaled: Array = out if huge else out.astype(np.float32, copy=False)
    return scaled
