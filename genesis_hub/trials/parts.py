"""Who is learned from, who chooses and who is tested, for each repetition and share of the labels.

The validation cases of a repetition are the same at every share, and fewer training cases are part
of more. The published code lets the validation cases slide along with the share, so that its curves
cannot be laid over one another.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genesis_hub.data.cases import Case, CaseList, Draw
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Way:
    """How cases are parted; validation: the share of all that are not for testing.

    folds: of how many each repetition tests one; 0 takes the test cases that there are.
    shuffled: the order is drawn anew by the repetition, of folds once for all; else it is as
    files are named, or as the table has them.
    """

    validation: float = 0.1
    folds: int = 0
    shuffled: bool = False


def parted(cases: CaseList, way: Way, *, repetition: int, percent: float) -> CaseList:
    """Return the cases of one repetition at one share of its training cases, in per cent."""
    test, others = apart(cases, way, repetition)
    many = math.floor(len(others) * way.validation + 1e-9)
    learned, validation = others[: len(others) - many], others[len(others) - many :]
    # Of 29 % of 100 cases, floating point makes 28.999.
    few = math.floor(len(learned) * percent / 100 + 1e-9)
    if not few:
        least = 100 / len(learned) if learned else math.inf
        raise BadInput(
            f"exp_splits: {percent:g} % of {len(learned)} training case(s) leaves none; "
            + (f"give {math.ceil(least * 10) / 10:g} or more" if learned else "give more cases")
        )
    named = {"train": learned[:few], "val": validation, "test": test}
    kept = tuple(replace(case, split=split) for split, own in named.items() for case in own)
    draw = Draw(rule(way, repetition), repetition, (percent / 100, way.validation))
    return replace(cases, cases=kept, draws=(*cases.draws, draw), whole=cases.whole or cases.digest)


def apart(cases: CaseList, way: Way, repetition: int) -> tuple[list[Case], list[Case]]:
    """Return the test cases of a repetition, and the others in their order."""
    others = [case for case in cases if case.split != "test"]
    if way.folds:
        others = [*others, *cases.of("test")]
        others = shuffled(others, 0) if way.shuffled else others
        if len(others) < way.folds:
            raise BadInput(
                f"do_cross_val: {len(others)} cases cannot make {way.folds} folds; lower "
                "repetitions, which is how many folds there are"
            )
        folds = [others[place :: way.folds] for place in range(way.folds)]
        test = folds.pop(repetition)
        return test, [case for fold in folds for case in fold]
    test = list(cases.of("test"))
    if not test:
        raise BadInput(
            f"{cases.root}: no case is for testing; name data_dir_test or csv_file_test, or set "
            "do_cross_val with repetitions=5"
        )
    return test, shuffled(others, repetition) if way.shuffled else others


def shuffled(cases: Sequence[Case], seed: int) -> list[Case]:
    """Return cases in an order that a seed draws, whatever order they came in."""
    draw = np.random.Generator(np.random.PCG64(seed))
    order = draw.permutation(len(cases))
    listed = sorted(cases, key=lambda case: case.name)
    return [listed[place] for place in order]


def rule(way: Way, repetition: int) -> str:
    """Return in words how a repetition was drawn."""
    order = "shuffled" if way.shuffled else "in the order of the list"
    if way.folds:
        return f"fold {repetition + 1} of {way.folds}, {order}"
    return f"repetition {repetition + 1}, {order}"


def few_notes(cases: CaseList, way: Way, percents: Sequence[float]) -> list[str]:
    """Return what a user may want to know of the parts before anything is trained."""
    _, others = apart(cases, way, 0)
    notes = []
    if way.validation and not math.floor(len(others) * way.validation + 1e-9):
        notes.append(
            f"val_split={way.validation:g} of {len(others)} cases leaves none for validation; the "
            "logs have no val_ columns"
        )
    if len(set(percents)) < len(percents):
        notes.append("exp_splits names a share twice; it is run once")
    return notes
