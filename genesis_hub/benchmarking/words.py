"""How a benchmark's numbers are said: shares, intervals, chances, names of measures."""

import math

from genesis_hub.benchmarking.standings import Standing
from genesis_hub.evaluate import Interval
from genesis_hub.page import Markup, element, joined

NOTHING = "-"
NAMES = {"auc": "AUC", "dice": "Dice", "f1": "F1"}


def called(measure: str) -> str:
    """Return a measure's name as a reader knows it."""
    head, slash, rest = measure.partition("/")
    return NAMES.get(head, head.replace("_", " ")) + (f" of {rest}" if slash else "")


def number_of(row: Standing, name: str) -> Interval:
    """Return the number that the page is about."""
    return next(one for key, one in row.numbers.items() if called(key) == name)


def cell(row: Standing | None, name: str) -> Markup | str:
    """Return a row's number with its interval below it and, of several draws, their ends."""
    one = None if row is None else number_of(row, name)
    if row is None or one is None or math.isnan(one.value):
        return NOTHING
    drawn = None
    if row.draws:
        ends = between(min(row.draws), max(row.draws))
        drawn = element("small", f"{len(row.draws)} draws: {ends}")
    return joined(f"{one.value:.3f}", element("small", between(one.low, one.high)), drawn)


def plain(one: Interval | None) -> str:
    """Return a number alone."""
    return NOTHING if one is None or math.isnan(one.value) else f"{one.value:.3f}"


def between(low: float, high: float, kind: str = ".3f") -> str:
    """Return an interval in words."""
    return NOTHING if math.isnan(low) or math.isnan(high) else f"{low:{kind}} to {high:{kind}}"


def equal(p: float) -> str:
    """Return a p-value as it stands in a sentence."""
    said = chance(p)
    return said if said.startswith("<") else f"= {said}"


def chance(p: float) -> str:
    """Return a p-value as papers give it."""
    if math.isnan(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
