"""Made-up studies whose truth is known: do intervals cover it, do tests cry wolf?"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy.stats import norm

from genesis_hub.evaluate import Sample, classified, intervals, means, permutation_test

Draw = np.random.Generator
SHIFT = 2**0.5


def names(codes: np.ndarray) -> list[str]:
    return [f"{code:05d}" for code in codes]


def visits(draw: Draw, patients: int, most: int) -> np.ndarray:
    """Return whose each case is: 1 to `most` of each patient."""
    return np.repeat(np.arange(patients), draw.integers(1, most + 1, patients))


def question(scores: np.ndarray, truth: np.ndarray, codes: np.ndarray) -> Sample:
    """Return one question of yes and no; yes is said of scores above 0."""
    shares = norm.cdf(scores)[:, None]
    return classified(shares, truth[:, None], patients=names(codes), multilabel=True)


def noise(draw: Draw, codes: np.ndarray, common: float) -> np.ndarray:
    """Return normal scores, a share of whose variance cases of one patient have in common."""
    own = draw.normal(size=len(codes)) * (1 - common) ** 0.5
    return own + draw.normal(size=codes.max() + 1)[codes] * common**0.5


def diagnosis(
    draw: Draw, *, auc: float, patients: int, sick: float, most: int = 1, common: float = 0.0
) -> Sample:
    """Return scores of known AUC: normal, of one variance; all images of a patient have a label."""
    codes = visits(draw, patients, most)
    truth = (draw.random(patients) < sick).astype(int)[codes]
    apart = SHIFT * norm.ppf(auc)
    return question(noise(draw, codes, common) + apart * (truth - 0.5), truth, codes)


def hits(draw: Draw, *, right: float, patients: int, most: int = 1, alike: float = 0.0) -> Sample:
    """Return right and wrong answers; alike: what cases of one patient have in common, 0 to 1."""
    codes = visits(draw, patients, most)
    chance = np.full(patients, right)
    if alike:
        chance = draw.beta(right / alike, (1 - right) / alike, patients)
    truth = draw.integers(0, 2, len(codes))
    good = draw.random(len(codes)) < chance[codes]
    return question(np.where(good == (truth == 1), 1.0, -1.0), truth, codes)


def masks(
    draw: Draw, *, patients: int, most: int = 1, missed: float = 0.1, alike: float = 0.0
) -> Sample:
    """Return Dice with a long tail, and a share of 0: those that were missed."""
    codes = visits(draw, patients, most)
    level = draw.beta(6, 1.5, patients)[codes] if alike else 12 / 14
    sharp = alike or 14.0
    dice = draw.beta(sharp * level + 1e-3, sharp * (1 - level) + 1e-3, len(codes))
    dice[draw.random(len(codes)) < missed] = 0
    return means({"dice": dice}, patients=names(codes), bounded=["dice"])


# What is measured, its truth, and how a study is drawn.
COVERED: dict[str, tuple[str, float, Callable[[Draw], Sample]]] = {
    **{
        f"AUC {auc}, {n} cases, {sick:.0%} sick": (
            "auc", auc, partial(diagnosis, auc=auc, patients=n, sick=sick),
        )
        for auc in (0.7, 0.8, 0.9, 0.95)
        for n, sick in ((100, 0.5), (100, 0.2), (200, 0.3))
    },
    "AUC 0.85, 80 patients of 1-6 images": (
        "auc", 0.85, partial(diagnosis, auc=0.85, patients=80, sick=0.4, most=6, common=0.6),
    ),
    **{
        f"accuracy {right}, {n} cases": (
            "accuracy", right, partial(hits, right=right, patients=n)
        )
        # No shares of n: an end that falls on the truth to the digit covers it, which is no skill.
        for right, n in ((0.703, 100), (0.853, 100), (0.903, 150), (0.853, 200))
    },
    "accuracy 0.8, 80 patients of 1-6 images": (
        "accuracy", 0.8, partial(hits, right=0.8, patients=80, most=6, alike=0.25)
    ),
    "sensitivity 0.85, 100 cases": (
        "sensitivity", 0.85, partial(hits, right=0.85, patients=100)
    ),
    **{
        f"mean Dice 0.77, 10% missed, {n} cases": (
            "dice", 0.9 * 12.001 / 14.002, partial(masks, patients=n)
        )
        for n in (30, 50, 100)
    },
    "mean Dice 0.72, 50 patients of 1-4 images": (
        "dice", 0.9 * 0.8, partial(masks, patients=50, most=4, alike=20.0)
    ),
}  # fmt: skip


def covers(name: str, trials: int, seed: int = 0, resamples: int = 1000) -> tuple[float, float]:
    """Return the shares of trials whose interval lies wholly above the truth, and below."""
    measure, truth, study = COVERED[name]
    draw = np.random.Generator(np.random.PCG64(seed))
    above = below = 0
    for _ in range(trials):
        found = intervals(study(draw), draw=draw, resamples=resamples)[measure]
        above += not found.low <= truth + 1e-9
        below += not truth - 1e-9 <= found.high
    return above / trials, below / trials


def readers(
    draw: Draw, *, patients: int, most: int = 1, squeezed: float = 1.0, wide: float = 1.0
) -> tuple[Sample, Sample]:
    """Return two models of AUC 0.85 on the same cases, half of whose noise is the cases' own.

    squeezed: the second says the same less surely. wide: its sick scores vary more.
    """
    codes = visits(draw, patients, most)
    truth = (draw.random(patients) < 0.3).astype(int)[codes]
    shared, gap = noise(draw, codes, 0.5), norm.ppf(0.85)

    def one(spread: float) -> np.ndarray:
        mixed = (shared + draw.normal(size=len(codes))) / SHIFT
        return mixed * np.where(truth, spread, 1.0) + gap * (1 + spread**2) ** 0.5 * truth - 1

    return question(one(1.0), truth, codes), question(squeezed * one(wide), truth, codes)


def guesses(draw: Draw, *, patients: int, right: float) -> tuple[Sample, Sample]:
    """Return two models that are right equally often, each by itself."""
    codes, truth = np.arange(patients), draw.integers(0, 2, patients)
    answers = (np.where(draw.random(patients) < right, truth, 1 - truth) for _ in range(2))
    ours, theirs = (question(2.0 * answer - 1, truth, codes) for answer in answers)
    return ours, theirs


def outlines(
    draw: Draw, *, patients: int, most: int = 1, rough: float = 20.0
) -> tuple[Sample, Sample]:
    """Return two models of the same mean Dice; rough: how little the second's varies."""
    codes = visits(draw, patients, most)
    level = draw.beta(6, 1.5, patients)[codes]

    def one(sharp: float) -> Sample:
        dice = draw.beta(sharp * level + 1e-3, sharp * (1 - level) + 1e-3)
        dice[draw.random(len(codes)) < 0.05] = 0
        return means({"dice": dice}, patients=names(codes))

    return one(20.0), one(rough)


# What is compared, and how two equal models are drawn.
EQUAL: dict[str, tuple[str, Callable[[Draw], tuple[Sample, Sample]]]] = {
    "AUC, 100 cases": ("auc", partial(readers, patients=100)),
    "AUC, the second less sure": ("auc", partial(readers, patients=100, squeezed=0.3)),
    "AUC, another curve": ("auc", partial(readers, patients=200, wide=2.0)),
    "AUC, 60 patients of 1-5": ("auc", partial(readers, patients=60, most=5)),
    "average precision, 100 cases": ("average_precision", partial(readers, patients=100)),
    "F1, 150 cases": ("f1", partial(readers, patients=150)),
    "log loss, 100 cases": ("log_loss", partial(readers, patients=100)),
    "accuracy 0.75, 400 cases": ("accuracy", partial(guesses, patients=400, right=0.75)),
    "Dice, 40 cases": ("dice", partial(outlines, patients=40)),
    "Dice, 9 cases, all exchanges": ("dice", partial(outlines, patients=9)),
    "Dice, 50 patients of 1-5": ("dice", partial(outlines, patients=50, most=5)),
    "Dice, the second rougher": ("dice", partial(outlines, patients=60, rough=5.0)),
}


def alarms(name: str, trials: int, seed: int = 0, permutations: int = 999) -> float:
    """Return the share of trials in which equal models are called different at 5 %."""
    measure, study = EQUAL[name]
    draw = np.random.Generator(np.random.PCG64(seed))

    def once() -> bool:
        p = permutation_test(*study(draw), draw=draw, permutations=permutations)
        return p[measure] <= 0.05 + 1e-12

    return sum(once() for _ in range(trials)) / trials


def table(trials: int) -> Iterator[str]:
    """Give a line for each study: what was covered, and how often a test cried wolf."""
    for name in COVERED:
        above, below = covers(name, trials)
        missed = f"too high {above:.1%}, too low {below:.1%}"
        yield f"{name:44s} covered {1 - above - below:6.1%}  ({missed})"
    for name in EQUAL:
        # A rate of 5 % of 1000 has a standard error of 0.7 %: too much to tell 4 from 6.
        yield f"{name:44s} alarms  {alarms(name, 4 * trials):6.1%}"
