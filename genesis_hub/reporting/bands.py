"""The band around a ROC curve: where it runs when the patients are drawn again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TIMES = 300
POINTS = 101
MOST = 5_000  # Cases above which the band is narrower than its line.


def roc_band(
    shares: Array, truths: Array, patients: Sequence[str], *, seed: int = 0
) -> tuple[Array, Array, Array] | None:
    """Return (false alarms, low, high), 95 % over patients; None where too few could be drawn."""
    known = truths >= 0
    shares, truths = shares[known], truths[known]
    people = np.unique(np.asarray(patients)[known], return_inverse=True)[1]
    if len(shares) > MOST or len(np.unique(people)) < 5:
        return None
    draw = np.random.Generator(np.random.PCG64(seed))
    number = int(people.max()) + 1
    at, found = np.linspace(0, 1, POINTS), []
    order = np.argsort(-shares, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(shares[order])), len(order) - 1)
    for _ in range(TIMES):
        counts = np.bincount(draw.integers(0, number, number), minlength=number)
        weight = counts[people][order].astype(float)
        positive = (weight * (truths[order] == 1)).cumsum()
        negative = (weight * (truths[order] == 0)).cumsum()
        if not positive[-1] or not negative[-1]:
            continue
        across = np.append(0, negative[ends] / negative[-1])
        up = np.append(0, positive[ends] / positive[-1])
        found.append(np.interp(at, across, up))
    if len(found) < TIMES / 2:
        return None
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    return at, low, high
