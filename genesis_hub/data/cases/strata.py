"""Dealing out units so that each part has its share of every label; nothing here is drawn.

scikit-learn is no core dependency, and it knows neither fractions of labels nor strata of several
labels in groups.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
CLOSE = 1e-9


def deal(sizes: Counts, counts: Counts, shares: Sequence[float]) -> NDArray[np.intp]:
    """Return for each unit the part it goes to.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011), with units of several cases:
    the rarest label is dealt first, each unit to the part that wants the label most.

    sizes: (units,) cases of each; counts: (units, labels) cases with each label. Where two units or
    parts serve as well, the first is taken, so the order of the units is where chance comes in.
    """
    part = np.full(len(sizes), -1, dtype=np.intp)
    share = np.asarray(shares, dtype=np.float64)
    wanted = np.outer(share, counts.sum(axis=0))
    room = share * sizes.sum()

    def give(unit: int, wish: Counts) -> None:
        wish = np.where(share > 0, wish, -np.inf)
        best = np.flatnonzero(wish > wish.max() - CLOSE)
        chosen = best[np.argmax(room[best])]
        part[unit] = chosen
        wanted[chosen] -= counts[unit]
        room[chosen] -= sizes[unit]

    while True:
        left = counts[part < 0].sum(axis=0)
        if not (left > 0).any():
            break
        label = int(np.argmin(np.where(left > 0, left, np.inf)))
        units = np.flatnonzero((part < 0) & (counts[:, label] > 0))
        for unit in units[np.argsort(-counts[units, label], kind="stable")]:
            give(int(unit), wanted[:, label])
    units = np.flatnonzero(part < 0)
    for unit in units[np.argsort(-sizes[units], kind="stable")]:
        give(int(unit), room)
    return filled(part, counts, share)


def filled(part: NDArray[np.intp], counts: Counts, share: Counts) -> NDArray[np.intp]:
    """Return the parts with none empty: each lacking a unit gets one that is missed least."""
    for empty in np.flatnonzero(share > 0):
        if (part == empty).any():
            continue
        held = np.bincount(part, minlength=len(share))
        giver = int(np.argmax(held))
        if held[giver] < 2:
            break
        units = np.flatnonzero(part == giver)
        rest = counts[units].sum(axis=0) - counts[units]
        scarce = np.where(counts[units] > 0, rest, np.inf).min(axis=1, initial=np.inf)
        part[units[np.argmax(scarce)]] = empty
    return part


def even_order(counts: Counts) -> tuple[list[int], int]:
    """Return an order of units whose every beginning has its share of every label.

    Also how many at the beginning have each label once, the rarest first.
    """
    bare = (counts.sum(axis=1) == 0).astype(np.float64)[:, None]
    counts = np.hstack([counts, bare])
    total = counts.sum(axis=0)
    queues = [list(np.flatnonzero(counts[:, label] > 0)[::-1]) for label in range(len(total))]
    order: list[int] = []
    free = np.ones(len(counts), dtype=bool)
    got = np.zeros(len(total))

    def take(label: int) -> None:
        while queues[label]:
            unit = int(queues[label].pop())
            if free[unit]:
                free[unit] = False
                order.append(unit)
                got[:] += counts[unit]
                return

    for label in np.argsort(total[:-1], kind="stable"):
        if total[label] > 0 and got[label] == 0:
            take(int(label))
    cover = len(order)
    while len(order) < len(counts):
        lack = total * (len(order) + 1) / len(counts) - got
        open_ = np.array([bool(queue) for queue in queues])
        take(int(np.argmax(np.where(open_, lack, -np.inf))))
    return order, cover
