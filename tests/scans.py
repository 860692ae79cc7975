"""Makers of small scans in every format that is read, by hand or by another library."""

import gzip
import zlib
from collections.abc import Callable, Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHAPE = (7, 6, 5)

CT, CR, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CLASSES = {"CT": CT, "MR": MR, "CR": CR, "DX": "1.2.840.10008.5.1.4.1.1.1.1", "OT": CAPTURE}
STUDY = "1.2.826.0.1.3680043.8.498.1"

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"

CODES = [
    "".join(letters)
    for order in permutations(("RL", "AP", "SI"))
    for letters in product(*order)
]  # fmt: skip


def phantom(shape: Sequence[int] = SHAPE, dtype: Any = np.int16, seed: int = 0) -> np.ndarray:
    """Return values that differ nearly everywhere, in the range of CT where the type allows."""
    draw = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return draw.normal(size=shape).astype(dtype)
    room = np.iinfo(dtype)
    return draw.integers(max(room.min, -1000), min(room.max, 2000), shape).astype(dtype)


def turn_of(angles: Sequence[float]) -> np.ndarray:
    """Return the rotation by three angles in degrees, about x, then y, then z."""
    whole = np.eye(3)
    for axis, angle in enumerate(np.radians(angles)):
        one = np.eye(3)
        first, second = [other for other in range(3) if other != axis]
        one[first, first] = one[second, second] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        whole = one @ whole
    return whole


def affine_of(
    codes: str = "LPS",
    spacing: Sequence[float] = (0.7, 0.8, 2.5),
    angles: Sequence[float] = (0, 0, 0),
    origin: Sequence[float] = (-31.5, 12.25, 40.0),
) -> np.ndarray:
    """Return voxel index to millimetres (RAS) of axes that run as `codes` say, then turned."""
    sides = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, code in enumerate(codes):
        side, sign = sides[code]
        affine[side, axis] = sign * spacing[axis]
    affine[:3, :3] = turn_of(angles) @ affine[:3, :3]
    affine[:3, 3] = origin
    return affine


AXIAL = affine_of("LPS")
SAGITTAL = affine_of("PIL")  # Across to the back, down to the feet, slices to the left.
CORONAL = affine_of("LIP", (0.7, 0.8, 3.0))
OBLIQUE = affine_of("LPS", angles=(17, -23, 31))


def unique(number: int) -> str:
    """Return a UID."""
    return f"{STUDY}.{number}"


def header_of(modality: str, syntax: str, *, series: int, instance: int) -> Any:
    """Return a DICOM data set with what every image has."""
    pydicom = pytest.importorskip("pydicom")
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = CLASSES.get(modality, CAPTURE)
    ds.SOPInstanceUID = unique(1000 * (series + 1) + instance)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, unique(series)
    ds.PatientID, ds.Modality = "phantom", modality
    ds.SeriesNumber, ds.SeriesDescription, ds.InstanceNumber = series, "made", instance
    return ds


def with_pixels(ds: Any, pixels: np.ndarray, *, bits: int = 0, photometric: str = "") -> Any:
    """Put pixels (rows, columns[, 3]) or (frames, rows, columns) into a data set."""
    colour = pixels.ndim == 3 and pixels.shape[2] == 3 and photometric in ("RGB", "YBR_FULL")
    at = pixels.ndim - 3 if colour else pixels.ndim - 2
    ds.Rows, ds.Columns = pixels.shape[at : at + 2]
    ds.SamplesPerPixel = 3 if colour else 1
    if colour:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric or "MONOCHROME2"
    ds.BitsAllocated = 8 * pixels.dtype.itemsize
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    big = ds.file_meta.TransferSyntaxUID == BIG_ENDIAN
    raw = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    return ds


def changed(ds: Any, changes: dict[str, Any], index: int = 0) -> Any:
    """Set what differs from the usual; None deletes, a function is asked per slice."""
    for key, value in changes.items():
        value = value(index) if callable(value) else value
        if value is None:
            ds.pop(key, None) if not hasattr(ds, key) else delattr(ds, key)
        else:
            setattr(ds, key, value)
    return ds


def save(ds: Any, path: Path) -> Path:
    """Write a data set in the transfer syntax it names, packing it where that means so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = str(ds.file_meta.TransferSyntaxUID)
    if wanted in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN):
        ds.save_as(path, enforce_file_format=True)
        return path
    ds.file_meta.TransferSyntaxUID = EXPLICIT
    if wanted == JPEG_2000:
        wrap_jpeg_2000(ds)
    elif wanted in ENCODERS:
        pytest.importorskip("jpeg_ls" if wanted == JPEG_LS else "pydicom")
        ds.compress(wanted, encoding_plugin=ENCODERS[wanted], generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
    return path if wanted in (JPEG_2000, *ENCODERS) else pack(path, wanted)


# GDCM's encoders bring the process down with some small pictures; it serves where no other does.
ENCODERS = {RLE: "pydicom", JPEG_LS: "pyjpegls"}


def wrap_jpeg_2000(ds: Any) -> None:
    """Pack the frames of a plain data set as JPEG 2000 without loss."""
    openjpeg, pydicom = pytest.importorskip("openjpeg.utils"), pytest.importorskip("pydicom")
    frames = np.asarray(ds.pixel_array).reshape(-1, ds.Rows, ds.Columns, ds.SamplesPerPixel)
    packed = [openjpeg.encode_array(f.squeeze(), photometric_interpretation=2 - (f.shape[-1] == 3),
                                    bits_stored=ds.BitsStored) for f in frames]  # fmt: skip
    ds.PixelData = pydicom.encaps.encapsulate(packed)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = JPEG_2000


def pack(path: Path, syntax: str) -> Path:
    """Pack the pixels of a plain file of 16 bits as lossless JPEG with GDCM."""
    gdcm = pytest.importorskip("gdcm")
    assert syntax == JPEG_LOSSLESS
    reader, change, writer = (
        gdcm.ImageReader(),
        gdcm.ImageChangeTransferSyntax(),
        gdcm.ImageWriter(),
    )
    reader.SetFileName(str(path))
    assert reader.Read()
    kind = gdcm.TransferSyntax.JPEGLosslessProcess14_1
    change.SetTransferSyntax(gdcm.TransferSyntax(kind))
    change.SetInput(reader.GetImage())
    if not change.Change():
        pytest.skip(f"GDCM has no encoder for {syntax}")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    assert writer.Write()
    return path


def geometry(affine: np.ndarray, index: int) -> tuple[list[float], list[float], list[float]]:
    """Return DICOM's position, orientation and pixel spacing of slice `index`."""
    lps = LPS_RAS @ affine
    across, down = (lps[:3, axis] / np.linalg.norm(lps[:3, axis]) for axis in (0, 1))
    position = lps @ [0, 0, index, 1]
    spacing = [float(np.linalg.norm(lps[:3, axis])) for axis in (1, 0)]
    short = [[float(f"{v:.10g}") for v in values] for values in (position[:3], [*across, *down])]
    return short[0], short[1], [float(f"{v:.10g}") for v in spacing]


def write_dicom_series(
    folder: Path,
    volume: np.ndarray,
    affine: np.ndarray = AXIAL,
    *,
    modality: str = "CT",
    syntax: str = EXPLICIT,
    slope: float = 1,
    intercept: float = 0,
    bits: int = 0,
    series: int = 3,
    first: int = 1,
    name: Callable[[int], str] = "{:03d}.dcm".format,
    **changes: Any,
) -> list[Path]:
    """Write stored values (X, Y, Z) as one DICOM file per slice; return the files by position.

    changes: keywords of DICOM and their values; a function is given the slice's number, None
    deletes.
    """
    paths = []
    for index in range(volume.shape[2]):
        ds = header_of(modality, syntax, series=series, instance=first + index)
        ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing = geometry(
            affine, index
        )
        ds.SliceThickness = round(float(np.linalg.norm(affine[:3, 2])), 6)
        ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
        ds = with_pixels(ds, volume[:, :, index].T, bits=bits)
        paths.append(save(changed(ds, changes, index), folder / name(first + index)))
    return paths


def write_picture_dicom(
    path: Path,
    pixels: np.ndarray,
    *,
    modality: str = "DX",
    syntax: str = EXPLICIT,
    photometric: str = "MONOCHROME2",
    bits: int = 0,
    series: int = 5,
    instance: int = 1,
    **changes: Any,
) -> Path:
    """Write one projection (rows, columns) or colour picture (rows, columns, 3)."""
    ds = header_of(modality, syntax, series=series, instance=instance)
    ds.ImagerPixelSpacing = [0.2, 0.1]
    ds = with_pixels(ds, pixels, bits=bits, photometric=photometric)
    return save(changed(ds, changes), path)


def write_multiframe(
    path: Path,
    volume: np.ndarray,
    affine: np.ndarray = AXIAL,
    *,
    syntax: str = EXPLICIT,
    slopes: Sequence[float] = (1,),
    intercept: float = -1024,
    order: Sequence[int] = (),
    **changes: Any,
) -> Path:
    """Write an Enhanced CT: all slices in one file, geometry and scales in functional groups."""
    pydicom = pytest.importorskip("pydicom")
    order = list(order) or list(range(volume.shape[2]))
    ds = header_of("CT", syntax, series=7, instance=1)
    ds.SOPClassUID = ENHANCED_CT
    measures, plane = pydicom.Dataset(), pydicom.Dataset()
    _, plane.ImageOrientationPatient, measures.PixelSpacing = geometry(affine, 0)
    measures.SliceThickness = float(np.linalg.norm(affine[:3, 2]))
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    groups = []
    for place, index in enumerate(order):
        position, scale, group = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = geometry(affine, index)[0]
        scale.RescaleSlope = slopes[place % len(slopes)]
        scale.RescaleIntercept, scale.RescaleType = intercept, "HU"
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [position], [scale]
        groups.append(group)
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = groups
    ds.NumberOfFrames = len(order)
    ds = with_pixels(ds, np.stack([volume[:, :, index].T for index in order]))
    return save(changed(ds, changes), path)


# Fields of a NIfTI-1 header that nibabel keeps for itself: where they are, and of what kind.
NIFTI1 = {
    "vox_offset": (108, "f4"), "scl_slope": (112, "f4"), "scl_inter": (116, "f4"),
    "qform_code": (252, "i2"), "sform_code": (254, "i2"),
}  # fmt: skip


def write_nifti(
    path: Path,
    data: np.ndarray,
    affine: np.ndarray | None = AXIAL,
    *,
    version: int = 1,
    big: bool = False,
    **fields: Any,
) -> Path:
    """Write a NIfTI file (or pair, by the suffix) with nibabel; `fields` go into the header."""
    nibabel = pytest.importorskip("nibabel")
    pair = path.name.split(".")[1] in ("hdr", "img")
    kinds = {
        (1, False): nibabel.Nifti1Image, (1, True): nibabel.Nifti1Pair,
        (2, False): nibabel.Nifti2Image, (2, True): nibabel.Nifti2Pair,
    }  # fmt: skip
    kind = kinds[version, pair]
    header = kind.header_class(endianness=">" if big else "<")
    header.set_data_dtype(data.dtype)
    image = kind(data, affine, header)
    image.set_data_dtype(data.dtype)
    late = {key: fields.pop(key) for key in NIFTI1 if key in fields}
    for key, value in fields.items():
        image.header[key] = value
    image.to_filename(path)
    if late:
        poke_nifti(path, **late)
    return path


def poke_nifti(path: Path, **values: float) -> None:
    """Write fields of a little-endian NIfTI-1 header that nibabel keeps for itself."""
    packed = path.name.endswith(".gz")
    data = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    for key, value in values.items():
        offset, kind = NIFTI1[key]
        data[offset : offset + int(kind[1])] = np.array(value, f"<{kind}").tobytes()
    path.write_bytes(gzip.compress(bytes(data)) if packed else bytes(data))


MET = {
    "int8": "MET_CHAR", "uint8": "MET_UCHAR", "int16": "MET_SHORT", "uint16": "MET_USHORT",
    "int32": "MET_INT", "uint32": "MET_UINT", "int64": "MET_LONG_LONG",
    "uint64": "MET_ULONG_LONG", "float32": "MET_FLOAT", "float64": "MET_DOUBLE",
}  # fmt: skip


def write_metaimage(
    path: Path,
    data: np.ndarray,
    affine: np.ndarray = AXIAL,
    *,
    channels: int = 1,
    packed: bool = False,
    big: bool = False,
    skip: int = 0,
    **lines: str | None,
) -> Path:
    """Write a MetaImage by hand: (X, Y, Z), or (C, X, Y, Z) with several channels.

    A .mha holds its values, a .mhd names a file beside it. lines: what differs, None deletes.
    """
    lps = LPS_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    local = path.suffix == ".mha"
    sides = data.shape[1:] if channels > 1 else data.shape
    raw = data.astype(data.dtype.newbyteorder(">" if big else "<")).tobytes(order="F")
    raw = zlib.compress(raw) if packed else raw
    header: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": str(len(sides)),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(big),
        "CompressedData": str(packed),
        "CompressedDataSize": str(len(raw)) if packed else None,
        "TransformMatrix": " ".join(f"{v:.12g}" for v in (lps[:3, :3] / spacing).T.ravel()),
        "Offset": " ".join(f"{v:.12g}" for v in lps[:3, 3]),
        "ElementSpacing": " ".join(f"{v:.12g}" for v in spacing),
        "DimSize": " ".join(map(str, sides)),
        "ElementNumberOfChannels": str(channels) if channels > 1 else None,
        "HeaderSize": str(skip) if skip else None,
        "ElementType": MET[data.dtype.name],
        **lines,
    }
    header.setdefault("ElementDataFile", "LOCAL" if local else f"{path.stem}.raw")
    last = header.pop("ElementDataFile")
    text = "".join(f"{key} = {value}\n" for key, value in header.items() if value is not None)
    text += f"ElementDataFile = {last}\n" if last is not None else ""
    body = b"\7" * max(skip, 0) + raw
    path.write_bytes(text.encode() + (body if local else b""))
    if not local:
        path.with_suffix(".raw").write_bytes(body)
    return path


def write_nrrd(
    path: Path,
    data: np.ndarray,
    affine: np.ndarray | None = AXIAL,
    *,
    space: str = "left-posterior-superior",
    encoding: str = "raw",
    **fields: Any,
) -> Path:
    """Write an NRRD file with pynrrd: (X, Y, Z), or with more axes and `fields` to say which."""
    library = pytest.importorskip("nrrd")
    header: dict[str, Any] = {"encoding": encoding}
    if affine is not None:
        signs = {"left-posterior-superior": (-1, -1, 1), "left-anterior-superior": (-1, 1, 1)}
        lines = np.diag([*signs.get(space, (1, 1, 1)), 1.0]) @ affine
        header |= {
            "space": space,
            "space directions": lines[:3, :3].T,
            "space origin": lines[:3, 3],
        }
    library.write(str(path), data, {**header, **fields}, detached_header=path.suffix == ".nhdr")
    return path


def with_simpleitk(
    path: Path, data: np.ndarray, affine: np.ndarray = AXIAL, *, packed: bool = False
) -> Path:
    """Write (X, Y, Z) values with SimpleITK, in the format of the suffix."""
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(data.transpose(2, 1, 0))
    lps = LPS_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path), packed)
    return path


def by_simpleitk(path: Path | Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return values (X, Y, Z) and affine (RAS) as SimpleITK reads them."""
    sitk = pytest.importorskip("SimpleITK")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    if isinstance(path, Path) and path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = direction @ np.diag(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), LPS_RAS @ affine


def by_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return values and affine as nibabel reads them."""
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(path)
    return np.asanyarray(image.dataobj), image.affine
