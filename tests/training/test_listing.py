"""Which scans a folder or a table holds, and who is kept for validation."""

from pathlib import Path

import numpy as np
import pytest

from genesis_hub.errors import BadInput
from training.corpus.folds import folds_of
from training.corpus.listing import listed
from training.pack import scans_of


def put(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        np.save(folder / f"{name}.npy", np.zeros((8, 8, 8), np.int16))


def test_a_folder_gives_each_scan_once_and_splits_by_seed(tmp_path: Path) -> None:
    put(tmp_path / "scans", [f"s{n}" for n in range(20)])
    first = listed(tmp_path / "scans", modality="ct", seed=0, validation=0.2)
    again = listed(tmp_path / "scans", modality="ct", seed=0, validation=0.2)
    other = listed(tmp_path / "scans", modality="ct", seed=1, validation=0.2)
    assert len(first.of("train")) == 16
    assert len(first.of("val")) == 4
    assert first.of("val") == again.of("val")
    assert {s.name for s in first.of("val")} != {s.name for s in other.of("val")}
    assert all(scan.open().array.shape == (1, 8, 8, 8) for scan in first.scans[:2])


def test_a_table_says_patient_split_and_modality_of_each(tmp_path: Path) -> None:
    put(tmp_path, ["a", "b", "c", "d"])
    table = "path,patient,split,modality\na.npy,p,train,CT\nb.npy,p,train,MR\n"
    (tmp_path / "scans.csv").write_text(table + "c.npy,q,val,\nd.npy,r,test,ct\n")
    found = listed(tmp_path / "scans.csv", modality="mri", seed=0, validation=0.5)
    assert {s.name: (s.patient, s.split, s.modality) for s in found.scans} == {
        "a": ("p", "train", "ct"), "b": ("p", "train", "mri"), "c": ("q", "val", "mri"),
    }  # fmt: skip
    assert any("testing" in note for note in found.notes)


def test_patients_are_never_parted(tmp_path: Path) -> None:
    put(tmp_path, [f"s{n}" for n in range(12)])
    rows = "".join(f"s{n}.npy,p{n // 3}\n" for n in range(12))
    (tmp_path / "scans.csv").write_text("path,patient\n" + rows)
    found = listed(tmp_path / "scans.csv", modality="ct", seed=3, validation=0.3)
    learned = {scan.patient for scan in found.of("train")}
    assert learned.isdisjoint(scan.patient for scan in found.of("val"))


def test_one_patient_is_learned_from_without_validation(tmp_path: Path) -> None:
    put(tmp_path, ["alone"])
    found = listed(tmp_path, modality="ct", seed=0, validation=0.1)
    assert [scan.split for scan in found.scans] == ["train"]
    assert any("one patient" in note for note in found.notes)


def test_an_unknown_modality_is_named(tmp_path: Path) -> None:
    put(tmp_path, ["a", "b"])
    (tmp_path / "scans.csv").write_text("path,modality\na.npy,pet\nb.npy,ct\n")
    with pytest.raises(BadInput, match=r"'a': modality 'pet'.*ct, mri"):
        listed(tmp_path / "scans.csv", modality="ct", seed=0, validation=0.1)


def test_an_empty_folder_and_a_file_that_is_no_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="no image"):
        listed(tmp_path / "none", modality="ct", seed=0, validation=0.1)
    put(tmp_path, ["one"])
    with pytest.raises(BadInput, match="give a folder of scans, or a table"):
        listed(tmp_path / "one.npy", modality="ct", seed=0, validation=0.1)


def test_a_patient_in_both_splits_is_named_and_refused(tmp_path: Path) -> None:
    put(tmp_path, ["a", "b", "c"])
    table = tmp_path / "scans.csv"
    table.write_text("path,patient,split\na.npy,p,train\nb.npy,p,val\nc.npy,q,train\n")
    said = r"one patient has scans in train and in val, such as 'p' \('a' in train, 'b' in val\)"
    with pytest.raises(BadInput, match=said):
        listed(table, modality="ct", seed=0, validation=0.1)
    with pytest.raises(BadInput, match=said):
        folds_of(table, "ct")
    with pytest.raises(BadInput, match=said):
        scans_of(table, "ct")


def test_an_undecided_scan_of_a_patient_kept_for_validation_is_never_learned_from(
    tmp_path: Path,
) -> None:
    put(tmp_path, ["a", "b", "c"])
    table = tmp_path / "scans.csv"
    table.write_text("path,patient,split\na.npy,p,\nb.npy,p,val\nc.npy,q,train\n")
    with pytest.raises(BadInput, match="'p'"):
        listed(table, modality="ct", seed=0, validation=0.0)
