"""Which cases are shown: those that went best, those that went worst, and those in between."""

from collections.abc import Sequence

import numpy as np

from genesis_hub.reporting.reading import Reading

EACH = 3


def picked(reading: Reading) -> tuple[list[int], list[int]]:
    """Return the rows of the worst and of the best cases, the worst and the best first.

    Of a classifier's best, one of each class comes before the second of any.
    """
    order = [int(k) for k in np.argsort(reading.goodness) if np.isfinite(reading.goodness[k])]
    each = min(EACH, len(order) // 2) or len(order)
    worst = order[:each]
    rest = [k for k in reversed(order) if k not in worst]
    if not reading.segmentation and not reading.multilabel:
        rest = one_of_each(rest, [int(k) for k in reading.truths.argmax(1)])
    return worst, rest[:each]


def one_of_each(order: Sequence[int], labels: Sequence[int]) -> list[int]:
    """Return rows in such an order that every class has its turn before one has its second."""
    turns: dict[int, int] = {}
    placed = []
    for place, row in enumerate(order):
        turn = turns.get(labels[row], 0)
        turns[labels[row]] = turn + 1
        placed.append((turn, place, row))
    return [row for _, _, row in sorted(placed)]


def between(reading: Reading) -> list[int]:
    """Return the rows of a poor, a middling and a good case."""
    order = [int(k) for k in np.argsort(reading.goodness) if np.isfinite(reading.goodness[k])]
    if not order:
        return []
    places = {round(share * (len(order) - 1)) for share in (0.1, 0.5, 0.9)}
    return [order[place] for place in sorted(places)]
