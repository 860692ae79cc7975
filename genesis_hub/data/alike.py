"""Which of many hashes look alike: told in groups and by nearest, never as a list of all pairs.

Ten thousand black films are fifty million pairs, but one group.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genesis_hub.data.hashes import ALIKE, placed, signs
from genesis_hub.data.image import Array

ROWS = 500  # Compared at once with all others.
EXACT = 1e-6  # Shares are sums of whole bits; half of one is far more than this.


class Pairs(NamedTuple):
    """The nearest of some pairs, the share of bits that differ, and how many pairs look alike.

    inverted: it is the one beside the other's negative.
    """

    one: int
    other: int
    share: float
    many: int
    inverted: bool = False


def groups(hashes: Sequence[str], *, share: float = ALIKE) -> list[list[int]]:
    """Return the places of hashes that look alike, in groups of two and more.

    Whoever looks like one of a group is of it, so that the ends of a chain may look different.
    """
    found: list[list[int]] = []
    for places in placed(hashes).values():
        whose = joined(signs([hashes[place] for place in places]), share)
        order = np.argsort(whose, kind="stable")
        cuts = np.flatnonzero(np.diff(whose[order])) + 1
        parts = np.split(order, cuts)
        found += [[places[int(at)] for at in part] for part in parts if len(part) > 1]
    return sorted(found)


def joined(bits: Array, share: float) -> Array:
    """Return the number of each row's group."""
    count = len(bits)
    whose = np.arange(count)
    for at in range(0, count, ROWS):
        rows = slice(at, at + ROWS)
        close = apart(bits[rows], bits[at:]) <= share + EXACT
        close &= whose[rows, None] != whose[at:]  # What is joined already says nothing new.
        row, column = np.nonzero(close)
        if len(row):
            edges = (whose[at + row], whose[at + column])
            graph = coo_array((np.ones(len(row), dtype=bool), edges), shape=(count, count))
            _, part = connected_components(graph, directed=False)
            whose = part[whose]
    return whose


def nearest_pair(
    bits: Array, counts: Callable[[slice], Array], *, share: float = ALIKE
) -> Pairs | None:
    """Return the nearest of the pairs of rows that count and look alike; None where none does.

    counts: for some rows, which of all rows they are to be compared with, as (rows, all).
    """
    best, alike = Pairs(0, 0, 2.0, 0), 0
    for at in range(0, len(bits), ROWS):
        rows = slice(at, at + ROWS)
        far = np.where(counts(rows), apart(bits[rows], bits), 2.0)
        alike += int((far <= share + EXACT).sum())
        row, column = np.unravel_index(int(far.argmin()), far.shape)
        if far[row, column] < best.share:
            best = Pairs(at + int(row), int(column), float(far[row, column]), 0)
    if best.share > share + EXACT:
        return None
    inverted = float(bits[best.one] @ bits[best.other]) < 0
    return best._replace(share=round(best.share, 4), many=alike // 2, inverted=inverted)


def nearest_of(
    hashes: Sequence[str], others: Sequence[str], *, share: float = ALIKE
) -> list[float | None]:
    """Return how far each hash is from the nearest of others; None where none looks like it."""
    found: list[float | None] = [None] * len(hashes)
    theirs = placed(others)
    for digits, places in placed(hashes).items():
        if digits not in theirs:
            continue
        facing = signs([others[place] for place in theirs[digits]])
        for at in range(0, len(places), ROWS):
            some = places[at : at + ROWS]
            least = apart(signs([hashes[place] for place in some]), facing).min(1)
            for place, far in zip(some, least.tolist(), strict=True):
                found[place] = round(far, 4) if far <= share + EXACT else None
    return found


def apart(rows: Array, others: Array) -> Array:
    """Return the share of bits that differ, of all rows against all others or their negatives.

    White and black are exchanged where a film is saved as MONOCHROME1 and read as the other: then
    all bits differ. Of 1,590,000 pairs of different X-rays, CT slices and heads none did in more
    than .68, so that nothing is taken for another's negative by chance.
    """
    product: Array = np.abs(rows @ others.T)
    product /= -2 * rows.shape[1]
    product += 0.5
    return product
