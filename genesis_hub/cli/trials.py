"""`finetune --config CONFIG.json`: the runs that a config of the proxy tasks tells of."""

import argparse
from typing import Any

from genesis_hub.errors import BadInput

# Flags that say how a run is computed; what is learned stands in the config.
QUICK = ("workers", "precision", "no_check")
OVERRULING = ("lr", "batch_size", "epochs")
OTHERS = (
    "scratch", "scratch_twin", "folds", "seeds", "seed", "transfer", "operator", "steps", "width",
    "label_fraction", "shots", "task", "reader", "labels", "mask", "patient", "classes", "range",
    "modality",
)  # fmt: skip
INSTEAD = {
    "scratch": "load_weights=false", "scratch_twin": "epochs_random=20",
    "folds": "do_cross_val=true and repetitions=5", "seeds": "repetitions=5",
    "seed": "repetitions, each of which has its own", "label_fraction": "exp_splits=10,50,100",
    "shots": "exp_splits=10,50,100", "steps": "epochs", "width": "enc_filters",
}  # fmt: skip


def run_trials(options: argparse.Namespace) -> int:
    """Make the runs of a JSON config, and say where their table lies."""
    from genesis_hub.cli.training import value_of
    from genesis_hub.engine.stopping import Stopped
    from genesis_hub.trials.trial import finetune_config

    for name in OTHERS:
        if getattr(options, name):
            flag = f"--{name.replace('_', '-')}"
            say = f"; --set {INSTEAD[name]} says it" if name in INSTEAD else ""
            raise BadInput(f"{flag} is not for a JSON config, whose keys say what is run{say}")
    if "=" in (options.model or ""):
        raise BadInput(
            f"{options.model!r} is no model; a key of the config is --set {options.model}"
        )
    wishes: dict[str, Any] = {
        name: getattr(options, name) for name in OVERRULING if getattr(options, name) is not None
    }
    for pair in options.set:
        key, sign, text = pair.partition("=")
        if not sign:
            raise BadInput(f"--set {pair!r}; give --set KEY=VALUE")
        wishes[key] = value_of(text)
    quick = {name: getattr(options, name) for name in QUICK if getattr(options, name) is not None}
    try:
        done = finetune_config(
            options.config, model=options.model, data=options.data, out=options.out,
            device=options.device, devices=options.devices, quiet=options.quiet, wishes=wishes,
            recipe=quick,
        )  # fmt: skip
    except Stopped as stopped:
        print(f"{stopped}; the same command goes on from there")
        return stopped.status
    for share, own in done.summary.items():
        for variant, scores in own.items():
            if variant in ("training_cases", "against_random"):
                continue
            reached = ", ".join(
                f"{name} {said(one['mean'])}" for name, one in scores.items() if name != "per_case"
            )
            print(f"{share} % of the labels, {variant}: {reached}")
    print(f"{done.folder}: results.csv, summary.json and report.html; {len(done.runs)} runs")
    return 0


def said(value: float | None) -> str:
    """Return a score in words."""
    return "-" if value is None else f"{value:.4f}"
