"""Several runs of one kind: folds of the same cases, seeds, or pretrained beside scratch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import folds, held_out, split_cases
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import Comparison, Together, compare, intervals, over_runs
from genesis_hub.evaluate.comparison import PERMUTATIONS
from genesis_hub.tuning.finetune import Run, as_asked, as_saved, one_run, resolved
from genesis_hub.tuning.predictions import read_table
from genesis_hub.tuning.results import told

SUMMARY = "summary.json"
# What two arms are compared by; p is adjusted for their number.
COMPARED = ("auc", "accuracy", "f1", "dice")


@dataclass(frozen=True)
class Runs:
    """Runs by name, and what they reached together.

    summary: by arm ("all" where there is one) each measure's mean, deviation and values, and its
    `interval`, had other patients been tested, and `over_runs`, had other runs been made. Of two
    arms the `comparison`: how far apart on the same cases, p, and what may be said.
    """

    folder: Path
    runs: Mapping[str, Run]
    summary: Mapping[str, Any]


def finetune_many(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    number: int = 0,
    seeds: int = 0,
    twin: bool = False,
    config: str | Path | None = None,
    device: str = "auto",
    devices: int = 1,
    quiet: bool = False,
    recipe: Mapping[str, Any] | None = None,
) -> Runs:
    """Fine-tune once per fold or seed, pretrained beside scratch or not, each in its own folder.

    number: folds; each is scored on another part of the patients, which chose nothing: the weights
    are chosen by a tenth of the others. Where the data have test cases, those are scored each time,
    and the fold chooses. 0: the data's own split.
    seeds: runs on one split, each by a seed of its own from the recipe's on: its fresh layers, its
    order, and which few cases it learns from (`shots`, `label_fraction`).
    twin: beside each run the same from scratch, on the same cases with the same seed.
    A second call goes on where the first stopped. The other arguments are those of `finetune`.
    """
    wanted, entry, source, cases = resolved(model, data, config, recipe)
    if twin and wanted.scratch:
        raise BadInput("scratch and scratch_twin were both asked for; give one")
    if number and seeds:
        raise BadInput("folds and seeds were both asked for; give one")
    parts = (
        [held_out(part, wanted.seed) for part in folds(cases, number, seed=wanted.seed)]
        if number
        else [split_cases(cases, seed=wanted.seed)] * (seeds or 1)
    )
    kind, rounds = ("seed", seeds) if seeds else ("fold", number)
    names = [f"{kind}-{place + 1}" for place in range(rounds)] or ["run"]
    arms = {"": wanted}
    if twin:
        alone = as_saved(replace(wanted, scratch=True), source, cases)
        alone.check()
        arms = {"pretrained": wanted, "scratch": alone}
    runs: dict[str, Run] = {}
    for place, (name, part) in enumerate(zip(names, parts, strict=True)):
        for arm, given in arms.items():
            asked = replace(given, seed=given.seed + place) if seeds else given
            title = f"{name}-{arm}" if arm else name
            runs[title] = one_run(
                source, entry, as_asked(part, asked), asked, Path(out) / title,
                device=device, devices=devices, quiet=quiet,
            )  # fmt: skip
    summary = summarised(runs, arms, number, wanted.seed)
    with new_file(Path(out) / SUMMARY) as aside:
        aside.write_text(json.dumps(told(summary), indent=2) + "\n", encoding="utf-8")
    return Runs(Path(out), runs, summary)


def summarised(
    runs: Mapping[str, Run], arms: Iterable[str], number: int, seed: int
) -> dict[str, Any]:
    """Return what the runs of each arm reached together, and whether one arm gained."""
    summary: dict[str, Any] = {}
    tables = {title: read_table(run.folder) for title, run in runs.items()}
    everyone = sorted({patient for table in tables.values() for patient in table.patients})
    draw = np.random.Generator(np.random.PCG64(seed))
    samples = {}
    for arm in arms:
        titles = [title for title in runs if title.endswith(arm)]
        samples[arm] = Together(tuple(tables[title].sample(everyone) for title in titles))
        # Folds learn from much the same cases.
        shared = 1 / (number - 1) if number else 0.0
        reached = summed([runs[title] for title in titles], shared)
        for name, one in intervals(samples[arm], draw=draw).items():
            if name in reached:
                reached[name]["interval"] = [one.low, one.high]
        summary[arm or "all"] = reached
    if len(samples) > 1:
        ours, theirs = samples.values()
        measures = [name for name in COMPARED if name in summary["pretrained"]]
        found = compare(ours, theirs, draw=draw, measures=measures)
        summary["comparison"] = {
            "arms": list(samples), "patients": len(everyone), "permutations": PERMUTATIONS,
            "measures": {one.measure: in_words(one) for one in found},
        }  # fmt: skip
    return summary


def in_words(one: Comparison) -> dict[str, Any]:
    """Return a comparison as summary.json has it."""
    return {
        "difference": one.difference, "interval": [one.low, one.high], "p": one.p,
        "adjusted_p": one.adjusted, "said": one.said,
    }  # fmt: skip


def summed(runs: Sequence[Run], shared: float) -> dict[str, Any]:
    """Return mean, deviation, values, and interval over runs, of each measure there is.

    A run without a measure (a fold without positives has no AUC) is left out of it.
    """
    names = dict.fromkeys(
        name for run in runs for name, value in run.metrics.items() if isinstance(value, float)
    )
    found = {}
    for name in names:
        values = [run.metrics.get(name) for run in runs]
        known = [float(v) for v in values if v is not None and np.isfinite(v)]
        if known:
            found[name] = {
                "mean": float(np.mean(known)),
                "std": float(np.std(known, ddof=1)) if len(known) > 1 else 0.0,
                "values": known,
                "over_runs": list(over_runs(known, shared=shared)),
            }
    return found
