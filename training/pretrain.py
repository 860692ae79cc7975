"""The verb `pretrain`: unlabelled scans or pictures in, new weights out.

python -m training.pretrain RECIPE --data DIR --out RUN [key=value ...]
python -m training.pretrain CONFIG.json [--data DIR] [--out RUN] [key=value ...]
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from genesis_hub.engine.checkpoint import finished
from genesis_hub.engine.determinism import promise
from genesis_hub.engine.fabric import Fabric, launched
from genesis_hub.engine.loop import fit
from genesis_hub.engine.runfile import amend, begin, forgotten
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.infer.settings import device_of
from training.chain import Chain
from training.command import Parser, keyed, keys_of, told
from training.configs.becoming import Asked, asked_for, is_config
from training.corpus.material import Material, Source
from training.corpus.opening import SPARE, source_of
from training.forecast import forecast
from training.handover import beginning
from training.kinds import ImageRecipe, SliceRecipe, VolumeRecipe, WholeRecipe
from training.leaving import MODEL, Backups, Shown, leave
from training.methods.roster import METHODS, all_keys, recipe_of
from training.network import facts_of, laid_out, network_of
from training.objective import Pretraining
from training.pictures.opening import pictures_of
from training.recipe import Recipe, recipe_names
from training.slices.opening import slices_of
from training.wholes.opening import wholes_of

FREE = ("pictures", "workers", "save_every", "cache")  # What may change when a run goes on.
SPLIT = "split.json"
# The proxy tasks, which configs in JSON are of.
WHOLES = {name: row.recipe for name, row in METHODS.items() if issubclass(row.recipe, WholeRecipe)}
MOST_BETWEEN = 1000  # Steps between validations, where the recipe leaves them open.


@dataclass(frozen=True)
class Run:
    """A run that is over: where it is, how it went, what it reached."""

    folder: Path
    steps: int
    finished: str
    metrics: Mapping[str, Any]
    resumed: int = 0

    @property
    def model(self) -> Path:
        """The folder that `from_pretrained` takes."""
        return self.folder / MODEL


def pretrain(
    recipe: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    device: str = "auto",
    quiet: bool = False,
    wishes: Mapping[str, Any] | None = None,
) -> Run:
    """Pre-train a network on unlabelled scans; the same call again goes on, or says it is done.

    recipe: a shipped name or a TOML file, or a config in JSON by the keys that the proxy tasks were
    published with, which may say by itself where data lie and the run is to lie.
    data: a folder of scans or pictures, a table with a row for each, a folder of cubes that
    `training.cubes` made, what `training.pack` wrote, or patterns that `training.discover` found.
    out: the run's folder: `model/` for `from_pretrained`, `metrics.json`, `log.csv`, `pictures/`,
    `run.json`; of several stages, one such in each's own.
    wishes: keys of the recipe or of the config, and their values.
    """
    asked = asked_of(recipe, wishes or {}, data, out)
    wanted, data, out = asked.recipe, asked.data, asked.out
    if stages := wanted.stages():

        def stage(folder: Path, keys: Mapping[str, Any]) -> Run:
            its = {**(wishes or {}), **keys}
            return pretrain(recipe, data, folder, device=device, quiet=quiet, wishes=its)

        runs = Chain(Path(out), stages, quiet).run(stage)
        steps = sum(run.steps for run in runs)
        resumed = steps if all(run.resumed for run in runs) else 0
        return replace(runs[-1], folder=Path(out), steps=steps, resumed=resumed)
    method = METHODS[wanted.method]
    where = device_of(device)
    precision = wanted.precision or ("bf16" if where.type == "cuda" else "fp32")
    wanted = replace(wanted, precision=precision)
    facts = facts_of(wanted)
    fabric = launched(
        where, wanted.devices, precision, seed=wanted.seed, deterministic=wanted.deterministic
    )
    leading = fabric.global_rank == 0
    quiet = quiet or not leading
    folder = Path(out)
    source = found(data, wanted)
    if method.labelled and not source.classes:
        raise BadInput(
            f"{data}: {wanted.method} learns from patterns whose classes are known; "
            f"python -m training.discover --data {data} --out DISCOVERED finds some, then give "
            "--data DISCOVERED"
        )
    made = chosen(wanted, source)
    notes = (*asked.notes, *wanted.notes())
    expected = "" if finished(folder) else forecast(made, facts, fabric, task=method.task)
    with fabric.rank_zero_first():
        begin(
            folder,
            {"data": source.facts},
            made,
            beside={SPLIT: source.write_split, **asked.beside},
            free=FREE,
            scratch=(SPARE,),
            more={
                "given": str(data),
                **asked.facts,
                "notes": [*source.notes, *notes],
            },
            notes=source.notes,
            quiet=quiet,
            leading=leading,
        )
    before = finished(folder)
    if before is not None and (folder / MODEL).is_dir():
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return Run(folder, before.step, before.finished, metrics, before.step)
    if not quiet:
        sys.stderr.writelines(f"{said}\n" for said in (*notes, expected) if said)
    shared = made.workers > 0 or fabric.world_size > 1
    try:
        with fabric.rank_zero_first():
            material = source.read(folder / SPARE, shared=shared, quiet=quiet)
        if not quiet:
            sys.stderr.writelines(f"data: {keyed(note)}\n" for note in material.notes)
        run = trained(made, source, material, facts, folder, fabric, quiet=quiet)
    except BadInput:
        if leading:
            forgotten(folder, (SPLIT, *asked.beside), (SPARE,))
        raise
    if leading:
        shutil.rmtree(folder / SPARE, ignore_errors=True)
    return run


def asked_of(
    recipe: str | Path,
    wishes: Mapping[str, Any],
    data: str | Path | None,
    out: str | Path | None,
) -> Asked:
    """Return what a recipe or a config asks for, and where."""
    if is_config(recipe):
        return asked_for(recipe, wishes, WHOLES, data=data, out=out)
    if not data or not out:
        missing = "--out" if data else "--data"
        raise BadInput(f"{missing} is missing; a config in JSON may say it, a recipe does not")
    return Asked(recipe_of(recipe, wishes), str(data), Path(out))


def trained(
    made: Recipe,
    source: Source,
    material: Material,
    facts: InputFacts,
    folder: Path,
    fabric: Fabric,
    *,
    quiet: bool,
) -> Run:
    """Train a network on what was read, and leave what a run leaves."""
    leading = fabric.global_rank == 0
    if leading:
        left = [str(one) for one in material.left_out]
        amend(folder, {"left_out": left})
        sure = promise(fabric.device, asked=made.deterministic, operators=())
        amend(folder, {"resume": sure})
    row = METHODS[made.method]
    begun = beginning(made, folder)
    network = network_of(begun.recipe, facts, task=row.task).to(fabric.device)
    if made.channels_last:
        laid_out(network)
    method = row.build(network, made, facts).to(fabric.device)
    begun.fill(method)
    if made.compile:
        method.compile()
    per_epoch = max(1, -(-len(material.train) // made.batch_size))
    backups = (
        Backups(folder, made, source, per_epoch, method.deliverable)
        if made.backup_every and leading
        else None
    )
    shown = Shown(folder, made) if made.pictures and leading else None
    objective = Pretraining(
        method,
        items=material.validation,
        looks=made.looks,
        batch_size=made.batch_size,
        seed=made.seed,
        device=fabric.device,
        autocast=fabric.autocast if made.precision != "fp32" else nullcontext,
        show=shown,
        keep=backups,
    )
    standing = fit(
        objective, material.train, made.pace(per_epoch), folder,
        fabric=fabric, weights=material.weights, quiet=quiet,
    )  # fmt: skip
    metrics: dict[str, Any] = {}
    if leading:
        metrics = leave(folder, method.deliverable(), made, source, material, standing)
    metrics = fabric.broadcast(metrics)
    return Run(folder, standing.step, standing.finished, metrics)


def found(data: str | Path, recipe: Recipe) -> Source:
    """Return what lies at a place, by what a recipe learns from."""
    if isinstance(recipe, VolumeRecipe):
        return source_of(data, recipe)
    if isinstance(recipe, WholeRecipe):
        return wholes_of(data, recipe)
    if isinstance(recipe, SliceRecipe):
        return slices_of(data, recipe, facts_of(recipe))
    assert isinstance(recipe, ImageRecipe)
    return pictures_of(
        data,
        seed=recipe.seed,
        held_side=recipe.held_side,
        n=recipe.parted,
        parts=recipe.parts,
        colour=recipe.colour,
        faithful=recipe.faithful,
        validation=recipe.validation,
        tolerate=recipe.tolerate,
        train_list=recipe.train_list or None,
        val_list=recipe.val_list or None,
        cache=recipe.cache,
        cache_side=recipe.cache_side,
        several=recipe.epochs != 1,
        workers=max(4, recipe.workers),
    )


def chosen(recipe: Recipe, source: Source) -> Recipe:
    """Return a recipe in which every choice is made."""
    per_epoch = max(1, -(-source.count // recipe.batch_size))
    steps = recipe.steps or (recipe.epochs or 1) * per_epoch
    every = recipe.validate_every
    if every is None:
        every = max(1, min(per_epoch, MOST_BETWEEN, steps))
    warm_up = min(recipe.warm_up, steps // 10)  # A short run must reach its peak, too.
    made = replace(recipe, steps=steps, epochs=None, validate_every=every, warm_up=warm_up)
    return replace(made, classes=source.classes) if isinstance(made, VolumeRecipe) else made


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb as a command."""
    parser = Parser(
        prog="python -m training.pretrain",
        description="Pre-train a network on unlabelled scans.",
        epilog=f"Keys, as KEY=VALUE: {all_keys()}.",
    )
    parser.add_argument(
        "recipe",
        help=f"a TOML file, one of {', '.join(recipe_names())}, or a config in JSON",
    )
    parser.add_argument("--data", help="scans, pictures, a table, cubes, ...")
    parser.add_argument("--out", help="the run's folder; the same call goes on")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("keys", nargs="*", metavar="KEY=VALUE")

    def run() -> int:
        options = parser.parse(words)
        done = pretrain(
            options.recipe, options.data, options.out,
            device=options.device, quiet=options.quiet, wishes=keys_of(options.keys),
        )  # fmt: skip
        if torch.distributed.is_initialized() and torch.distributed.get_rank():
            return 0  # One of several processes tells.
        loss = done.metrics.get("loss")
        reached = "; nothing was kept for validation, so these are the last weights"
        if loss is not None:
            reached = f", validation loss {loss:.5g}"
        went = "was finished before" if done.resumed else done.finished
        print(f"{done.model}: {done.steps} steps, {went}{reached}")
        return 0

    return told("training.pretrain", run, keyed)


if __name__ == "__main__":
    sys.exit(main())
