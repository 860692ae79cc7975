"""What each model reached at each label fraction, and whether it gained over the reference."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genesis_hub.benchmarking.cells import FINETUNE, cell_of, is_done
from genesis_hub.benchmarking.contestants import Contestant
from genesis_hub.benchmarking.design import Part
from genesis_hub.benchmarking.kept import Kept, digest_of
from genesis_hub.engine.origin import versions
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import (
    Comparison,
    Interval,
    Sample,
    Together,
    adjusted,
    classified,
    compare_draws,
    intervals,
)
from genesis_hub.tuning.predictions import read_table

USUAL = ("auc", "dice")
MOST = 8  # Rows at once.
Cells = list[list[Path]]  # Of each draw, of each fold.


@dataclass(frozen=True)
class Standing:
    """One model at one label fraction.

    cases: learnt from, on average over the folds. numbers: by name, the mean over folds, and draws
    of random weights, with its interval over patients. folds: the measure of each; draws: that of
    each draw, empty where there is one. against: the comparison with the reference, None of the
    reference itself.
    """

    model: str
    fraction: float
    cases: float
    numbers: Mapping[str, Interval]
    folds: tuple[float, ...]
    draws: tuple[float, ...] = ()
    against: Comparison | None = None


def reference_of(among: Sequence[Contestant], asked: str | None) -> str:
    """Return whom the others are compared with: the one asked for, random weights, or the first."""
    titles = [one.title for one in among]
    if asked is None:
        return next((one.title for one in among if one.scratch), titles[0])
    if asked not in titles:
        raise BadInput(f"reference={asked!r} is none of the models: {', '.join(titles)}")
    return asked


def standings(
    folder: Path,
    among: Sequence[Contestant],
    parts: Sequence[Part],
    *,
    mode: str,
    draws: int,
    reference: str,
    measure: str | None,
    seed: int,
) -> tuple[list[Standing], str]:
    """Return the standings of all models whose cells are there, and the measure compared by.

    draws: of random weights. p is adjusted by Holm for all comparisons: every other model at every
    label fraction. What was compared before and has not changed since is not compared again.
    """
    cells: dict[tuple[str, float], Cells] = {}
    everyone = sorted({case.patient for part in parts for case in part.cases.of("test")})
    for one in among:
        for fraction in sorted({part.fraction for part in parts}):
            own = [part for part in parts if part.fraction == fraction]
            found = [[cell_of(folder, each, part) for part in own] for each in one.drawn(draws)]
            if all(is_done(cell, mode) for some in found for cell in some):
                cells[one.title, fraction] = found
    if not cells:
        return [], measure or USUAL[0]
    by = measure_of(sampled(next(iter(cells.values()))[:1], everyone)[0], measure)
    kept, made_by = Kept(folder), versions()

    def stood(key: tuple[str, float]) -> Standing:
        title, fraction = key
        rivals = cells.get((reference, fraction), []) if title != reference else []
        print_of = digest_of(cells[key], rivals, facts=[title, fraction, by, seed, mode, made_by])
        known = kept.get(print_of)
        if known is not None:
            return Standing(title, fraction, learnt(parts, fraction), **known)
        samples = sampled(cells[key], everyone)
        each = [[valued(one, by) for one in sample.samples] for sample in samples]
        against = None
        if rivals:
            theirs = sampled(rivals, everyone)
            against = compare_draws(samples, theirs, measure=by, draw=lambda: drawn(seed))
            if mode == FINETUNE:
                their = [valued(one, by) for one in theirs[0].samples]
                against = if_agreed(against, each[0], their)
        made = Standing(
            title,
            fraction,
            learnt(parts, fraction),
            intervals(Together(tuple(samples)), draw=drawn(seed)),
            tuple(float(value) for value in np.mean(each, axis=0)),
            tuple(float(np.mean(folds)) for folds in each) if len(each) > 1 else (),
            against,
        )
        kept.put(print_of, made)
        return made

    # Long sums in numpy, which lets go of the interpreter meanwhile.
    with ThreadPoolExecutor(min(MOST, os.cpu_count() or 1)) as pool:
        rows = list(pool.map(stood, cells))
    kept.write()
    return holm_over(rows), by


def sampled(cells: Cells, everyone: Sequence[str]) -> list[Together]:
    """Return the answers of each draw, its folds together."""
    return [Together(tuple(read_table(cell).sample(everyone) for cell in some)) for some in cells]


def valued(sample: Sample, by: str) -> float:
    """Return the measure of all cases."""
    return float(sample.measured(np.ones((sample.patients, 1)))[by][0])


def learnt(parts: Sequence[Part], fraction: float) -> float:
    """Return how many cases were learnt from, on average over the folds."""
    return float(
        np.mean([len(part.cases.of("train")) for part in parts if part.fraction == fraction])
    )


def if_agreed(one: Comparison, ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    """Return a comparison whose p is 1 where one model is not ahead in each of the folds.

    Each fold is a training run of its own, with its own random numbers: where runs do not agree on
    who is ahead, patients alone, which the test covers, are no reason to say so.
    """
    apart = np.subtract(ours, theirs)
    ahead = np.unique(np.sign(apart[~np.isnan(apart)]))
    return one if len(ahead) < 2 or np.isnan(one.p) else replace(one, p=1.0, adjusted=1.0)


def drawn(seed: int) -> np.random.Generator:
    """Return what resamples and exchanges are drawn by, the same for each row."""
    return np.random.Generator(np.random.PCG64(seed))


def check_measure(part: Part, asked: str | None) -> None:
    """Raise `BadInput` for a measure that no classifier has, before there is any answer."""
    cases, number = part.cases.of("test"), len(part.cases.classes)
    if asked is None or part.cases.task != "classification":
        return
    sample = classified(
        np.full((len(cases), number), 1 / number), np.array([case.label for case in cases]),
        patients=[case.patient for case in cases], multilabel=part.cases.multilabel,
        classes=part.cases.classes,
    )  # fmt: skip
    measure_of(Together((sample,)), asked)


def measure_of(sample: Together, asked: str | None) -> str:
    """Return the measure that models are compared by."""
    known = list(sample.measured(np.ones((sample.patients, 1))))
    if asked is None:
        return next(name for name in USUAL if name in known)
    if asked not in known:
        raise BadInput(f"measure={asked!r} is not there; choose from {', '.join(known)}")
    return asked


def holm_over(rows: Sequence[Standing]) -> list[Standing]:
    """Return the rows with p adjusted for all comparisons at hand."""
    found = iter(adjusted(row.against for row in rows if row.against is not None))
    return [row if row.against is None else replace(row, against=next(found)) for row in rows]
