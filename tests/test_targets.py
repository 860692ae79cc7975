"""The five target tasks of Models Genesis, each from a tiny made-up sample to a folder."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import genesis_hub
from genesis_hub.cli import main
from genesis_hub.data import load_cases, read
from genesis_hub.data.cases import class_indices
from genesis_hub.data.cases.published import LAYOUTS
from genesis_hub.engine.recipe import filled
from genesis_hub.errors import BadInput
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.recipes import recipe_keys, recipe_names
from tests import scans

nibabel = pytest.importorskip("nibabel")

SMALL = {
    "scratch": True, "width": 0.0625, "steps": 2, "batch_size": 2, "validate_every": 2,
    "recalibrate": 1, "size": [16, 16, 16], "report": False,
}  # fmt: skip
COARSE = scans.affine_of("LPS", (4.0, 4.0, 4.0), origin=(50.0, 50.0, -100.0))


def ct(seed: int, shape: tuple[int, ...] = (18, 18, 16)) -> np.ndarray:
    return scans.phantom(shape, seed=seed)


def nii(path: Path, array: np.ndarray, affine: np.ndarray = COARSE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def rows(path: Path, lines: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def lps(voxel: tuple[int, ...]) -> list[float]:
    return [float(v) for v in (scans.LPS_RAS @ COARSE @ [*voxel, 1])[:3]]


# Made-up samples, laid out as the publishers do


def luna16(folder: Path) -> Path:
    """Ten scans in ten subsets, each with a bright spot called a nodule and two other places."""
    lines: list[tuple[object, ...]] = [("seriesuid", "coordX", "coordY", "coordZ", "class")]
    for number in range(10):
        inside = folder / f"subset{number}"
        inside.mkdir(parents=True)
        values = ct(number)
        values[9, 8, 7] = 3000
        scans.write_metaimage(inside / f"1.2.{number}.mhd", values, COARSE)
        for voxel, label in (((9, 8, 7), 1), ((3, 4, 5), 0), ((14, 12, 9), 0)):
            lines.append((f"1.2.{number}", *lps(voxel), label))
    rows(folder / "candidates.csv", lines)
    return folder


def cubes(folder: Path) -> Path:
    """Cubes with a nodule in the middle of each, as stacks."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", 4), ("valid", 2), ("test", 2)):
        x = np.stack([ct(seed, (16, 16, 16)) for seed in range(count)]) + len(split)
        m = np.zeros(x.shape, np.float32)
        m[:, 5:10, 5:10, 5:10] = 1
        np.save(folder / f"x_{split}_64x64x32.npy", x.astype(np.float32))
        np.save(folder / f"m_{split}_64x64x32.npy", m)
    return folder


def points(folder: Path) -> Path:
    """A table of places in four scans, two of each patient."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[tuple[object, ...]] = [("image", "x", "y", "z", "label", "patient", "split")]
    for number in range(4):
        nii(folder / f"{number}.nii.gz", ct(number))
        for voxel, label in (((9, 8, 7), "embolism"), ((3, 4, 5), "none")):
            split = ("train", "train", "val", "test")[number]
            lines.append((f"{number}.nii.gz", *lps(voxel), label, f"p{number}", split))
    return rows(folder / "points.csv", lines)


def lits(folder: Path) -> Path:
    """Volumes in two training batches: liver 1, tumour 2."""
    for number in (0, 1, 99, 100, 114, 115, 129):
        liver = np.zeros((18, 18, 16), np.uint8)
        liver[4:12, 4:12, 4:12] = 1
        liver[6:8, 6:8, 6:8] = 2
        batch = folder / f"Training Batch {1 if number < 28 else 2}"
        nii(batch / f"volume-{number}.nii", ct(number))
        nii(batch / f"segmentation-{number}.nii", liver)
    return folder


def brats(folder: Path) -> Path:
    """Patients in HGG and LGG with four sequences and a mask of 1, 2 and 4."""
    for number in range(9):
        name = f"Brats18_TCIA{number:02d}_1"
        where = folder / ("LGG" if number % 3 == 0 else "HGG") / name
        tumour = np.zeros((18, 18, 16), np.uint8)
        for value, start in ((2, 4), (4, 6), (1, 7)):
            tumour[start:12, start:12, start:12] = value
        for place, kind in enumerate(("flair", "t1", "t1ce", "t2")):
            nii(where / f"{name}_{kind}.nii.gz", np.abs(ct(10 * number + place)) + 1)
        nii(where / f"{name}_seg.nii.gz", tumour)
    return folder


def medmnist(folder: Path, *, columns: int = 1, shape: tuple[int, ...] = (14, 14, 14)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 6), ("val", 3), ("test", 4)):
        arrays[f"{split}_images"] = draw.integers(0, 255, (count, *shape)).astype(np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count * columns) % 2).reshape(count, columns)
    np.savez_compressed(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


# Readers


def test_luna16_gives_a_box_for_each_candidate_in_the_authors_splits(tmp_path: Path) -> None:
    cases = load_cases(luna16(tmp_path), training=True)
    assert (cases.task, cases.classes) == ("classification", ("no nodule", "nodule"))
    assert [len(cases.of(split)) for split in ("train", "val", "test")] == [15, 6, 9]
    assert {case.patient for case in cases.of("val")} == {"1.2.5", "1.2.6"}
    nodules = [case for case in cases if case.label == 1]
    assert len(nodules) == 10
    for case in nodules:
        box = read(case.images[0])
        assert box.shape == (1, 16, 16, 8)
        assert box.array[0, 8, 8, 4] == 3000
    assert "10 nodules and 20 other candidates; all stay" in "".join(cases.notes)


def test_luna16_says_what_it_leaves_out(tmp_path: Path) -> None:
    luna16(tmp_path)
    (tmp_path / "subset3" / "1.2.3.mhd").unlink()
    (tmp_path / "subset8").rename(tmp_path / "elsewhere")
    text = (tmp_path / "candidates.csv").read_text()
    (tmp_path / "candidates_V2.csv").write_text(text + text.splitlines()[1] + "\n")
    cases = load_cases(tmp_path)
    told = "".join(cases.notes)
    assert len(cases) == 24
    assert "left out: 6 candidates of 2 scans that are not here (no subset8)" in told
    assert "candidates_V2.csv: 8 nodules" in told
    assert "stand there twice, taken once: 1" in told
    assert "stand there twice" not in "".join(load_cases(tmp_path / "candidates.csv").notes)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1.2.0,900,0,0,1", "the point lies outside the volume"),
        ("1.2.0,1,here,0,1", "its point is .1, here, 0., its class '1'"),
        ("1.2.0,1,2,3,2", "its class '2'"),
    ],
)
def test_a_broken_candidate_is_told(tmp_path: Path, line: str, said: str) -> None:
    table = luna16(tmp_path) / "candidates.csv"
    table.write_text(table.read_text() + line + "\n")
    with pytest.raises(BadInput, match=said):
        load_cases(tmp_path)


def test_cubes_go_with_their_masks(tmp_path: Path) -> None:
    cases = load_cases(cubes(tmp_path))
    assert (cases.task, cases.classes) == ("segmentation", ("background", "nodule"))
    assert [len(cases.of(split)) for split in ("train", "val", "test")] == [4, 2, 2]
    case = cases.of("val")[1]
    assert case.name == "val_1"
    assert read(case.images[0]).shape == (1, 16, 16, 16)
    assert class_indices(read(case.mask), cases.values).sum() == 125


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "m_valid_64x64x32.npy").unlink(), "no m_valid_64x64x32.npy"),
        (
            lambda folder: np.save(folder / "m_test_64x64x32.npy", np.zeros((2, 16, 16, 8))),
            "is .2, 16, 16, 16., but m_test_64x64x32.npy is .2, 16, 16, 8.",
        ),
    ],
)
def test_cubes_without_masks_are_refused(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(cubes(tmp_path))
    with pytest.raises(BadInput, match=said):
        load_cases(tmp_path)


def test_a_table_of_points_is_boxes_and_one_scan_is_one_patient(tmp_path: Path) -> None:
    path = points(tmp_path)
    cases = load_cases(path, reader="candidates")
    assert cases.classes == ("embolism", "none")
    assert {case.patient for case in cases.of("train")} == {"p0", "p1"}
    first = read(cases.cases[0].images[0])
    assert first.shape == (1, 16, 16, 16)
    assert first.array[0, 8, 8, 8] == ct(0)[9, 8, 7]
    bare = load_cases(path, reader="candidates", patient="", split="")
    assert len({case.patient for case in bare}) == 4


def test_points_are_told_by_their_columns_where_that_is_sure(tmp_path: Path) -> None:
    path = points(tmp_path)
    text = path.read_text()
    with pytest.raises(BadInput, match="is named 2 times"):  # x, y, z may be anything
        load_cases(path)
    path.write_text(text.replace("x,y,z", "coordX,coordY,coordZ"))
    assert read(load_cases(path).cases[0].images[0]).shape == (1, 16, 16, 16)
    lines = [line + ("," + "16 16 8" if number else ",box") for number, line in
             enumerate(text.splitlines())]  # fmt: skip
    path.write_text("\n".join(lines))
    assert read(load_cases(path).cases[0].images[0]).shape == (1, 4, 4, 2)


def test_points_that_are_none_are_told(tmp_path: Path) -> None:
    path = points(tmp_path)
    text = path.read_text().splitlines()
    path.write_text("\n".join([text[0], "0.nii.gz,1,,3,none,p,train", *text[2:]]))
    with pytest.raises(BadInput, match=r"line 2: its point is \('1', '', '3'\)"):
        load_cases(path, reader="candidates")
    path.write_text("image,label\n0.nii.gz,a\n1.nii.gz,b\n")
    with pytest.raises(BadInput, match="a point in each row, but none of coordx/coordy/coordz"):
        load_cases(path, reader="candidates")


def test_lits_is_split_by_number_and_its_tumours_are_liver(tmp_path: Path) -> None:
    cases = load_cases(lits(tmp_path))
    assert cases.classes == ("background", "liver")
    names = {split: [c.name for c in cases.of(split)] for split in ("train", "val", "test")}
    assert names == {
        "train": ["volume-0", "volume-1", "volume-99"],
        "val": ["volume-100", "volume-114"],
        "test": ["volume-115", "volume-129"],
    }
    assert class_indices(read(cases.cases[0].mask), cases.values).sum() == 512
    apart = load_cases(tmp_path, classes={0: "background", 1: "liver", 2: "tumour"})
    assert apart.classes == ("background", "liver", "tumour")


def test_lits_without_a_segmentation_is_told(tmp_path: Path) -> None:
    lits(tmp_path)
    (tmp_path / "Training Batch 2" / "segmentation-100.nii").unlink()
    nii(tmp_path / "more" / "volume-1.nii.gz", ct(1))
    with pytest.raises(BadInput) as raised:
        load_cases(tmp_path)
    assert "volume-100.nii has no segmentation-100.nii" in str(raised.value)
    assert "more/volume-1.nii.gz are both there" in str(raised.value)


def test_brats_gives_flair_and_the_whole_tumour(tmp_path: Path) -> None:
    cases = load_cases(brats(tmp_path))
    assert (len(cases), cases.classes) == (9, ("background", "whole tumour"))
    assert all(case.images[0].name.endswith("_flair.nii.gz") for case in cases)
    assert {case.split for case in cases} == {None}
    assert class_indices(read(cases.cases[0].mask), cases.values).sum() == 512
    several = load_cases(tmp_path, image=["flair", "t1c"])
    assert [path.name[-12:] for path in several.cases[0].images] == ["flair.nii.gz", "_t1ce.nii.gz"]
    with pytest.raises(BadInput, match="BraTS has no such sequence; close names: flair"):
        load_cases(tmp_path, image="flairs")


def test_brats_of_later_years_and_the_authors_folds(tmp_path: Path) -> None:
    for patient in range(3):
        for time in range(2):
            name = f"BraTS-GLI-{patient:05d}-{time:03d}"
            for kind in ("t2f", "seg"):
                values = np.ones((8, 8, 8), np.uint8)
                values[patient, time] = 2
                nii(tmp_path / name / f"{name}-{kind}.nii.gz", values)
    cases = load_cases(tmp_path)
    assert len({case.patient for case in cases}) == 3
    for fold in range(3):
        names = [f"BraTS-GLI-{fold:05d}-{time:03d}" for time in range(2)]
        (tmp_path / f"fold_{fold + 1}.csv").write_text("\n".join(names) + "\n")
    assert [case.split for case in load_cases(tmp_path)] == [None] * 4 + ["test"] * 2
    (tmp_path / "fold_2.csv").write_text("somebody\n")
    with pytest.raises(BadInput, match=r"BraTS-GLI-00001-000 and 1 more are in none of fold_1"):
        load_cases(tmp_path)


def test_medmnist_has_classes_or_several_labels(tmp_path: Path) -> None:
    path = medmnist(tmp_path)
    cases = load_cases(path)
    assert (cases.classes, cases.multilabel) == (("0", "1"), False)
    assert [len(cases.of(split)) for split in ("train", "val", "test")] == [6, 3, 4]
    assert [case.label for case in cases.of("val")] == [0, 1, 0]
    assert read(cases.of("test")[0].images[0]).shape == (1, 14, 14, 14)
    assert load_cases(path, classes=("normal", "ill")).classes == ("normal", "ill")
    several = load_cases(medmnist(tmp_path / "several", columns=3, shape=(14, 14)))
    assert (several.classes, several.multilabel) == (("0", "1", "2"), True)
    assert several.cases[1].label == (1, 0, 1)


def test_medmnists_own_twins_are_notes(tmp_path: Path) -> None:
    path = medmnist(tmp_path)
    arrays = dict(np.load(path))
    arrays["test_images"][0] = arrays["train_images"][0]
    np.savez(path, **arrays)
    assert "the same bytes as test_0, in train and test" in "".join(load_cases(path).notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"val_labels": np.zeros((9, 1))}, "val_images are 3, but val_labels 9"),
        ({"val_labels": np.zeros((3, 2))}, "different numbers of labels: 1 in train, 2 in val"),
        ({"train_labels": np.full((6, 1), 0.5)}, "train_labels hold .0.5."),
    ],
)
def test_a_broken_medmnist_is_refused(tmp_path: Path, change, said: str) -> None:
    path = medmnist(tmp_path)
    np.savez(path, **{**dict(np.load(path)), **change})
    with pytest.raises(BadInput, match=said):
        load_cases(path)


# Names


def test_a_reader_is_called_by_its_name_or_refused_with_the_nearest(tmp_path: Path) -> None:
    path = brats(tmp_path)
    assert load_cases(path, reader="brats").digest == load_cases(path).digest
    with pytest.raises(BadInput, match=r"reader='brat': .* close names: brats"):
        load_cases(path, reader="brat")
    with pytest.raises(BadInput, match=r"read as brats .* no use for patient"):
        load_cases(path, patient="id")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_reader_says_what_it_expects(tmp_path: Path, layout) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(BadInput, match="expected"):
        load_cases(tmp_path, reader=layout.name)


def test_layouts_of_ones_own_are_taken_for_none_of_these(tmp_path: Path) -> None:
    nii(tmp_path / "images" / "volume-1.nii", ct(0))
    nii(tmp_path / "labels" / "volume-1.nii", np.ones((18, 18, 16), np.uint8))
    cases = load_cases(tmp_path)
    assert "images from images/, masks from labels/" in "".join(cases.notes)


# From recipe to folder

TARGETS = {
    "ncc": (luna16, "nodule"), "ncs": (cubes, "nodule"), "ecc": (points, "embolism"),
    "lcs": (lits, "liver"), "bms": (brats, "whole tumour"),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_a_recipe_goes_from_published_data_to_a_folder(tmp_path: Path, name: str) -> None:
    make, word = TARGETS[name]
    data = make(tmp_path / "data")
    small = SMALL if name == "ncs" else {**SMALL, "spacing": [4.0, 4.0, 4.0]}
    run = genesis_hub.finetune(
        "models-genesis", data, tmp_path / "run", config=name, recipe=small, quiet=True
    )
    assert run.metrics["split"] == "test"
    said = (tmp_path / "run" / "predictions.csv").read_text().splitlines()
    assert len(said) == 1 + run.metrics["cases"]
    model = genesis_hub.from_pretrained(run.model)
    assert word in model.answers.classes
    assert model.inputs.facts.size == (16, 16, 16)
    image = load_cases(data, reader=recipe_keys(name)["reader"], check=False).cases[0].images[0]
    outcome = genesis_hub.predict(run.model, image, quiet=True)
    assert (outcome.done, outcome.failed) == (1, {})


def test_every_recipe_can_be_read_and_fits_the_loop() -> None:
    assert set(TARGETS) <= set(recipe_names())
    for name in recipe_names():
        recipe = filled(Recipe(), recipe_keys(name), source=name)
        recipe.check()
        assert name not in TARGETS or recipe.lr == 1e-3
        # Those of SMART-Net are of a user's own volumes, as any table has them.
        assert recipe.reader in {layout.name for layout in LAYOUTS} or name.startswith("smart-net")


def test_a_path_of_a_recipe_wins_over_a_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipe_keys("NCC")["reader"] == "luna16"
    (tmp_path / "ncc").write_text("steps = 7\n")
    assert recipe_keys("ncc") == {"steps": 7}
    with pytest.raises(BadInput, match=r"'nccs' is no file and no recipe .* close names: ncs, ncc"):
        recipe_keys("nccs")
    with pytest.raises(BadInput, match=r"mine\.toml cannot be read"):
        recipe_keys("mine.toml")


def test_the_command_takes_a_recipe_by_name(tmp_path: Path, capsys) -> None:
    words = ["finetune", "models-genesis", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main([*words, "--config", "lts"]) == 2
    assert "close names: lcs" in capsys.readouterr().err
    assert main([*words, "--config", "lcs"]) == 2
    assert "no volume of LiTS lies here" in capsys.readouterr().err


def test_a_stack_of_medmnist_is_predicted_whole(tmp_path: Path) -> None:
    path = medmnist(tmp_path, shape=(16, 16, 16))
    model = genesis_hub.create_model("models-genesis", num_classes=2, width=0.0625)
    outcome = genesis_hub.predict(model, path, range=(0, 255), quiet=True)
    assert (outcome.done, outcome.failed) == (13, {})
    assert set(outcome.results) >= {"train_0", "val_2", "test_3"}
