"""The data sets that X-ray encoders are compared by, read as they are published."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genesis_hub.data import load_cases, read
from genesis_hub.data.cases import class_indices, split_cases
from genesis_hub.data.cases.published import layout_of
from genesis_hub.data.cases.published.xrays.chexpert import TESTED
from genesis_hub.data.readers import jsrt as raw
from genesis_hub.errors import BadInput
from tests import xrays

MASKED = {"mask": "heart"}


def splits_of(cases) -> list[int]:
    return [len(cases.of(split)) for split in ("train", "val", "test")]


def mask_in(cases, name: str) -> np.ndarray:
    case = next(case for case in cases if case.name == name)
    return class_indices(read(case.mask), cases.values)


@pytest.mark.parametrize("name", xrays.SAMPLES)
def test_a_layout_is_told_by_its_names_and_read_wherever_it_lies(tmp_path: Path, name: str) -> None:
    first = xrays.SAMPLES[name](tmp_path / "one")
    layout = layout_of(first)
    assert layout is not None
    assert layout.name == name
    wishes = MASKED if name == "jsrt" else {}
    cases = load_cases(first, **wishes)
    assert cases.digest == load_cases(first, reader=name, **wishes).digest
    shutil.copytree(first, tmp_path / "elsewhere" / "two")
    again = load_cases(tmp_path / "elsewhere" / "two", **wishes)
    assert again.digest == cases.digest
    parted = split_cases(cases)
    assert all(splits_of(parted))


# Labels


def test_chestxray14_follows_the_authors_lists(tmp_path: Path) -> None:
    cases = load_cases(xrays.chestxray14(tmp_path))
    assert (cases.multilabel, len(cases.classes), splits_of(cases)) == (True, 14, [12, 4, 4])
    first = cases.cases[0]
    assert (first.name, first.patient, first.label[:3]) == ("00000001_000", "00000001", (0, 1, 0))
    assert load_cases(tmp_path / "Xray14_test_official.txt").digest == cases.digest


def test_the_images_alone_find_the_lists_above_them(tmp_path: Path) -> None:
    xrays.chestxray14(tmp_path)
    (tmp_path / "images").mkdir()
    for part in ("images_001", "images_002"):
        (tmp_path / part).rename(tmp_path / "images" / part)
    assert splits_of(load_cases(tmp_path / "images")) == [12, 4, 4]


def test_nihs_own_files_leave_validation_to_the_seed(tmp_path: Path) -> None:
    cases = load_cases(xrays.nih(tmp_path))
    assert splits_of(cases) == [9, 0, 3]
    assert [cases.classes[k] for k, label in enumerate(cases.cases[1].label) if label] == [
        "Cardiomegaly", "Mass",
    ]  # fmt: skip
    assert sum(cases.cases[0].label) == 0
    assert splits_of(split_cases(cases))[1] == 1


def test_chexpert_has_blanks_for_absent_and_leaves_uncertain_labels_out(tmp_path: Path) -> None:
    folder = xrays.chexpert(tmp_path / "CheXpert-renamed")
    cases = load_cases(folder)
    assert splits_of(cases) == [8, 0, 3]
    assert cases.cases[0].label[:4] == (1, 0, 0, -1)
    assert cases.cases[0].patient == "patient00000"
    assert set(TESTED) <= set(cases.classes)
    both = load_cases(folder, image=["frontal", "lateral"])
    assert len(both) == 22
    assert "left out: 11 lateral" in "".join(cases.notes)
    with pytest.raises(BadInput, match="no such view; close names: lateral"):
        load_cases(folder, image="lateralis")


def test_chexpert_with_a_test_table_validates_on_its_own(tmp_path: Path) -> None:
    folder = xrays.chexpert(tmp_path)
    head, *lines = (folder / "valid.csv").read_text().splitlines()
    (folder / "test.csv").write_text("\n".join([head, *lines[2:]]))
    (folder / "valid.csv").write_text("\n".join([head, *lines[:2]]))
    assert splits_of(load_cases(folder)) == [8, 1, 2]


def test_shenzhen_is_told_by_its_names_and_held_against_its_lists(tmp_path: Path) -> None:
    bare = load_cases(xrays.shenzhen(tmp_path / "bare", lists=False))
    assert (bare.classes, len(bare), splits_of(bare)) == (
        ("normal", "tuberculosis"), 16, [0, 0, 0],
    )  # fmt: skip
    cases = load_cases(xrays.shenzhen(tmp_path / "listed"))
    assert splits_of(cases) == [8, 4, 4]
    file = tmp_path / "listed" / "Shenzhen_val.txt"
    file.write_text(file.read_text().replace("_1.png,1", "_1.png,0", 1))
    with pytest.raises(BadInput, match="has the label 0, but its name says 1"):
        load_cases(tmp_path / "listed")


def test_vindr_takes_what_most_radiologists_say(tmp_path: Path) -> None:
    cases = load_cases(xrays.vindrcxr(tmp_path / "tables"))
    assert splits_of(cases) == [8, 0, 4]
    assert {case.label[:2] for case in cases.of("train")} == {(0, 1)}
    assert {case.label[:2] for case in cases.of("test")} == {(1, 1)}
    listed = load_cases(xrays.vindrcxr_lists(tmp_path / "lists"))
    assert (splits_of(listed), listed.classes) == ([6, 2, 2], cases.classes)


# Masks


def test_runs_go_down_the_columns_and_rows_of_one_picture_add_up(tmp_path: Path) -> None:
    cases = load_cases(xrays.siim(tmp_path))
    assert cases.classes == ("background", "pneumothorax")
    assert not mask_in(cases, "1.2.276.0.3").any()
    for number in (1, 2):
        assert np.array_equal(mask_in(cases, f"1.2.276.0.{number}"), xrays.blob(number) > 0)


def test_tables_of_runs_of_others_are_not_taken_for_siims(tmp_path: Path) -> None:
    table = xrays.siim(tmp_path) / "train-rle.csv"
    table.rename(tmp_path / "train_ship_segmentations_v2.csv")
    assert layout_of(tmp_path) is None
    assert len(load_cases(tmp_path, reader="siim")) == 12


def test_runs_that_leave_the_picture_are_told(tmp_path: Path) -> None:
    table = xrays.siim(tmp_path) / "train-rle.csv"
    table.write_text(table.read_text() + "1.2.276.0.0, 1400 60\n")
    with pytest.raises(BadInput, match="its runs end at 1460, but 40 x 36 pixels are 1440"):
        load_cases(tmp_path)


def test_structures_of_scr_are_chosen_and_brought_to_the_pictures_grid(tmp_path: Path) -> None:
    folder = xrays.jsrt(tmp_path)
    cases = load_cases(folder, mask="clavicles")
    assert (splits_of(cases), cases.classes) == ([6, 0, 6], ("background", "clavicles"))
    mask = mask_in(cases, "JPCLN001")
    assert mask.shape == xrays.SIDES
    assert mask.sum() == 2 * 4 * 15  # Two of 5 x 3, each pixel four.
    with pytest.raises(BadInput, match=r"several structures are outlined; choose by mask= .*heart"):
        load_cases(folder)
    with pytest.raises(BadInput, match="no masks/left lung/ is there, but heart, left clavicle"):
        load_cases(folder, mask="lungs")
    (folder / "train.txt").write_text("JPCLN001\nJPCLN002\nJPCLN005\n")
    (folder / "test.txt").write_text("JPCLN003.IMG.png\n")
    assert splits_of(load_cases(folder, mask="heart")) == [3, 0, 1]


def test_jsrts_own_files_are_read_with_bones_bright(tmp_path: Path) -> None:
    values = np.zeros((raw.SIDE, raw.SIDE), ">u2")
    values[3, 5], values[4, 4] = 4095, 1000
    path = tmp_path / "JPCLN001.IMG"
    path.write_bytes(values.tobytes())
    image = read(path)
    assert (image.shape, image.grey) == ((1, 2048, 2048), (0.0, 4095.0))
    assert [image.array[0, 0, 0], image.array[0, 3, 5], image.array[0, 4, 4]] == [4095, 0, 3095]


def test_two_lungs_are_one_mask(tmp_path: Path) -> None:
    cases = load_cases(xrays.montgomery(tmp_path))
    both = (xrays.blob(0) > 0) | (xrays.blob(0)[:, ::-1] > 0)
    assert np.array_equal(mask_in(cases, "MCUCXR_0001_0"), both)


def test_ribs_are_classes_of_their_own(tmp_path: Path) -> None:
    cases = load_cases(xrays.vindrrib(tmp_path))
    assert splits_of(cases) == [6, 0, 3]
    assert (len(cases.classes), cases.classes[1], cases.classes[20]) == (21, "R1", "L10")
    mask = mask_in(cases, "VinDr_RibCXR_train_001")
    assert sorted(np.unique(mask)) == [0, 1, 2, 20]
    assert (mask[4:10, 4:13] == 1).all()
    assert 20 not in mask_in(cases, "VinDr_RibCXR_train_000")


def test_findings_are_one_mask_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    folder = xrays.chestxdet(tmp_path)
    every, one = load_cases(folder), load_cases(folder, mask="nodule")
    assert (splits_of(every), every.classes[1], one.classes[1]) == ([8, 0, 4], "disease", "Nodule")
    name = every.cases[0].name
    assert mask_in(every, name).sum() > mask_in(one, name).sum() == 11 * 7
    with pytest.raises(BadInput, match="no such disease; close names: Effusion"):
        load_cases(folder, mask="effusions")


def test_drive_tests_on_its_second_half_where_that_is_drawn(tmp_path: Path) -> None:
    cases = load_cases(xrays.drive(tmp_path))
    assert (splits_of(cases), read(cases.cases[0].images[0]).channels) == ([6, 0, 3], 3)
    assert np.array_equal(mask_in(cases, "21_training"), xrays.blob(21) > 0)
    shutil.rmtree(tmp_path / "DRIVE" / "test" / "1st_manual")
    bare = load_cases(tmp_path)
    assert splits_of(bare) == [6, 0, 0]
    assert "its 3 pictures cannot be scored" in "".join(bare.notes)


def test_breast_lesions_are_one_mask_and_their_kinds_are_labels(tmp_path: Path) -> None:
    folder = xrays.busi(tmp_path)
    cases = load_cases(folder)
    assert (len(cases), cases.classes) == (12, ("background", "lesion"))
    both = (xrays.blob(60) > 0) | (xrays.blob(60)[::-1] > 0)
    assert np.array_equal(mask_in(cases, "benign (1)"), both)
    assert not mask_in(cases, "normal (2)").any()
    kinds = load_cases(folder, task="classification")
    assert kinds.classes == ("benign", "malignant", "normal")


# What is missing is said


def without(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        found = [path for name in names for path in folder.rglob(name)]
        assert found
        for path in found:
            path.unlink()

    return spoil


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = next(folder.rglob(name))
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return spoil


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("chestxray14", without("00000001_00*.png"), "2 of its 12 pictures are not in"),
        (
            "chestxray14", rewrite("Xray14_val_official.txt", " 0\n", "\n"),
            r"Xray14_val_official.txt, line 1: .* but 14 labels of 0 or 1",
        ),
        ("chexpert", without("view1_frontal.jpg"), r"8 of its 16 pictures are not in"),
        ("chexpert", rewrite("train.csv", "Edema", "Oedema"), "no column 'Edema'; close names"),
        ("chexpert", rewrite("train.csv", "-1.0", "maybe"), "'maybe' is not 1, 0, -1 or blank"),
        ("shenzhen", without("CHNCXR_0001_0.png"), "1 of its 8 pictures"),
        ("vindr-cxr", without("000*012c.jpeg", "000*01f4.jpeg"), "of its 8 pictures"),
        ("vindr-cxr", rewrite("image_labels_train.csv", "Lung tumor", "Tumor"), "'Lung tumor'"),
        ("siim", without("1.2.276.0.5.png"), "1 of its 12 pictures"),
        ("siim", rewrite("train-rle.csv", " -1", " 5 x"), "'5 x' are no runs"),
        ("montgomery", lambda f: next(f.rglob("leftMask/*1_0.png")).unlink(), "no ManualMask/left"),
        ("jsrt", without("JPCLN004.IMG.png"), "JPCLN004"),
        ("vindr-rib", without("*train_002.png"), "1 of its 6 pictures"),
        ("vindr-rib", rewrite("*train_mask.json", '"y"', '"z"'), "is no outline"),
        ("chestx-det", without("36500.png"), "1 of its 8 pictures"),
        ("chestx-det", rewrite("ChestX_Det_test.json", '"syms"', '"names"'), "no outlines as"),
        ("drive", without("22_manual1.gif"), "no training/1st_manual/22_manual1.gif"),
        ("busi", without("malignant (2)_mask.png"), r"no malignant \(2\)_mask.png"),
    ],
)  # fmt: skip
def test_what_is_missing_or_broken_is_named(tmp_path: Path, name: str, spoil, said: str) -> None:
    folder = xrays.SAMPLES[name](tmp_path)
    spoil(folder)
    with pytest.raises(BadInput, match=said):
        load_cases(folder, reader=name, **(MASKED if name == "jsrt" else {}))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("mask=circle&of=a&on=a.png", "KIND one of union, runs, ribs, findings"),
        ("mask=runs&of=a", "needs of=NAME and on=PICTURE"),
        ("mask=runs&of=a&on=b.png", "b.png is not there"),
        ("mask=runs&of=1&on=a.png", r"it says nothing of '1'"),
    ],
)
def test_a_mask_that_cannot_be_made_is_refused(tmp_path: Path, part: str, said: str) -> None:
    xrays.save(tmp_path / "a.png", xrays.film(0))
    (tmp_path / "runs.csv").write_text("ImageId,EncodedPixels\na,-1\n")
    with pytest.raises(BadInput, match=said):
        _ = read(f"{tmp_path}/runs.csv#{part}").array


def test_a_table_of_ones_own_beside_lists_is_that_table(tmp_path: Path) -> None:
    xrays.chestxray14(tmp_path)
    table = tmp_path / "mine.csv"
    names = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.png"))[:4]
    table.write_text("path,label\n" + "\n".join(f"{n},{k % 2}" for k, n in enumerate(names)))
    assert len(load_cases(table)) == 4


def test_outlines_hold_json_of_these_two_kinds_alone(tmp_path: Path) -> None:
    folder = xrays.chestxdet(tmp_path)
    (folder / "ChestX_Det_train.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(BadInput, match="it holds no outlines as VinDr-RibCXR or ChestX-Det"):
        load_cases(folder)
