"""Who is learnt from and who is tested on: drawn once, the same for every model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.benchmarking.amounts import fewer
from genesis_hub.data.cases import CaseList, folds, held_out, split_cases
from genesis_hub.errors import BadInput

INNER = 3  # Folds within the training cases, by which a head's one number is chosen.
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One fold at one label fraction, or above 1 number of cases; its cases have splits."""

    fold: int
    fraction: float
    cases: CaseList

    @property
    def place(self) -> str:
        """What its folder is called."""
        return f"{self.fraction:g}/fold-{self.fold}"


def parts_of(cases: CaseList, fractions: Sequence[float], number: int, seed: int) -> list[Part]:
    """Return each fold at each label fraction; smaller fractions are part of larger ones.

    Where the data have test cases, these are tested in every fold, and folds learn from different
    patients; where they have none, each fold is tested on its own part of the patients, so that
    each patient is tested once. Validation cases choose which weights of a fine-tuned network are
    kept; the fraction holds for them, too, since their labels are used.
    """
    whole = dealt(cases, number, seed)
    return [
        Part(place + 1, fraction, fewer(fold, fraction, seed))
        for place, fold in enumerate(whole)
        for fraction in fractions
    ]


def distinct(parts: Sequence[Part]) -> tuple[list[Part], dict[float, float]]:
    """Return the parts without fractions that are the same cases as a greater one, and which.

    Of few patients 5 % and 10 % may be the same two: learnt from twice they would be drawn twice,
    and count twice where p is adjusted.
    """
    chosen: dict[float, list[frozenset[tuple[str, str | None]]]] = {}
    for part in parts:
        names = frozenset((case.name, case.split) for case in part.cases)
        chosen.setdefault(part.fraction, []).append(names)
    same: dict[float, float] = {}
    for fraction, names_of in chosen.items():
        greatest = max(other for other, its in chosen.items() if its == names_of)
        if greatest != fraction:
            same[fraction] = greatest
    return [part for part in parts if part.fraction not in same], same


def dealt(cases: CaseList, number: int, seed: int) -> list[CaseList]:
    """Return the folds, each with cases for training, validation and testing."""
    made = folds(cases, number, seed=seed) if number > 1 else [split_cases(cases, seed=seed)]
    return [held_out(fold, seed) for fold in made]


def inner_folds(part: Part, seed: int) -> list[tuple[Places, Places]]:
    """Return (learnt from, looked at) as places among the training cases; none where too few."""
    train = part.cases.of("train")
    bare = tuple(replace(case, split=None) for case in train)
    if len({case.patient for case in train}) < INNER:
        return []
    made = folds(replace(part.cases, cases=bare), INNER, seed=seed)
    return [(places(fold, "train"), places(fold, "val")) for fold in made]


def places(cases: CaseList, split: str) -> Places:
    """Return where the cases of a split stand in the list."""
    return np.flatnonzero([case.split == split for case in cases]).astype(np.int64)


def truths_of(cases: Sequence[Any], listed: CaseList) -> NDArray[np.int64]:
    """Return labels (N, K): 1, 0, and -1 where nothing is known."""
    if listed.multilabel:
        return np.array([case.label for case in cases], dtype=np.int64)
    labels = np.array([case.label for case in cases], dtype=np.int64)
    truths: Places = (labels[:, None] == np.arange(len(listed.classes))).astype(np.int64)
    return truths


def seed_of(seed: int, number: int) -> int:
    """Return the seed of a draw of random weights, or of a fold's run; the first's is the seed."""
    if number <= 1:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def check_draws(draws: int) -> None:
    """Raise `BadInput` for a number of draws that is none."""
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise BadInput(
            f"draws={draws!r}, but a whole number of random weights from 1 is expected; 3 are usual"
        )


def check_folds(number: int) -> None:
    """Raise `BadInput` for a number of folds that is none."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise BadInput(f"folds={number!r}, but a whole number from 1 is expected; 5 are usual")
