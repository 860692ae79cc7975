"""`finetune`: labelled images in, a model that `predict` uses out."""

import argparse
import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genesis_hub.cli.images import range_of
from genesis_hub.errors import BadInput

if TYPE_CHECKING:
    from genesis_hub.tuning.many import Runs

# The keys of a recipe that are asked for most; --set KEY=VALUE takes any.
TOLD = ("auc", "tested_auc", "accuracy", "f1", "dice", "pooled_dice")
SUMMARY = "summary.json"
COMMON = (
    ("steps", int), ("epochs", int), ("batch_size", int), ("seed", int), ("lr", float),
    ("width", float), ("label_fraction", float), ("shots", int), ("workers", int),
)  # fmt: skip


def add(verbs: Any) -> None:
    """Add the verb to the command."""
    verb = verbs.add_parser("finetune", help="train a model on labelled images")
    verb.add_argument("model", nargs="?", help="a name, or a folder")
    verb.add_argument("--data", help="images/ and labels/, class folders, or a CSV")
    verb.add_argument("--out", help="the run's folder; the same call goes on there")
    verb.add_argument(
        "--config",
        help="a recipe: TOML, or the name of one that comes along, such as ncc; or a JSON config "
        "of the proxy tasks, which says the model, the data and how many runs",
    )
    verb.add_argument("--scratch", action="store_true", default=None, help="without weights")
    verb.add_argument(
        "--scratch-twin", action="store_true", help="beside it, the same run without weights"
    )
    verb.add_argument("--folds", type=int, default=0, help="once per fold, each in its own folder")
    verb.add_argument("--seeds", type=int, default=0, help="so many runs, each by another seed")
    verb.add_argument("--transfer", help="encoder, or all: the decoder, too")
    verb.add_argument("--operator", help="lstm or conv3d: volumes by a 2D encoder's slices")
    verb.add_argument("--precision", help="fp32, bf16 or fp16")
    for name, kind in COMMON:
        verb.add_argument(f"--{name.replace('_', '-')}", type=kind)
    verb.add_argument("--devices", type=int, default=1, help="processes on this machine")
    add_data(verb)
    verb.set_defaults(run=run_finetune)


def add_data(verb: argparse.ArgumentParser) -> None:
    """Add what every verb that learns is told of its data, and how it runs."""
    verb.add_argument("--task", choices=("classification", "segmentation"))
    verb.add_argument("--reader", help="the layout of a published data set, such as lits or brats")
    verb.add_argument("--labels", help="a table's column of classes, or several, A,B,C")
    verb.add_argument("--mask", help="a table's column of masks, or a structure, as heart")
    verb.add_argument("--patient", help="a table's column of patients, who are never parted")
    verb.add_argument("--classes", help="names in order, A,B, or what stands there, 0=A,1=B")
    verb.add_argument("--range", help="LO,HI: the values that become 0 and 1; or image")
    verb.add_argument("--modality", help="ct or mri, where the images are not what the weights saw")
    verb.add_argument(
        "--no-check", action="store_true", default=None,
        help="take images as they are, whatever they look like",
    )  # fmt: skip
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of a recipe, such as size=64,64 or balanced=true",
    )
    verb.add_argument("--device", default="auto", help="cpu, cuda, mps")
    verb.add_argument("--quiet", action="store_true", help="no progress")


def run_finetune(options: argparse.Namespace) -> int:
    """Fine-tune, and say what was reached."""
    if (options.config or "").lower().endswith(".json"):
        from genesis_hub.cli.trials import run_trials

        return run_trials(options)
    for name in ("model", "data", "out"):
        if getattr(options, name) is None:
            said = "MODEL" if name == "model" else f"--{name}"
            raise BadInput(f"{said} is missing; only a JSON config (--config X.json) brings it")
    from genesis_hub.engine.stopping import Stopped
    from genesis_hub.tuning.finetune import finetune
    from genesis_hub.tuning.many import finetune_many

    names = (
        "task", "reader", "mask", "patient", "modality", "no_check", "scratch", "transfer",
        "precision", "operator",
        *(name for name, _ in COMMON),
    )  # fmt: skip
    shared: dict[str, Any] = {
        "config": options.config, "device": options.device, "devices": options.devices,
        "quiet": options.quiet, "recipe": recipe_of(options, names),
    }  # fmt: skip
    try:
        if options.folds or options.seeds or options.scratch_twin:
            runs = finetune_many(
                options.model, options.data, options.out, number=options.folds,
                seeds=options.seeds, twin=options.scratch_twin, **shared,
            )  # fmt: skip
            return many_told(runs)
        run = finetune(options.model, options.data, options.out, **shared)
    except Stopped as stopped:
        print(f"{options.out}: {stopped}; the same command goes on from there")
        return stopped.status
    if any(os.environ.get(name, "0") != "0" for name in ("RANK", "LOCAL_RANK")):  # One tells.
        return 0
    reached = ", ".join(
        f"{name} {run.metrics[name]:.4f}{between(run.metrics.get('intervals', {}).get(name))}"
        for name in TOLD
        if run.metrics.get(name) is not None
    )
    went = "was finished before" if run.resumed == run.steps else run.finished
    print(f"{run.model}: {run.steps} steps, {went}; {run.metrics['split']} cases: {reached}")
    return 0


def recipe_of(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Return the keys of a recipe that were asked for, by flags of these names or by --set."""
    recipe = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    for name in ("labels", "classes"):
        if getattr(options, name):
            recipe[name] = [word.strip() for word in getattr(options, name).split(",")]
    if options.range is not None:
        recipe["range"] = range_of(options.range)
    for pair in options.set:
        key, sign, text = pair.partition("=")
        if not sign:
            raise BadInput(f"--set {pair!r}; give --set KEY=VALUE")
        recipe[key] = value_of(text)
    return recipe


def many_told(runs: "Runs") -> int:
    """Print what several runs reached."""
    for arm, measures in runs.summary.items():
        if arm == "comparison":
            continue
        reached = ", ".join(
            f"{name} {measures[name]['mean']:.4f}{between(measures[name].get('interval'))}"
            for name in TOLD
            if name in measures
        )
        number = len(next(iter(measures.values()))["values"])
        print(f"{runs.folder}: {arm}: {reached} ({number} runs; {SUMMARY} has each)")
    compared = runs.summary.get("comparison")
    if compared is not None:
        said = ", ".join(
            f"{name} {one['difference']:+.4f}{between(one['interval'])} p={one['adjusted_p']:.2g}: "
            f"{one['said']}"
            for name, one in compared["measures"].items()
        )
        print(f"{runs.folder}: {' against '.join(compared['arms'])}: {said}")
    return 0


def between(ends: Sequence[float | None] | None) -> str:
    """Return an interval in words; nothing where there is none."""
    if ends is None or any(end is None or math.isnan(end) for end in ends):
        return ""
    return f" ({ends[0]:.2f} to {ends[1]:.2f})"


def value_of(text: str) -> Any:
    """Return a value as TOML would read it; words need no quotes, lists no brackets."""
    import tomllib

    for written in (text, f"[{text}]") if "," in text else (text,):
        try:
            return tomllib.loads(f"value = {written}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    # TOML wants a digit on both sides of the point; people write .5
    return float(text) if re.fullmatch(r"[+-]?(\d+\.|\.\d+)(e[+-]?\d+)?", text.lower()) else text
