"""Several runs as one: the mean of their numbers, and how it varies from run to run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from genesis_hub.evaluate.metrics import mean_known
from genesis_hub.evaluate.resampling import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Together:
    """Samples of several runs, all counting the same patients: the mean of each of their numbers.

    A mean over folds, not a number of all folds' cases: scores of two networks have no common
    scale. A patient who is in several runs is drawn, or exchanged, in all of them at once.
    """

    samples: tuple[Sample, ...]

    @property
    def patients(self) -> int:
        return self.samples[0].patients

    @property
    def size(self) -> int:
        return max(sample.size for sample in self.samples)

    def narrowed(self, measures: Sequence[str]) -> "Together":
        return Together(tuple(sample.narrowed(measures) for sample in self.samples))

    def measured(self, counts: Floats) -> dict[str, Floats]:
        found = [sample.measured(counts) for sample in self.samples]
        shared = [name for name in found[0] if all(name in one for one in found)]
        return {name: mean_known(np.stack([one[name] for one in found])) for name in shared}

    def bearing(self) -> dict[str, int]:
        found = [sample.bearing() for sample in self.samples]
        return {name: min(one.get(name, 0) for one in found) for name in found[0]}

    def beside(self, other: "Together") -> "Together":
        pairs = zip(self.samples, other.samples, strict=True)
        return Together(tuple(ours.beside(theirs) for ours, theirs in pairs))


def over_runs(
    values: Sequence[float], *, shared: float = 0.0, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of a mean over runs, by Student's t; NaN of fewer than two runs.

    shared: test cases for each training case, where runs learn from much the same cases: of K folds
    1 / (K - 1). Their numbers are not independent then, and the interval is wider (Nadeau and
    Bengio, 2003).
    """
    known = np.array([value for value in values if np.isfinite(value)])
    if len(known) < 2:
        return float("nan"), float("nan")
    away = stdtrit(len(known) - 1, (1 + level) / 2)
    away *= np.sqrt((1 / len(known) + shared) * known.var(ddof=1))
    return float(known.mean() - away), float(known.mean() + away)
