"""Discovered patterns as items, in both forms, and what is said of folders that are not whole."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_hub.errors import BadInput
from tests.training.discovered import SIZE, compact, cubes, seeds
from training.corpus.opening import source_of
from training.corpus.patterns import PatternItems, holds_patterns
from training.methods.roster import recipe_of

SMALL = {"input_rows": 16, "input_cols": 16, "input_deps": 16}
PUBLISHED = {"train1": 11, "train2": 9, "train3": 10, "val1": 5}


def test_an_item_is_the_cube_of_its_row_with_its_class(tmp_path: Path) -> None:
    items = PatternItems(compact(tmp_path / "a"))
    whole = cubes(np.repeat([0, 1, 2, 0, 1, 2], [4, 4, 4, 2, 2, 2]))
    assert (len(items), items.classes, items.size) == (12, 3, SIZE)
    for index in (0, 3, 4, 11):
        item = items.item(index, 7)
        assert (int(item["key"]), int(item["label"])) == (7, index // 4)
        assert item["image"].dtype == torch.float32
        np.testing.assert_allclose(item["image"][0], whole[index], atol=1e-3)
    kept = PatternItems(tmp_path / "a", "val")
    np.testing.assert_allclose(kept.item(5, 0)["image"][0], whole[17], atol=1e-3)
    assert int(kept.item(5, 0)["label"]) == 2


def test_scans_are_told_once_and_with_what_they_look_like(tmp_path: Path) -> None:
    items = PatternItems(compact(tmp_path / "a"))
    assert items.names == items.patients == ("train0", "train1", "train2", "train3")
    assert items.looks == {"train0": "0" * 128, "train1": "f" * 128}
    assert PatternItems(tmp_path / "a", "val").names == ("val0", "val1")


def test_whole_numbers_go_from_the_ends_that_the_facts_give(tmp_path: Path) -> None:
    floats = PatternItems(compact(tmp_path / "a"))
    whole = PatternItems(compact(tmp_path / "b", dtype="int16"))
    for index in (0, 11):
        one, other = (items.item(index, 0)["image"] for items in (floats, whole))
        torch.testing.assert_close(one, other, atol=1.1e-3, rtol=0)


def test_the_authors_files_are_read_whatever_their_number_of_rows(tmp_path: Path) -> None:
    items = PatternItems(seeds(tmp_path / "a", PUBLISHED))
    assert len(items) == 30
    labels = np.concatenate([np.arange(n) * 3 // n for n in (11, 9, 10)])
    np.testing.assert_array_equal(items.labels, labels)
    assert int(items.item(11, 0)["label"]) == 0
    np.testing.assert_allclose(items.item(11, 0)["image"][0], cubes(labels[11:12], seed=1)[0])
    assert len(PatternItems(tmp_path / "a", "val")) == 5
    assert items.names[0] == "train_data1_vwGen_ex_ref_fold1.0"


def test_the_first_classes_alone_can_be_taken(tmp_path: Path) -> None:
    items = PatternItems(seeds(tmp_path / "a", PUBLISHED), classes=2)
    assert items.classes == 2
    assert set(items.labels) == {0, 1}
    assert {int(items.item(at, 0)["label"]) for at in range(len(items))} == {0, 1}
    with pytest.raises(BadInput, match=r"classes=4, but .* holds 3; give classes=3 or fewer"):
        PatternItems(tmp_path / "a", classes=4)


def test_items_are_handed_to_workers_without_what_was_mapped(tmp_path: Path) -> None:
    items = PatternItems(compact(tmp_path / "a"))
    again = pickle.loads(pickle.dumps(items))
    assert again.maps == {}
    assert torch.equal(again.item(5, 1)["image"], items.item(5, 1)["image"])
    assert len(pickle.dumps(items)) < 5000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train_data2", b"torn", "torn or no NPY file"),
        ("train_label1", None, "train_label1_vwGen_ex_ref_fold1.0.npy is missing"),
        ("train_data3", None, "train_data3_vwGen_ex_ref_fold1.0.npy is missing"),
        ("train_label1", np.zeros((12, 1)), r"holds 11 cubes, but train_label1.* is \(12, 1\)"),
        ("train_label1", np.full((11, 1), 0.5), "row 0 has the class 0.5, but whole numbers"),
        ("train_label1", np.full((11, 1), -1.0), "class -1"),
        ("val_label1", np.full((5, 1), 9.0), "class 9 there is nothing to learn from.*go to 2"),
        ("train_data1", np.zeros((11, 8, 8, 8)), "cubes of several sizes"),
        ("train_data1", np.zeros((11, *SIZE)), "every value is 0"),
        ("train_data1", 700 * cubes(np.zeros(11)), r"but \[0, 1\] is expected; the released"),
        ("train_data1", np.full((11, *SIZE), np.nan), "holds NaN"),
        ("train_data1", np.zeros((11, 16)), r"\(11, 16\), but \(cubes, X, Y, Z\)"),
        ("train_data1", np.zeros((11, *SIZE), complex), "complex128; float64, float32"),
    ],
)
def test_what_is_wrong_with_the_authors_files_is_named(
    name: str, content: object, said: str, tmp_path: Path
) -> None:
    path = seeds(tmp_path / "a", PUBLISHED) / f"{name}_vwGen_ex_ref_fold1.0.npy"
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, np.ndarray):
        np.save(path, content)
    with pytest.raises(BadInput, match=said):
        PatternItems(tmp_path / "a")


def test_what_is_wrong_with_a_discovery_is_named(tmp_path: Path) -> None:
    folder = compact(tmp_path / "a")
    whole = {name: (folder / name).read_text() for name in ("patterns.csv", "discovered.json")}
    lines = whole["patterns.csv"].splitlines(keepends=True)
    for name, text, said in (
        ("patterns.csv", "".join(lines[:-1]), "holds 18 cubes, but patterns.csv tells of 17"),
        ("patterns.csv", whole["patterns.csv"][:-20], "line 19 is torn"),
        ("patterns.csv", whole["patterns.csv"].replace("class", "kind"), "column 'class'"),
        ("patterns.csv", "".join(lines).replace("val,2", "val,two"), "no number"),
        ("patterns.csv", whole["patterns.csv"].replace("train,", "test,"), "split 'train'"),
        ("discovered.json", "{", "not what is written beside patterns"),
        ("discovered.json", '{"format_version": 2}', "a later version"),
        ("discovered.json", None, "the discovery did not end"),
    ):
        for each, kept in whole.items():
            (folder / each).write_text(kept)
        (folder / name).unlink()
        if text is not None:
            (folder / name).write_text(text)
        with pytest.raises(BadInput, match=said):
            PatternItems(folder)


def test_a_folder_with_nothing_of_it_is_none(tmp_path: Path) -> None:
    assert not holds_patterns(tmp_path)
    assert not holds_patterns(tmp_path / "nowhere")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match=r"training\.discover makes it"):
            PatternItems(folder)


def test_patterns_are_a_source_whose_validation_is_its_own(tmp_path: Path) -> None:
    source = source_of(compact(tmp_path / "a"), recipe_of("semantic-genesis", SMALL))
    assert (source.count, source.classes) == (12, 3)
    assert source.facts["cases"] == {"train": 4, "val": 2}
    material = source.read(tmp_path, shared=False, quiet=True)
    assert material.validation is not None
    assert len(material.validation) == 6
    seen = {row["case"]: row["hashes"] for row in material.seen()}
    assert seen == {"train0": ["0" * 128], "train1": ["f" * 128], "train2": [], "train3": []}
    other = source_of(compact(tmp_path / "b", classes=4), recipe_of("semantic-genesis", SMALL))
    assert other.facts["discovered"] != source.facts["discovered"]


def test_without_validation_the_last_weights_are_kept_and_it_is_said(tmp_path: Path) -> None:
    folder = seeds(tmp_path / "a", {"train1": 6})
    source = source_of(folder, recipe_of("semantic-genesis", SMALL))
    assert source.notes == ("no pattern is for validation: the last weights are kept",)
    assert source.read(tmp_path, shared=False, quiet=True).validation is None


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({}, "16x16x16, but the recipe asks for 64x64x32; give input_rows=16 input_cols=16"),
        ({**SMALL, "phantoms": 3}, "phantoms=3, but made-up scans belong to no class"),
        ({**SMALL, "classes": 9}, "classes=9, but .* holds 3"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(
    wishes: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        source_of(compact(tmp_path / "a"), recipe_of("semantic-genesis", wishes))


def test_of_several_discoveries_the_classes_follow_one_another(tmp_path: Path) -> None:
    compact(tmp_path / "mri")
    seeds(tmp_path / "ct", {"train1": 6, "val1": 3}, classes=2)
    items = PatternItems(tmp_path)  # By name: ct, then mri.
    assert (len(items), items.classes) == (18, 5)
    np.testing.assert_array_equal(np.unique(items.labels[:6]), [0, 1])
    np.testing.assert_array_equal(np.unique(items.labels[6:]), [2, 3, 4])
    assert int(items.item(6, 0)["label"]) == 2
    assert items.looks == {"train0": "0" * 128, "train1": "f" * 128}
    assert set(PatternItems(tmp_path, "val").labels) == {0, 1, 2, 3, 4}
    (tmp_path / "other").mkdir()  # A folder without patterns beside them is none of them.
    assert len(PatternItems(tmp_path)) == 18
