"""What a pre-training run leaves behind: numbers, pictures, and the folder that users load."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from genesis_hub import registry
from genesis_hub.atomic import sweep
from genesis_hub.cards import patents_of
from genesis_hub.data.hashes import KIND
from genesis_hub.engine.checkpoint import Standing
from genesis_hub.engine.recipe import plain
from genesis_hub.engine.record import TABLE
from genesis_hub.engine.runfile import amend, write
from genesis_hub.engine.schedule import best_of
from genesis_hub.extras import is_here
from genesis_hub.models import HubModel
from genesis_hub.weights.seen import SEEN, noted
from training.corpus.material import Material, Source
from training.examined import Examined
from training.network import name_of
from training.recipe import Recipe
from training.sheets import CURVES, draw_curves, sheet

MODEL, METRICS, PICTURES = "model", "metrics.json", "pictures"
BACKUPS = "backups"


class Shown:
    """Draws what validation saw, each time into a picture of its own."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder / PICTURES
        self.recipe = recipe
        sweep(self.folder)  # What a kill left half drawn.
        self.usable = is_here("matplotlib")

    def __call__(self, seen: Sequence[Examined], progress: float) -> None:
        if self.usable:
            assert self.recipe.steps
            step = round(progress * self.recipe.steps)
            path = self.folder / f"step-{step:07d}.png"
            sheet(seen, path, f"{name_of(self.recipe)}, step {step}")


class Backups:
    """Keeps the network after every so many epochs, whether it got better or not.

    each: steps of an epoch. network: gives what is kept, as it is now.
    """

    def __init__(
        self, folder: Path, made: Recipe, source: Source, each: int, network: Callable[[], HubModel]
    ) -> None:
        self.folder, self.made, self.source = folder / BACKUPS, made, source
        self.each, self.network = each, network
        sweep(self.folder)  # What a kill left half written.

    def __call__(self, progress: float) -> None:
        assert self.made.steps
        step = round(progress * self.made.steps)
        epoch, rest = divmod(step, self.each)
        if rest or epoch % self.made.backup_every:
            return
        network = deepcopy(self.network()).to("cpu").eval()
        facts = {"reached": {}, "steps": step}
        network.provenance = provenance(network, self.made, self.source, facts)
        network.save_pretrained(self.folder / f"epoch-{epoch:04d}")


def leave(
    folder: Path,
    network: HubModel,
    made: Recipe,
    source: Source,
    material: Material,
    standing: Standing,
) -> dict[str, Any]:
    """Write what a finished run leaves, and return its numbers."""
    metrics = reached(standing)
    if made.pictures and is_here("matplotlib"):
        draw_curves(folder / TABLE, folder / PICTURES / CURVES, made.name)
    seen = material.seen() if made.hashes else []
    if seen:
        amend(folder, {"seen": {"kind": KIND, "cases": seen}})
        every = [one for row in seen for one in row["hashes"]]
        network.terms = {**network.terms, SEEN: noted(network.terms.get(SEEN, ""), KIND, every)}
    facts = {"reached": metrics, "steps": standing.step}
    network.provenance = provenance(network, made, source, facts)
    write(folder / METRICS, metrics)
    network.to("cpu").eval().save_pretrained(folder / MODEL)
    return metrics


def provenance(
    network: HubModel, made: Recipe, source: Source, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a network carries of how it was made."""
    told = {"method": made.method, **by(made, network), "recipe": plain(made)}
    return {**network.provenance, "pretrained": {**told, "data": source.facts, **facts}}


def by(made: Recipe, network: HubModel) -> dict[str, Any]:
    """Return whose method it is, where the network's own row of the catalog does not say so."""
    rows = [entry for entry in registry.ENTRIES.values() if entry.made_by == made.method]
    if not rows or network.entry.family == rows[0].family:
        return {}
    paper = vars(rows[0].paper)
    told = {key: paper[key] for key in ("authors", "title", "venue", "url")}
    return {"by": {**told, "patents": patents_of(rows[0])}}


def reached(standing: Standing) -> dict[str, Any]:
    """Return what the validation that chose the weights measured, and the last one."""
    if not standing.measures:
        return {"steps": standing.step, "finished": standing.finished}
    losses = [one["loss"] for one in standing.measures]
    best = standing.measures[best_of(losses, better="lower") or 0]
    return {
        **{name: value for name, value in best.items() if name != "step"},
        "chosen_at_step": int(best["step"]),
        "steps": standing.step,
        "finished": standing.finished,
        "last": dict(standing.measures[-1]),
    }
