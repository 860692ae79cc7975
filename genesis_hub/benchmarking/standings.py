"""What each model reached at each label fraction, and whether it gained over the reference."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genesis_hub.benchmarking.cells import cell_of, is_done
from genesis_hub.benchmarking.contestants import Contestant
from genesis_hub.benchmarking.design import Part
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import (
    Comparison,
    Interval,
    Together,
    adjusted,
    classified,
    compare,
    intervals,
)
from genesis_hub.tuning.predictions import read_table

USUAL = ("auc", "dice")
MOST = 8  # Rows at once.


@dataclass(frozen=True)
class Standing:
    """One model at one label fraction.

    cases: learnt from, on average over the folds. numbers: by name, the mean over folds with its
    interval. folds: the measure of each. against: the comparison with the reference, None of the
    reference itself.
    """

    model: str
    fraction: float
    cases: float
    numbers: Mapping[str, Interval]
    folds: tuple[float, ...]
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
    reference: str,
    measure: str | None,
    seed: int,
) -> tuple[list[Standing], str]:
    """Return the standings of all models whose folds are there, and the measure compared by.

    p is adjusted by Holm for all comparisons: every other model at every label fraction.
    """
    samples = {}
    everyone = sorted({case.patient for part in parts for case in part.cases.of("test")})
    fractions = sorted({part.fraction for part in parts})
    for one in among:
        for fraction in fractions:
            own = [part for part in parts if part.fraction == fraction]
            cells = [cell_of(folder, one, part) for part in own]
            if all(is_done(cell, mode) for cell in cells):
                tables = tuple(read_table(cell).sample(everyone) for cell in cells)
                samples[one.title, fraction] = Together(tables)
    if not samples:
        return [], measure or USUAL[0]
    by = measure_of(next(iter(samples.values())), measure)

    def stood(key: tuple[str, float]) -> Standing:
        title, fraction = key
        sample, rival = samples[key], samples.get((reference, fraction))
        against = None
        if title != reference and rival is not None:
            (against,) = compare(sample, rival, draw=drawn(seed), measures=[by])
        learned = [len(part.cases.of("train")) for part in parts if part.fraction == fraction]
        return Standing(
            title,
            fraction,
            float(np.mean(learned)),
            intervals(sample, draw=drawn(seed)),
            tuple(float(s.measured(np.ones((s.patients, 1)))[by][0]) for s in sample.samples),
            against,
        )

    # Long sums in numpy, which lets go of the interpreter meanwhile.
    with ThreadPoolExecutor(min(MOST, os.cpu_count() or 1)) as pool:
        rows = list(pool.map(stood, samples))
    return holm_over(rows), by


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
