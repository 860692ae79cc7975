"""The verb `pretrain`: unlabelled scans in, new weights out.

python -m training.pretrain RECIPE --data DIR --out RUN [key=value ...]
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

from genesis_hub import api, registry
from genesis_hub.engine.checkpoint import finished
from genesis_hub.engine.determinism import promise
from genesis_hub.engine.fabric import Fabric, launched
from genesis_hub.engine.loop import fit
from genesis_hub.engine.runfile import amend, begin
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.infer.settings import device_of
from genesis_hub.inputs import Inputs, adjusted
from genesis_hub.models import HubModel
from training.command import Parser, keys_of, told
from training.corpus.opening import SPARE, Material, Source, source_of
from training.forecast import forecast
from training.leaving import MODEL, Shown, leave
from training.methods.roster import METHODS
from training.objective import Pretraining
from training.recipe import Recipe, key_names, recipe_names, recipe_of

FREE = ("pictures", "workers", "save_every")  # What may change when a run goes on.
SPLIT = "split.json"
MOST_BETWEEN = 1000  # Steps between validations, where the recipe leaves them open.
MRI = "image"  # An MRI's numbers mean nothing beside another's: each by its own ends.


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
    data: str | Path,
    out: str | Path,
    *,
    device: str = "auto",
    quiet: bool = False,
    wishes: Mapping[str, Any] | None = None,
) -> Run:
    """Pre-train a network on unlabelled scans; the same call again goes on, or says it is done.

    recipe: a shipped name or a TOML file. data: a folder of scans, a table with a row for each, a
    folder of cubes that `training.cubes` made, or what `training.pack` wrote. out: the run's
    folder: `model/` for `from_pretrained`, `metrics.json`, `log.csv`, `pictures/`, `run.json`.
    wishes: keys of the recipe and their values.
    """
    wanted = recipe_of(recipe, wishes or {})
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
    source = source_of(data, wanted)
    made = chosen(wanted, source)
    expected = "" if finished(folder) else forecast(made, facts, fabric)
    with fabric.rank_zero_first():
        begin(
            folder,
            {"data": source.facts},
            made,
            beside={SPLIT: source.write_split},
            free=FREE,
            scratch=(SPARE,),
            more={"given": str(data), "notes": list(source.notes)},
            notes=source.notes,
            quiet=quiet,
            leading=leading,
        )
    before = finished(folder)
    if before is not None and (folder / MODEL).is_dir():
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return Run(folder, before.step, before.finished, metrics, before.step)
    if expected and not quiet:
        sys.stderr.write(f"{expected}\n")
    shared = made.workers > 0 or fabric.world_size > 1
    with fabric.rank_zero_first():
        material = source.read(folder / SPARE, shared=shared, quiet=quiet)
    if not quiet:
        sys.stderr.writelines(f"data: {note}\n" for note in material.notes)
    run = trained(made, source, material, facts, folder, fabric, quiet=quiet)
    if leading:
        shutil.rmtree(folder / SPARE, ignore_errors=True)
    return run


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
    network = network_of(made, facts).to(fabric.device)
    if made.channels_last:
        layout = torch.channels_last_3d if network.ndim == 3 else torch.channels_last
        network = network.to(memory_format=layout)
    method = METHODS[made.method](network, made, facts)
    if made.compile:
        method.compile()
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
    )
    per_epoch = max(1, -(-len(material.train) // made.batch_size))
    standing = fit(
        objective, material.train, made.pace(per_epoch), folder,
        fabric=fabric, weights=material.weights, quiet=quiet,
    )  # fmt: skip
    metrics: dict[str, Any] = {}
    if leading:
        metrics = leave(folder, method.deliverable(), made, source, material, standing)
    metrics = fabric.broadcast(metrics)
    return Run(folder, standing.step, standing.finished, metrics)


def chosen(recipe: Recipe, source: Source) -> Recipe:
    """Return a recipe in which every choice is made."""
    per_epoch = max(1, -(-source.count // recipe.batch_size))
    steps = recipe.steps or (recipe.epochs or 1) * per_epoch
    every = recipe.validate_every
    if every is None:
        every = max(1, min(per_epoch, MOST_BETWEEN, steps))
    warm_up = min(recipe.warm_up, steps // 10)  # A short run must reach its peak, too.
    return replace(recipe, steps=steps, epochs=None, validate_every=every, warm_up=warm_up)


def facts_of(recipe: Recipe) -> InputFacts:
    """Return what the network takes: as the catalog says, for the modality and size asked for."""
    entry = registry.find(recipe.name)
    facts = entry.inputs
    if recipe.range is not None or recipe.modality != facts.modality:
        wide: Any = recipe.range or (MRI if recipe.modality == "mri" else None)
        facts = adjusted(facts, modality=recipe.modality, range=wide)
        facts = replace(facts, modality=recipe.modality)
    wrong = [n for n, m in zip(recipe.size, facts.multiple, strict=True) if n % m]
    if wrong:
        fitting = tuple(
            max(m, round(n / m) * m) for n, m in zip(recipe.size, facts.multiple, strict=True)
        )
        raise BadInput(
            f"input_rows, input_cols, input_deps are {recipe.size}, but {recipe.name} needs "
            f"multiples of {facts.multiple}; {fitting} would do"
        )
    return replace(facts, size=recipe.size)


def network_of(recipe: Recipe, facts: InputFacts) -> HubModel:
    """Return the published network with all its heads, fresh or with weights to begin with."""
    wishes: dict[str, Any] = {"task": "pretext", "norm": recipe.norm}
    if recipe.weights is None:
        network = api.create_model(recipe.name, width=recipe.width, **wishes)
    else:
        network = api.from_pretrained(recipe.weights, **wishes)
        if network.spec.width != recipe.width:
            raise BadInput(
                f"weights={recipe.weights!r} are {network.spec.width:g} wide, but "
                f"width={recipe.width:g}; give width={network.spec.width:g}"
            )
    network.inputs = Inputs(facts, network.in_channels, network.inputs.frame)
    network.entry = replace(network.entry, inputs=facts)
    return network


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb as a command."""
    parser = Parser(
        prog="python -m training.pretrain",
        description="Pre-train a network on unlabelled scans.",
        epilog=f"Keys, as KEY=VALUE: {', '.join(key_names()[2:])}.",
    )
    parser.add_argument("recipe", help=f"a TOML file, or one of {', '.join(recipe_names())}")
    parser.add_argument("--data", required=True, help="scans, a table of scans, cubes, or a pack")
    parser.add_argument("--out", required=True, help="the run's folder; the same call goes on")
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
        reached = "" if loss is None else f", validation loss {loss:.5g}"
        went = "was finished before" if done.resumed else done.finished
        print(f"{done.model}: {done.steps} steps, {went}{reached}")
        return 0

    return told("pretrain", run)


if __name__ == "__main__":
    sys.exit(main())
