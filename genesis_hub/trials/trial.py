"""Trials by a JSON config: each share, repetition and variant a run of its own."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file
from genesis_hub.configs.reading import Read, read_config, read_json
from genesis_hub.configs.shipped import located
from genesis_hub.data.cases import CaseList
from genesis_hub.errors import BadInput
from genesis_hub.trials.asked import FinetuneConfig, out_of, percents
from genesis_hub.trials.cases import labelled
from genesis_hub.trials.counted import Counted, scored
from genesis_hub.trials.epochs import LOGS, log_name, write_epochs
from genesis_hub.trials.fit import check_fit
from genesis_hub.trials.network import Network, network_of
from genesis_hub.trials.page import write_trials
from genesis_hub.trials.parts import Way, few_notes, parted
from genesis_hub.trials.recipes import One, recipe_of, steps_per_epoch
from genesis_hub.trials.summary import Results, summarised
from genesis_hub.trials.table import write_table
from genesis_hub.tuning.finetune import Run, one_run

CONFIG, SUMMARY, RUNS = "config.json", "summary.json", "runs"


@dataclass(frozen=True)
class Trials:
    """Trials that are over: where they are, and what they reached.

    summary: by share ("50"), by variant, each score's values and their mean, with the interval had
    other patients been tested; `per_case` measures beside the pooled scores; and how far the
    variants are apart. results.csv has the published table, report.html all on one page.
    """

    folder: Path
    runs: Mapping[str, Run]
    summary: Mapping[str, Any]


def finetune_config(
    config: str | Path,
    *,
    model: str | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    devices: int = 1,
    quiet: bool = False,
    wishes: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> Trials:
    """Make all the runs that a JSON config tells of; a second call goes on where one stopped.

    config: a file, or the name of one that comes along with a checkout, such as rotation_3d.json.
    model: instead of the config's model_checkpoint. data: instead of data_dir_train, or, of
    pictures with grades, of data_dir. out: where all of it lies; beside the checkpoint by itself.
    wishes: keys of the config and their values, which overrule it. recipe: keys of a run's recipe
    that change how it is computed and not what (workers, precision, no_check).
    """
    config = located(config, "finetune")
    read = asked(config, model, data, wishes or {})
    told, quick = read.config, dict(recipe or {})
    told.check()
    if model is not None and set(told.variants) == {"random"}:
        raise BadInput(
            f"model {model!r} was given, but the config trains without weights; leave the model "
            "away, or set load_weights=true"
        )
    folder = Path(out).expanduser() if out is not None else out_of(told)
    say((*read.notes, *told.notes()), quiet)
    network = network_of(told)
    other = network.entry.method
    if other != told.algorithm and "random" not in told.variants:
        say(
            (f"the checkpoint learned by {other}; algorithm={told.algorithm!r} names runs alone",),
            quiet,
        )
    cases = labelled(told)
    check_fit(told, cases, network)
    folds = told.repetitions if told.do_cross_val else 0
    way = Way(told.val_split or 0.0, folds, told.shuffle_before_split)
    say(few_notes(cases, way, told.exp_splits), quiet)
    # Asked of all before the first is trained: a share that leaves no case is told at once.
    plan = [
        (one, parted(cases, way, repetition=one.repetition, percent=one.percent))
        for one in every(told)
    ]
    begin(folder, config, wishes or {})
    return run_all(told, network, plan, folder, quick, device=device, devices=devices, quiet=quiet)


def asked(
    config: str | Path, model: str | None, data: str | Path | None, wishes: Mapping[str, Any]
) -> Read[FinetuneConfig]:
    """Return the config with what the call says otherwise."""
    asked = dict(wishes)
    if model is not None:
        asked["model_checkpoint"] = str(model)
    if data is not None:
        keys = {**read_json(config), **asked}
        graded = any(keys.get(key) for key in ("csv_file", "csv_file_train", "csv_file_test"))
        asked["data_dir" if graded else "data_dir_train"] = str(data)
    return read_config(config, FinetuneConfig, asked)


def every(config: FinetuneConfig) -> list[One]:
    """Return the runs in the published order: shares, repetitions, variants."""
    return [
        One(percent, repetition, variant, epochs)
        for percent in percents(config.exp_splits)
        for repetition in range(config.repetitions)
        for variant, epochs in config.variants.items()
    ]


def begin(folder: Path, config: Path, wishes: Mapping[str, Any]) -> None:
    """Leave the config in the folder, with what the call said otherwise."""
    if folder.exists() and not (folder / CONFIG).is_file() and any(folder.iterdir()):
        raise BadInput(f"{folder} holds other files; give a new folder to --out")
    folder.mkdir(parents=True, exist_ok=True)
    keys = read_json(config)
    if wishes:
        keys["overruled"] = dict(wishes)
    with new_file(folder / CONFIG) as aside:
        aside.write_text(json.dumps(keys, indent=2, default=str) + "\n", encoding="utf-8")


def run_all(
    config: FinetuneConfig,
    network: Network,
    plan: list[tuple[One, CaseList]],
    folder: Path,
    quick: dict[str, Any],
    *,
    device: str,
    devices: int,
    quiet: bool,
) -> Trials:
    """Make the runs one after the other; what is left in the folder is true after each share."""
    runs: dict[str, Run] = {}
    results = Results(tuple(config.variants), config.scores, config.repetitions)
    for place, (one, cases) in enumerate(plan):
        say([f"{one.title}: run {place + 1} of {len(plan)}"], quiet)
        recipe = recipe_of(config, network, cases, one, quick=quick)
        source = network.entry.name if one.variant == "random" else network.source
        assert source is not None
        if place:  # What is said of all cases is said once.
            cases = replace(cases, notes=())
        run = one_run(
            source, network.entry, cases, recipe, folder / RUNS / one.title,
            device=device, devices=devices, quiet=quiet,
        )  # fmt: skip
        runs[one.title] = run
        log = folder / LOGS / log_name(one.percent, one.variant, one.repetition)
        write_epochs(run.folder, log, per_epoch=steps_per_epoch(config, cases))
        results.add(one, run, of_run(config, run, cases), len(cases.of("train")))
        if place + 1 == len(plan) or plan[place + 1][0].percent != one.percent:
            write_table(folder, results.values(), results.variants)
            if place + 1 < len(plan):  # Of the last, who called tells with all the others.
                told_of(results, one.percent, quiet)
    summary = summarised(results, folds=config.repetitions if config.do_cross_val else 0)
    with new_file(folder / SUMMARY) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    write_trials(folder, config, results, summary, plan[0][1])
    return Trials(folder, runs, summary)


def of_run(config: FinetuneConfig, run: Run, cases: CaseList) -> Counted:
    """Return what the scores of a run follow from."""
    return scored(run.folder, config.scores, task=str(cases.task), coding=config.coding)


def told_of(results: Results, percent: float, quiet: bool) -> None:
    """Say what a share reached."""
    for variant, scores in results.values()[percent].items():
        reached = ", ".join(
            f"{name} {sum(values) / len(values):.4f}" for name, values in scores.items()
        )
        say([f"{percent:g} % of the labels, {variant}: {reached}"], quiet)


def say(lines: "tuple[str, ...] | list[str]", quiet: bool) -> None:
    """Print what a user may want to know."""
    if not quiet:
        sys.stderr.writelines(f"{line}\n" for line in lines)
