"""DICOM: series become volumes where the patient has them, or it is said why they do not."""

import contextlib
import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from genesis_hub.data.finding import find_images
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from tests import scans
from tests.scans import phantom, write_dicom_series, write_multiframe, write_picture_dicom

pydicom = pytest.importorskip("pydicom")

PLANES = {
    "axial": scans.AXIAL,
    "sagittal": scans.SAGITTAL,
    "coronal": scans.CORONAL,
    "oblique": scans.OBLIQUE,
    "thick": scans.affine_of("LPS", (0.4, 0.4, 7.5), (3, 4, 5)),
}
PACKED = (scans.DEFLATED, scans.RLE, scans.JPEG_LOSSLESS, scans.JPEG_LS, scans.JPEG_2000)
SYNTAXES = (scans.IMPLICIT, scans.EXPLICIT, scans.BIG_ENDIAN, *PACKED)


def same_place(affine: np.ndarray | None, wanted: np.ndarray) -> bool:
    assert affine is not None
    return bool(np.abs(affine - wanted).max() < 1e-4)


@pytest.mark.parametrize("plane", PLANES)
def test_series_lies_where_simpleitk_puts_it(plane: str, tmp_path: Path) -> None:
    write_dicom_series(tmp_path, phantom(), PLANES[plane], intercept=-1024)
    values, affine = scans.by_simpleitk(tmp_path)
    image = read(tmp_path)
    assert (image.array[0] == values).all()
    assert image.array.dtype == np.int16
    assert same_place(image.affine, affine)
    assert np.allclose(image.spacing or (), np.linalg.norm(affine[:3, :3], axis=0), atol=1e-4)


@pytest.mark.parametrize("codes", scans.CODES)
def test_landmark_of_a_series_keeps_its_millimetres(codes: str, tmp_path: Path) -> None:
    volume, affine = phantom((4, 3, 3)), scans.affine_of(codes)
    volume[1, 2, 0] = 9999
    write_dicom_series(tmp_path, volume, affine)
    image = read(tmp_path)
    found = np.argwhere(image.array[0] == 9999)[0]
    assert np.allclose(image.affine @ [*found, 1], affine @ [1, 2, 0, 1], atol=1e-4)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("kind", ["int16", "uint16 of 12 bits", "uint8"])
def test_every_transfer_syntax_gives_the_same_values(
    syntax: str, kind: str, tmp_path: Path
) -> None:
    if kind == "uint8" and syntax == scans.JPEG_LOSSLESS:
        pytest.skip("GDCM packs no 8 bits here")
    volume = phantom((40, 36, 2), kind.split()[0])
    bits = 12 if "12" in kind else 0
    write_dicom_series(tmp_path, volume, syntax=syntax, bits=bits, intercept=-24)
    image = read(tmp_path)
    assert (image.array[0] == volume.astype(int) - 24).all()
    assert same_place(image.affine, scans.AXIAL)


@pytest.mark.parametrize("syntax", [*SYNTAXES[:3], scans.DEFLATED, scans.RLE, scans.JPEG_2000])
def test_frames_of_one_file_are_sorted_by_position(syntax: str, tmp_path: Path) -> None:
    volume = phantom((40, 36, 4))
    path = write_multiframe(tmp_path / "e.dcm", volume, syntax=syntax, order=(2, 0, 3, 1))
    image = read(path)
    assert (image.array[0] == volume - 1024).all()
    assert same_place(image.affine, scans.AXIAL)
    assert image.sources == (path,)


def test_frames_keep_scales_of_their_own(tmp_path: Path) -> None:
    volume = phantom((4, 3, 3))
    image = read(write_multiframe(tmp_path / "e.dcm", volume, slopes=(1, 2, 0.5)))
    assert np.allclose(image.array[0], volume * np.array([1, 2, 0.5]) - 1024)


def test_enhanced_ct_equals_simpleitk_in_order(tmp_path: Path) -> None:
    path = write_multiframe(tmp_path / "e.dcm", phantom(), scans.OBLIQUE)
    values, affine = scans.by_simpleitk(path)
    assert (read(path).array[0] == values).all()
    assert same_place(read(path).affine, affine)


def test_slices_keep_scales_of_their_own(tmp_path: Path) -> None:
    volume = phantom()
    write_dicom_series(tmp_path, volume, modality="PT", RescaleSlope=lambda i: 1 + i / 4)
    image = read(tmp_path)
    assert np.allclose(image.array[0], volume * (1 + np.arange(5) / 4))
    assert image.array.dtype == np.float32
    assert image.unit == ""


def test_per_slice_whole_slopes_equal_simpleitk(tmp_path: Path) -> None:
    write_dicom_series(tmp_path, phantom(), RescaleSlope=lambda i: 1 + i)
    assert (read(tmp_path).array[0] == scans.by_simpleitk(tmp_path)[0]).all()


@pytest.mark.parametrize("stored", ["extended", "cut"])
def test_signs_of_twelve_bits_are_carried_up(stored: str, tmp_path: Path) -> None:
    volume = phantom()
    kept = volume if stored == "extended" else (volume & 0xFFF).astype(np.int16)
    write_dicom_series(tmp_path, kept, bits=12)
    assert (read(tmp_path).array[0] == volume).all()
    assert (scans.by_simpleitk(tmp_path)[0] == volume).all()


def test_overlays_above_the_stored_bits_are_cleared(tmp_path: Path) -> None:
    volume = phantom(dtype=np.uint16)
    write_dicom_series(tmp_path, volume | 0x8000, bits=12)
    assert (read(tmp_path).array[0] == volume).all()


def test_file_names_and_numbers_do_not_order_slices(tmp_path: Path) -> None:
    volume = phantom()
    write_dicom_series(
        tmp_path, volume, name=lambda i: f"{(i * 7) % 5}-x", InstanceNumber=lambda i: 9 - i
    )
    image = read(tmp_path)
    assert (image.array[0] == volume).all()
    assert same_place(image.affine, scans.AXIAL)


def test_files_without_preamble_or_suffix_are_read(tmp_path: Path) -> None:
    volume = phantom()
    for path in write_dicom_series(tmp_path, volume, name="IM{}".format):
        data = pydicom.dcmread(path)
        path.unlink()
        del data.file_meta
        data.save_as(path, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert (read(tmp_path).array[0] == volume).all()


def test_ct_without_rescale_says_what_its_values_are_taken_for(tmp_path: Path) -> None:
    volume = phantom()
    write_dicom_series(tmp_path, volume, RescaleSlope=None, RescaleIntercept=None)
    image = read(tmp_path)
    assert (image.array[0] == volume).all()
    assert image.unit == "HU"
    assert any("taken as HU" in note for note in image.notes)


def test_one_slice_is_a_thin_volume(tmp_path: Path) -> None:
    paths = write_dicom_series(tmp_path, phantom((7, 6, 1)))
    for image in (read(tmp_path), read(paths[0])):
        assert image.shape == (1, 7, 6, 1)
        assert image.spacing == pytest.approx((0.7, 0.8, 2.5))


def test_tilted_gantry_gives_a_sheared_affine(tmp_path: Path) -> None:
    affine = scans.affine_of("LPS")
    affine[1, 2] = 0.7
    write_dicom_series(tmp_path, phantom(), affine)
    assert same_place(read(tmp_path).affine, affine)


def test_several_series_in_a_folder_are_named_and_chosen(tmp_path: Path) -> None:
    volumes = [phantom(seed=seed) for seed in (1, 2)]
    for number, volume in enumerate(volumes, start=1):
        write_dicom_series(tmp_path / str(number), volume, series=number)
    with pytest.raises(BadInput, match=r"several series.*1_made.*2_made.*series="):
        read(tmp_path)
    for wanted in ("2", scans.unique(2), f"{tmp_path.name}_2_made"):
        assert (read(tmp_path, series=wanted).array[0] == volumes[1]).all()
    with pytest.raises(BadInput, match="no one series is '9'"):
        read(tmp_path, series="9")


def test_finding_gives_each_series_of_a_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        write_dicom_series(
            tmp_path, phantom(seed=number), series=number, name=f"{number}_{{}}.dcm".format
        )
    found = find_images([tmp_path])
    assert [one.name for one in found] == [f"{tmp_path.name}_{n}_made" for n in (1, 2)]
    assert (found[1].open().array[0] == phantom(seed=2)).all()


def test_localizer_in_a_series_is_a_series_of_its_own(tmp_path: Path) -> None:
    write_dicom_series(tmp_path, phantom())
    write_dicom_series(
        tmp_path, phantom((7, 6, 1)), scans.CORONAL, first=0, ImageType=["ORIGINAL", "LOCALIZER"]
    )
    with pytest.raises(BadInput, match=r"1 of 6 x 7.*5 of 6 x 7|5 of 6 x 7.*1 of 6 x 7"):
        read(tmp_path)
    assert sorted(one.open().shape[3] for one in find_images([tmp_path])) == [1, 5]


@pytest.mark.parametrize(
    "keyword", ["EchoTime", "TemporalPositionIdentifier", "AcquisitionNumber", "ImageType"]
)
def test_echoes_and_time_points_are_told_apart(keyword: str, tmp_path: Path) -> None:
    volumes = [phantom(seed=seed) for seed in (1, 2)]
    for at, volume in enumerate(volumes):
        value = ["ORIGINAL", "PRIMARY", "MP"[at]] if keyword == "ImageType" else at + 1
        write_dicom_series(tmp_path, volume, modality="MR", first=1 + 5 * at, **{keyword: value})
    found = [one.open().array[0] for one in find_images([tmp_path])]
    assert len(found) == 2
    assert all((one == volume).all() for one, volume in zip(found, volumes, strict=True))


def test_different_slices_at_one_place_are_refused_by_name(tmp_path: Path) -> None:
    for at in (0, 1):
        write_dicom_series(tmp_path, phantom(seed=at), first=1 + 5 * at)
    with pytest.raises(BadInput, match=r"different slices at one place: .*001\.dcm and .*006\.dcm"):
        read(tmp_path)


def test_repeated_slice_is_left_away_with_a_note(tmp_path: Path) -> None:
    volume = phantom()
    paths = write_dicom_series(tmp_path, volume)
    (tmp_path / "copy.dcm").write_bytes(paths[2].read_bytes())
    image = read(tmp_path)
    assert (image.array[0] == volume).all()
    assert any("repeats" in note and "copy.dcm" in note for note in image.notes)


def test_gap_is_named_with_its_neighbours_and_can_be_taken(tmp_path: Path) -> None:
    volume = phantom()
    write_dicom_series(tmp_path, volume)[2].unlink()
    with pytest.raises(BadInput, match=r"002\.dcm and 004\.dcm; 1 slice.*missing") as caught:
        read(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "uneven=True" in str(caught.value)
    image = read(tmp_path, uneven=True)
    assert (image.array[0] == volume[:, :, [0, 1, 3, 4]]).all()
    assert any("evenly spaced" in note for note in image.notes)


def test_slices_beside_the_line_are_refused(tmp_path: Path) -> None:
    def sway(index: int) -> list[float]:
        return [5.0 * (index == 2), 0.0, 2.5 * index]

    write_dicom_series(tmp_path, phantom(), ImagePositionPatient=sway)
    with pytest.raises(BadInput, match="beside the line"):
        read(tmp_path)


def test_jitter_of_written_numbers_parts_no_series(tmp_path: Path) -> None:
    def jitter(index: int) -> list[float]:
        return [1, 0.0005 + 1e-6 * (-1) ** index, 0, -0.0005, 1, 0]

    write_dicom_series(tmp_path, phantom(), ImageOrientationPatient=jitter)
    assert read(tmp_path).shape == (1, 7, 6, 5)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_slices_without_a_place_are_refused(keyword: str, tmp_path: Path) -> None:
    write_dicom_series(tmp_path, phantom(), **{keyword: None})
    with pytest.raises(BadInput, match="do not say where they lie"):
        read(tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("syntax", [scans.EXPLICIT, scans.RLE])
def test_truncated_slice_is_named(share: float, syntax: str, tmp_path: Path) -> None:
    path = write_dicom_series(tmp_path, phantom(), syntax=syntax)[3]
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BadInput, match=r"004\.dcm"):
        _ = read(tmp_path).array


def test_files_that_are_no_images_are_passed_over(tmp_path: Path) -> None:
    volume = phantom()
    write_dicom_series(tmp_path, volume)
    (tmp_path / "README").write_text("read me " * 100)
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "table.xls").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "mask.nii").write_bytes(bytes(999))
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" * 50)
    for name, kind in (("report.dcm", "88.11"), ("plan.dcm", "481.3"), ("show", "11.1")):
        report = scans.header_of("SR", scans.EXPLICIT, series=9, instance=9)
        report.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
        scans.save(report, tmp_path / name)
    assert (read(tmp_path).array[0] == volume).all()


def test_dicomdir_is_passed_over_in_a_folder_and_named_alone(tmp_path: Path) -> None:
    from pydicom.fileset import FileSet

    volume, store = phantom(), FileSet()
    for path in write_dicom_series(
        tmp_path / "in", volume, PatientName="p", StudyDate="20200101", StudyTime="0", StudyID="1"
    ):
        store.add(path)
    store.write(tmp_path / "out")
    assert (read(tmp_path / "out").array[0] == volume).all()
    with pytest.raises(BadInput, match=r"DICOMDIR: .*not an image"):
        read(tmp_path / "out" / "DICOMDIR")


def test_segmentation_beside_its_series_is_passed_over(tmp_path: Path) -> None:
    write_dicom_series(tmp_path, phantom())
    mask = scans.header_of("SEG", scans.EXPLICIT, series=8, instance=1)
    mask.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    mask = scans.with_pixels(mask, phantom((6, 8), np.uint8))
    path = scans.save(scans.changed(mask, {"BitsAllocated": 1}), tmp_path / "seg.dcm")
    assert read(tmp_path).shape == (1, 7, 6, 5)
    with pytest.raises(BadInput, match="Segmentation Storage"):
        read(path)


def test_report_alone_says_what_it_is(tmp_path: Path) -> None:
    report = scans.header_of("SR", scans.EXPLICIT, series=9, instance=9)
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    path = scans.save(report, tmp_path / "report.dcm")
    with pytest.raises(BadInput, match=r"report\.dcm: .*Basic Text SR"):
        read(path)
    with pytest.raises(BadInput, match="no DICOM image lies in this folder"):
        read(tmp_path)


@pytest.mark.parametrize("syntax", [scans.EXPLICIT, scans.IMPLICIT, scans.RLE])
def test_monochrome1_is_inverted_with_its_window(syntax: str, tmp_path: Path) -> None:
    pixels = phantom((6, 7), np.uint16)
    image = read(
        write_picture_dicom(
            tmp_path / "x.dcm", pixels, modality="CR", photometric="MONOCHROME1", bits=12,
            syntax=syntax, WindowCenter=1000, WindowWidth=500,
        )
    )  # fmt: skip
    assert (image.array[0] == 4095 - pixels).all()
    assert image.array.dtype == np.uint16
    assert image.grey == (4095 - 1250, 4095 - 750)
    assert image.modality == "xray"
    assert image.shape == (1, 6, 7)
    assert image.spacing == (0.2, 0.1)


def test_pictures_of_one_series_stay_pictures(tmp_path: Path) -> None:
    pictures = [phantom((6 + at, 7), np.uint16, seed=at) for at in range(3)]
    for at, pixels in enumerate(pictures):
        write_picture_dicom(tmp_path / f"view{at}.dcm", pixels, instance=at)
    with pytest.raises(BadInput, match="view0"):
        read(tmp_path)
    found = find_images([tmp_path])
    assert [one.name for one in found] == [f"{tmp_path.name}_view{at}" for at in range(3)]
    assert all((f.open().array[0] == p).all() for f, p in zip(found, pictures, strict=True))


@pytest.mark.parametrize("syntax", [*SYNTAXES[:3], scans.DEFLATED, scans.RLE, scans.JPEG_2000])
def test_colours_of_a_capture_are_channels(syntax: str, tmp_path: Path) -> None:
    pixels = phantom((40, 36, 3), np.uint8)
    path = tmp_path / "c.dcm"
    write_picture_dicom(path, pixels, modality="OT", photometric="RGB", syntax=syntax)
    image = read(path)
    assert image.shape == (3, 40, 36)
    assert (image.array == pixels.transpose(2, 0, 1)).all()


def test_colour_planes_one_after_the_other_are_channels(tmp_path: Path) -> None:
    pixels = phantom((6, 7, 3), np.uint8)
    path = write_picture_dicom(tmp_path / "c.dcm", pixels, modality="OT", photometric="RGB")
    data = pydicom.dcmread(path)
    data.PlanarConfiguration, data.PixelData = 1, pixels.transpose(2, 0, 1).tobytes()
    data.save_as(path)
    assert (read(path).array == pixels.transpose(2, 0, 1)).all()


def test_float_pixels_are_read_as_such(tmp_path: Path) -> None:
    volume = phantom(dtype=np.float32)
    for at, path in enumerate(write_dicom_series(tmp_path, volume.view(np.uint32))):
        data = pydicom.dcmread(path)
        del data.PixelData
        data.FloatPixelData = volume[:, :, at].T.tobytes()
        data.save_as(path)
    assert (read(tmp_path).array[0] == volume).all()


REFUSED = {
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette"),
    "one bit": ({"BitsAllocated": 1}, "1 bits per value"),
    "64 bits": ({"BitsAllocated": 64}, "64 bits per value"),
    "high bit": ({"HighBit": 9}, "up to bit 9"),
    "more bits than room": ({"BitsStored": 17, "HighBit": 16}, "17 bits of 16"),
    "no rows": ({"Rows": 0}, "0 rows"),
    "too many rows": ({"Rows": 600}, "bytes are there|are there"),
    "too few rows": ({"Rows": 3}, "are there"),
    "no row count": ({"Rows": None}, "no rows and columns"),
    "frames": ({"NumberOfFrames": 2147483647}, "2147483647 frames"),
    "slope 0": ({"RescaleSlope": 0}, "RescaleSlope is 0"),
    "slope nan": ({"RescaleSlope": "nan"}, "nan"),
    "slope twice": ({"RescaleSlope": [1, 2]}, "TypeError"),
    "flat orientation": ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "ImageOrientation"),
    "long orientation": ({"ImageOrientationPatient": [3, 0, 0, 0, 3, 0]}, "ImageOrientation"),
    "zero spacing": ({"PixelSpacing": [0, 0]}, "PixelSpacing"),
    "negative spacing": ({"PixelSpacing": [-1, 1]}, "PixelSpacing"),
    "two samples": ({"SamplesPerPixel": 2}, "2 values per pixel"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_wrong_header_is_refused_with_the_value(what: str, tmp_path: Path) -> None:
    changes, said = REFUSED[what]
    with pydicom.config.disable_value_validation():
        paths = write_dicom_series(tmp_path, phantom(), **changes)
    with pytest.raises(BadInput, match=said) as caught:
        _ = read(tmp_path).array
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(BadInput, match=paths[0].name):
        _ = read(paths[0]).array


def test_packed_pixels_under_a_plain_syntax_are_refused(tmp_path: Path) -> None:
    path = write_dicom_series(tmp_path, phantom((7, 6, 1)), syntax=scans.RLE)[0]
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0"))
    with pytest.raises(BadInput, match="packed, but"):
        read(path)


def test_packed_pixels_of_a_stated_length_are_refused(tmp_path: Path) -> None:
    path = write_dicom_series(tmp_path, phantom((7, 6, 1)), syntax=scans.RLE)[0]
    mark = b"\xe0\x7f\x10\x00OB\0\0"
    data = path.read_bytes()
    assert mark + b"\xff" * 4 in data
    path.write_bytes(data.replace(mark + b"\xff" * 4, mark + b"\xd1\xff\xff\xff"))
    with pytest.raises(BadInput, match=path.name):
        read(path)


@pytest.mark.parametrize("syntax", [scans.JPEG_LOSSLESS, scans.JPEG_LS, scans.JPEG_2000])
def test_damage_in_packed_pixels_ends_no_process(syntax: str, tmp_path: Path) -> None:
    """GDCM, left to itself, aborts on such frames."""
    path = write_dicom_series(tmp_path, phantom((40, 36, 1)), syntax=syntax)[0]
    data = path.read_bytes()
    begin, draw = data.find(b"\xe0\x7f\x10\x00"), np.random.default_rng(0)
    for _ in range(60):
        torn = bytearray(data)
        torn[int(draw.integers(begin, begin + 150))] = int(draw.integers(256))
        path.write_bytes(torn[: int(draw.integers(begin, 2 * len(data)))])
        with contextlib.suppress(BadInput):
            assert read(path).array.shape == (1, 40, 36, 1)


@pytest.mark.parametrize(("kind", "bits"), [("L", 8), ("RGB", 8)])
def test_lossy_jpeg_frames_are_read(kind: str, bits: int, tmp_path: Path) -> None:
    rows = np.add.outer(np.arange(24), 3 * np.arange(16)).astype(np.uint8)
    picture = PIL.Image.fromarray(rows if kind == "L" else np.stack([rows] * 3, -1))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    path = write_picture_dicom(tmp_path / "a.dcm", np.asarray(picture), modality="OT",
                               photometric="RGB" if kind == "RGB" else "MONOCHROME2")  # fmt: skip
    header = pydicom.dcmread(path)
    header.PhotometricInterpretation = "YBR_FULL_422" if kind == "RGB" else "MONOCHROME2"
    header.PixelData = pydicom.encaps.encapsulate([file.getvalue()])
    header["PixelData"].is_undefined_length = True
    header.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    header.save_as(path)
    assert np.abs(read(path).array.astype(int) - rows).max() < 8


def test_frames_without_places_of_their_own_are_refused(tmp_path: Path) -> None:
    path = write_multiframe(tmp_path / "e.dcm", phantom(), PerFrameFunctionalGroupsSequence=None,
                            ImagePositionPatient=[0, 0, 0])  # fmt: skip
    with pytest.raises(BadInput, match="do not say where they lie"):
        read(path)


def test_frames_and_their_descriptions_must_agree_in_number(tmp_path: Path) -> None:
    path = write_multiframe(tmp_path / "e.dcm", phantom(), NumberOfFrames=4)
    with pytest.raises(BadInput, match=r"e\.dcm"):
        read(path)


def test_values_wait_until_they_are_asked_for(tmp_path: Path) -> None:
    paths = write_dicom_series(tmp_path, phantom())
    image = read(tmp_path)
    assert image.shape == (1, 7, 6, 5)
    assert image.sources == tuple(paths)
    paths[0].write_bytes(paths[0].read_bytes()[:-20])
    with pytest.raises(BadInput, match=paths[0].name):
        _ = image.array
