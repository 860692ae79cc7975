"""The verb that makes files of cubes: what it writes, skips, leaves out, and survives."""

import csv
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.made import chest, metaimage, nifti
from training.corpus import extraction
from training.corpus.bat import read_beside
from training.corpus.cubefiles import CubeItems
from training.corpus.folds import folds_of
from training.corpus.listing import Scan
from training.corpus.tissue import tissue_score
from training.cubes import main

CUBE = ["--input-rows", "16", "--input-cols", "16", "--input-deps", "8", "--quiet"]
NAME = "bat_4_s_16x16x8"


@pytest.fixture
def luna(tmp_path: Path) -> Path:
    """Two subsets of two scans, as LUNA16 lies."""
    for at in range(4):
        metaimage(tmp_path / "luna16" / f"subset{at // 2}" / f"scan{at}.mhd", chest(at)[0])
    return tmp_path / "luna16"


def extract(data: Path, save: Path, *more: str) -> int:
    return main(["--data", str(data), "--save", str(save), "--scale", "4", *CUBE, *more])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_fold_of_luna16_becomes_a_file_that_the_published_training_reads(
    luna: Path, tmp_path: Path
) -> None:
    assert extract(luna, tmp_path / "out", "--fold", "1") == 0
    held = np.load(tmp_path / "out" / f"{NAME}_1.npy")
    assert held.shape == (8, 16, 16, 8)
    assert held.dtype == np.float16
    assert 0 <= held.min() < held.max() <= 1


def test_the_table_says_where_each_cube_was_cut_and_its_score(luna: Path, tmp_path: Path) -> None:
    extract(luna, tmp_path / "out", "--fold", "0", "--dtype", "int16")
    path = tmp_path / "out" / f"{NAME}_0.npy"
    held, rows = np.load(path), rows_of(path)
    assert [row["volume"] for row in rows] == ["scan0"] * 4 + ["scan1"] * 4
    for cube, row in zip(held, rows, strict=True):
        x, y, z = (int(row[axis]) for axis in "xyz")
        volume = chest(int(row["volume"][-1]))[0].clip(-1000, 1000)
        np.testing.assert_array_equal(cube, volume[x : x + 16, y : y + 16, z : z + 8])
        score = tissue_score(volume[x : x + 16, y : y + 16, z : z + 9], 8, tissue=-150)
        assert float(row["score"]) == pytest.approx(score, abs=1e-6)


def test_the_seed_and_its_flags_with_underscores_are_taken(luna: Path, tmp_path: Path) -> None:
    words = ["--input_rows", "16", "--input_cols", "16", "--input_deps", "8", "--crop_rows", "16"]
    words += ["24", "--crop_cols", "16", "20", "--scale", "4", "--quiet"]
    words += ["--fold", "0", "--data", str(luna)]
    assert main([*words, "--save", str(tmp_path / "a")]) == 0
    assert main([*words, "--save", str(tmp_path / "b"), "--seed", "1"]) == 0
    one, other = (np.load(tmp_path / name / f"{NAME}_0.npy") for name in "ab")
    assert not np.array_equal(one, other)
    crops = {(row["rows"], row["cols"]) for row in rows_of(tmp_path / "a" / f"{NAME}_0.npy")}
    assert crops == {("16", "16"), ("24", "20")}


def test_each_gives_as_many_cubes_of_every_crop(luna: Path, tmp_path: Path) -> None:
    extract(luna, tmp_path / "out", "--fold", "0", "--crop-rows", "16", "24", "--each")
    rows = rows_of(tmp_path / "out" / f"{NAME}_0.npy")
    assert [row["rows"] for row in rows[:8]] == ["16"] * 4 + ["24"] * 4


def test_cubes_do_not_depend_on_workers_or_on_other_scans(luna: Path, tmp_path: Path) -> None:
    extract(luna, tmp_path / "one", "--fold", "0", "--workers", "1")
    extract(luna, tmp_path / "three", "--fold", "0", "--workers", "3")
    metaimage(luna / "subset0" / "another.mhd", chest(9)[0])
    extract(luna, tmp_path / "more", "--fold", "0")
    one, three, more = (
        np.load(tmp_path / name / f"{NAME}_0.npy") for name in ("one", "three", "more")
    )
    np.testing.assert_array_equal(one, three)
    np.testing.assert_array_equal(one, more[4:])


def test_a_finished_fold_is_skipped_and_one_made_otherwise_refused(
    luna: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract(luna, tmp_path / "out", "--fold", "0")
    before = (tmp_path / "out" / f"{NAME}_0.npy").stat().st_mtime_ns
    assert extract(luna, tmp_path / "out", "--fold", "all") == 0
    assert "8 cubes were there already" in capsys.readouterr().out
    assert (tmp_path / "out" / f"{NAME}_0.npy").stat().st_mtime_ns == before
    assert extract(luna, tmp_path / "out", "--fold", "0", "--seed", "3") == 2
    assert "made with seed 0; give another folder to --save" in capsys.readouterr().err
    assert extract(luna, tmp_path / "out", "--fold", "0", "--seed", "3", "--overwrite") == 0


def test_what_is_made_is_what_is_learned_from(luna: Path, tmp_path: Path) -> None:
    extract(luna, tmp_path / "out", "--fold", "all")
    items = CubeItems(tmp_path / "out")
    assert len(items) == 16
    assert items.patients == ("scan0", "scan1", "scan2", "scan3")
    assert all(len(look) == 128 for look in items.looks.values())


@pytest.mark.parametrize("kind", ["nifti", "dicom", "table"])
def test_a_flat_corpus_is_dealt_out_by_patients(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    for at in range(12):
        nifti(data / f"scan{at}.nii.gz", chest()[0][:, :, : 8 + at])
    nifti(data / "labels" / "scan0.nii.gz", chest()[0])
    if kind == "dicom":
        data = tmp_path / "archive"
        for at in range(12):
            (data / f"patient{at // 2}").mkdir(parents=True, exist_ok=True)
            dicom(data / f"patient{at // 2}" / f"series{at}", at)
    if kind == "table":
        rows = [f"scan{at}.nii.gz,p{at // 2}" for at in range(12)]
        (data / "cases.csv").write_text("\n".join(["image,patient", *rows]) + "\n")
    folds = folds_of(data, "ct")
    assert sum(map(len, folds.scans.values())) == 12
    places = [{scan.patient for scan in scans} for scans in folds.scans.values()]
    assert len(set.union(*places)) == sum(map(len, places)) == (12 if kind == "nifti" else 6)
    assert {0, 5, 7} <= folds.scans.keys()
    assert ("called as masks" in folds.told) == (kind == "nifti")
    assert folds_of(data, "ct", seed=1).scans != folds.scans


def dicom(folder: Path, number: int) -> None:
    """Write a series of two slices."""
    pydicom = pytest.importorskip("pydicom")
    folder.mkdir()
    for z in range(2):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.{number + 1}.{z}"
        one.SeriesInstanceUID, one.Modality = f"1.2.{number + 1}", "CT"
        one.Rows = one.Columns = 4
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.PixelSpacing, one.ImageOrientationPatient = [1, 1], [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient, one.InstanceNumber = [0, 0, z], z
        one.RescaleSlope, one.RescaleIntercept = 1, 0
        one.PixelData = np.arange(16, dtype="<i2").tobytes()
        one.save_as(folder / f"{z}.dcm", enforce_file_format=True)


def test_splits_of_a_table_are_kept(tmp_path: Path) -> None:
    for at in range(9):
        nifti(tmp_path / f"scan{at}.nii.gz", chest()[0])
    splits = ["train"] * 4 + ["val"] * 2 + ["test"] * 3
    rows = [f"scan{at}.nii.gz,{split}" for at, split in enumerate(splits)]
    (tmp_path / "cases.csv").write_text("\n".join(["image,split", *rows]) + "\n")
    scans = folds_of(tmp_path, "ct").scans
    held = {fold: {scan.split for scan in some} for fold, some in scans.items()}
    assert held == {
        fold: {"train" if fold < 5 else "val" if fold < 7 else "test"}
        for fold in (0, 1, 2, 3, 5, 6, 7, 8, 9)
    }


def test_bad_scans_are_named_and_counted(
    luna: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metaimage(luna / "subset0" / "thin.mhd", chest()[0][:, :, :7])
    (luna / "subset0" / "scan1.raw").write_bytes(b"torn")
    assert extract(luna, tmp_path / "out", "--fold", "0") == 2
    said = capsys.readouterr().err
    assert "that may be left out; mend them or take them out, or bear them: --tolerate" in said
    assert not (tmp_path / "out" / f"{NAME}_0.npy").exists()
    assert extract(luna, tmp_path / "out", "--fold", "0", "--tolerate", "0.7") == 0
    said = capsys.readouterr().out
    assert "4 cubes of 1 scans" in said
    assert "left out, 2:" in said
    assert "thin" in said
    assert "scan1" in said
    beside = read_beside(tmp_path / "out" / f"{NAME}_0.npy")
    assert beside is not None
    assert [name for name, _ in beside.left_out] == ["scan1", "thin"]


def test_one_bad_scan_of_many_stops_no_fold(tmp_path: Path, capsys: Any) -> None:
    data, save = tmp_path / "scans", tmp_path / "out"
    for at in range(10):
        metaimage(data / f"scan{at}.mhd", chest(at)[0])
    (data / "scan0.raw").write_bytes(b"torn")
    assert extract(data, save, "--fold", "all") == 0
    assert "left out, 1:\n  scan0" in capsys.readouterr().out
    empty = next(fold for fold, some in folds_of(data, "ct").scans.items()
                 if [one.name for one in some] == ["scan0"])  # fmt: skip
    assert not (save / f"{NAME}_{empty}.npy").exists()
    for path in save.glob("*.json"):  # So no training waits for that fold.
        beside = read_beside(path.with_suffix(".npy"))
        assert beside is not None
        assert empty not in beside.folds
    assert extract(data, save, "--fold", "all") == 0


def test_all_bad_scans_are_named_at_once_whatever_their_fold(tmp_path: Path, capsys: Any) -> None:
    data = tmp_path / "scans"
    for at in range(10):
        metaimage(data / f"scan{at}.mhd", chest(at)[0] + 1024)
    assert extract(data, tmp_path / "out", "--fold", "all") == 2
    said = capsys.readouterr().err
    assert all(f"  scan{at} (" in said for at in range(10))
    assert said.count("--modality mri") == 1
    assert not list((tmp_path / "out").glob("*.npy"))


def test_what_never_meets_the_rule_gives_cubes_and_it_is_said_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    abdomen = draw.normal(40, 20, (40, 36, 30))
    abdomen[:4] = -1000
    metaimage(tmp_path / "luna" / "subset0" / "abdomen.mhd", abdomen)
    assert extract(tmp_path / "luna", tmp_path / "out", "--fold", "0") == 0
    assert "too few windows met the rule, so 4 of their cubes" in capsys.readouterr().out
    assert {row["accepted"] for row in rows_of(tmp_path / "out" / f"{NAME}_0.npy")} == {"no"}
    assert extract(tmp_path / "luna", tmp_path / "b", "--fold", "0", "--faithful") == 2
    assert "265" not in (said := capsys.readouterr().err)
    assert "217 x 217 x 72 that the published borders ask for" in said


def test_faithful_takes_only_what_the_rule_accepts(tmp_path: Path) -> None:
    hu = np.full((240, 252, 120), 40)
    hu[112:] = -850  # So that windows lie on either side of the rule.
    hu += np.random.default_rng(0).normal(0, 20, hu.shape).astype(int)
    metaimage(tmp_path / "luna" / "subset0" / "big.mhd", hu)
    assert extract(tmp_path / "luna", tmp_path / "out", "--fold", "0", "--faithful") == 0
    rows = rows_of(tmp_path / "out" / f"{NAME}_0.npy")
    assert {row["accepted"] for row in rows} == {"yes"}
    assert all(float(row["score"]) <= 0.15 for row in rows)
    for axis, side, low, slack in (("x", 240, 100, 17), ("y", 252, 100, 17), ("z", 120, 30, 12)):
        assert all(low <= int(row[axis]) <= side - slack - low for row in rows)


def test_values_that_look_like_a_mistake_are_taken_when_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metaimage(tmp_path / "luna" / "subset0" / "a.mhd", chest()[0].clip(-400, 200))
    assert extract(tmp_path / "luna", tmp_path / "out", "--fold", "0") == 2
    assert "narrower window already" in (said := capsys.readouterr().err)
    assert "--no-check goes on all the same" in said
    assert extract(tmp_path / "luna", tmp_path / "out", "--fold", "0", "--no-check") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fold", "x"], "--fold 'x'; give a number from 0 to 9, several, 0-4, or all"),
        (["--fold", "7"], "no scan is in fold 7; folds with scans: as the folders subset0"),
        (["--fold", "0", "--scale", "0"], "--scale 0; give a whole number from 1"),
        (["--fold", "0", "--crop-rows", "8", "9", "--crop-cols", "8"], "as many of the one"),
        (["--fold", "0", "--workers", "0"], "--workers 0"),
        ([], "the following arguments are required: --fold"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line(
    luna: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract(luna, tmp_path / "out", *words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_killed_call_leaves_nothing_half_written_and_the_same_call_finishes(
    luna: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = extraction.extract

    def killed(scan: Scan, *more: Any) -> Any:
        if scan.name == "scan3":
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(scan, *more)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "extract", killed)
        run = multiprocessing.get_context("fork").Process(
            target=extract, args=(luna, out, "--fold", "all", "--workers", "1")
        )
        run.start()
        run.join()
    assert run.exitcode == -signal.SIGKILL
    names = {path.name for path in out.iterdir()}
    assert f"{NAME}_0.npy" in names
    assert f"{NAME}_1.npy" not in names
    assert any(name.endswith(".part.npy") for name in names)
    assert extract(luna, out, "--fold", "all") == 0
    left = sorted(path.name for path in out.iterdir())
    assert left == [f"{NAME}_{fold}.{end}" for fold in (0, 1) for end in ("csv", "json", "npy")]


@pytest.mark.skipif("GENESIS_HUB_DATA" not in os.environ, reason="needs GENESIS_HUB_DATA")
def test_real_chests_and_an_abdomen_give_cubes(tmp_path: Path) -> None:
    data = Path(os.environ["GENESIS_HUB_DATA"])
    words = ["--scale", "8", "--quiet", "--input-rows", "32", "--input-cols", "32"]
    words += ["--input-deps", "16", "--fold", "all"]
    assert main(["--data", str(data / "chest_ct"), "--save", str(tmp_path / "chest"), *words]) == 0
    files = sorted((tmp_path / "chest").glob("*.npy"))
    rows = [row for path in files for row in rows_of(path)]
    assert len(rows) == 9 * 8
    accepted = [row for row in rows if row["accepted"] == "yes"]
    assert len(accepted) > 0.8 * len(rows)  # One of nine has lungs too narrow for it.
    belly = ["--data", str(data / "totalseg_example"), "--save", str(tmp_path / "belly"), *words]
    assert main(belly) == 0
    (path,) = (tmp_path / "belly").glob("*.npy")
    assert {row["accepted"] for row in rows_of(path)} == {"no"}
