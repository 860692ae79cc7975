"""The verb `finetune`: from labelled images to a folder that `predict` uses."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from genesis_hub import api, registry
from genesis_hub.data.cases import CaseList, few_shots, label_fraction, split_cases
from genesis_hub.engine.checkpoint import LAST, finished, load
from genesis_hub.engine.determinism import promise
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.feed import Order
from genesis_hub.engine.loop import fit
from genesis_hub.engine.recipe import filled
from genesis_hub.engine.runfile import amend, begun
from genesis_hub.entry import Answers, Entry
from genesis_hub.errors import BadInput
from genesis_hub.infer.settings import device_of
from genesis_hub.saved import read_inputs, read_spec
from genesis_hub.tuning.adapters import merge
from genesis_hub.tuning.building import built, items_of, objective_of, rarity, viewed
from genesis_hub.tuning.choose import SERVES, chosen
from genesis_hub.tuning.features import FeatureItems
from genesis_hub.tuning.items import Samples, WholeItems
from genesis_hub.tuning.listing import cases_of
from genesis_hub.tuning.parts import learning
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.recipes import asked_keys
from genesis_hub.tuning.report import left_behind
from genesis_hub.tuning.results import write_results
from genesis_hub.tuning.runfile import SPLITS, begin, note_seen
from genesis_hub.tuning.slices import SliceItems
from genesis_hub.weights.folder import read_folder

MODEL = "model"


@dataclass(frozen=True)
class Run:
    """A run that is over: where it is, how it went, what it reached.

    finished: why it ended; resumed: the step it went on from, 0 for a new one.
    """

    folder: Path
    steps: int
    finished: str
    metrics: Mapping[str, Any]
    resumed: int = 0

    @property
    def model(self) -> Path:
        """The folder that `from_pretrained` and `predict` take."""
        return self.folder / MODEL


def finetune(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    config: str | Path | None = None,
    device: str = "auto",
    devices: int = 1,
    quiet: bool = False,
    recipe: Mapping[str, Any] | None = None,
) -> Run:
    """Fine-tune a model on labelled images; the same call again goes on, or says it is finished.

    model: a name, or a folder. data: a folder of images and labels, class folders, or a CSV
    (`load_cases`); without a split of its own, patients are split 70 : 10 : 20.
    out: the run's folder: `model/` for `predict`, `metrics.json`, `predictions.csv`, `log.csv`,
    `split.json`, `run.json`, `report.html`.
    recipe: keys of `Recipe` and their values ({"steps": 1000, "lr": 1e-3}); config: a TOML file
    of such keys, or the name of one that comes along ("ncc", "chestxray14", ...;
    `tuning.recipes.recipe_names()`), which `recipe` overrules.
    devices: processes on this machine; torchrun sets it by itself.
    """
    wanted, entry, source, cases = resolved(model, data, config, recipe)
    cases = as_asked(split_cases(cases, seed=wanted.seed), wanted)
    return one_run(
        source, entry, cases, wanted, Path(out), device=device, devices=devices, quiet=quiet
    )


def resolved(
    model: str | Path,
    data: str | Path,
    config: str | Path | None,
    recipe: Mapping[str, Any] | None,
) -> tuple[Recipe, Entry, str | Path, CaseList]:
    """Return the recipe as asked for, the model's facts, what is loaded, and the cases."""
    keys = asked_keys(config, recipe)
    wanted = filled(Recipe(), keys, source=str(config) if config is not None else "recipe")
    wanted.check()
    entry, source = entry_of(model)
    cases = cases_of(data, wanted)
    return as_saved(wanted, source, cases), entry, source, cases


def one_run(
    source: str | Path,
    entry: Entry,
    cases: CaseList,
    wanted: Recipe,
    folder: Path,
    *,
    device: str,
    devices: int,
    quiet: bool,
) -> Run:
    """Train, or go on, or say that a run is finished; its cases are split."""
    where = device_of(device)
    fabric = launched(
        where, devices, wanted.precision, seed=wanted.seed, deterministic=wanted.deterministic
    )
    if wanted.cache and fabric.world_size > 1:
        raise BadInput(
            f"cache=true with {fabric.world_size} processes, but a head on features that are known "
            "needs one; start one, or leave cache away"
        )
    made = chosen(
        wanted, entry, cases, where, processes=fabric.world_size, begun=begun(folder)
    )  # fmt: skip
    made = fabric.broadcast(made)  # Free memory may differ between processes.
    with fabric.rank_zero_first():
        facts = begin(
            folder, source, made, cases, quiet=quiet or fabric.global_rank > 0,
            leading=fabric.global_rank == 0,
        )  # fmt: skip
    standing = finished(folder)
    if standing is not None and (folder / MODEL).is_dir():
        metrics: Mapping[str, Any] = json.loads(
            (folder / "metrics.json").read_text(encoding="utf-8")
        )
        if made.report and fabric.global_rank == 0:
            left_behind(folder, cases, fabric.device, quiet=quiet)
        return Run(folder, standing.step, standing.finished, metrics, standing.step)
    exact = partial(promise, fabric.device, asked=made.deterministic)
    if fabric.global_rank == 0:
        amend(folder, {"resume": exact(operators=())})
    network = built(source, entry, made, cases).to(fabric.device)
    samples = {
        name: Samples(
            cases.of(name),
            cases,
            network.inputs,
            check=not made.no_check,
            viewed=viewed(network, made, name),
        )
        for name in SPLITS
    }
    items = items_of(network, samples["train"], made)
    objective = objective_of(network, items, samples, made, cases, fabric)
    some, total = learning(objective.groups(), network)
    facts["parameters"] = {"trained": some, "all": total}
    if some < total and not quiet and fabric.global_rank == 0:
        sys.stderr.write(f"{some:,} of {total:,} parameters are trained\n")
    resumed = 0
    if (folder / LAST).is_file():
        standing, state = load(folder / LAST)
        resumed = standing.step
        # Features are of the encoder that the run began with, whatever became of its source.
        network.load_state_dict(state["model"])
    if made.cache and frozen_at(resumed, len(items), made):
        assert isinstance(items, WholeItems | SliceItems)
        items = FeatureItems(
            items, network, objective.settings, fabric.device, later=not made.freeze
        )
    weights = rarity(cases) if made.balanced else None
    standing = fit(
        objective, items, made.pace(), folder, fabric=fabric, weights=weights, quiet=quiet
    )
    if made.lora:
        merge(network)
    metrics = {}
    if fabric.global_rank == 0:
        amend(folder, {"resume": exact(operators=standing.inexact)})
        network.answers = Answers(cases.classes, cases.multilabel)
        own = {"from_scratch": True} if made.scratch else {}
        network.provenance = {**network.provenance, "fine_tuned": facts, **own}
        if made.hashes:
            note_seen(folder, samples["train"], network)
        metrics = write_results(folder, objective, samples, cases, standing, seed=made.seed)
        network.to("cpu").save_pretrained(folder / MODEL)
    metrics = fabric.broadcast(metrics)  # Also holds the others until all is written.
    if made.report and fabric.global_rank == 0:
        left_behind(folder, cases, fabric.device, quiet=quiet)
    return Run(folder, standing.step, standing.finished, metrics, resumed)


def frozen_at(step: int, count: int, made: Recipe) -> bool:
    """Say whether the encoder of a run on so many items still stands still at a step."""
    assert made.batch_size is not None
    return made.freeze or Order(count, made.batch_size, made.seed).epoch_of(step) < min(
        made.unfreeze
    )


def entry_of(model: str | Path) -> tuple[Entry, str | Path]:
    """Return the facts of a model, by name or of a folder, and what is loaded."""
    folder = api.folder_of(model)
    if folder is None:
        return registry.find(str(model)), registry.find(str(model)).name
    artefact = read_folder(folder)
    entry = registry.find(artefact.facts["name"])
    return replace(entry, inputs=read_inputs(artefact.facts, entry)), folder


def as_saved(recipe: Recipe, source: str | Path, cases: CaseList) -> Recipe:
    """Return the recipe with what a saved folder's network is built by, where that serves."""
    if not isinstance(source, Path):
        return recipe
    spec = read_spec(read_folder(source).facts)
    if recipe.encoder is None:
        by_timm = {timm: name for name, timm in registry.find(spec.name).encoders}
        recipe = replace(recipe, encoder=by_timm.get(spec.architecture))
    if recipe.scratch:  # The same network, without its weights.
        recipe = replace(recipe, width=recipe.width or spec.width, norm=recipe.norm or spec.norm)
    if recipe.operator is not None:
        return recipe
    fits = spec.operator is not None and SERVES[spec.operator] == cases.task
    return replace(recipe, operator=spec.operator) if fits else recipe


def as_asked(cases: CaseList, recipe: Recipe) -> CaseList:
    """Return cases with as few training labels as asked for."""
    if recipe.shots is not None:
        return few_shots(cases, recipe.shots, seed=recipe.seed)
    if recipe.label_fraction is None:
        return cases
    return label_fraction(cases, recipe.label_fraction, seed=recipe.seed)
