"""DICOM: the pixels of one slice as stored, read in place where plain, unpacked where packed."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.image import Array
from genesis_hub.data.readers.fields import damaged
from genesis_hub.data.readers.raw import native
from genesis_hub.data.readers.slices import Slice, syntax_of
from genesis_hub.errors import BadInput
from genesis_hub.extras import require


def fill(place: Array, one: Slice, whole: dict[Path, Any]) -> None:
    """Read a slice's pixels into their place."""
    if one.offset is None:
        place[...] = pixels_of(one, whole)
        return
    with one.path.open("rb") as file:
        file.seek(one.offset)
        bytes_: Any = memoryview(place.data).cast("B")
        if file.readinto(bytes_) != one.size:
            raise damaged(one.path, "it ends before its pixels do")


def pixels_of(one: Slice, whole: dict[Path, Any] | None = None) -> Array:
    """Return a slice's pixels as stored: (rows, columns[, samples]).

    whole: files that were parsed for their packed pixels, kept for the next frame.
    """
    if one.offset is not None:
        out = np.empty((one.rows, one.columns), dtype=one.dtype)
        fill(out, one, {})
        return within_bits(native(out), one)
    whole = {} if whole is None else whole
    decoded = unpacked_frame(one, whole)
    if one.frames == 1:
        whole.pop(one.path)
    shape = (one.rows, one.columns) + ((one.samples,) if one.samples > 1 else ())
    if decoded.shape != shape or decoded.dtype != one.dtype.newbyteorder("="):
        raise damaged(
            one.path,
            f"its pixels unpack to {decoded.shape} of {decoded.dtype}, not {shape} of {one.dtype}",
        )
    return within_bits(decoded, one)


def unpacked_frame(one: Slice, whole: dict[Path, Any]) -> Array:
    """Return what a decoder makes of a frame."""
    pydicom, pixels = require("pydicom", "medical"), require("pydicom.pixels", "medical")
    try:
        if one.path not in whole:
            whole[one.path] = pydicom.dcmread(one.path, force=True)
            whole[one.path].file_meta.TransferSyntaxUID = syntax_of(whole[one.path])
        header = whole[one.path]
        syntax = header.file_meta.TransferSyntaxUID
        if not syntax.is_encapsulated:
            return native(pixels.pixel_array(header, index=one.frame))
        packed = pydicom.encaps.get_frame(header.PixelData, one.frame, number_of_frames=one.frames)
        # Decoders written in C take a header at its word, and GDCM's take the process with them:
        # what a frame says of itself is compared first, and GDCM is asked last.
        check_sides(packed, one, rle=syntax == RLE)
        decoders = pixels.get_decoder(syntax).available_plugins
    except BadInput:
        raise
    except Exception as error:  # pydicom raises whatever its parts raise
        raise damaged(one.path, " ".join(str(error).split())) from error
    said = f"no decoder is installed for {syntax.name}; pip install 'genesis-hub[medical]'"
    for decoder in sorted(decoders, key=lambda name: bool(name == "gdcm")):
        if decoder == "gdcm" and not fit_for_gdcm(packed, one):
            said = "its JPEG stream is not whole" if len(decoders) == 1 else said
            break
        try:
            found: Array = pixels.pixel_array(header, index=one.frame, decoding_plugin=decoder)
        except Exception as error:  # whichever decoder was at work
            said = " ".join(str(error).split())
        else:
            return native(found)
    raise damaged(one.path, said)


def check_sides(packed: bytes, one: Slice, *, rle: bool) -> None:
    """Refuse a frame whose own header gives other sides than the file's, or that is too short."""
    if rle and one.size > MOST_RLE * len(packed):
        raise damaged(
            one.path, f"{len(packed)} packed bytes cannot hold the {one.size} it promises"
        )
    if rle:
        return
    sides = jpeg_2000_sides(packed) if packed[:4] in JPEG_2000 else jpeg_sides(packed)
    if sides != (one.rows, one.columns):
        raise damaged(
            one.path,
            f"its packed pixels are {sides or 'without sides'}, but the header says "
            f"{(one.rows, one.columns)}",
        )


RLE = "1.2.840.10008.1.2.5"
MOST_RLE = 64  # Two bytes stand for 128 at most.
JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0c")


def jpeg_2000_sides(packed: bytes) -> tuple[int, int] | None:
    """Return rows and columns as the SIZ marker of JPEG 2000 has them."""
    at = packed.find(b"\xff\x4f\xff\x51")
    if at < 0 or len(packed) < at + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", packed, at + 8)
    return bottom - top, right - left


def jpeg_sides(packed: bytes) -> tuple[int, int] | None:
    """Return rows and columns as the frame marker of JPEG and JPEG-LS has them."""
    for marker, body in segments(packed):
        if marker == 0xF7 or (marker in FRAMES and len(body) > 5):
            rows, columns = struct.unpack_from(">HH", body, 1)
            return rows, columns
    return None


def segments(packed: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the markers of a JPEG stream and what they hold, up to the pixels."""
    at = 2
    while packed[:2] == b"\xff\xd8" and at + 4 <= len(packed) and packed[at] == 0xFF:
        if packed[at + 1] == 0xFF:  # Padding between two segments.
            at += 1
            continue
        size = int.from_bytes(packed[at + 2 : at + 4], "big")
        if at + 2 + size > len(packed) or size < 2:
            return
        yield packed[at + 1], packed[at + 4 : at + 2 + size]
        if packed[at + 1] == 0xDA:
            return
        at += 2 + size


def fit_for_gdcm(packed: bytes, one: Slice) -> bool:
    """Say whether a JPEG stream is whole from its first marker to its last and fits its header.

    GDCM ends the process where one is not, so that nothing could be reported.
    """
    found = list(segments(packed))
    frames = [body for marker, body in found if marker in FRAMES]
    scans = [body for marker, body in found if marker == 0xDA]
    tables = [body for marker, body in found if marker == 0xC4]
    if not packed.rstrip(b"\0").endswith(b"\xff\xd9") or len(frames) != 1 or len(scans) != 1:
        return False
    frame, scan = frames[0], scans[0]
    return (
        len(frame) == 6 + 3 * one.samples
        and frame[5] == one.samples
        and one.bits <= frame[0] <= 8 * one.dtype.itemsize
        and len(scan) == 4 + 2 * one.samples
        and scan[0] == one.samples
        and bool(tables)
        and all(whole_table(body) for body in tables)
    )


def whole_table(body: bytes) -> bool:
    """Say whether a Huffman segment holds as many codes as it counts."""
    at = 0
    while at + 17 <= len(body):
        at += 17 + sum(body[at + 1 : at + 17])
    return at == len(body) > 0


# Markers that give a JPEG frame's sides.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def within_bits(values: Array, one: Slice) -> Array:
    """Clear bits above those stored, where old files keep overlays; signs are carried up."""
    over = 8 * one.dtype.itemsize - one.bits
    if one.dtype.kind == "f" or over < 1:
        return values
    least, most = stored_limits(one)
    if least <= int(values.min()) and int(values.max()) <= most:
        return values
    bits = native(values)
    kept: Array = bits & bits.dtype.type(most) if bits.dtype.kind == "u" else bits << over >> over
    return kept


def stored_limits(one: Slice) -> tuple[int, int]:
    """Return the least and greatest value its bits can hold."""
    if one.dtype.kind == "i":
        return -(1 << one.bits - 1), (1 << one.bits - 1) - 1
    return 0, (1 << one.bits) - 1
