"""Which cases are learned from and which are tested on, balanced by grade, patients whole."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genesis_hub.data.cases import Case, CaseList, report, split_cases
from genesis_hub.errors import BadInput
from training.converting.wish import BARE, LEARNED, TESTED, Item, Wish


def items_of(cases: CaseList, wish: Wish) -> tuple[Item, ...]:
    """Return cases as items, each in its part, or raise `BadInput` with all that is wrong.

    Those without a mask are in a part of their own; what a data set says of splits is not heeded,
    as the published splits withhold the masks of their test cases.
    """
    grave = [problem for problem in cases.problems if not problem.note]
    if grave:
        raise BadInput(report(f"{cases.root}, {len(cases)} cases", grave))
    known = [case for case in cases if case.mask is not None]
    tested = drawn(cases, known, wish) if known else set()
    return tuple(
        Item(
            plain(case.name),
            case.images,
            case.mask,
            part=BARE if case.mask is None else TESTED if case.name in tested else LEARNED,
        )
        for case in cases
    )


def drawn(cases: CaseList, known: Sequence[Case], wish: Wish) -> set[str]:
    """Return the names of the cases that are tested on."""
    if not wish.test:
        return set()
    own = replace(cases, cases=tuple(replace(case, split=None) for case in known))
    shares = (1 - wish.test, 0.0, wish.test)
    try:
        made = split_cases(own, fractions=shares, seed=wish.seed)
    except BadInput as error:
        raise BadInput(
            f"{cases.root}: {len({case.patient for case in known})} patient(s) cannot be parted, "
            f"test={wish.test:g}; give more, or test=0"
        ) from error
    return {case.name for case in made if case.split == "test"}


def graded(root: Path, items: Sequence[Item], patients: Sequence[str], wish: Wish) -> set[str]:
    """Return the names of the graded pictures that are tested on, as many of each grade."""
    classes = tuple(sorted({item.grade for item in items}, key=lambda grade: (len(grade), grade)))
    cases = tuple(
        Case(item.name, item.images, label=classes.index(item.grade), patient=patient)
        for item, patient in zip(items, patients, strict=True)
    )
    return drawn(CaseList(cases, "classification", classes, False, root), cases, wish)


def plain(name: str) -> str:
    """Return a case's name as that of a file: folders before it become part of it."""
    return name.replace("/", "_")
