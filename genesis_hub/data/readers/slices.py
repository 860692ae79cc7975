"""DICOM headers: what each file says of its pixels and of where they lie, in plain numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.readers.fields import damaged, first, number, pair, scale, vector, window_of
from genesis_hub.errors import BadInput
from genesis_hub.extras import require

KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "SeriesNumber",
    "PatientID", "Modality",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "NumberOfFrames",
    "PhotometricInterpretation", "RescaleSlope", "RescaleIntercept", "RescaleType", "WindowCenter",
    "WindowWidth", "AcquisitionNumber", "EchoTime", "TemporalPositionIdentifier", "ImageType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
PLAIN = {IMPLICIT: "<", EXPLICIT: "<", BIG_ENDIAN: ">"}
PIXELS = {  # Pixel Data and Float Pixel Data, as the two byte orders write their tags.
    b"\xe0\x7f\x10\x00": "little", b"\x7f\xe0\x00\x10": "big",
    b"\xe0\x7f\x08\x00": "little", b"\x7f\xe0\x00\x08": "big",
}  # fmt: skip
STANDARD = "1.2.840.10008."
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
UNDEFINED = 0xFFFFFFFF
FLOATS = (b"\xe0\x7f\x08\x00", b"\x7f\xe0\x00\x08")
# What may tell slices at one place from each other.
APART = ("ImageType", "EchoTime", "TemporalPositionIdentifier", "AcquisitionNumber")
# Files with these endings are no images and are passed over without a look.
BESIDE = (".txt", ".json", ".csv", ".xml", ".md", ".pdf", ".html", ".zip", ".py", ".ini", ".log")


@dataclass(frozen=True, eq=False)
class Slice:
    """One picture of a DICOM file: a file of its own, or one frame of a multi-frame file.

    offset: where its pixels begin in the file; None where they are packed.
    """

    path: Path
    frame: int
    frames: int
    series: str
    number: int
    description: str
    modality: str
    patient: str
    instance: int
    rows: int
    columns: int
    samples: int
    dtype: np.dtype[Any]
    bits: int
    photometric: str
    slope: float
    intercept: float
    unit: str
    spacing: tuple[float, float] | None
    thickness: float | None
    position: NDArray[np.float64] | None
    directions: NDArray[np.float64] | None
    window: tuple[float, float] | None
    apart: tuple[str, ...]
    offset: int | None

    @property
    def size(self) -> int:
        """Bytes of its pixels, unpacked."""
        return self.rows * self.columns * self.samples * self.dtype.itemsize


def slices_of(path: Path, *, named: bool = False) -> list[Slice]:
    """Return the pictures in a file; none if it is no DICOM image.

    named: the user named this very file, so that "no DICOM image" is an error.
    """
    pydicom = require("pydicom", "medical")
    with path.open("rb") as file:
        magic = file.read(132)[128:] == b"DICM"
        size = file.seek(0, 2)
        called = path.suffix.lower() == ".dcm"
        if not (magic or named or called) and (path.suffix.lower() in BESIDE or size < 132):
            return []
        file.seek(0)
        try:
            header = pydicom.dcmread(
                file, stop_before_pixels=True, force=not magic, specific_tags=list(KEYWORDS)
            )
            where = file.tell()
        except Exception as error:  # pydicom raises whatever its parts raise
            if magic or named or called:
                raise damaged(path, f"{type(error).__name__}: {error}") from error
            return []
        try:
            kind = header.file_meta.get("MediaStorageSOPClassUID") or header.get("SOPClassUID", "")
            if "Rows" not in header or "Columns" not in header or kind == SEGMENTATION:
                uid = pydicom.uid.UID(str(kind))
                name = str(uid.name) if uid.is_valid else ""
                no_picture(path, name, named=named, meant=magic or named or called)
                return []
            file.seek(where)
            return pictures(header, path, file.read(12), where, size)
        except BadInput:
            raise
        except Exception as error:  # a value of the wrong kind in any of the fields
            raise damaged(path, f"{type(error).__name__}: {error}") from error


def no_picture(path: Path, kind: str, *, named: bool, meant: bool) -> None:
    """Pass over a report, a structure set or a DICOMDIR; refuse an image that lost its header."""
    unknown = not kind or kind.startswith(STANDARD)  # A UID of the standard that has no name.
    if "Image Storage" in kind or (meant and unknown):
        raise damaged(path, "it has no rows and columns")
    if named:
        raise BadInput(f"{path}: a DICOM file of kind {kind!r}, not an image; give the images")


def pictures(header: Any, path: Path, head: bytes, where: int, size: int) -> list[Slice]:
    """Return one Slice per frame of a header.

    head: the first bytes of the element that follows it, at `where` in a file of `size` bytes.
    """
    syntax = syntax_of(header)
    bits_allocated = int(header.BitsAllocated)
    if bits_allocated not in (8, 16, 32):
        raise BadInput(f"{path}: {bits_allocated} bits per value; 8, 16 and 32 are read")
    bits = int(header.get("BitsStored") or bits_allocated)
    high = int(header.get("HighBit") or bits - 1)
    if not 0 < bits <= bits_allocated or high != bits - 1:
        raise BadInput(
            f"{path}: {bits} bits of {bits_allocated} up to bit {high} hold its values; "
            f"they should end at bit {bits - 1}; export it again"
        )
    photometric = str(header.get("PhotometricInterpretation", ""))
    if photometric == "PALETTE COLOR":
        raise BadInput(f"{path}: its values are places in a palette; export it as grey or RGB")
    if head[:4] in FLOATS:
        kind, bits = "f", bits_allocated
    else:
        kind = "ui"[int(header.PixelRepresentation)]
    dtype = np.dtype(f"{PLAIN.get(syntax, '<')}{kind}{bits_allocated // 8}")
    frames = int(header.get("NumberOfFrames") or 1)
    rows, columns = int(header.Rows), int(header.Columns)
    samples = int(header.get("SamplesPerPixel") or 1)
    if min(rows, columns, frames) < 1 or samples not in (1, 3, 4) or frames > size:
        raise damaged(
            path, f"{rows} rows, {columns} columns, {frames} frames, {samples} values per pixel"
        )
    one = rows * columns * samples * dtype.itemsize
    begin = None
    if syntax != DEFLATED:
        if where >= size:
            raise damaged(path, "it ends before its pixels")
        if syntax in PLAIN:
            line = min(rows, columns) * samples * dtype.itemsize
            begin = pixels_begin(path, head, where, size, one * frames, line, syntax)
        elif head[:4] not in PIXELS or int.from_bytes(head[8:12], "little") != UNDEFINED:
            raise damaged(path, f"{syntax} is packed, but what follows its header is not")
        # pydicom sorts the colours, and the bytes that big-endian files swap in pairs.
        if samples > 1 or (syntax == BIG_ENDIAN and bits_allocated == 8):
            begin = None
    shared = first(header.get("SharedFunctionalGroupsSequence"))
    each = header.get("PerFrameFunctionalGroupsSequence") or [None] * frames
    # One position at the top of a file of many frames is not where each of them lies.
    placed = frames == 1 or each[0] is not None
    if len(each) != frames:
        raise damaged(path, f"it says {frames} frames but describes {len(each)}")
    common: dict[str, Any] = {
        "path": path,
        "frames": frames,
        "series": str(header.get("SeriesInstanceUID", "")),
        "number": int(header.get("SeriesNumber") or 0),
        "description": str(header.get("SeriesDescription", "")),
        "modality": str(header.get("Modality", "")),
        "patient": str(header.get("PatientID", "")),
        "rows": rows,
        "columns": columns,
        "samples": samples,
        "dtype": dtype,
        "bits": bits,
        "photometric": photometric,
        "apart": tuple(str(header.get(keyword, "")) for keyword in APART),
    }
    found = []
    for frame, group in enumerate(each):

        def of(sequence: str, key: str, group: Any = group) -> Any:
            """Return a value from the frame's own group, the shared one, or the top."""
            for holder in (group, shared):
                inner = first(holder.get(sequence)) if holder is not None else None
                if inner is not None and key in inner:
                    return inner[key].value
            return header[key].value if key in header else None

        found.append(
            Slice(
                frame=frame,
                instance=int(header.get("InstanceNumber") or 0) + frame,
                slope=scale(of("PixelValueTransformationSequence", "RescaleSlope"), 1.0, path),
                intercept=scale(
                    of("PixelValueTransformationSequence", "RescaleIntercept"), 0.0, path
                ),
                unit=str(of("PixelValueTransformationSequence", "RescaleType") or ""),
                spacing=pair(
                    of("PixelMeasuresSequence", "PixelSpacing") or header.get("ImagerPixelSpacing"),
                    path,
                ),
                thickness=number(
                    of("PixelMeasuresSequence", "SpacingBetweenSlices")
                    or of("PixelMeasuresSequence", "SliceThickness")
                ),
                position=vector(
                    of("PlanePositionSequence", "ImagePositionPatient") if placed else None, 3
                ),
                directions=vector(of("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
                window=window_of(
                    of("FrameVOILUTSequence", "WindowCenter"),
                    of("FrameVOILUTSequence", "WindowWidth"),
                ),
                offset=None if begin is None else begin + frame * one,
                **common,
            )
        )
    return found


def syntax_of(header: Any) -> str:
    """Return how a file is written; where it does not say, how pydicom found it written."""
    said = str(header.file_meta.get("TransferSyntaxUID") or "")
    implicit, little = header.original_encoding
    guessed = IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN
    return said if said not in ("", *PLAIN) else guessed


def pixels_begin(
    path: Path, head: bytes, where: int, size: int, need: int, line: int, syntax: str
) -> int:
    """Return where plain pixels begin, if as many are there as the header says.

    line: bytes of the shorter side; less than that may follow the pixels as padding.
    """
    if head[:4] not in PIXELS:
        raise damaged(path, "what follows its header are no pixels")
    order: Any = PIXELS[head[:4]]
    explicit = syntax != IMPLICIT
    begin = where + (12 if explicit else 8)
    length = int.from_bytes(head[8:12] if explicit else head[4:8], order)
    if length == UNDEFINED:
        raise damaged(path, "its pixels are packed, but its transfer syntax says they are plain")
    have = min(length, size - begin)
    if have < need or have - need >= max(line, 2):
        raise damaged(path, f"its pixels need {need} bytes, but {have} are there")
    return begin


def has_magic(path: Path) -> bool:
    """Say whether a file has DICOM's mark."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
