"""Two models of which there may be several draws, such as random weights drawn again and again."""

from collections.abc import Callable, Sequence

import numpy as np

from genesis_hub.evaluate.comparison import (
    PERMUTATIONS,
    Apart,
    Comparison,
    check_measures,
    permutation_test,
)
from genesis_hub.evaluate.intervals import RESAMPLES, intervals
from genesis_hub.evaluate.resampling import Sample
from genesis_hub.evaluate.together import Together


def compare_draws(
    first: Sequence[Sample],
    second: Sequence[Sample],
    *,
    measure: str,
    draw: Callable[[], np.random.Generator],
    permutations: int = PERMUTATIONS,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Comparison:
    """Return the comparison of two models on the same cases, each given by all its draws.

    Exchanging answers over patients asks what other patients would have said, not what other random
    weights would have: one lucky draw beats another, and is no better. So each draw of the first is
    tested against each of the second, and p is the greatest of all (an intersection-union test:
    what is called a gain is one over every draw), or 1 where the draws do not agree on who is
    ahead. The difference and its interval are those of the means over the draws.
    draw: gives the generator of exchanges and resamples, the same each time.
    """
    for sample in (*first, *second):
        check_measures(sample, [measure])
    ours, theirs = ([one.narrowed([measure]) for one in some] for some in (first, second))
    found, ahead = [], set()
    for one in ours:
        for other in theirs:
            p = permutation_test(one, other, draw=draw(), permutations=permutations)[measure]
            found.append(p)
            ahead.add(np.sign(valued(one, measure) - valued(other, measure)))
    mine, rival = Together(tuple(ours)), Together(tuple(theirs))
    gap = intervals(Apart(mine, rival), draw=draw(), resamples=resamples, level=level)[measure]
    # NaN is neither ahead nor behind: max would lose it among others.
    p = float("nan") if np.isnan(found).any() else max(found) if len(ahead) == 1 else 1.0
    return Comparison(
        measure, valued(mine, measure), valued(rival, measure), gap.value, gap.low, gap.high, p, p,
        level,
    )  # fmt: skip


def valued(sample: Sample, measure: str) -> float:
    """Return a number of all cases."""
    return float(sample.measured(np.ones((sample.patients, 1)))[measure][0])
