"""Who is learnt from and who is tested on in a benchmark."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genesis_hub.benchmarking.amounts import check_amounts
from genesis_hub.benchmarking.design import inner_folds, parts_of, truths_of
from genesis_hub.data.cases import Case, CaseList


@pytest.fixture(scope="module")
def listed() -> CaseList:
    """Cases of 60 patients, some with two images."""
    cases = tuple(
        Case(f"case-{at}", (Path(f"{at}.png"),), at // 2 % 2, patient=f"p{at % 60}")
        for at in range(72)
    )
    return CaseList(cases, "classification", ("healthy", "ill"), False, Path())


def names(cases, split: str) -> set[str]:
    return {case.name for case in cases.of(split)}


def with_tests(cases: CaseList) -> CaseList:
    marked = (
        replace(case, split="test" if place % 4 == 0 else "train")
        for place, case in enumerate(cases)
    )
    return replace(cases, cases=tuple(marked))


@pytest.mark.parametrize("given", [False, True])
def test_fractions_are_nested_and_test_cases_are_never_learnt_from(
    listed: CaseList, given: bool
) -> None:
    cases = with_tests(listed) if given else listed
    parts = parts_of(cases, (0.1, 0.5, 1.0), 3, 0)
    for fold in (1, 2, 3):
        few, half, whole = (part.cases for part in parts if part.fold == fold)
        for split in ("train", "val"):
            assert names(few, split) < names(half, split) < names(whole, split)
        assert names(few, "test") == names(half, "test") == names(whole, "test")
        assert not names(whole, "test") & (names(whole, "train") | names(whole, "val"))


def test_the_datas_own_test_cases_are_tested_in_every_fold(listed: CaseList) -> None:
    cases = with_tests(listed)
    parts = parts_of(cases, (1.0,), 3, 0)
    assert all(names(part.cases, "test") == names(cases, "test") for part in parts)
    assert len({frozenset(names(part.cases, "train")) for part in parts}) == 3


def test_without_test_cases_each_patient_is_tested_once(listed: CaseList) -> None:
    parts = parts_of(listed, (1.0,), 3, 0)
    tested = [name for part in parts for name in names(part.cases, "test")]
    assert sorted(tested) == sorted(case.name for case in listed)


def test_one_fold_is_one_split(listed: CaseList) -> None:
    (part,) = parts_of(listed, (1.0,), 1, 0)
    assert {split: len(names(part.cases, split)) > 0 for split in ("train", "val", "test")} == {
        "train": True, "val": True, "test": True,
    }  # fmt: skip


def test_inner_folds_lie_within_the_training_cases(listed: CaseList) -> None:
    (part,) = parts_of(listed, (1.0,), 1, 0)
    inner = inner_folds(part, 0)
    looked = np.sort(np.concatenate([look for _, look in inner]))
    assert np.array_equal(looked, np.arange(len(part.cases.of("train"))))
    assert all(not set(learn) & set(look) for learn, look in inner)


def test_fractions_rise_and_stand_once() -> None:
    assert check_amounts([1, 0.1, 1.0], ()) == (0.1, 1.0)
    assert check_amounts((0.05, 1.0), [24, 3, 3]) == (3.0, 24.0)


def test_truths_are_one_per_class(listed: CaseList) -> None:
    truths = truths_of(listed.cases, listed)
    assert truths.shape == (72, 2)
    assert (truths.sum(1) == 1).all()
