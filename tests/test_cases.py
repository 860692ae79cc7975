"""Cases: every layout and table that people have, and every fault in them told in one go."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from genesis_hub.data.cases import Case, CaseList, audit, class_indices, load_cases
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput

DATA = os.environ.get("GENESIS_HUB_DATA")


def png(path: Path, seed: int | None = None, *, mask: bool = False) -> Path:
    """Write a picture of 9 x 8, its values drawn from its name, or a mask of 0 and 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng([*str(path).encode()] if seed is None else seed)
    values = draw.integers(0, 2 if mask else 255, (9, 8), dtype=np.uint8)
    PIL.Image.fromarray(values).save(path)
    return path


def nii(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nibabel = pytest.importorskip("nibabel")
    path.parent.mkdir(parents=True, exist_ok=True)
    where = np.diag([1.0, 1.0, 2.0, 1.0]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(array, where), path)
    return path


def table(folder: Path, text: str, name: str = "cases.csv", *, images: str = "") -> Path:
    """Write a table, and a picture for each name in `images`."""
    for image in images.split():
        png(folder / image)
    (folder / name).write_bytes(text.encode())
    return folder / name


def labels(cases: CaseList) -> dict[str, object]:
    return {case.name: cases.label_names(case) for case in cases}


# Folders


def test_class_folders_are_classes_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("pneumonia/1.png", "normal/1.png", "normal/2.png"):
        png(tmp_path / name)
    (tmp_path / "normal" / "notes.txt").write_text("left alone")
    (tmp_path / "normal" / ".hidden.png").write_text("left alone")
    cases = load_cases(tmp_path)
    assert (cases.task, cases.classes) == ("classification", ("normal", "pneumonia"))
    assert [(c.name, c.label, c.patient) for c in cases] == [
        ("normal/1", 0, "normal/1"), ("2", 0, "2"), ("pneumonia/1", 1, "pneumonia/1"),
    ]  # fmt: skip


def test_folders_inside_a_class_are_patients(tmp_path: Path) -> None:
    for name in ("a/p1/1.png", "a/p1/2.png", "b/p2/1.png"):
        png(tmp_path / name)
    cases = load_cases(tmp_path)
    assert [(case.patient, case.label) for case in cases] == [("p1", 0), ("p1", 0), ("p2", 1)]


@pytest.mark.parametrize("name", ["labels", "masks"])
def test_images_are_paired_with_masks_of_the_same_name(tmp_path: Path, name: str) -> None:
    png(tmp_path / "images" / "a.png")
    np.save(tmp_path / "images" / "b.npy", np.ones((9, 8), np.float32) * np.arange(8))
    png(tmp_path / name / "a.png", mask=True)
    png(tmp_path / name / "b_mask.png", mask=True)
    cases = load_cases(tmp_path)
    assert (cases.task, cases.classes) == ("segmentation", ("0", "1"))
    assert [(c.name, c.mask and c.mask.name) for c in cases] == [
        ("a", "a.png"), ("b", "b_mask.png"),
    ]  # fmt: skip


def test_nnunet_folders_give_channels_a_test_set_and_names_of_classes(tmp_path: Path) -> None:
    for name in ("Tr/x_0000", "Tr/x_0001", "Tr/y_0000", "Tr/y_0001", "Ts/z_0000", "Ts/z_0001"):
        png(tmp_path / f"images{name}.png")
    for name in ("x", "y"):
        png(tmp_path / "labelsTr" / f"{name}.png", mask=True)
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "tumour": 1}}')
    cases = load_cases(tmp_path)
    assert cases.classes == ("background", "tumour")
    assert [(c.name, len(c.images), c.split) for c in cases] == [
        ("x", 2, None), ("y", 2, None), ("z", 2, "test"),
    ]  # fmt: skip
    assert any("no case of it has a mask" in note for note in cases.notes)


def test_folders_named_as_splits_are_splits(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        for name in ("a/1.png", "b/1.png"):
            png(tmp_path / split / name)
    cases = load_cases(tmp_path, training=True)
    assert [len(cases.of(split)) for split in ("train", "val", "test")] == [2, 2, 2]
    assert len({case.name for case in cases}) == 6


def test_images_alone_are_unlabelled(tmp_path: Path) -> None:
    png(tmp_path / "b.png"), png(tmp_path / "a.png")
    cases = load_cases(tmp_path)
    assert (cases.task, [case.name for case in cases]) == (None, ["a", "b"])


def test_a_folder_of_dicom_slices_is_one_image(tmp_path: Path) -> None:
    scans = pytest.importorskip("tests.scans")
    pytest.importorskip("pydicom")
    for seed, patient in enumerate(("p1", "p2")):
        (tmp_path / "images" / patient).mkdir(parents=True)
        scans.write_dicom_series(tmp_path / "images" / patient, scans.phantom(seed=seed))
        image = read(tmp_path / "images" / patient)
        nii(
            tmp_path / "labels" / f"{patient}.nii", np.ones(image.shape[1:], np.uint8), image.affine
        )
    cases = load_cases(tmp_path)
    assert [case.name for case in cases] == ["p1", "p2"]
    assert cases.cases[0].images == (tmp_path / "images" / "p1",)
    assert cases.cases[0].modality == "ct"
    assert len(load_cases(tmp_path / "images")) == 2


def test_a_folder_that_is_laid_out_in_no_known_way_is_refused_with_what_was_seen(
    tmp_path: Path,
) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(BadInput, match=r"seen: readme.txt; expected images/ with labels/"):
        load_cases(tmp_path)
    png(tmp_path / "loose.png"), png(tmp_path / "a" / "1.png")
    with pytest.raises(BadInput, match=r"both here \(loose.png, ...\) and in folders \(a/, ...\)"):
        load_cases(tmp_path)


def test_a_folder_for_each_patient_is_not_taken_for_classes(tmp_path: Path) -> None:
    for name in ("p1/t1.png", "p1/seg.png", "p2/t1.png", "p2/seg.png"):
        png(tmp_path / name)
    with pytest.raises(BadInput, match=r"seg.png is called as a mask .* image_0, image_1, mask"):
        load_cases(tmp_path)


# Tables


@pytest.mark.parametrize("text", [
    "path,label\na.png,x\nb.png,y\n",
    "\ufeffFile;Diagnosis\r\n\"a.png\";x\r\nb.png;y\r\n\r\n",
    "image\tclass\tother\na.png\tx\t\"1\t2\"\nb.png\ty\tz",
])  # fmt: skip
def test_a_table_is_read_however_it_was_written(tmp_path: Path, text: str) -> None:
    cases = load_cases(table(tmp_path, text, images="a.png b.png"))
    assert labels(cases) == {"a": "x", "b": "y"}


def test_a_table_of_accents_and_of_other_alphabets_is_read(tmp_path: Path) -> None:
    text = "path,label,patient\nröntgen/é.png,gesund,Ångström\nröntgen/肺.png,krank,Łoś\n"
    images = "röntgen/é.png röntgen/肺.png"
    utf8 = load_cases(table(tmp_path, text, images=images))
    (tmp_path / "utf16.csv").write_bytes(text.encode("utf-16"))
    assert [case.patient for case in utf8] == ["Ångström", "Łoś"]
    assert load_cases(tmp_path / "utf16.csv").digest == utf8.digest


def test_a_table_that_is_not_utf8_is_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("path,label\na.png,x\né.png,y\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"line 3 is not UTF-8 .* save the table as 'CSV UTF-8'"):
        load_cases(tmp_path / "t.csv")


def test_columns_of_zeros_and_ones_are_labels_that_come_together(tmp_path: Path) -> None:
    text = "id,path,oedema,effusion,age\nx,a.png,1,0.0,50\ny,b.png,,-1,0\n"
    cases = load_cases(table(tmp_path, text, images="a.png b.png"))
    assert (cases.multilabel, cases.classes) == (True, ("oedema", "effusion"))
    assert [(c.name, c.label) for c in cases] == [("x", (1, 0)), ("y", (-1, -1))]
    assert any("columns not used: age" in note for note in cases.notes)


def test_a_table_can_be_told_what_its_columns_are(tmp_path: Path) -> None:
    text = "scan,who,grade,a,b,part\na.png,p,hi,1,0,train\nb.png,q,lo,0,1,valid\n"
    path = table(tmp_path, text, images="a.png b.png")
    single = load_cases(path, image="scan", labels="grade", patient="who", split="part")
    several = load_cases(path, image="scan", labels=("b", "a"))
    assert [(c.label, c.patient, c.split) for c in single] == [(0, "p", "train"), (1, "q", "val")]
    assert [case.label for case in several] == [(0, 1), (1, 0)]
    with pytest.raises(BadInput, match=r"labels='grad': .* close names: grade; its columns are"):
        load_cases(path, image="scan", labels="grad")


def test_numbers_as_labels_keep_their_order_and_may_be_given_names(tmp_path: Path) -> None:
    text = "path,label\n" + "".join(f"{i}.png,{i}.0\n" for i in (10, 2, 0))
    path = table(tmp_path, text, images="0.png 2.png 10.png")
    assert labels(load_cases(path)) == {"10": "10", "2": "2", "0": "0"}
    assert load_cases(path).classes == ("0", "2", "10")
    merged = load_cases(path, classes={0: "well", 2: "ill", 10: "ill"})
    assert labels(merged) == {"10": "ill", "2": "ill", "0": "well"}


def test_indices_as_labels_take_the_names_given(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\na.png,1\nb.png,0\n", images="a.png b.png")
    assert labels(load_cases(path, classes=("well", "ill"))) == {"a": "ill", "b": "well"}


def test_several_image_columns_are_channels_in_order(tmp_path: Path) -> None:
    text = "image_1,Image_0,label\nb.png,a.png,x\n"
    (case,) = load_cases(table(tmp_path, text, images="a.png b.png"))
    assert [path.name for path in case.images] == ["a.png", "b.png"]


def test_rows_that_say_the_same_are_one_case(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\na.png,x\na.png,x\nb.png,y\n", images="a.png b.png")
    cases = load_cases(path)
    assert len(cases) == 2
    assert any("taken once: 1" in note for note in cases.notes)


# Masks


def test_mask_values_become_indices_of_classes(tmp_path: Path) -> None:
    png(tmp_path / "images" / "a.png")
    mask = png(tmp_path / "masks" / "a.png", mask=True)
    values = np.asarray(PIL.Image.open(mask)) * np.uint8(255)
    PIL.Image.fromarray(values).save(mask)
    bare, named = load_cases(tmp_path), load_cases(tmp_path, classes={0: "rest", 255: "lung"})
    assert (bare.classes, bare.values) == (("0", "255"), ((0, 0), (255, 1)))
    assert (class_indices(read(mask), named.values) == values // 255).all()
    assert named.cases[0].present == (0, 1)
    with pytest.raises(BadInput, match=r"holds 255; .*\n.*\{0: 'rest', 255: 'lung'\}"):
        load_cases(tmp_path, classes=("rest", "lung"))


def flipped(affine: np.ndarray) -> np.ndarray:
    return affine @ np.diag([-1.0, 1, 1, 1])


def shifted(affine: np.ndarray) -> np.ndarray:
    return affine + np.eye(4)[:, [3]] * 0 + np.outer([3, 4, 0, 0], [0, 0, 0, 1])


def coarser(affine: np.ndarray) -> np.ndarray:
    return affine @ np.diag([1.0, 1, 1.5, 1])


def turned(affine: np.ndarray) -> np.ndarray:
    c, s = np.cos(np.radians(10)), np.sin(np.radians(10))
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ affine


@pytest.mark.parametrize(("change", "words"), [
    (flipped, "flipped along X: LAS, not RAS"),
    (shifted, "shifted by 5 mm"),
    (coarser, "other spacing: 1x1x3 mm, not 1x1x2 mm"),
    (turned, "turned by 10 degrees"),
])  # fmt: skip
def test_a_mask_that_lies_elsewhere_is_refused_in_plain_words(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    nii(tmp_path / "images" / "a.nii", np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    nii(tmp_path / "labels" / "a.nii", np.ones((3, 4, 5), np.uint8), change(affine))
    with pytest.raises(BadInput, match=words):
        load_cases(tmp_path)


def test_a_rounding_error_in_an_affine_is_let_pass(tmp_path: Path) -> None:
    affine = np.diag([0.7, 0.7, 2.0, 1.0])
    nii(tmp_path / "images" / "a.nii", np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    nii(tmp_path / "labels" / "a.nii", np.ones((3, 4, 5), np.uint8), affine + 1e-5)
    assert len(load_cases(tmp_path)) == 1


# Faults


def test_one_refusal_lists_every_fault_of_a_table(tmp_path: Path) -> None:
    text = (
        "path,label,patient,split\n"
        "a.png,x,p1,train\n"
        "b.png,y,p1,test\n"
        "cut.png,x,p2,train\n"
        "gone.png,x,p3,train\n"
        "c.png,z,p4,val\n"
        "d.png,x,p5,sometime\n"
        "e.png,,p6,train\n"
        ",x,p7,train\n"
        "f.png,x\n"
        "copy.png,y,p8,test\n"
        "a.png,y,p1,train\n"
    )
    path = table(tmp_path, text, images="a.png b.png c.png d.png e.png f.png cut.png gome.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    with pytest.raises(BadInput) as caught:
        load_cases(path, classes=("x", "y", "w"), training=True)
    said = str(caught.value)
    for part in (
        "p1: a patient in two splits: 2 in train (a), 1 in test (b)",
        "unreadable files (1):\n  cut:",
        "gone.png is not there; close names: gome.png",
        "c: label 'z' is not among 'x', 'y', 'w'",
        "d.png: line 7: 'sometime' in column split is no split",
        "e: it has no label",
        "line 9: line 9 has nothing in column path",
        "line 10: it has 2 fields, but the header has 4",
        "the same bytes as copy, in train and test",
        "a.png is named 2 times",
        "w: the class has no training case",
        "  -> move all images of a patient to one split",
    ):
        assert part in said, f"{part}\n---\n{said}"


def test_one_refusal_lists_every_fault_of_a_folder(tmp_path: Path) -> None:
    rough = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    for name in ("good", "small", "colour", "half", "lonely", "scan1", "broken"):
        nii(tmp_path / "images" / f"{name}.nii.gz", rough)
    masks = {"good": rough * 0, "small": rough[:2], "half": rough / 7, "scan_1": rough % 2}
    for name, mask in masks.items():
        nii(tmp_path / "labels" / f"{name}.nii.gz", mask.astype(np.float32))
    nii(tmp_path / "labels" / "colour.nii.gz", np.zeros((3, 4, 5, 3), np.uint8))
    (tmp_path / "labels" / "broken.nii.gz").write_bytes(b"no volume")
    with pytest.raises(BadInput) as caught:
        load_cases(tmp_path, classes=("background", "organ"))
    said = str(caught.value)
    for part in (
        "lonely.nii.gz has no mask in labels/",
        "scan1.nii.gz has no mask in labels/; close names: scan_1",
        "scan_1.nii.gz has no image in images/; close names: scan1",
        "the mask small.nii.gz is 2x4x5, but small.nii.gz is 3x4x5",
        "the mask half.nii.gz: it holds 0.14",
        "the mask colour.nii.gz: it has 3 channels",
        "unreadable files (1):\n  broken:",
        "small: its mask holds 2, 3, 4, 5, 6, 7, 8, 9, ...; the classes are 0 (background)",
    ):
        assert part in said, f"{part}\n---\n{said}"
    assert "good" not in said


def test_a_long_list_of_faults_is_cut_after_twenty_of_a_kind(tmp_path: Path) -> None:
    text = "path,label\na.png,x\n" + "".join(f"gone{i}.png,x\n" for i in range(33))
    with pytest.raises(BadInput) as caught:
        load_cases(table(tmp_path, text, images="a.png"))
    assert "33 problems" in str(caught.value)
    assert str(caught.value).count("is not there") == 20
    assert "and 13 more" in str(caught.value)


def test_an_unchecked_list_keeps_its_problems(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\na.png,x\ngone.png,y\nb.png,\n", images="a.png b.png")
    cases = load_cases(path, check=False)
    assert len(cases) == 3
    assert {problem.kind for problem in audit(cases)} == {"missing files", "missing labels"}


def test_a_header_may_be_sound_where_the_values_are_cut_short(tmp_path: Path) -> None:
    rough = np.random.default_rng(0).integers(0, 999, (9, 9, 9)).astype(np.int16)
    path = nii(tmp_path / "a.nii.gz", rough)
    path.write_bytes(path.read_bytes()[:-200])
    cases = load_cases(tmp_path, check=False)
    assert audit(cases, values=False) == []
    assert [problem.kind for problem in audit(cases)] == ["unreadable files"]


def test_the_same_image_with_two_labels_is_refused_and_an_innocent_twin_noted(
    tmp_path: Path,
) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png"):
        png(tmp_path / name, seed=7 if name in ("a/1.png", "b/3.png") else None)
    with pytest.raises(BadInput, match="the same bytes as 3, but labelled a and b"):
        load_cases(tmp_path)
    png(tmp_path / "b/3.png", seed=8), png(tmp_path / "b/4.png", seed=8)
    assert any("3: the same bytes as 4" in note for note in load_cases(tmp_path).notes)


def test_classes_spelt_nearly_alike_are_refused(tmp_path: Path) -> None:
    for name in ("train/Normal/1.png", "train/ill/2.png", "test/normal/3.png"):
        png(tmp_path / name)
    with pytest.raises(BadInput, match="'Normal', 'normal' are classes of their own"):
        load_cases(tmp_path)


def test_a_column_of_measurements_is_not_taken_for_classes(tmp_path: Path) -> None:
    images = [f"{i}.png" for i in range(30)]
    text = "path,target\n" + "".join(f"{name},{i}.5\n" for i, name in enumerate(images))
    with pytest.raises(BadInput, match="30 classes for 30 cases"):
        load_cases(table(tmp_path, text, images=" ".join(images)))


def test_a_name_that_would_leave_its_folder_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "id,path,label\n../x,a.png,l\n", images="a.png")
    with pytest.raises(BadInput, match=r"'../x' cannot name a case"):
        load_cases(path)


@pytest.mark.parametrize(("options", "words"), [
    ({"task": "detection"}, "task='detection' is none"),
    ({"task": "segmentation"}, "needs masks, but none were found"),
    ({"classes": "ab"}, "classes='ab' names no classes"),
    ({"classes": ("a", "a")}, "names a class twice"),
    ({"workers": 0}, "workers=0"),
    ({"mask": "nowhere"}, "mask='nowhere': the table has no such column"),
])  # fmt: skip
def test_a_bad_argument_is_named(tmp_path: Path, options: dict[str, object], words: str) -> None:
    path = table(tmp_path, "path,label\na.png,a\n", images="a.png")
    with pytest.raises(BadInput, match=words):
        load_cases(path, **options)  # type: ignore[arg-type]


# Digests


def test_the_digest_is_the_same_wherever_the_data_lie(tmp_path: Path) -> None:
    text = "path,label,patient\na.png,x,p\nb.png,y,q\n"
    one, other = tmp_path / "one", tmp_path / "some" / "where"
    lists = [load_cases(table(place, text, images="a.png b.png")) for place in (one, other)]
    upside_down = replace(lists[0], cases=lists[0].cases[::-1])
    assert lists[0].digest == lists[1].digest == upside_down.digest


@pytest.mark.parametrize("change", [{"label": 1}, {"patient": "r"}, {"images": (Path("/d/z"),)}])
def test_the_digest_changes_with_what_matters(change: dict[str, object]) -> None:
    case = Case("a", (Path("/d/a"),), 0, patient="p")
    cases = CaseList((case,), "classification", ("x", "y"), False, Path("/d"))
    changed = replace(cases, cases=(replace(case, **change),))  # type: ignore[arg-type]
    decided = replace(cases, cases=(replace(case, split="test"),))
    assert changed.digest != cases.digest == decided.digest


# Real data


@pytest.mark.skipif(not DATA, reason="GENESIS_HUB_DATA is not set")
@pytest.mark.parametrize(("where", "options", "number", "classes"), [
    ("cxr/labels.csv", {}, 948, 3),
    ("cxr_seg/cases.csv", {"mask": "lungs"}, 81, 4),
    ("chest_ct/cases.csv", {}, 9, 7),
    ("brain_mri/hippocampus", {}, 125, 3),
    ("lung_ct_2d", {}, 150, 2),
    ("ct_slices_tcia/labels.csv", {}, 79, 1),
    ("head_ct/kitamura_labels.csv", {"patient": "dup_group"}, 160, 1),
])  # fmt: skip
def test_real_data_load_without_a_fault(
    where: str, options: dict[str, str], number: int, classes: int
) -> None:
    cases = load_cases(Path(DATA or "") / where, **options)  # type: ignore[arg-type]
    assert (len(cases), len(cases.classes)) == (number, classes)
    assert all(case.split for case in cases)


def test_files_in_class_folders_that_are_no_images_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for seed in range(2):
            np.save(tmp_path / name / f"{name}{seed}.npy", np.full((8, 8), seed + ord(name)))
    (tmp_path / "a" / "lost_its_ending").write_bytes(b"GIF89a")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"litter")
    listed = load_cases(tmp_path, check=False)
    assert len(listed) == 4
    assert [note for note in listed.notes if "left out" in note] == [
        "left out, since they are called as no image is: 1 files, lost_its_ending"
    ]
