"""What intervals cost beside a loop over scikit-learn and beside scipy, and whether they hold.

    python -m benchmarks.intervals [--cases 1000] [--resamples 10000] [--trials 1000]

The loop is timed for a hundredth of the resamples and multiplied. --trials 0 leaves the simulated
studies out; 1000 of each, and 4000 of each comparison, take a quarter of an hour on one core.
"""

import argparse
import resource
from collections.abc import Callable

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from benchmarks import timing
from benchmarks.rows import faster, tell
from genesis_hub.evaluate import classified, compare, intervals
from genesis_hub.evaluate.metrics import auc
from tests.trials import table

LIMIT_S = 2.0


def seconds(call: Callable[[], object]) -> float:
    """Return the least seconds of three calls."""
    return min(timing.seconds(call) for _ in range(3))


def speed(cases: int, resamples: int) -> None:
    """Print what an interval of AUC takes in three ways."""
    draw = np.random.Generator(np.random.PCG64(0))
    truth = draw.integers(0, 2, cases)
    share = 1 / (1 + np.exp(-draw.normal(size=cases) - truth))
    patients = [str(case) for case in range(cases)]
    alone = classified(share[:, None], truth[:, None], patients=patients, multilabel=True)
    both = classified(np.stack([1 - share, share], 1), truth, patients=patients)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    ours = seconds(lambda: intervals(alone, draw=draw, resamples=resamples))
    every = seconds(lambda: intervals(both, draw=draw, resamples=resamples))
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    def loop() -> None:
        for _ in range(resamples // 100):
            drawn = draw.integers(0, cases, cases)
            roc_auc_score(truth[drawn], share[drawn])

    def ranked() -> None:
        bootstrap(
            (share, truth), auc, paired=True, vectorized=False, n_resamples=resamples // 100,
            method="percentile", rng=draw,
        )  # fmt: skip

    print(f"{resamples} resamples of {cases} cases, each another patient's")
    print(f"one question, all its numbers   {ours:7.2f} s (limit {LIMIT_S:.0f} s for AUC)")
    print(f"two classes, all their numbers  {every:7.2f} s, {more:.0f} MB more memory")
    for name, call in (("loop over roc_auc_score", loop), ("scipy.stats.bootstrap", ranked)):
        took = 100 * seconds(call)
        print(f"{name:31s} {took:7.2f} s, AUC alone")
        tell(f"{resamples:,} resamples of {cases:,} cases, all numbers", name, faster(took / ours))
    other = classified(share[:, None] ** 2, truth[:, None], patients=patients, multilabel=True)
    took = seconds(lambda: compare(alone, other, draw=draw))
    print(f"compare, 10000 permutations     {took:7.2f} s")


def main() -> None:
    """Print the times, then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=0)
    options = parser.parse_args()
    speed(options.cases, options.resamples)
    if options.trials:
        for line in table(options.trials):
            print(line, flush=True)


if __name__ == "__main__":
    main()
