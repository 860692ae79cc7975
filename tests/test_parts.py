"""Parts of files: items of stacks and boxes in volumes, wherever a path of an image may stand."""

from pathlib import Path

import numpy as np
import pytest

import genesis_hub
from genesis_hub.data import find_images, load_cases, read
from genesis_hub.data.readers import stacks
from genesis_hub.errors import BadInput
from tests import scans

STACK = np.random.default_rng(0).integers(0, 255, (6, 8, 9)).astype(np.uint8)
PLACES = {
    "axial": scans.AXIAL, "sagittal": scans.SAGITTAL, "oblique": scans.OBLIQUE,
    "flipped": scans.affine_of("RAS"),
    "flipped and turned": scans.affine_of("SAR", angles=(9, 5, -8)),
}  # fmt: skip


def stack_files(folder: Path) -> dict[str, str]:
    """Write one stack in four ways, and return how its items are called."""
    np.save(folder / "plain.npy", STACK)
    np.save(folder / "columns.npy", np.asfortranarray(STACK))
    np.savez(folder / "as_is.npz", train_images=STACK, other=STACK[:2])
    np.savez_compressed(folder / "packed.npz", train_images=STACK, other=STACK[:2])
    return {
        name: str(folder / name) + ("#" if name.endswith("npy") else "#train_images/")
        for name in ("plain.npy", "columns.npy", "as_is.npz", "packed.npz")
    }


@pytest.mark.parametrize("name", ["plain.npy", "columns.npy", "as_is.npz", "packed.npz"])
def test_an_item_of_a_stack_is_an_image(tmp_path: Path, name: str) -> None:
    path = stack_files(tmp_path)[name]
    for index in (0, 5):
        image = read(f"{path}{index}")
        assert image.shape == (1, 8, 9)
        assert image.grey == (0.0, 255.0)
        np.testing.assert_array_equal(image.array[0], STACK[index])
    assert image.name in ("plain_5", "columns_5", "as_is_train_images_5", "packed_train_images_5")


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((3, 8, 9), np.uint8, (1, 8, 9)),
        ((3, 8, 9, 3), np.uint8, (3, 8, 9)),
        ((3, 8, 9, 7), np.uint8, (1, 8, 9, 7)),
        ((3, 8, 9, 7), np.float64, (1, 8, 9, 7)),
        ((3, 1, 8, 9, 7), np.float32, (1, 8, 9, 7)),
        ((3, 8, 9, 7, 1), np.float32, (1, 8, 9, 7)),
    ],
)
def test_an_item_has_its_channels_first(tmp_path: Path, shape, dtype, expected) -> None:
    np.save(tmp_path / "x.npy", np.ones(shape, dtype))
    image = read(f"{tmp_path}/x.npy#2")
    assert image.shape == image.array.shape == expected


def test_a_packed_stack_is_unpacked_once_and_anew_when_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stack_files(tmp_path)["packed.npz"]
    unpacked = []
    pieces = stacks.Stored.pieces
    monkeypatch.setattr(
        stacks.Stored, "pieces", lambda self: unpacked.append(self.member) or pieces(self)
    )
    for index in range(6):
        assert read(f"{path}{index}").array.any()
    assert unpacked == ["train_images.npy"]
    np.savez_compressed(tmp_path / "packed.npz", train_images=STACK[:, ::-1], more=STACK)
    np.testing.assert_array_equal(read(f"{path}1").array[0], STACK[1, ::-1])
    assert len(unpacked) == 2


def test_a_large_packed_stack_is_set_aside_in_a_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stacks, "IN_MEMORY", 16)
    stacks.opened.cache_clear()
    path = stack_files(tmp_path)["packed.npz"]
    assert isinstance(stacks.stack_of(tmp_path / "packed.npz", "train_images").base, np.memmap)
    np.testing.assert_array_equal(read(f"{path}4").array[0], STACK[4])


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("plain.npy#6", "no item 6; its shape is .6, 8, 9., so items 0 to 5"),
        ("plain.npy#-1", "no item -1"),
        ("plain.npy#a/1", "it holds one array, so none is named 'a'"),
        ("plain.npy#first", "'first' names no part of it; an item of a .npy is #17"),
        ("packed.npz#train_image/0", "close names: train_images"),
        ("packed.npz#1", "does not say of which array; it holds other, train_images"),
        ("packed.npz#train_images", "names no part of it"),
        ("missing.npy#1", "no such file"),
    ],
)
def test_an_item_that_is_not_there_is_refused(tmp_path: Path, part: str, said: str) -> None:
    stack_files(tmp_path)
    with pytest.raises(BadInput, match=said):
        read(tmp_path / part)


def test_a_file_with_the_sign_in_its_name_still_opens(tmp_path: Path) -> None:
    np.save(tmp_path / "scan#1.npy", STACK[0])
    np.save(tmp_path / "stack#2.npy", STACK)
    (tmp_path / "a#b").mkdir()
    np.save(tmp_path / "a#b" / "c.npy", STACK)
    assert read(tmp_path / "scan#1.npy").array.shape == (1, 8, 9)
    for path in ("stack#2.npy#3", "a#b/c.npy#3"):
        np.testing.assert_array_equal(read(tmp_path / path).array[0], STACK[3])


# Boxes


def lit(tmp_path: Path, affine: np.ndarray, voxel: tuple[int, ...], name: str = "scan.mha") -> Path:
    """Write a dark volume with one bright voxel."""
    pytest.importorskip("nibabel")
    values = np.zeros((40, 36, 20), np.int16)
    values[voxel] = 1000
    write = scans.write_nifti if "nii" in name else scans.write_metaimage
    return write(tmp_path / name, values, affine)


def lps(affine: np.ndarray, voxel: tuple[int, ...]) -> str:
    x, y, z, _ = scans.LPS_RAS @ affine @ [*voxel, 1]
    return f"lps={x:.3f},{y:.3f},{z:.3f}"


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_point_comes_to_lie_in_the_middle_of_its_box(tmp_path: Path, place: str) -> None:
    affine, voxel = PLACES[place], (22, 15, 9)
    path = lit(tmp_path, affine, voxel)
    image = read(f"{path}#{lps(affine, voxel)}&box=8,8,8")
    bright = np.argwhere(image.array[0] == 1000)
    assert bright.tolist() == [[side // 2 for side in image.shape[1:]]]
    # The affine was moved along: the bright voxel lies where it lay.
    np.testing.assert_allclose(image.affine @ [*bright[0], 1], affine @ [*voxel, 1], atol=1e-3)
    np.testing.assert_allclose(image.affine[:3, :3], affine[:3, :3], atol=1e-5)


def test_the_sides_of_a_box_are_the_patients(tmp_path: Path) -> None:
    path = lit(tmp_path, scans.SAGITTAL, (22, 15, 9))  # 0.7, 0.8, 2.5 mm to back, feet and left
    image = read(f"{path}#{lps(scans.SAGITTAL, (22, 15, 9))}&box=10,7,16")
    assert image.shape == (1, 10, 20, 4)
    assert read(f"{path}#{lps(scans.SAGITTAL, (22, 15, 9))}&box=8").shape == (1, 11, 10, 3)


def test_beyond_the_volume_its_edge_is_repeated(tmp_path: Path) -> None:
    path = lit(tmp_path, scans.AXIAL, (0, 35, 19), "scan.nii.gz")
    image = read(f"{path}#{lps(scans.AXIAL, (0, 35, 19))}&box=7,8,25")
    assert image.shape == (1, 10, 10, 10)
    assert (image.array[0, :6, 5:, 5:] == 1000).all()
    assert (image.array[0, 6:] == 0).all()
    np.testing.assert_allclose(image.affine @ [5, 5, 5, 1], scans.AXIAL @ [0, 35, 19, 1], atol=1e-3)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("lps=900,0,0&box=8", "the point lies outside the volume, at voxel .* of .40, 36, 20."),
        ("lps=-40,5,60&box=8", "read as RAS it would lie inside: change the sign of x and y"),
        ("lps=5,35,2&box=8", "it looks like voxel numbers"),
        ("lps=1,2&box=8", "a point is three numbers"),
        ("lps=1,2,x&box=8", "a point is three numbers"),
        ("lps=1,2,3&box=0", "one or three above 0"),
        ("lps=1,2,3&box=8,9000,8", "up to 2000"),
        ("lps=1,2,3", "write #lps=X,Y,Z&box=A,B,C"),
        ("lps=1,2,3&cube=3", "write #lps=X,Y,Z&box=A,B,C"),
        ("3", "'3' names no part of it; an item of a .npy"),
    ],
)
def test_a_box_that_cannot_be_is_refused(tmp_path: Path, part: str, said: str) -> None:
    path = lit(tmp_path, scans.AXIAL, (22, 15, 9))
    with pytest.raises(BadInput, match=said):
        read(f"{path}#{part}")


def test_an_array_without_a_place_has_no_boxes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((8, 9, 7), np.int16))
    with pytest.raises(BadInput, match="does not know where it lies"):
        read(tmp_path / "x.npy#lps=1,2,3&box=4")


def test_a_box_of_a_dicom_series_is_cut_from_its_volume(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    (tmp_path / "ct").mkdir()
    scans.write_dicom_series(tmp_path / "ct", scans.phantom((9, 8, 7)))
    whole = read(tmp_path / "ct")
    voxel = (4, 5, 3)
    image = read(f"{tmp_path}/ct#{lps(whole.affine, voxel)}&box={whole.spacing[0] * 2:.3f}")
    assert image.kind == "box"
    middle = tuple(side // 2 for side in image.shape[1:])
    assert image.array[0][middle] == whole.array[0][voxel]


# Where paths of images stand


def table(folder: Path, lines: list[str]) -> Path:
    (folder / "cases.csv").write_text("\n".join(lines))
    return folder / "cases.csv"


def test_a_table_names_parts(tmp_path: Path) -> None:
    files = stack_files(tmp_path)
    names = [Path(files["plain.npy"]).name + "0", "packed.npz#train_images/1", "as_is.npz#other/1"]
    lines = ["path,label", *(f"{name},{label}" for name, label in zip(names, "abb", strict=True))]
    cases = load_cases(table(tmp_path, lines))
    assert [case.name for case in cases] == ["plain_0", "packed_train_images_1", "as_is_other_1"]
    assert "duplicate images: packed_train_images_1" in "".join(cases.notes)
    moved = tmp_path / "moved"
    moved.mkdir()
    stack_files(moved)
    again = load_cases(table(moved, (tmp_path / "cases.csv").read_text().splitlines()))
    assert again.digest == cases.digest


def test_twins_are_told_by_the_part_not_by_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", STACK[[0, 1, 2, 0]])
    lines = ["path,label,split"]
    lines += [f"x.npy#{i},{i % 2},{'test' if i == 3 else 'train'}" for i in range(4)]
    with pytest.raises(BadInput, match=r"2 problems(.|\n)*x_0: the same bytes as x_3, in train"):
        load_cases(table(tmp_path, lines))
    lines[4] = "x.npy#4,1,test"
    with pytest.raises(BadInput, match=r"unreadable files(.|\n)*there is no item 4"):
        load_cases(table(tmp_path, lines))


def test_masks_may_be_parts(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", STACK)
    np.save(tmp_path / "m.npy", (STACK > 100).astype(np.float32))
    cases = load_cases(table(tmp_path, ["path,mask", *(f"x.npy#{i},m.npy#{i}" for i in range(6))]))
    assert (cases.task, cases.classes) == ("segmentation", ("0", "1"))


def test_boxes_are_twins_where_volumes_and_places_are(tmp_path: Path) -> None:
    for name in ("a.mha", "b.mha"):
        lit(tmp_path, scans.AXIAL, (22, 15, 9), name)
    here, there = lps(scans.AXIAL, (22, 15, 9)), lps(scans.AXIAL, (12, 15, 9))
    names = [f"a.mha#{here}&box=8,8,8", f"a.mha#{there}&box=8,8,8", f"b.mha#{here}&box=8,8,8"]
    cases = load_cases(
        table(tmp_path, ["path;label", *(f"{n};{i % 2}" for i, n in enumerate(names))])
    )
    told = "".join(cases.notes)
    assert "duplicate images: a_" in told
    assert "and 1 more" not in told


def test_a_scan_of_many_boxes_is_looked_through_once(tmp_path: Path) -> None:
    path = lit(tmp_path, scans.AXIAL, (22, 15, 9), "a.nii")
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.full((40, 36, 20), np.inf), scans.AXIAL), path)
    lines = ["path;label"]
    lines += [f"a.nii#{lps(scans.AXIAL, (12 + i, 15, 9))}&box=8;{i % 2}" for i in range(4)]
    with pytest.raises(BadInput) as raised:
        load_cases(table(tmp_path, lines))
    assert str(raised.value).count("values are NaN or infinite") == 1


def test_parts_are_found_and_told_apart_for_predict(tmp_path: Path) -> None:
    files = stack_files(tmp_path)
    found = find_images([files["plain.npy"] + "1", files["plain.npy"] + "2"])
    assert [one.name for one in found] == ["plain_1", "plain_2"]
    np.testing.assert_array_equal(found[1].open().array[0], STACK[2])


def test_a_model_predicts_parts_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    volumes = np.random.default_rng(0).integers(-1000, 1000, (3, 16, 16, 16)).astype(np.int16)
    np.savez_compressed(tmp_path / "x.npz", scans=volumes)
    names = [f"x.npz#scans/{index}" for index in range(3)]
    csv = table(tmp_path, ["path,label", *(f"{name},a" for name in names)])
    model = genesis_hub.create_model("models-genesis", num_classes=2, width=0.0625)
    outcome = genesis_hub.predict(model, csv, tmp_path / "out", quiet=True)
    assert (outcome.done, outcome.failed) == (3, {})
    rows = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["x_scans_0", "x_scans_1", "x_scans_2"]
    assert genesis_hub.predict(model, csv, tmp_path / "out", quiet=True).kept == 3
    np.savez_compressed(tmp_path / "x.npz", scans=volumes[::-1], more=volumes)
    assert genesis_hub.predict(model, csv, tmp_path / "out", quiet=True).done == 3
