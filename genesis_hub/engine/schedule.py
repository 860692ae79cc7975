"""Learning rates as pure functions of the step."""

import math
from collections.abc import Sequence

from genesis_hub.errors import BadInput

SCHEDULES = ("cosine", "constant", "plateau")


def factor(step: int, *, steps: int, warm_up: int, schedule: str) -> float:
    """Return the share of the peak learning rate at a step, from 0.

    It rises in a straight line over `warm_up` steps; "cosine" then falls to 0 at the last.
    """
    if step < warm_up:
        return (step + 1) / warm_up
    if schedule == "cosine":
        share = (step - warm_up) / max(1, steps - warm_up)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return 1.0


def plateau(measures: Sequence[float], *, better: str, patience: int, cut: float = 0.5) -> float:
    """Return the share of the learning rate after these validations, replayed from the first.

    It is cut each time `patience` validations in a row have brought nothing better.
    """
    share, best, waited = 1.0, None, 0
    for measure in measures:
        if best is None or is_better(measure, best, better):
            best, waited = measure, 0
        else:
            waited += 1
            if waited >= patience:
                share, waited = share * cut, 0
    return share


def waited(measures: Sequence[float], *, better: str) -> int:
    """Return how many validations have passed since the best one."""
    best = best_of(measures, better=better)
    return len(measures) - 1 - best if best is not None else 0


def best_of(measures: Sequence[float], *, better: str) -> int | None:
    """Return the place of the best measure, the first of equals; None without a number."""
    best: int | None = None
    for place, measure in enumerate(measures):
        if not math.isnan(measure) and (best is None or is_better(measure, measures[best], better)):
            best = place
    return best


def is_better(measure: float, best: float, better: str) -> bool:
    """Say whether a measure is better than the best before it; NaN never is."""
    if math.isnan(measure):
        return False
    if math.isnan(best):
        return True
    return measure > best if better == "higher" else measure < best


def check_schedule(name: str) -> None:
    """Raise `BadInput` unless a schedule is known."""
    if name not in SCHEDULES:
        raise BadInput(f"schedule={name!r}; choose from {', '.join(SCHEDULES)}")
