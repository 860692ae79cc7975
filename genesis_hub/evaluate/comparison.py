"""Whether one model is better than another on the same cases, or only luckier."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.evaluate.intervals import RESAMPLES, check, intervals
from genesis_hub.evaluate.resampling import Measured, Sample, joined, swapped

Floats = NDArray[np.float64]
PERMUTATIONS = 10_000
LOWER_IS_BETTER = ("brier", "log_loss", "assd", "hd95")


@dataclass(frozen=True)
class Comparison:
    """A number of two models on the same cases: how far apart, and how easily by chance.

    difference: first - second; low and high its interval, NaN where no patient parts them. p: of
    the permutation test; adjusted: the same after `holm`, equal to p where nothing else was
    compared. level: of the interval; what is significant has an adjusted p below 1 - level.
    """

    measure: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    level: float = 0.95

    @property
    def said(self) -> str:
        """What may be said of the first model beside the second."""
        if np.isnan(self.p):
            return "not comparable"
        if self.adjusted >= 1 - self.level:
            return "no significant gain"
        lower = self.measure.partition("/")[0] in LOWER_IS_BETTER
        return "significant gain" if (self.difference < 0) == lower else "significant loss"


def compare(
    first: Sample,
    second: Sample,
    *,
    draw: np.random.Generator,
    measures: Sequence[str] = (),
    permutations: int = PERMUTATIONS,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> list[Comparison]:
    """Return the paired comparison of two models' answers for the same cases, number by number.

    The test exchanges both models' answers for whole patients, at random or, where patients are so
    few, in every way; p is the share of exchanges that part the models as far as they are apart, in
    either direction, the true one among them, so it is never 0. For AUC and average precision
    it exchanges ranks: another calibration is no gain. measures: those wanted, all if not given. p
    is adjusted by Holm for their number.
    """
    check_measures(first, measures)
    if measures:
        first, second = first.narrowed(measures), second.narrowed(measures)
    p = permutation_test(first, second, draw=draw, permutations=permutations)
    whole = np.ones((first.patients, 1))
    ours, theirs = first.measured(whole), second.measured(whole)
    apart = intervals(Apart(first, second), draw=draw, resamples=resamples, level=level)
    told = []
    for name in measures or ours:
        values, gap = (float(ours[name][0]), float(theirs[name][0])), apart[name]
        told.append(
            Comparison(name, *values, gap.value, gap.low, gap.high, p[name], p[name], level)
        )
    return adjusted(told)


def check_measures(sample: Measured, measures: Sequence[str]) -> None:
    """Raise `BadInput` for a number that a sample does not have."""
    known = list(sample.measured(np.ones((sample.patients, 1))))
    for name in measures:
        if name not in known:
            plain = [one for one in known if "/" not in one]
            close = ", ".join(get_close_matches(str(name), known, 3)) or "none"
            raise BadInput(
                f"measure {name!r} is not there; close names: {close}; there are "
                f"{', '.join(plain)}" + ", and those by class" * (len(plain) < len(known))
            )


def permutation_test(
    first: Sample, second: Sample, *, draw: np.random.Generator, permutations: int = PERMUTATIONS
) -> dict[str, float]:
    """Return p of each number of two models on the same cases, as `compare` tells it."""
    check(permutations)
    pair, whole = first.beside(second), np.ones((first.patients, 1))
    apart = less(first.measured(whole), second.measured(whole))
    ways, every = swapped(pair, permutations, draw)
    # What the first has not, the second has.
    blocks = ((pair.measured(way), pair.measured(1 - way)) for way in ways)
    exchanged = joined(less(*both) for both in blocks)
    return {
        name: share_as_far(float(gap[0]), exchanged[name], every) for name, gap in apart.items()
    }


def adjusted(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return comparisons with p adjusted for all of them by Holm."""
    listed = list(comparisons)
    return [
        replace(c, adjusted=p) for c, p in zip(listed, holm([c.p for c in listed]), strict=True)
    ]


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that one false alarm among all is as rare as p says (Holm, 1979).

    NaN stays and does not count.
    """
    known = sorted((value, place) for place, value in enumerate(p) if not np.isnan(value))
    found, least = [float("nan")] * len(p), 0.0
    for rank, (value, place) in enumerate(known):
        least = max(least, min(1.0, (len(known) - rank) * value))
        found[place] = least
    return found


def share_as_far(difference: float, exchanged: Floats, every: bool) -> float:
    """Return the share of exchanges that part the models at least as far; NaN without a number."""
    if np.isnan(difference):
        return float("nan")
    # An exchange that leaves no number counts as one that parts them: never in favour of a gain.
    near = np.abs(exchanged) < abs(difference) * (1 - 1e-9) - 1e-12
    far = int(np.count_nonzero(~near))
    return far / len(exchanged) if every else (far + 1) / (len(exchanged) + 1)


def less(ours: dict[str, Floats], theirs: dict[str, Floats]) -> dict[str, Floats]:
    """Return the first's numbers less the second's."""
    return {name: ours[name] - theirs[name] for name in ours}


@dataclass(frozen=True)
class Apart:
    """Two models' numbers on the same cases: the first's less the second's."""

    first: Measured
    second: Measured

    @property
    def patients(self) -> int:
        return self.first.patients

    @property
    def size(self) -> int:
        return self.first.size

    def measured(self, counts: Floats) -> dict[str, Floats]:
        return less(self.first.measured(counts), self.second.measured(counts))

    def bearing(self) -> dict[str, int]:
        """Return that no bound is known: models that never differed have no interval."""
        return dict.fromkeys(self.first.bearing(), 0)
