"""The verb `convert`: BraTS, pancreas and retina as published, to arrays, masks and squares."""

import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from genesis_hub.errors import BadInput
from training.convert import main
from training.converting import running
from training.converting.arrays import box_of, cut, nearest, resized, scaled, window_of
from training.converting.brats import ORDER


def save(path: Path, values: Any, spacing: Any = (1, 1, 2)) -> None:
    """Write a volume whose axes run to the left, the back and the head."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def brats(folder: Path, count: int = 3) -> Path:
    """Write patients whose brain is a box of (12, 10, 8), brighter in each sequence than before."""
    for number in range(count):
        name = f"BraTS_{number}"
        for at, word in enumerate(ORDER):
            values = np.zeros((20, 16, 12), np.int16)
            ramp = np.arange(12 * 10 * 8).reshape(12, 10, 8) % 97
            values[4:16, 3:13, 2:10] = (at + 1) * (ramp + 1)
            save(folder / "HGG" / name / f"{name}_{word}.nii.gz", values)
        labels = np.zeros((20, 16, 12), np.uint8)
        labels[6:10, 5:9, 4:8] = 2
        labels[7:9, 6:8, 5:7] = 4
        labels[15, 12, 9] = 1
        save(folder / "HGG" / name / f"{name}_seg.nii.gz", labels)
    return folder


def pancreas(folder: Path, count: int = 3) -> Path:
    """Write scans of air with a patient in it, and some without masks."""
    for number in range(count + 1):
        draw = np.random.default_rng(number)
        values = np.full((16, 16, 6), -1000, np.int16)
        values[2:14, 2:14] = draw.integers(0, 200, (12, 12, 6))
        known = number < count
        name = f"pancreas_{number:03d}.nii.gz"
        save(folder / ("imagesTr" if known else "imagesTs") / name, values)
        if known:
            labels = np.zeros((16, 16, 6), np.uint8)
            labels[5:9, 5:9, 1:4] = 1
            labels[6:8, 6:8, 2] = 2
            save(folder / "labelsTr" / name, labels)
    return folder


def retina(folder: Path, count: int = 10) -> Path:
    """Write both eyes of some patients, and the table of their grades."""
    rows = ["image,level"]
    (folder / "train").mkdir(parents=True)
    for number in range(count):
        name = f"{number // 2}_{'right' if number % 2 else 'left'}"
        pixels = np.random.default_rng(number).integers(0, 255, (30, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "train" / f"{name}.jpeg")
        rows.append(f"{name},{number // 2 % 2}")
    (folder / "trainLabels.csv").write_text("\n".join(rows))
    return folder


def convert(layout: str, source: Path, out: Path, *words: str) -> int:
    return main([layout, str(source), "--out", str(out), "--quiet", *words])


def everything(folder: Path) -> dict[str, bytes]:
    """Return what was made, byte by byte."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_box_holds_its_last_plane_and_a_window_stays_in_the_volume() -> None:
    inside = np.zeros((6, 6, 6), bool)
    inside[1:5, 2:6, 0:3] = True
    box = box_of(inside, "x")
    assert box == (slice(1, 5), slice(2, 6), slice(0, 3))
    assert window_of(box, (6, 6, 6), (4, 4, 4)) == (slice(1, 5), slice(2, 6), slice(0, 4))
    wide = window_of(box, (6, 6, 6), (8, 6, 6))
    assert wide[0] == slice(-1, 7)
    whole = cut(np.ones((2, 6, 6, 6)), wide)
    assert whole.shape == (2, 8, 6, 6)
    assert whole[:, [0, -1]].sum() == 0
    with pytest.raises(BadInput, match="nothing to see"):
        box_of(np.zeros((2, 2, 2), bool), "x.nii")


def test_masks_take_the_nearest_class_and_never_one_between() -> None:
    labels = np.zeros((9, 4), np.uint8)
    labels[4:] = 2
    made = nearest(labels, (5, 8))
    assert set(made.flat) == {0, 2}
    assert made[:, 0].tolist() == [0, 0, 2, 2, 2]
    assert np.array_equal(nearest(labels, labels.shape), labels)
    soft = resized(labels[None].astype(np.float32), (5, 8))
    assert (soft[0] >= 1).mean() == pytest.approx((made == 2).mean(), abs=0.21)


def test_each_channel_goes_from_its_own_least_to_its_greatest() -> None:
    made = scaled(np.stack([np.arange(8.0), 100 * np.arange(8.0) - 7]).reshape(2, 2, 2, 2), "ab")
    assert np.allclose(made[0], made[1])
    assert (made.min(), made.max()) == (0, 1)
    with pytest.raises(BadInput, match=r"t2\.nii: all its values are 3"):
        scaled(np.full((1, 2, 2, 2), 3.0), ["t2.nii"])
    with pytest.raises(BadInput, match="NaN or infinite"):
        scaled(np.array([[[[0.0, np.nan]]]]), ["t2.nii"])


def test_brains_become_cubes_of_four_channels_and_masks_of_three_classes(tmp_path: Path) -> None:
    source = brats(tmp_path / "in")
    assert convert("brats", source, tmp_path / "out", "--side", "16", "--test", "0.34") == 0
    made = sorted((tmp_path / "out").glob("*/*.npy"))
    assert [path.parent.name for path in made] == [
        "images", "images", "images_labels", "images_labels", "test", "test_labels",
    ]  # fmt: skip
    image, labels = np.load(made[0]), np.load(made[2])
    assert made[0].name == made[2].name
    assert (image.shape, image.dtype) == ((16, 16, 16, 4), np.float32)
    assert (labels.shape, labels.dtype) == ((16, 16, 16), np.uint8)
    assert np.allclose(image[..., 0], image[..., 3], atol=1e-6)
    assert set(labels.flat) == {0, 1, 2, 3}
    # The brain's last voxel is inside its box, so its label is the corner of the cube.
    assert labels[-1, -1, -1] == 1
    assert (labels == 3).sum() / labels.size == pytest.approx(8 / (12 * 10 * 8), rel=0.5)


def test_proportions_are_kept_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = brats(tmp_path / "in", count=1)
    words = ("--side", "16", "--test", "0")
    assert convert("brats", source, tmp_path / "out", *words, "--pad") == 0
    image = np.load(tmp_path / "out" / "images" / "BraTS_0.npy")
    # 12 x 10 x 8 voxels of 1 x 1 x 2 mm: the last axis is the longest.
    seen = np.argwhere(image[..., 0] > 0)
    assert (np.ptp(seen, axis=0) + 1).tolist() == [12, 10, 16]
    monkeypatch.setattr("training.converting.brats.WINDOW", (18, 18, 16))
    assert convert("brats", source, tmp_path / "window", "--test", "0", "--window") == 0
    window = np.load(tmp_path / "window" / "images" / "BraTS_0.npy")
    assert window.shape == (18, 18, 16, 4)
    assert (window[..., 0] > 0).sum() == 12 * 10 * 8


def test_scans_lose_the_air_around_them_and_become_cubes_or_slices(tmp_path: Path) -> None:
    source = pancreas(tmp_path / "in")
    words = ("--side", "24", "--test", "0.34")
    assert convert("pancreas", source, tmp_path / "cubes", *words) == 0
    made = everything(tmp_path / "cubes")
    assert {name.split("/")[0] for name in made} == {
        "images", "images_labels", "test", "test_labels", "unlabelled",
    }  # fmt: skip
    first = next((tmp_path / "cubes" / "images").iterdir())
    labels = np.load(tmp_path / "cubes" / "images_labels" / first.name)
    assert np.load(first).shape == labels.shape == (24, 24, 24)
    # 4 x 4 x 3 of 12 x 12 x 6 voxels: the box has no air and all its planes.
    assert (labels > 0).mean() == pytest.approx(4 * 4 * 3 / (12 * 12 * 6), rel=0.01)
    assert np.load(first).min() > 0.5
    assert convert("pancreas", source, tmp_path / "flat", *words, "--flat") == 0
    slices = sorted((tmp_path / "flat" / "images").iterdir())
    assert len(slices) == 2 * 6
    assert slices[0].name == f"{first.stem}_0000.npy" or first.stem not in slices[0].name
    assert {np.load(path).shape for path in slices} == {(24, 24)}


def test_photographs_become_squares_and_their_table_is_shuffled_and_parted(tmp_path: Path) -> None:
    source = retina(tmp_path / "in", count=20)
    assert convert("retina", source, tmp_path / "out", "--side", "16") == 0
    squares = sorted((tmp_path / "out" / "images").iterdir())
    assert len(squares) == 20
    assert {Image.open(path).size for path in squares} == {(16, 16)}
    want = Image.open(source / "train" / "0_left.jpeg").resize((16, 16), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "images" / "0_left.png")), want)
    whole, train, test = (
        (tmp_path / "out" / f"labels_shuffled{part}.csv").read_text().splitlines()
        for part in ("", "_train", "_test")
    )
    assert whole[0] == train[0] == test[0] == "id_code,diagnosis"
    assert sorted(train[1:] + test[1:]) == sorted(whole[1:]) != whole[1:]
    eyes = [{row.split("_")[0] for row in rows[1:]} for rows in (train, test)]
    assert not eyes[0] & eyes[1]
    assert {row[-1] for row in test[1:]} == {"0", "1"}
    padded = ("--side", "16", "--pad", "--seed", "1")
    assert convert("retina", source, tmp_path / "other", *padded) == 0
    square = np.asarray(Image.open(tmp_path / "other" / "images" / "0_left.png"))
    assert square[[0, 1, -1]].sum() == 0
    assert (tmp_path / "other" / "labels_shuffled.csv").read_text().splitlines() != whole


@pytest.mark.parametrize(("layout", "make"), [("brats", brats), ("pancreas", pancreas)])
def test_what_was_stopped_goes_on_and_ends_the_same(
    layout: str, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    source, words = make(tmp_path / "in"), ("--side", "16", "--workers", "1")
    assert convert(layout, source, tmp_path / "whole", *words) == 0
    write, calls = running.written, iter(range(100))

    def stops(*given: Any) -> list[str]:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return write(*given)

    monkeypatch.setattr(running, "written", stops)
    assert convert(layout, source, tmp_path / "out", *words) == 130
    monkeypatch.undo()
    capsys.readouterr()
    assert convert(layout, source, tmp_path / "out", *words) == 0
    assert "of them of 1 case(s) there already" in capsys.readouterr().out
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_a_file_that_changed_is_converted_again_and_another_wish_is_refused(
    tmp_path: Path, capsys: Any
) -> None:
    source, words = pancreas(tmp_path / "in"), ("--side", "16")
    assert convert("pancreas", source, tmp_path / "out", *words) == 0
    mask = source / "labelsTr" / "pancreas_000.nii.gz"
    save(mask, np.ones((16, 16, 6), np.uint8))
    os.utime(mask, (1, 1))
    assert convert("pancreas", source, tmp_path / "out", *words) == 0
    made = next((tmp_path / "out").glob("*_labels/pancreas_000.npy"))
    assert (np.load(made) == 1).all()
    assert convert("pancreas", source, tmp_path / "out", "--side", "24") == 2
    assert "side: 16 then, 24 now" in capsys.readouterr().err


def test_a_case_that_cannot_be_read_is_named_and_the_others_are_converted(
    tmp_path: Path, capsys: Any
) -> None:
    source, words = pancreas(tmp_path / "in"), ("--side", "16", "--test", "0")
    bad = source / "labelsTr" / "pancreas_001.nii.gz"
    save(bad, np.zeros((16, 16, 5), np.uint8))
    assert convert("pancreas", source, tmp_path / "out", *words) == 2
    said = capsys.readouterr()
    assert "1 case(s) could not be converted" in said.err
    assert "pancreas_001.nii.gz is 16x16x5" in said.err
    assert "images: 2 case(s)" in said.out
    pancreas(tmp_path / "in")
    assert convert("pancreas", source, tmp_path / "out", *words) == 0
    assert "images: 3 case(s)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("break_it", "words", "said"),
    [
        ("seq", (), "it has no t2"),
        ("both", (), "both 4 and 3"),
        ("half", (), "holds 1.5, but classes are whole"),
        ("", ("--flat",), "--flat is of pancreas"),
        ("", ("--side", "4"), "--side 4; give 8 or more"),
        ("", ("--test", "1"), "--test 1.0; give a share"),
        ("", ("--window", "--pad"), "give one"),
        ("", ("--workers", "0"), "--workers 0; give a whole"),
    ],
)
def test_what_cannot_be_converted_is_said(
    break_it: str, words: tuple[str, ...], said: str, tmp_path: Path, capsys: Any
) -> None:
    source = brats(tmp_path / "in", count=2)
    one = source / "HGG" / "BraTS_1"
    if break_it == "seq":
        (one / "BraTS_1_t2.nii.gz").unlink()
    elif break_it:
        labels = np.zeros((20, 16, 12), np.float32)
        labels[0, 0, :2] = {"both": (3, 4), "half": (1.5, 1)}[break_it]
        save(one / "BraTS_1_seg.nii.gz", labels)
    assert convert("brats", source, tmp_path / "out", "--side", "16", *words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("9_left,1", "no picture is called '9_left'"),
        ("0_left,1", "'0_left' is there 2 times"),
        ("0_left.jpeg,1", "'0_left' is there 2 times"),
        ("4_left,mild", "has the grade 'mild'"),
    ],
)
def test_a_table_that_cannot_be_used_is_said(
    row: str, said: str, tmp_path: Path, capsys: Any
) -> None:
    source = retina(tmp_path / "in", count=4)
    with (source / "trainLabels.csv").open("a") as file:
        file.write(f"\n{row}")
    assert convert("retina", source, tmp_path / "out") == 2
    assert said in capsys.readouterr().err
    (source / "other.csv").write_text("a,b\n")
    assert convert("retina", source, tmp_path / "out") == 2
    assert "there are: other.csv, trainLabels.csv; give --table FILE" in capsys.readouterr().err


def test_another_layout_and_a_folder_inside_the_data_are_refused(
    tmp_path: Path, capsys: Any
) -> None:
    source = retina(tmp_path / "in", count=4)
    assert convert("retinas", source, tmp_path / "out") == 2
    assert "close names: retina" in capsys.readouterr().err
    assert convert("retina", source, source / "out") == 2
    assert "which is only read" in capsys.readouterr().err
