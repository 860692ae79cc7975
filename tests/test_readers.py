"""Every plain format: values, place and channels as an independent reader has them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from genesis_hub.data.finding import find_images
from genesis_hub.data.image import Image
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from tests import scans
from tests.scans import phantom, write_metaimage, write_nifti, write_nrrd

nibabel = pytest.importorskip("nibabel")
PLACES = {"axial": scans.AXIAL, "sagittal": scans.SAGITTAL, "oblique": scans.OBLIQUE}
TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32",
         "float64")  # fmt: skip


def same(image: Image, values: np.ndarray, affine: np.ndarray) -> bool:
    """Say whether an image of one channel has these values at these places."""
    assert image.affine is not None
    assert image.array.shape == image.shape
    assert image.shape[0] == 1
    assert np.allclose(image.spacing or (), np.linalg.norm(affine[:3, :3], axis=0), atol=1e-4)
    near = np.abs(image.affine - affine).max() < 1e-4
    return bool(near and np.array_equal(image.array[0], values, equal_nan=True))


WRITERS: dict[str, Callable[[Path, np.ndarray, np.ndarray], Path]] = {
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "a.hdr": write_nifti,
    "a.img": write_nifti,
    "a.img.gz": write_nifti,
    "a.NII.GZ": lambda path, data, affine: write_nifti(
        path.with_name("b.nii.gz"), data, affine
    ).rename(path),
    "two.nii": lambda path, data, affine: write_nifti(path, data, affine, version=2),
    "two.hdr": lambda path, data, affine: write_nifti(path, data, affine, version=2),
    "big.nii": lambda path, data, affine: write_nifti(path, data, affine, big=True),
    "big.nii.gz": lambda path, data, affine: write_nifti(path, data, affine, big=True),
    "itk.nii.gz": scans.with_simpleitk,
    "a.mha": write_metaimage,
    "a.mhd": write_metaimage,
    "big.mhd": lambda path, data, affine: write_metaimage(path, data, affine, big=True),
    "packed.mha": lambda path, data, affine: write_metaimage(path, data, affine, packed=True),
    "packed.mhd": lambda path, data, affine: write_metaimage(path, data, affine, packed=True),
    "skip.mhd": lambda path, data, affine: write_metaimage(path, data, affine, skip=13),
    "itk.mha": scans.with_simpleitk,
    "itk.mhd": lambda path, data, affine: scans.with_simpleitk(path, data, affine, packed=True),
    "a.nrrd": write_nrrd,
    "a.nhdr": write_nrrd,
    "gzip.nrrd": lambda path, data, affine: write_nrrd(path, data, affine, encoding="gzip"),
    "bzip2.nrrd": lambda path, data, affine: write_nrrd(path, data, affine, encoding="bzip2"),
    "gzip.nhdr": lambda path, data, affine: write_nrrd(path, data, affine, encoding="gzip"),
    "ras.nrrd": lambda path, data, affine: write_nrrd(
        path, data, affine, space="right-anterior-superior"
    ),
    "las.nrrd": lambda path, data, affine: write_nrrd(
        path, data, affine, space="left-anterior-superior"
    ),
    "itk.nrrd": scans.with_simpleitk,
}


# SimpleITK knows no NIfTI-2 and no bzip2, and not every ending.
UNREAD = ("two.nii", "two.hdr", "bzip2.nrrd", "a.NII.GZ")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", WRITERS)
def test_volume_equals_what_was_written(name: str, place: str, tmp_path: Path) -> None:
    volume, affine = phantom(), PLACES[place]
    path = WRITERS[name](tmp_path / name, volume, affine)
    image = read(path)
    assert same(image, volume, affine)
    assert image.array.dtype == np.int16
    assert image.array.dtype.isnative
    assert image.sources[0] == path


@pytest.mark.parametrize("name", [n for n in WRITERS if n not in UNREAD])
def test_volume_equals_what_simpleitk_reads(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / name, phantom(), scans.OBLIQUE)
    assert same(read(path), *scans.by_simpleitk(path))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["a.nii", "big.nii.gz", "a.mha", "big.mhd", "a.nrrd", "a.npy"])
def test_every_type_of_number_is_kept(name: str, dtype: str, tmp_path: Path) -> None:
    volume = phantom(dtype=dtype)
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, volume)
    else:
        WRITERS[name](path, volume, scans.AXIAL)
    image = read(path)
    assert image.array.dtype == volume.dtype
    assert (image.array[0] == volume).all()


@pytest.mark.parametrize("name", ["a.nii", "a.mhd", "a.mha", "a.nrrd", "a.nhdr", "a.npy", "a.img"])
def test_plain_values_are_mapped_not_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, phantom())
    else:
        WRITERS[name](path, phantom(), scans.AXIAL)
    assert isinstance(read(path).array, np.memmap)


@pytest.mark.parametrize("name", ["a.nii.gz", "packed.mhd", "gzip.nrrd", "a.npz"])
def test_packed_values_wait_until_they_are_asked_for(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith("npz"):
        np.savez_compressed(path, phantom((40, 40, 40)))
    else:
        WRITERS[name](path, phantom((40, 40, 40)), scans.AXIAL)
    image = read(path)
    values = image.sources[-1]
    data = bytearray(values.read_bytes())
    data[len(data) // 2] ^= 0xFF
    values.write_bytes(data)
    with pytest.raises(BadInput, match=values.name):
        _ = image.array


@pytest.mark.parametrize("codes", scans.CODES)
def test_frame_shows_a_landmark_where_it_belongs(codes: str, tmp_path: Path) -> None:
    volume, affine = phantom(), scans.affine_of(codes, (1, 2, 3), (4, -5, 6))
    volume[1, 4, 2] = 9999
    image = read(write_nifti(tmp_path / "a.nii", volume, affine))
    framed = image.framed("LPS")
    assert image.orientation == codes
    # In LPS each index counts to the left, to the back and to the head: so do the millimetres.
    spot = np.argwhere(framed[0] == 9999)[0]
    away = (scans.LPS_RAS @ affine)[:3, :3] @ (
        np.array([1, 4, 2]) - (np.array(scans.SHAPE) - 1) / 2
    )
    sides = np.array(framed.shape[1:])
    assert (np.sign(spot - (sides - 1) / 2) == np.sign(np.round(away * 0.8, 0))).all()
    assert np.array_equal(image.unframed(framed, "LPS"), image.array)


@pytest.mark.parametrize("codes", scans.CODES)
def test_frame_agrees_with_nibabel_for_every_orientation(codes: str, tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", phantom(), scans.affine_of(codes, (1, 2, 3), (4, -5, 6)))
    image, orientations = read(path), nibabel.orientations
    turn = orientations.ornt_transform(
        orientations.io_orientation(image.affine), orientations.axcodes2ornt("LPS")
    )
    turned = nibabel.load(path).as_reoriented(turn)
    assert np.array_equal(image.framed("LPS")[0], np.asanyarray(turned.dataobj))
    zooms = turned.header.get_zooms()
    assert np.allclose(image.framed_spacing("LPS") or (), zooms, atol=1e-4)


@pytest.mark.parametrize("codes", scans.CODES)
def test_labels_go_back_to_the_same_anatomy(codes: str, tmp_path: Path) -> None:
    affine = scans.affine_of(codes, angles=(11, 7, -9))
    image = read(write_nifti(tmp_path / "in.nii.gz", phantom(), affine))
    label = (image.framed("RAS") > 1000).astype(np.uint8)
    out = tmp_path / "out.nii.gz"
    nibabel.Nifti1Image(image.unframed(label, "RAS")[0], image.affine).to_filename(out)
    values, place = scans.by_simpleitk(out)
    assert np.abs(place - affine).max() < 1e-4
    assert values.shape == scans.SHAPE
    assert np.array_equal(values > 0, phantom() > 1000)


@pytest.mark.parametrize("slope", [1, 2, 0.5, -1, 1e37])
@pytest.mark.parametrize("intercept", [0, -1024, 0.25])
def test_nifti_scales_equal_nibabel(slope: float, intercept: float, tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", phantom(), scl_slope=slope, scl_inter=intercept)
    image = read(path)
    assert np.allclose(image.array[0], scans.by_nibabel(path)[0], rtol=1e-6)
    if slope == 1 and intercept in (0, -1024):
        assert image.array.dtype == np.int16


def test_scaled_32_bit_numbers_keep_their_digits(tmp_path: Path) -> None:
    volume = phantom(dtype=np.int32) + 1_000_000_000
    path = write_nifti(tmp_path / "a.nii", volume, scl_slope=0.5, scl_inter=-500_000_000)
    assert np.allclose(read(path).array[0], scans.by_nibabel(path)[0], atol=1e-3)


@pytest.mark.parametrize("axes", [(7, 6, 5, 3), (7, 6, 5, 1, 3), (7, 6, 5, 2, 3), (7, 6, 1, 4)])
def test_further_nifti_axes_become_channels(axes: tuple[int, ...], tmp_path: Path) -> None:
    volume = phantom(axes)
    image = read(write_nifti(tmp_path / "a.nii.gz", volume))
    flat = volume.reshape((*axes[:3], -1), order="F")
    assert np.array_equal(image.array, np.moveaxis(flat, -1, 0))


def test_flat_nifti_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    volume = phantom((7, 6))
    image = read(write_nifti(tmp_path / "a.nii", volume))
    assert image.shape == (1, 7, 6, 1)
    assert (image.array[0, :, :, 0] == volume).all()


@pytest.mark.parametrize(("fields", "names"), [(3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_colours_become_channels(name: str, fields: int, names: str, tmp_path: Path) -> None:
    colours = phantom((7, 6, 5, fields), np.uint8)
    joined = colours.view([(letter, "u1") for letter in names])[..., 0]
    image = read(write_nifti(tmp_path / name, joined))
    assert np.array_equal(image.array, np.moveaxis(colours, -1, 0))


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("micron", 0.001), ("unknown", 1)])
def test_nifti_units_become_millimetres(unit: str, factor: float, tmp_path: Path) -> None:
    affine = np.diag([1 / factor, 1 / factor, 2 / factor, 1])
    code = {"meter": 1, "micron": 3, "unknown": 0}[unit]
    image = read(write_nifti(tmp_path / "a.nii", phantom(), affine, xyzt_units=code))
    assert image.spacing == pytest.approx((1, 1, 2), rel=1e-5)


def test_wrong_unit_of_a_nifti_is_not_believed(tmp_path: Path) -> None:
    image = read(write_nifti(tmp_path / "a.nii", phantom(), np.diag([1, 1, 2, 1]), xyzt_units=1))
    assert image.spacing == pytest.approx((1, 1, 2))


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (1, 2), (0, 0)])
def test_nifti_place_is_the_one_nibabel_takes(codes: tuple[int, int], tmp_path: Path) -> None:
    path = write_nifti(
        tmp_path / "a.nii", phantom(), scans.OBLIQUE, sform_code=codes[0], qform_code=codes[1]
    )
    image = read(path)
    assert np.allclose(image.affine, scans.by_nibabel(path)[1])
    assert bool(image.notes) == (codes == (0, 0))


def test_gzip_in_several_members_is_one_stream(tmp_path: Path) -> None:
    import gzip

    volume = phantom()
    path = write_nifti(tmp_path / "a.nii", volume)
    data = path.read_bytes()
    joined = tmp_path / "b.nii.gz"
    joined.write_bytes(b"".join(gzip.compress(data[at : at + 100]) for at in range(0, 9999, 100)))
    assert (read(joined).array[0] == volume).all()


def test_analyze_pair_is_read_as_nibabel_reads_it(tmp_path: Path) -> None:
    nibabel.Spm2AnalyzeImage(phantom(), None).to_filename(tmp_path / "a.img")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    image = read(tmp_path / "a.img")
    values, affine = scans.by_nibabel(tmp_path / "a.img")
    assert same(image, values, affine)
    assert image.notes


@pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
def test_metaimage_channels_come_first(name: str, tmp_path: Path) -> None:
    volume = phantom((3, 7, 6, 5))
    path = write_metaimage(tmp_path / name, volume, channels=3)
    image = read(path)
    assert np.array_equal(image.array, volume)
    sitk = pytest.importorskip("SimpleITK")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert np.array_equal(image.array, theirs.transpose(3, 2, 1, 0))


@pytest.mark.parametrize("name", ["t.mha", "t.nrrd"])
def test_fourth_axis_becomes_channels(name: str, tmp_path: Path) -> None:
    sitk, volume = pytest.importorskip("SimpleITK"), phantom((7, 6, 5, 4))
    series = sitk.JoinSeries(
        [sitk.GetImageFromArray(volume[..., at].transpose(2, 1, 0)) for at in range(4)]
    )
    sitk.WriteImage(series, str(tmp_path / name))
    image = read(tmp_path / name)
    assert np.array_equal(image.array, np.moveaxis(volume, -1, 0))


@pytest.mark.parametrize("name", ["t.mha", "t.nrrd", "t.nii"])
def test_vectors_of_simpleitk_become_channels(name: str, tmp_path: Path) -> None:
    sitk, volume = pytest.importorskip("SimpleITK"), phantom((7, 6, 5, 3), np.float32)
    image = sitk.GetImageFromArray(volume.transpose(2, 1, 0, 3), isVector=True)
    image.SetSpacing((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / name))
    found = read(tmp_path / name)
    assert np.array_equal(found.array, np.moveaxis(volume, -1, 0))
    assert found.spacing == pytest.approx((1, 2, 3))


def test_flat_metaimage_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    sitk, pixels = pytest.importorskip("SimpleITK"), phantom((7, 6))
    sitk.WriteImage(sitk.GetImageFromArray(pixels.T), str(tmp_path / "a.mha"))
    image = read(tmp_path / "a.mha")
    assert image.shape == (1, 7, 6, 1)
    assert (image.array[0, :, :, 0] == pixels).all()


def test_nrrd_without_directions_knows_its_spacing(tmp_path: Path) -> None:
    path = write_nrrd(tmp_path / "a.nrrd", phantom(), None, spacings=[1.0, 2.0, 3.0])
    image = read(path)
    assert image.affine is None
    assert image.spacing == (1, 2, 3)
    assert image.orientation == ""
    assert (image.framed("LPS")[0] == phantom()).all()


def test_nrrd_in_a_scanner_frame_keeps_spacing_alone(tmp_path: Path) -> None:
    path = write_nrrd(tmp_path / "a.nrrd", phantom(), scans.OBLIQUE, space="scanner-xyz")
    image = read(path)
    assert image.affine is None
    assert image.spacing == pytest.approx((0.7, 0.8, 2.5))


@pytest.mark.parametrize("first", [True, False])
def test_nrrd_list_axis_becomes_channels(first: bool, tmp_path: Path) -> None:
    volume, lost = phantom((7, 6, 5, 3)), np.full((1, 3), np.nan)
    directions = np.diag([-1.0, -2.0, 3.0])
    rows = np.vstack([lost, directions] if first else [directions, lost])
    data = np.moveaxis(volume, -1, 0) if first else volume
    kinds = ["list", *["domain"] * 3] if first else [*["domain"] * 3, "list"]
    path = write_nrrd(
        tmp_path / "a.nrrd", np.asfortranarray(data), kinds=kinds, **{"space directions": rows}
    )
    image = read(path)
    assert np.array_equal(image.array, np.moveaxis(volume, -1, 0))
    assert image.affine is not None
    assert image.spacing == (1, 2, 3)


def pictures(kind: str) -> np.ndarray:
    """Return pixels as (rows, columns[, 3])."""
    return {
        "grey": phantom((9, 7), np.uint8),
        "colour": phantom((9, 7, 3), np.uint8),
        "grey as colour": np.repeat(phantom((9, 7, 1), np.uint8), 3, axis=2),
        "sixteen": phantom((9, 7), np.uint16) * 30,
    }[kind]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff"])
@pytest.mark.parametrize("kind", ["grey", "colour", "grey as colour", "sixteen"])
def test_picture_equals_its_pixels(kind: str, suffix: str, tmp_path: Path) -> None:
    if (kind, suffix) == ("sixteen", "bmp"):
        pytest.skip("BMP has no 16-bit grey")
    pixels = pictures(kind)
    PIL.Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    image = read(tmp_path / f"a.{suffix}")
    wanted = (
        np.moveaxis(pixels, -1, 0) if kind == "colour" else pixels.reshape(9, 7, -1)[None, ..., 0]
    )
    assert np.array_equal(image.array, wanted)
    assert image.array.dtype == pixels.dtype
    assert image.ndim == 2
    assert image.grey == (0, 65535 if kind == "sixteen" else 255)


def test_png_of_16_bits_equals_simpleitk(tmp_path: Path) -> None:
    sitk, pixels = pytest.importorskip("SimpleITK"), pictures("sixteen")
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "a.png"))
    assert (read(tmp_path / "a.png").array[0] == pixels).all()


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG"])
def test_jpeg_equals_simpleitk(suffix: str, tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(16), 3 * np.arange(24)).astype(np.uint8)
    PIL.Image.fromarray(smooth).save(tmp_path / f"a.{suffix}", format="JPEG")
    sitk = pytest.importorskip("SimpleITK")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"a.{suffix}")))
    assert np.abs(read(tmp_path / f"a.{suffix}").array[0].astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((7, 6), (1, 7, 6)), ((7, 6, 5), (1, 7, 6, 5)), ((3, 7, 6), (3, 7, 6)),
     ((2, 7, 6, 5), (2, 7, 6, 5)), ((3, 4, 2), (1, 3, 4, 2)), ((7, 6, 1), (1, 7, 6)),
     ((3, 4, 1), (1, 3, 4, 1)), ((7, 6, 5, 1), (1, 7, 6, 5)), ((4, 6, 5, 1), (4, 6, 5, 1))],
)  # fmt: skip
def test_npy_axes_become_what_is_said(
    shape: tuple[int, ...], wanted: tuple[int, ...], fortran: bool, tmp_path: Path
) -> None:
    values = phantom(shape)
    np.save(tmp_path / "a.npy", np.asfortranarray(values) if fortran else values)
    image = read(tmp_path / "a.npy")
    assert image.shape == wanted
    assert np.array_equal(image.array, values.reshape(wanted))
    assert image.affine is None
    assert image.spacing is None


def test_channels_last_of_a_volume_in_an_npy_come_first(tmp_path: Path) -> None:
    values = phantom((9, 7, 6, 4))
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(read(tmp_path / "a.npy").array, np.moveaxis(values, -1, 0))


def test_colours_last_of_an_npy_come_first(tmp_path: Path) -> None:
    values = phantom((9, 7, 3), np.uint8)
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(read(tmp_path / "a.npy").array, np.moveaxis(values, -1, 0))


@pytest.mark.parametrize("saver", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", "CF")
def test_npz_brings_its_place(saver: Callable[..., None], order: str, tmp_path: Path) -> None:
    saver(tmp_path / "a.npz", image=np.asarray(phantom(), order=order), affine=scans.OBLIQUE)
    assert same(read(tmp_path / "a.npz"), phantom(), scans.OBLIQUE)
    saver(tmp_path / "b.npz", phantom(), spacing=[1.0, 2.0, 3.0], label=phantom())
    assert read(tmp_path / "b.npz").spacing == (1, 2, 3)
    assert (read(tmp_path / "b.npz").array[0] == phantom()).all()


@pytest.mark.parametrize("stem", ["a b", "ä ö", "a.b.c", "Ж", "x" * 120, "-a", "a'b\"c"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mhd", ".nrrd", ".npy", ".png"])
def test_any_name_will_do(stem: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"{stem}{suffix}"
    if suffix == ".npy":
        np.save(path, phantom())
    elif suffix == ".png":
        PIL.Image.fromarray(pictures("grey")).save(path)
    else:
        {".nii": write_nifti, ".nii.gz": write_nifti, ".mhd": write_metaimage, ".nrrd": write_nrrd}[
            suffix
        ](path, phantom())
    assert read(path).name == stem
    assert read(path).array.any()
    assert [one.name for one in find_images([tmp_path])] == [stem]


def test_finding_gives_every_image_once_with_a_name_of_its_own(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        write_nifti(tmp_path / place / "scan.nii.gz", phantom())
    write_nifti(tmp_path / "pair.hdr", phantom())
    write_metaimage(tmp_path / "meta.mhd", phantom())
    np.save(tmp_path / "meta.npy", phantom())
    (tmp_path / "README").write_text("nothing")
    found = find_images([tmp_path, tmp_path / "one"])
    assert sorted(one.name for one in found) == [
        "meta", "meta_npy", "one/scan", "pair", "two/scan",
    ]  # fmt: skip
    assert all((one.open().array[0] == phantom()).all() for one in found)


def test_finding_takes_one_path_and_generators(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", phantom())
    assert len(find_images(str(tmp_path))) == len(find_images(p for p in [tmp_path])) == 1
    folder = tmp_path / "sub"
    folder.mkdir()
    with pytest.raises(BadInput, match="no image lies in"):
        find_images([folder])
