"""Who is learnt from and who is tested on: drawn with a seed, balanced by label, patients whole."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.cases.facts import SPLITS, Case, CaseList, Draw, classes_of, composed
from genesis_hub.data.cases.strata import Counts, deal, even_order
from genesis_hub.errors import BadInput

Fractions = tuple[float, float, float]


def split_cases(
    cases: CaseList, *, fractions: Fractions = (0.7, 0.1, 0.2), seed: int = 0
) -> CaseList:
    """Return the cases with a split each; what the data say of splits stays as it is.

    fractions: of the cases, for training, validation and testing. Where the data give test cases,
    no more are drawn; where they give training cases but none for validation, and no case is left
    undecided, validation cases are drawn from those for training. What is drawn does not depend on
    the order of the cases.
    """
    shares = checked(fractions)
    groups = grouped(cases, seed, "split")
    given = {case.split for case in cases} - {None}
    split_of = {group.patient: decided(group) for group in groups}
    open_groups = [group for group in groups if split_of[group.patient] is None]
    if not open_groups and "val" not in given and "train" in given and shares[1] > 0:
        open_groups = [group for group in groups if split_of[group.patient] == "train"]
        parts = ["train", "val"]
    else:
        parts = [split for split in SPLITS if split == "train" or split not in given]
    wanted = [shares[SPLITS.index(split)] for split in parts]
    if not open_groups:
        return cases
    if len(open_groups) < sum(share > 0 for share in wanted):
        raise BadInput(
            f"{cases.root}: {len(open_groups)} patient(s) cannot be parted into "
            f"{' and '.join(parts)}; give more, or set a fraction to 0 (fractions={fractions!r})"
        )
    dealt = dealt_to(open_groups, [share / sum(wanted) for share in wanted], len(cases.classes))
    split_of |= {g.patient: parts[part] for g, part in zip(open_groups, dealt, strict=True)}
    drawn = tuple(replace(case, split=split_of[case.patient]) for case in cases)
    return replace(cases, cases=drawn, draws=(*cases.draws, Draw("split", seed, shares)))


def label_fraction(cases: CaseList, fraction: float, seed: int = 0) -> CaseList:
    """Return the list with a share of its training cases, balanced by label, patients whole.

    With one seed, a smaller fraction is part of every larger one. At least one patient of each
    class stays, whatever the fraction. Cases for validation and testing all stay.
    """
    if not is_number(fraction) or not 0 < fraction <= 1:
        raise BadInput(f"fraction={fraction!r}: give a share of the training cases, in (0, 1]")
    return fewer(cases, fraction * len(cases.of("train")), seed, "label fraction", float(fraction))


def few_shots(cases: CaseList, shots: int, seed: int = 0) -> CaseList:
    """Return the list with about so many training cases, balanced by label, patients whole.

    As `label_fraction` draws them: of one seed fewer are part of more, and a patient of each class
    stays. Where patients have several cases, the nearest number is taken.
    """
    count = len(cases.of("train"))
    if not is_whole(shots) or not 1 <= shots <= max(1, count):
        raise BadInput(f"shots={shots!r}, but {count} cases are for training; give 1 to {count}")
    return fewer(cases, float(shots), seed, "shots", float(shots))


def fewer(cases: CaseList, wanted: float, seed: int, rule: str, said: float) -> CaseList:
    """Return the list with about so many training cases; rule, said: how that is written down."""
    training = [case for case in cases if case.split == "train"]
    if not training:
        raise BadInput(f"{cases.root}: no case is for training yet; call split_cases first")
    groups = grouped(replace(cases, cases=tuple(training)), seed, "fraction")
    sizes, counts = tallied(groups, len(cases.classes))
    order, cover = even_order(counts)
    reached = np.cumsum(sizes[order])
    nearest = int(np.argmin(np.abs(reached - wanted))) + 1
    kept = {groups[unit].patient for unit in order[: max(nearest, cover)]}
    left = tuple(case for case in cases if case.split != "train" or case.patient in kept)
    draws = (*cases.draws, Draw(rule, seed, (said,)))
    return replace(cases, cases=left, draws=draws, whole=cases.whole or cases.digest)


def folds(cases: CaseList, k: int, seed: int = 0) -> list[CaseList]:
    """Return the list k times, each time with another k-th of its patients for validation.

    All others are for training. Cases for testing stay so; all else takes part.
    """
    if not is_whole(k) or k < 2:
        raise BadInput(f"k={k!r}: give the number of folds, from 2 up")
    groups = grouped(cases, seed, "folds")
    taking = [group for group in groups if decided(group) != "test"]
    if len(taking) < k:
        raise BadInput(f"k={k}: {len(taking)} patients cannot make {k} folds; ask for fewer")
    dealt = dealt_to(taking, [1 / k] * k, len(cases.classes))
    fold_of = {group.patient: int(part) for group, part in zip(taking, dealt, strict=True)}

    def one(fold: int) -> CaseList:
        def split(case: Case) -> str:
            own = fold_of.get(case.patient)
            return "test" if own is None else "val" if own == fold else "train"

        split_cases = tuple(replace(case, split=split(case)) for case in cases)
        draw = Draw(f"fold {fold + 1} of {k}", seed, (1 - 1 / k, 1 / k))
        return replace(cases, cases=split_cases, draws=(*cases.draws, draw))

    return [one(fold) for fold in range(k)]


def held_out(fold: CaseList, seed: int = 0) -> CaseList:
    """Return a fold with its part for testing, so that what is scored has not chosen the weights.

    Validation cases are drawn from the others. Where the data have test cases of their own, the
    fold's part stays for validation.
    """
    if fold.of("test"):
        return fold
    scored = (replace(case, split="test") if case.split == "val" else case for case in fold)
    return split_cases(replace(fold, cases=tuple(scored)), seed=seed)


@dataclass(frozen=True)
class Group:
    """A patient's cases, which go together."""

    patient: str
    cases: tuple[Case, ...]


def grouped(cases: CaseList, seed: int, purpose: str) -> list[Group]:
    """Return the patients in an order that seed and purpose draw.

    Drawn by sha256, which no version of a library changes, and which leaves the others' order as it
    was when a patient comes or goes.
    """
    if not is_whole(seed) or seed < 0:
        raise BadInput(f"seed={seed!r}: give a whole number from 0 up")
    if not cases.cases:
        raise BadInput(f"{cases.root}: there are no cases")
    own: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.name):
        own[case.patient].append(case)

    def drawn(patient: str) -> bytes:
        return hashlib.sha256(composed(f"{purpose}\0{seed}\0{patient}")).digest()

    return [Group(patient, tuple(own[patient])) for patient in sorted(own, key=drawn)]


def decided(group: Group) -> str | None:
    """Return the split the data give a patient, or None; two are an error."""
    given = sorted({case.split for case in group.cases if case.split is not None})
    if len(given) > 1:
        raise BadInput(
            f"patient {group.patient!r} is in {' and '.join(given)}; move all images of a patient "
            "to one split"
        )
    return given[0] if given else None


def tallied(groups: Sequence[Group], classes: int) -> tuple[Counts, Counts]:
    """Return how many cases each patient has, and how many of each class."""
    sizes = np.array([len(group.cases) for group in groups], dtype=np.float64)
    counts = np.zeros((len(groups), classes))
    for row, group in zip(counts, groups, strict=True):
        for case in group.cases:
            row[list(classes_of(case))] += 1
    return sizes, counts


def dealt_to(groups: Sequence[Group], shares: Sequence[float], classes: int) -> NDArray[np.intp]:
    """Return for each patient the part it goes to."""
    sizes, counts = tallied(groups, classes)
    return deal(sizes, counts, shares)


def checked(fractions: Fractions) -> Fractions:
    """Return three shares that make one."""
    try:
        shares = tuple(fractions)
    except TypeError:
        shares = ()
    if len(shares) != 3 or not all(is_number(share) and share >= 0 for share in shares):
        raise BadInput(
            f"fractions={fractions!r}: give three shares, for training, validation and testing, "
            "such as (0.7, 0.1, 0.2)"
        )
    total = math.fsum(shares)
    if shares[0] <= 0 or abs(total - 1) > 1e-6:
        fitting = ""
        if shares[0] > 0:
            fitting = f"; ({', '.join(f'{share / total:.4g}' for share in shares)}) would do"
        raise BadInput(
            f"fractions={fractions!r}: they make {total:.4g}, but 1 is needed, some of it for "
            f"training{fitting}"
        )
    return (float(shares[0]), float(shares[1]), float(shares[2]))


def is_number(value: object) -> bool:
    """Say whether a value is a finite number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> bool:
    """Say whether a value is a whole number and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)
