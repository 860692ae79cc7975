"""Fine-tuned beside random weights: each at the learning rate that suits it, tested on the same."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_hub.demo.plan import Plan
from genesis_hub.engine.checkpoint import BEST, LAST
from genesis_hub.evaluate import over_runs
from genesis_hub.tuning.finetune import Run
from genesis_hub.tuning.many import finetune_many, summarised

PRETRAINED, SCRATCH = "pretrained", "scratch"
MEASURE = "dice"
Span = tuple[float, float]


@dataclass(frozen=True)
class Arm:
    """One of the two: what it reached at each rate on cases that only choose, and on test cases.

    dice, interval: the mean over runs on the test cases, and between what it lies. run: the first.
    """

    title: str
    tried: Mapping[float, float]
    rate: float
    dice: float
    interval: Span
    run: Run


@dataclass(frozen=True)
class Beside:
    """Both arms, the pretrained one first, and how far apart they are.

    over_cases, over_runs: intervals of the difference, had other cases been tested, and had other
    runs been made. by_run: the difference of each pair of runs.
    """

    arms: tuple[Arm, Arm]
    difference: float
    by_run: tuple[float, ...]
    over_cases: Span
    over_runs: Span


def choose(
    model: str | Path, table: Path, folder: Path, plan: Plan, recipe: Mapping[str, Any]
) -> dict[str, dict[float, float]]:
    """Return each arm's Dice at each learning rate, on cases that are for nothing else.

    table: cases for training and validation, none for testing.
    """
    tried: dict[str, dict[float, float]] = {PRETRAINED: {}, SCRATCH: {}}
    for rate in plan.rates:
        pair = finetune_many(
            model, table, folder / f"{rate:g}", twin=True, quiet=True,
            recipe={**recipe, **plan.recipe, "lr": rate},
        )  # fmt: skip
        for arm, reached in tried.items():
            reached[rate] = float(pair.summary[arm].get(MEASURE, {}).get("mean", 0.0))
    return tried


def best(tried: Mapping[float, float]) -> float:
    """Return the rate that reached most; of equals the lowest."""
    return max(sorted(tried), key=lambda rate: tried[rate])


def beside(
    model: str | Path,
    table: Path,
    folder: Path,
    plan: Plan,
    recipe: Mapping[str, Any],
    *,
    tried: Mapping[str, Mapping[float, float]],
    titles: Mapping[str, str],
) -> Beside:
    """Fine-tune both arms, each at its best rate, and compare them on the same test cases.

    table: cases for training and testing. Each run learns from another part of the former; pairs of
    runs learn from the same, in the same order. Of all but
    the first pair no network is kept.
    """
    rates = {arm: best(reached) for arm, reached in tried.items()}
    made: dict[str, Run] = {}
    for arm, rate in rates.items():
        own = {**recipe, **plan.recipe, "lr": rate, "scratch": arm == SCRATCH}
        runs = finetune_many(
            model, table, folder / titles[arm], number=plan.runs, quiet=True, recipe=own
        )
        made |= {f"{name}-{arm}": run for name, run in runs.runs.items()}
    summary = summarised(made, rates, plan.runs, seed=0)
    ours, theirs = (
        Arm(
            titles[arm], tried[arm], rates[arm], summary[arm][MEASURE]["mean"],
            span(summary[arm][MEASURE]["interval"]), made[f"fold-1-{arm}"],
        )
        for arm in rates
    )  # fmt: skip
    lighten(made)
    apart = summary["comparison"]["measures"][MEASURE]
    values = [summary[arm][MEASURE]["values"] for arm in rates]
    by_run = tuple(a - b for a, b in zip(*values, strict=True))
    # The runs learn from much the same cases.
    return Beside(
        (ours, theirs), apart["difference"], by_run, span(apart["interval"]),
        over_runs(by_run, shared=1 / (plan.runs - 1)),
    )  # fmt: skip


def lighten(runs: Mapping[str, Run]) -> None:
    """Take away what runs would go on from, and the networks of all but the first of each arm."""
    for name, run in runs.items():
        for checkpoint in (LAST, BEST):
            (run.folder / checkpoint).unlink(missing_ok=True)
        if not name.startswith("fold-1-"):
            shutil.rmtree(run.model)


def span(ends: list[float]) -> Span:
    """Return an interval's two ends."""
    low, high = ends
    return low, high
