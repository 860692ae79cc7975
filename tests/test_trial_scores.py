"""Scores against scikit-learn, parts against what they promise, tables of grades."""

import csv
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, jaccard_score

from genesis_hub import BadInput
from genesis_hub.data.cases import Case, CaseList
from genesis_hub.evaluate import Together, compare, intervals
from genesis_hub.trials.counted import graded, grades
from genesis_hub.trials.graded import Graded, bits_of, coded, read_grades
from genesis_hub.trials.parts import Way, parted
from genesis_hub.trials.scores import SCORES, Scored, check_scores
from genesis_hub.trials.table import write_table
from genesis_hub.tuning.confusions import confusion

GRADED = ("qw_kappa", "qw_kappa_kaggle", "cat_accuracy", "cat_acc_kaggle", "bin_accuracy")
MASKED = ("dice", "jaccard", *(f"dice_pancreas_{k}" for k in range(3)))
REGIONS = ("brats_wt", "brats_tc", "brats_et")


def of_grades(true: np.ndarray, said: np.ndarray, classes: int = 5) -> dict[str, float]:
    met, asked = graded(np.eye(classes)[said], true, "one")
    return Scored(met, asked, GRADED).values()


def of_masks(true: np.ndarray, said: np.ndarray, classes: int, names=MASKED) -> dict[str, float]:
    met = np.stack([confusion(t, s, classes) for t, s in zip(true, said, strict=True)])
    return Scored(met.astype(float), np.zeros((len(met), 2)), names).values()


@pytest.mark.parametrize("seed", range(20))
def test_kappa_and_accuracy_of_grades_are_those_of_scikit_learn(seed: int) -> None:
    draw = np.random.default_rng(seed)
    true, said = draw.integers(0, 5, 50), draw.integers(0, 5, 50)
    found = of_grades(true, said)
    kappa = cohen_kappa_score(true, said, weights="quadratic", labels=range(5))
    assert found["qw_kappa"] == pytest.approx(kappa, abs=1e-12)
    assert found["qw_kappa_kaggle"] == found["qw_kappa"]
    assert found["cat_accuracy"] == found["cat_acc_kaggle"] == accuracy_score(true, said)


def test_kappa_is_0_where_one_grade_is_always_said_and_none_where_it_is_always_true() -> None:
    true = np.array([0, 1, 2, 3, 4, 4])
    assert of_grades(true, np.full(6, 2))["qw_kappa"] == pytest.approx(0)
    alone = np.full(6, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(of_grades(alone, alone)["qw_kappa"])
    assert of_grades(alone, alone)["cat_accuracy"] == 1


def test_kappa_counts_grades_as_numbers_even_where_one_is_absent() -> None:
    # Of 0, 1 and 4 the last two are three apart, not one.
    true, said = np.array([0, 1, 4, 4, 1, 0]), np.array([0, 1, 4, 1, 1, 0])
    whole = cohen_kappa_score(true, said, weights="quadratic", labels=range(5))
    assert of_grades(true, said)["qw_kappa"] == pytest.approx(whole)
    assert whole != pytest.approx(cohen_kappa_score(true, said, weights="quadratic"))


def test_bits_are_counted_and_none_of_the_published_five_is_grade_0_and_not_left_out() -> None:
    bits = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]]) * 0.8 + 0.1
    assert grades(bits, "bits").tolist() == [0, 1, 4, 1]
    wide = np.array([[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]]) * 0.8 + 0.1
    assert grades(wide, "reference").tolist() == [0, 0, 4]
    labels = (wide > 0.5).astype(int)
    labels[0, 0] = 1
    met, asked = graded(wide, labels, "reference")
    assert met.sum() == 3
    assert Scored(met, asked, GRADED).values()["bin_accuracy"] == pytest.approx(14 / 15)


@pytest.mark.parametrize("seed", range(10))
def test_dice_and_jaccard_are_those_of_scikit_learn_on_all_voxels_together(seed: int) -> None:
    draw = np.random.default_rng(seed)
    true, said = (draw.integers(0, 3, (3, 4, 5)) for _ in range(2))
    found = of_masks(true, said, 3)
    flat = (true.ravel(), said.ravel())
    assert found["jaccard"] == pytest.approx(jaccard_score(*flat, average="macro"))
    assert found["dice"] == pytest.approx(f1_score(*flat, average="macro"))
    each = f1_score(*flat, average=None)
    assert [found[f"dice_pancreas_{k}"] for k in range(3)] == pytest.approx(list(each))


def test_an_absent_class_has_no_dice_and_the_next_keeps_its_own() -> None:
    true, said = np.zeros((1, 6), int), np.zeros((1, 6), int)
    true[0, :2] = said[0, 1:3] = 2
    found = of_masks(true, said, 3)
    assert np.isnan(found["dice_pancreas_1"])
    assert found["dice_pancreas_2"] == pytest.approx(0.5)
    assert found["dice"] == pytest.approx((0.75 + 0.5) / 2)


def test_regions_of_brats_are_compared_voxel_by_voxel() -> None:
    true, said = np.zeros((1, 10), int), np.zeros((1, 10), int)
    # Their first voxels differ, yet they overlap: the published code gives 0.
    true[0, 1:6], said[0, 2:7] = [2, 1, 3, 3, 1], [2, 1, 3, 3, 1]
    found = of_masks(true, said, 4, REGIONS)
    assert found["brats_wt"] == pytest.approx(2 * 4 / 10)
    assert found["brats_tc"] == pytest.approx(2 * 3 / 8)
    assert found["brats_et"] == pytest.approx(2 * 1 / 4)
    # And the same first voxel is no success where all else differs: there it gives 1.
    said[0], said[0, 1] = 0, 2
    assert of_masks(true, said, 4, REGIONS)["brats_wt"] == pytest.approx(2 / 6)


def test_scores_have_intervals_and_are_compared_over_repetitions() -> None:
    draw = np.random.default_rng(0)
    true = draw.integers(0, 5, 60)
    better = [np.where(draw.random(60) < 0.9, true, 0) for _ in range(2)]
    worse = [np.where(draw.random(60) < 0.3, true, 0) for _ in range(2)]

    def together(runs: list[np.ndarray]) -> Together:
        counted = (graded(np.eye(5)[said], true, "one") for said in runs)
        return Together(tuple(Scored(met, asked, GRADED) for met, asked in counted))

    one = intervals(together(better), draw=np.random.default_rng(1), resamples=200)
    assert one["qw_kappa"].low < one["qw_kappa"].value < one["qw_kappa"].high
    told = compare(
        together(better), together(worse), draw=np.random.default_rng(1),
        measures=["qw_kappa"], permutations=200, resamples=200,
    )  # fmt: skip
    assert told[0].difference > 0.3
    assert told[0].p < 0.02


def test_scores_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(BadInput, match=r"'dice' is for segmentation.*qw_kappa"):
        check_scores(["dice"], task="classification", classes=5)
    with pytest.raises(BadInput, match=r"'qw_kapa' is none.*qw_kappa"):
        check_scores(["qw_kapa"], task="classification", classes=5)
    with pytest.raises(BadInput, match="'brats_wt' needs 4 classes, but there are 3"):
        check_scores(["brats_wt"], task="segmentation", classes=3)
    assert {score.serves for score in SCORES.values()} == {"classification", "segmentation"}


def cases(many: int, tests: int = 2) -> CaseList:
    listed = [Case(f"c{k:02d}", (Path(f"{k}.png"),), label=k % 2) for k in range(many)]
    listed += [Case(f"t{k}", (Path(f"t{k}.png"),), label=k % 2, split="test") for k in range(tests)]
    return CaseList(tuple(listed), "classification", ("0", "1"), False, Path("/data"))


def names(listed: CaseList, split: str) -> list[str]:
    return [case.name for case in listed.of(split)]


def test_validation_stays_and_fewer_cases_are_part_of_more() -> None:
    way = Way(validation=0.2)
    at = {s: parted(cases(20), way, repetition=0, percent=s) for s in (100, 50, 12.5)}
    assert [len(part.of("train")) for part in at.values()] == [16, 8, 2]
    assert names(at[100], "train") == [f"c{k:02d}" for k in range(16)]
    for part in at.values():
        assert names(part, "val") == ["c16", "c17", "c18", "c19"]
        assert names(part, "test") == ["t0", "t1"]
        assert set(names(part, "train")) <= set(names(at[100], "train"))


def test_repetitions_learn_from_other_cases_only_where_they_are_shuffled() -> None:
    plain, shuffled = Way(validation=0.2), Way(validation=0.2, shuffled=True)
    parts = {
        (way.shuffled, rep): names(parted(cases(20), way, repetition=rep, percent=50), "train")
        for way in (plain, shuffled)
        for rep in (0, 1)
    }
    assert parts[False, 0] == parts[False, 1] != parts[True, 0] != parts[True, 1]
    again = parted(cases(20), shuffled, repetition=1, percent=50)
    assert names(again, "train") == parts[True, 1]


def test_folds_test_every_case_once_and_take_each_k_th() -> None:
    way = Way(validation=0.25, folds=5)
    folds = [parted(cases(20, tests=0), way, repetition=k, percent=100) for k in range(5)]
    assert sorted(name for fold in folds for name in names(fold, "test")) == [
        f"c{k:02d}" for k in range(20)
    ]
    assert names(folds[1], "test") == ["c01", "c06", "c11", "c16"]
    assert names(folds[1], "train")[:5] == ["c00", "c05", "c10", "c15", "c02"]


def test_a_share_that_leaves_no_case_is_refused_with_one_that_does() -> None:
    with pytest.raises(BadInput, match=r"exp_splits: 1 % of 8 .* leaves none; give 12.5 or more"):
        parted(cases(10), Way(validation=0.2), repetition=0, percent=1)
    with pytest.raises(BadInput, match="csv_file_test"):
        parted(cases(10, tests=0), Way(), repetition=0, percent=50)


def table_of(folder: Path, rows: list[list[str]]) -> Path:
    path = folder / "labels.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_table_is_read_by_the_place_of_its_columns_and_ids_keep_their_dots(
    tmp_path: Path,
) -> None:
    for name in ("a.b.png", "c.png"):
        (tmp_path / name).write_bytes(b"x")
    path = table_of(tmp_path, [["anything", "level", "more"], ["a.b", "3", ""], ["c.png", "0", ""]])
    found = read_grades(path, tmp_path, ".png")
    assert [(one.stem, one.image.name, one.grade) for one in found] == [
        ("a.b", "a.b.png", 3), ("c", "c.png", 0),
    ]  # fmt: skip
    with pytest.raises(BadInput, match=r"2 of 2 pictures are not there.*end on \.csv, \.png"):
        read_grades(path, tmp_path, ".jpeg")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["a", "1"], ["b", "2"]], "is no header"),
        ([["id", "grade"], ["a", "mild"]], "line 2 says 'a', 'mild'"),
        ([["id", "grade"], ["a", "-1"]], "a grade, 0, 1, 2"),
        ([["id"], ["a"]], "two columns"),
    ],
)
def test_a_table_that_is_none_says_why(rows: list[list[str]], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        read_grades(table_of(tmp_path, rows), tmp_path, ".png")


def test_a_grade_becomes_one_bit_less_than_there_are_grades_or_as_many_as_published() -> None:
    rows = [Graded(str(grade), Path(f"{grade}.png"), grade) for grade in range(3)]
    assert [row.label for row in coded(rows, 3, "bits")] == [(0, 0), (1, 0), (1, 1)]
    assert [row.label for row in coded(rows, 3, "reference")] == [
        (1, 0, 0), (1, 1, 0), (1, 1, 1),
    ]  # fmt: skip
    assert [row.label for row in coded(rows, 3, "one")] == ["0", "1", "2"]
    assert bits_of(3, "bits") == ("at least 1", "at least 2")
    assert len(bits_of(3, "reference")) == 3


def test_the_table_of_results_has_the_published_header(tmp_path: Path) -> None:
    reached = {50.0: {"frozen": {"dice": [0.25, 0.75]}, "random": {"dice": [0.5, float("nan")]}}}
    write_table(tmp_path, reached, ("frozen", "random"))
    header, row = (tmp_path / "results.csv").read_text().splitlines()
    assert header == (
        "Train Split,Weights_frozen_dice_min,Weights_frozen_dice_avg,Weights_frozen_dice_max,"
        "Weights_random_dice_min,Weights_random_dice_avg,Weights_random_dice_max"
    )
    assert row == "50%,0.25,0.5,0.75,0.5,0.5,0.5"


def test_patients_are_counted_together() -> None:
    met, asked = graded(np.eye(2)[[0, 1, 1]], np.array([0, 0, 1]), "one")
    one = Scored(met, asked, ("cat_accuracy",))
    assert one.patients == 3
    assert replace(one, met=met[:1], asked=asked[:1]).values()["cat_accuracy"] == 1
