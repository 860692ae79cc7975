"""How much is learnt from: a share of the labels, or so many cases, and how that is said."""

from collections.abc import Sequence
from dataclasses import replace

from genesis_hub.data.cases import CaseList, few_shots, label_fraction
from genesis_hub.errors import BadInput


def share(amount: float) -> str:
    """Return an amount in words: shares go up to 1, above that are cases."""
    return f"{amount:g}\u00a0cases" if amount > 1 else f"{100 * amount:.4g}\u00a0%"


def fewer(cases: CaseList, amount: float, seed: int) -> CaseList:
    """Return cases with some of those that are learnt from, and as much of those that choose."""
    if amount == 1:
        return cases
    some = cut(cases, amount, seed)
    choosing = tuple(replace(case, split="train") for case in cases.of("val"))
    if not choosing:
        return some
    kept = cut(replace(cases, cases=choosing), min(amount, len(choosing)), seed)
    patients = {case.patient for case in kept}
    left = tuple(case for case in some if case.split != "val" or case.patient in patients)
    return replace(some, cases=left)


def cut(cases: CaseList, amount: float, seed: int) -> CaseList:
    """Return cases with an amount of those for training."""
    if amount > 1:
        return few_shots(cases, int(amount), seed=seed)
    return label_fraction(cases, amount, seed=seed)


def check_amounts(fractions: Sequence[float], shots: Sequence[int]) -> tuple[float, ...]:
    """Return what is learnt from in rising order, or raise `BadInput`; shots come first."""
    if shots:
        wrong = [n for n in shots if isinstance(n, bool) or not isinstance(n, int) or n < 2]
        if wrong:
            raise BadInput(
                f"shots={tuple(shots)}, but numbers of cases from 2, as 3,6, are expected"
            )
        return tuple(sorted({float(n) for n in shots}))
    known = [f for f in fractions if isinstance(f, int | float) and not isinstance(f, bool)]
    if not known or len(known) < len(fractions) or not all(0 < f <= 1 for f in known):
        percent = known and all(0 < f <= 100 for f in known)
        hint = f"; of percent: {','.join(f'{f / 100:g}' for f in known)}" if percent else ""
        hint += "; numbers of cases are shots=" if percent else ""
        raise BadInput(
            f"fractions={tuple(fractions)}, but shares in (0, 1], as 0.1, are expected{hint}"
        )
    return tuple(sorted({float(f) for f in known}))
