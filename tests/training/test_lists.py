"""Lists of ChestX-ray14: made of NIH's own files, patients whole, the same for the same seed."""

import json
from pathlib import Path

import pytest

from genesis_hub.data.cases.published.xrays.chestxray14 import FINDINGS
from genesis_hub.errors import BadInput
from training.lists import lists, main
from training.pictures.listfile import read_list
from training.pictures.nih import lists_of

MANY = 60


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    """A made-up sample in NIH's layout: 60 patients, 1 to 4 pictures each, ten for testing."""
    folder, rows = tmp_path / "nih", []
    folder.mkdir()
    names: dict[str, list[str]] = {"train_val_list.txt": [], "test_list.txt": []}
    for patient in range(1, MANY + 1):
        file = "test_list.txt" if patient > MANY - 10 else "train_val_list.txt"
        for number in range(1 + patient % 4):
            name = f"{patient:08d}_{number:03d}.png"
            names[file].append(name)
            both = f"{FINDINGS[patient % 14]}|{FINDINGS[(patient + 3) % 14]}"
            rows.append(f"{name},{both if number else 'No Finding'},{number},{patient},058Y,M,PA")
    for file, some in names.items():
        (folder / file).write_text("\r\n".join(some), encoding="utf-8")
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View\n"
    (folder / "Data_Entry_2017_v2020.csv").write_text(header + "\n".join(rows), encoding="utf-8")
    return folder


def whose(folder: Path, split: str) -> set[str]:
    return {line.patient for line in read_list(folder / f"{split}.txt")}


def test_every_picture_is_in_one_list_and_no_patient_in_two(nih: Path, tmp_path: Path) -> None:
    lists(nih, tmp_path / "out", validation=0.2)
    parts = {split: read_list(tmp_path / f"out/{split}.txt") for split in ("train", "val", "test")}
    all_names = sorted(line.name for some in parts.values() for line in some)
    theirs = (nih / "train_val_list.txt").read_text() + "\n" + (nih / "test_list.txt").read_text()
    assert all_names == sorted(theirs.split())
    assert whose(tmp_path / "out", "test") == {f"{p:08d}" for p in range(MANY - 9, MANY + 1)}
    assert not whose(tmp_path / "out", "train") & whose(tmp_path / "out", "val")
    share = len(parts["val"]) / (len(parts["val"]) + len(parts["train"]))
    assert 0.17 < share < 0.23


def test_lists_are_in_the_authors_form_with_labels_in_their_order(
    nih: Path, tmp_path: Path
) -> None:
    made = lists(nih, tmp_path / "out")
    lines = (tmp_path / "out/train.txt").read_bytes().decode().split("\n")
    assert lines[-1] == ""
    assert all(len(line) == 44 for line in lines[:-1])  # 45 bytes with its end, as theirs.
    labels = {line.name: line.labels for line in read_list(tmp_path / "out/test.txt")}
    wanted = {FINDINGS[55 % 14], FINDINGS[58 % 14]}
    assert labels["00000055_001.png"] == tuple(float(one in wanted) for one in FINDINGS)
    assert sum(labels["00000055_000.png"]) == 0
    assert set(made.labels) >= set(labels)


def test_the_seed_alone_decides_and_labels_change_nothing(nih: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        lists(nih, tmp_path / name, seed=seed)
    bytes_of = {
        name: [(tmp_path / name / file).read_bytes() for file in ("train.txt", "lists.json")]
        for name in ("one", "two", "three")
    }
    assert bytes_of["one"] == bytes_of["two"]
    assert bytes_of["one"][0] != bytes_of["three"][0]
    without = lists_of(nih / "train_val_list.txt")
    assert set(without.names["val"]) == {line.name for line in read_list(tmp_path / "one/val.txt")}
    assert "test" not in without.names


def test_the_command_says_that_the_split_is_not_the_authors(
    nih: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(nih), "--out", str(tmp_path / "out"), "--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert "seed 3: this split is drawn here: it is not that of the authors" in said
    assert "test.txt: 25 pictures of 10 patients" in said
    facts = json.loads((tmp_path / "out/lists.json").read_text())
    assert facts["seed"] == 3
    assert facts["lists"]["test"]["patients"] == 10
    assert "not the split of any paper" in facts["note"]


def test_lists_without_a_table_have_no_labels(nih: Path, tmp_path: Path) -> None:
    (nih / "Data_Entry_2017_v2020.csv").unlink()
    (nih / "test_list.txt").unlink()
    made = lists(nih, tmp_path / "out")
    assert made.labels == {}
    assert not (tmp_path / "out/test.txt").exists()
    assert all(line.labels == () for line in read_list(tmp_path / "out/val.txt"))


def test_what_is_not_nihs_is_refused_with_what_is_expected(nih: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"train_val_list\.txt is not there"):
        lists(tmp_path, tmp_path / "out")
    (nih / "test_list.txt").write_text("00000001_000.png\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"1 patients of .* such as 00000001"):
        lists(nih, tmp_path / "out")
    (nih / "test_list.txt").write_text("00000099_000.png\n", encoding="utf-8")
    with pytest.raises(BadInput, match="1 pictures of the lists have no row"):
        lists(nih, tmp_path / "out")
    with (nih / "train_val_list.txt").open("a", encoding="utf-8") as file:
        file.write("\nscan7.png")
    with pytest.raises(BadInput, match=r"'scan7.png' is not called as NIH's"):
        lists(nih, tmp_path / "out")
    with pytest.raises(BadInput, match="share between 0 and 1"):
        lists(nih, tmp_path / "out", validation=1.0)


def test_an_unknown_finding_is_refused(nih: Path, tmp_path: Path) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Hernia", "Hernias"), encoding="utf-8")
    with pytest.raises(BadInput, match="'Hernias', which is none of the 14"):
        lists(nih, tmp_path / "out")
