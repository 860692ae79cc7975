"""Several runs of one kind: folds of the same cases, or pretrained beside scratch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import folds, split_cases
from genesis_hub.errors import BadInput
from genesis_hub.tuning.finetune import Run, as_asked, one_run, resolved

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Runs:
    """Runs by name, and what they reached together: mean, deviation and each one's value."""

    folder: Path
    runs: Mapping[str, Run]
    summary: Mapping[str, Any]


def finetune_many(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    number: int = 0,
    twin: bool = False,
    config: str | Path | None = None,
    device: str = "auto",
    devices: int = 1,
    quiet: bool = False,
    recipe: Mapping[str, Any] | None = None,
) -> Runs:
    """Fine-tune once per fold, or pretrained beside scratch, each in a folder of its own in `out`.

    number: folds; each validates on another part of the patients. 0: the data's own split.
    twin: beside each run the same from scratch, on the same cases with the same seed.
    A second call goes on where the first stopped. The other arguments are those of `finetune`.
    """
    wanted, entry, source, cases = resolved(model, data, config, recipe)
    if twin and wanted.scratch:
        raise BadInput("scratch and scratch_twin were both asked for; give one")
    parts = (
        folds(cases, number, seed=wanted.seed) if number else [split_cases(cases, seed=wanted.seed)]
    )
    names = [f"fold-{place + 1}" for place in range(number)] or ["run"]
    arms = {"": wanted}
    if twin:
        arms = {"pretrained": wanted, "scratch": replace(wanted, scratch=True)}
        arms["scratch"].check()
    runs: dict[str, Run] = {}
    for name, part in zip(names, parts, strict=True):
        for arm, asked in arms.items():
            title = f"{name}-{arm}" if arm else name
            runs[title] = one_run(
                source, entry, as_asked(part, asked), asked, Path(out) / title,
                device=device, devices=devices, quiet=quiet,
            )  # fmt: skip
    summary = {
        arm or "all": summed([run for title, run in runs.items() if title.endswith(arm)])
        for arm in arms
    }
    with new_file(Path(out) / SUMMARY) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return Runs(Path(out), runs, summary)


def summed(runs: Sequence[Run]) -> dict[str, Any]:
    """Return mean, standard deviation and values of every measure the runs share."""
    told = {}
    for name, value in runs[0].metrics.items():
        values = [run.metrics.get(name) for run in runs]
        if isinstance(value, float) and all(isinstance(v, int | float) for v in values):
            known = [float(v) for v in values if v is not None]
            spread = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
            told[name] = {"mean": float(np.mean(known)), "std": spread, "values": known}
    return told
