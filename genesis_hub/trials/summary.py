"""What trials reached together: means over repetitions, intervals over cases, and who gained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genesis_hub.evaluate import Sample, Together, compare, intervals, over_runs
from genesis_hub.evaluate.comparison import adjusted
from genesis_hub.trials.counted import Counted
from genesis_hub.trials.recipes import One
from genesis_hub.tuning.finetune import Run
from genesis_hub.tuning.predictions import Table, read_table
from genesis_hub.tuning.results import told

# Measures of each case, whose mean stands beside the pooled scores.
PER_CASE = ("dice", "surface_dice", "hd95")
OF_CLASSES = ("auc", "accuracy", "balanced_accuracy", "quadratic_kappa")


@dataclass
class Results:
    """What each run reached, by share, variant and repetition."""

    variants: tuple[str, ...]
    scores: tuple[str, ...]
    repetitions: int
    counted: dict[float, dict[str, list[Counted]]] = field(default_factory=dict)
    tables: dict[float, dict[str, list[Table]]] = field(default_factory=dict)
    cases: dict[float, int] = field(default_factory=dict)

    def add(self, one: One, run: Run, found: Counted, cases: int) -> None:
        """Take up a run that is over."""
        self.counted.setdefault(one.percent, {}).setdefault(one.variant, []).append(found)
        table = read_table(run.folder)
        self.tables.setdefault(one.percent, {}).setdefault(one.variant, []).append(table)
        self.cases[one.percent] = cases

    def values(self) -> dict[float, dict[str, dict[str, list[float]]]]:
        """Return each score of each repetition, by share and variant."""
        found: dict[float, dict[str, dict[str, list[float]]]] = {}
        for percent, own in self.counted.items():
            found[percent] = {}
            for variant, runs in own.items():
                reached = [run.among().values() for run in runs]
                found[percent][variant] = {
                    name: [one[name] for one in reached] for name in self.scores
                }
        return found


def summarised(results: Results, *, folds: int) -> dict[str, Any]:
    """Return what all shares and variants reached; p are adjusted for all that was compared."""
    draw = np.random.Generator(np.random.PCG64(0))
    # Folds learn from much the same cases.
    shared = 1 / (folds - 1) if folds else 0.0
    values = results.values()
    summary: dict[str, Any] = {}
    compared: list[tuple[str, str, Any]] = []
    for percent, own in results.counted.items():
        everyone = sorted({name for runs in own.values() for one in runs for name in one.patients})
        samples = {
            variant: Together(tuple(one.among(everyone) for one in runs))
            for variant, runs in own.items()
        }
        told_of: dict[str, Any] = {"training_cases": results.cases[percent]}
        for variant, sample in samples.items():
            reached = summed(values[percent][variant], shared)
            with_ends(reached, sample, draw)
            told_of[variant] = {
                **reached,
                "per_case": per_case(results.tables[percent][variant], everyone, draw),
            }
        summary[f"{percent:g}"] = told_of
        if "random" in samples:
            for variant, sample in samples.items():
                if variant != "random":
                    found = compare(sample, samples["random"], draw=draw)
                    compared += [(f"{percent:g}", variant, one) for one in found]
    listed = adjusted(one for *_, one in compared)
    for (share, variant, _), one in zip(compared, listed, strict=True):
        against = summary[share].setdefault("against_random", {}).setdefault(variant, {})
        against[one.measure] = {
            "difference": one.difference, "interval": [one.low, one.high], "p": one.p,
            "adjusted_p": one.adjusted, "said": one.said,
        }  # fmt: skip
    plain: dict[str, Any] = told(summary)
    return plain


def summed(values: Mapping[str, Sequence[float]], shared: float) -> dict[str, Any]:
    """Return mean, ends and values of each score over repetitions."""
    found = {}
    for name, each in values.items():
        known = [value for value in each if not math.isnan(value)]
        found[name] = {
            "mean": float(np.mean(known)) if known else math.nan,
            "min": min(known, default=math.nan),
            "max": max(known, default=math.nan),
            "values": list(each),
            "over_runs": list(over_runs(known, shared=shared)),
        }
    return found


def with_ends(reached: dict[str, Any], sample: Sample, draw: np.random.Generator) -> None:
    """Put the interval over patients beside each score."""
    for name, one in intervals(sample, draw=draw).items():
        reached[name]["interval"] = [one.low, one.high]


def per_case(
    tables: Sequence[Table], everyone: Sequence[str], draw: np.random.Generator
) -> dict[str, Any]:
    """Return the measures that every run has, the mean over repetitions, with intervals."""
    sample = Together(tuple(table.sample(everyone) for table in tables))
    return {
        name: {"mean": one.value, "interval": [one.low, one.high]}
        for name, one in intervals(sample, draw=draw).items()
        if name.partition("/")[0] in (*PER_CASE, *OF_CLASSES)
    }
