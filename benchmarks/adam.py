"""Adam's training step beside a plain MoCo v2 and beside lightly's, and what feeds it, in one run.

    python -m benchmarks.adam [step] [views] [loader] [forecast] [--width 0.25] [--side 128]
    python -m benchmarks.adam --gpu [step] [views] [loader]      # ResNet-50, batch 256 at 224

A step is forward of the query, forward of the key without gradient, loss against the queue,
backward, optimiser and moving average, on views that lie ready: "bare" is the query's forward and
backward alone. The plain one is written as the published method is: images of one batch-norm group
shuffled to no effect, a loop over samples that prunes each by itself, a moving average tensor by
tensor. Ours goes through the method, the objective and the loop's own step. lightly has no pruner,
and its row prunes nothing; it is taken where it can be imported. Taken in turn; the median counts.
On one thread of a CPU its own time counts, not that of others who share the core.
The forecast of a whole run is calculated from a measured step: nobody ran it.
"""

import argparse
import copy
import importlib.util
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.feeding import pictures
from benchmarks.rows import NEEDS, faster, needs_gpu, tell
from benchmarks.timing import in_turn, machine, seconds, times
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.feed import Order, batches
from genesis_hub.engine.loop import one_step
from genesis_hub.engine.pace import optimizer_of
from training.methods.adam import Adam, AdamRecipe, preset_of
from training.methods.roster import recipe_of
from training.network import facts_of, laid_out, network_of
from training.objective import Pretraining
from training.pictures.opening import pictures_of
from training.views.draws import Draws
from training.views.planar import moco_views

LEARNED, STAGES, EPOCHS = 75_312, 3, 200  # ChestX-ray14's training list; the published chain.
Step = Callable[[int], None]


def recipe_for(device: torch.device, batch: int, side: int, width: float, queue: int) -> AdamRecipe:
    """Return the recipe that all are made by."""
    wishes = {"n": 2, "batch_size": batch, "input_side": side, "width": width, "queue": queue,
              "precision": "bf16" if device.type == "cuda" else "fp32"}  # fmt: skip
    made = recipe_of("adam", {**wishes, "steps": 1000, "warm_up": 0})
    assert isinstance(made, AdamRecipe)
    return made


def network_for(recipe: AdamRecipe, device: torch.device) -> Any:
    """Return the encoder that all learn."""
    torch.manual_seed(0)
    network = network_of(recipe, facts_of(recipe), task="features").to(device)
    laid_out(network)
    return network


class Ready(Adam):
    """The method, given views that were made before."""

    held: dict[str, Tensor]

    def views(self, batch: Any, draws: Draws) -> dict[str, Tensor]:
        return self.held


class Ours:
    """A step as `training.pretrain` makes it."""

    def __init__(self, recipe: AdamRecipe, held: dict[str, Tensor], device: torch.device) -> None:
        precision = recipe.precision or "fp32"
        self.fabric = launched(device, 1, precision, seed=0, deterministic=False)
        method = Ready(network_for(recipe, device), recipe, facts_of(recipe)).to(device)
        method.held = held
        self.objective = Pretraining(
            method, items=None, looks=0, batch_size=recipe.batch_size, seed=0, device=device,
            autocast=self.fabric.autocast,
        )  # fmt: skip
        self.pace = recipe.pace(1)
        self.model, self.optimizer = self.fabric.setup(
            method, optimizer_of(self.objective, self.pace)
        )

    def __call__(self, step: int) -> None:
        """Make one step."""
        batch = {"key": torch.arange(self.pace.batch_size)}
        one_step(self.objective, self.model, self.optimizer, batch, self.pace, step, self.fabric)
        self.objective.after_step(0.0)


class Plain:
    """MoCo v2 with Adam's pruner, written down as it is told."""

    def __init__(self, recipe: AdamRecipe, held: dict[str, Tensor], device: torch.device) -> None:
        self.recipe, self.held, self.device = recipe, held, device
        network = network_for(recipe, device)
        wide = int(network.num_features)
        head = nn.Sequential(nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, recipe.code))
        self.query = nn.Sequential(network, head).to(device).train()
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.queue = F.normalize(torch.randn(recipe.code, recipe.queue, device=device), dim=0)
        self.place = 0
        self.optimizer = torch.optim.SGD(
            self.query.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4
        )

    def __call__(self, step: int) -> None:
        """Make one step, in full precision as published."""
        recipe, size = self.recipe, self.recipe.batch_size
        query = F.normalize(self.query(self.held["query"]), dim=1)
        with torch.no_grad():
            for ours, theirs in zip(self.query.parameters(), self.key.parameters(), strict=True):
                theirs.data = theirs.data * recipe.momentum + ours.data * (1 - recipe.momentum)
            turn = torch.randperm(size, device=self.device)
            key = F.normalize(self.key(self.held["key"][turn]), dim=1)[turn.argsort()]
        positive = (query * key).sum(1, keepdim=True)
        negatives = query @ self.queue.clone()
        losses = []
        for row in range(size):
            left = negatives[row][negatives[row] < recipe.sim_threshold]
            logits = torch.cat([positive[row], left])[None] / recipe.temperature
            losses.append(F.cross_entropy(logits, torch.zeros(1).long().to(self.device)))
        loss = torch.stack(losses).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.queue[:, self.place : self.place + size] = key.t()
        self.place = (self.place + size) % recipe.queue


class Bare:
    """The forward and backward of the query alone."""

    def __init__(self, recipe: AdamRecipe, held: dict[str, Tensor], device: torch.device) -> None:
        self.network, self.view = network_for(recipe, device).train(), held["query"]
        self.kind = torch.bfloat16 if recipe.precision == "bf16" else None

    def __call__(self, step: int) -> None:
        """Make one pass."""
        with torch.autocast(self.view.device.type, self.kind, enabled=self.kind is not None):
            out = self.network(self.view)
        out.float().square().mean().backward()
        self.network.zero_grad(set_to_none=True)


class Lightly:
    """lightly's parts, put together as its own documentation has them; nothing is pruned."""

    def __init__(self, recipe: AdamRecipe, held: dict[str, Tensor], device: torch.device) -> None:
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead

        network = network_for(recipe, device)
        wide = int(network.num_features)
        self.query = nn.Sequential(network, MoCoProjectionHead(wide, wide, recipe.code)).to(device)
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.loss = NTXentLoss(recipe.temperature, memory_bank_size=(recipe.queue, recipe.code))
        self.loss.to(device)
        self.held, self.recipe = held, recipe
        self.kind = torch.bfloat16 if recipe.precision == "bf16" else None
        self.optimizer = torch.optim.SGD(
            self.query.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4
        )

    def __call__(self, step: int) -> None:
        """Make one step."""
        from lightly.models.utils import batch_shuffle, batch_unshuffle, update_momentum

        update_momentum(self.query, self.key, self.recipe.momentum)
        device = self.held["query"].device.type
        with torch.autocast(device, self.kind, enabled=self.kind is not None):
            query = self.query(self.held["query"])
            with torch.no_grad():
                mixed, turn = batch_shuffle(self.held["key"])
                key = batch_unshuffle(self.key(mixed), turn)
        loss = self.loss(query.float(), key.float())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def step(device: torch.device, recipe: AdamRecipe, repeats: int) -> float:
    """Print what a step costs, each way; return the seconds of ours."""
    draw = torch.Generator().manual_seed(0)
    side, size = recipe.input_side, recipe.batch_size
    held = {
        name: torch.randn(size, 3, side, side, generator=draw).to(device)
        for name in ("query", "key")
    }
    if device.type == "cuda":
        held = {name: x.contiguous(memory_format=torch.channels_last) for name, x in held.items()}
    held["order"] = torch.randperm(size, generator=draw).int().to(device)
    contestants: dict[str, Step] = {
        "bare forward and backward": Bare(recipe, held, device),
        "plain MoCo v2, loop": Plain(recipe, held, device),
        "ours": Ours(recipe, held, device),
    }
    lightly = importlib.util.find_spec("lightly") is not None
    if lightly:
        contestants["lightly's MoCo, no pruner"] = Lightly(recipe, held, device)
    found = in_turn(contestants, repeats, device=device, warm=2)
    print(
        f"step: {size} images of {side} x {side}, ResNet-50 at width {recipe.width:g}, queue "
        f"{recipe.queue:,}, {recipe.precision}"
    )
    mine = found["ours"]
    for name, took in found.items():
        print(f"  {name:28} {size / statistics.median(took):8.1f} images/s")
        if took is not mine:
            tell(f"a step of {size} images", name, faster(times(mine, took)))
    if not lightly:
        tell(f"a step of {size} images", "lightly's MoCo", "not measured (needs lightly)")
    return statistics.median(mine)


def views(device: torch.device, batch: int, side: int, repeats: int) -> None:
    """Print how many pairs of views a second are made."""
    recipe = recipe_for(device, batch, side, 1.0, 2 * batch)
    preset = preset_of(recipe, facts_of(recipe))
    draw = torch.Generator().manual_seed(0)
    held = recipe.held_side
    image = torch.randint(0, 256, (batch, 1, held, held), generator=draw, dtype=torch.uint8)
    image, aspect = image.to(device), torch.ones(batch, device=device)
    found = []
    for repeat in range(repeats + 1):
        draws = Draws(torch.arange(batch, device=device) + batch * repeat)
        found.append(seconds(partial(moco_views, image, aspect, draws, preset), device))
    rate = batch / statistics.median(found[1:])
    print(f"views on {device}: {rate:.0f} images/s, two of {side} x {side} each, held at {held}")


def loader(count: int, batch: int, workers: int) -> None:
    """Print how many parts of pictures a second come from files, and from what is kept of them."""
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as work:
        folder = pictures(Path(work) / "films", count)
        for name, cache in (("JPEG files of 1024 x 1024", False), ("the cache", True)):
            source = pictures_of(folder, seed=0, held_side=512, n=2, cache=cache)
            items = source.read(Path(work) / name, shared=True, quiet=True).train
            steps = max(2, len(items) // batch)
            feed = batches(
                items, Order(len(items), batch, 0), first=0, last=steps, workers=workers, rank=0,
                ranks=1,
            )  # fmt: skip
            next(feed)  # Workers begin.
            # Threads and workers share the work: the wall's time counts.
            took = seconds(lambda feed=feed: [None for _ in feed])
            rates[name] = (steps - 1) * batch / took
            print(f"loader: {name}, {workers} workers: {rates[name]:.0f} images/s")
    plain, kept = rates.values()
    tell("pictures from the cache", "JPEG files of 1024 x 1024", faster(kept / plain))


def forecast(each: float, batch: int, what: str) -> None:
    """Print how long the published chain would take, by a step's time."""
    steps = -(-LEARNED // 256) * EPOCHS * STAGES
    hours = steps * 256 / batch * each / 3600
    print(
        f"forecast, calculated from {what}: {steps:,} steps of 256 on ChestX-ray14 take "
        f"{hours:,.0f} h ({hours / 24:,.1f} days), if views and files wait for nothing"
    )


def on_gpu(parts: list[str], repeats: int) -> None:
    """Run what needs a GPU, or say that there is none."""
    if not torch.cuda.is_available():
        for part in parts or ["step", "views", "loader", "forecast"]:
            print(f"GPU {part:10} {NEEDS}")
        return
    device = torch.device("cuda")
    print(torch.cuda.get_device_name(device))
    if not parts or "step" in parts:
        each = step(device, recipe_for(device, 256, 224, 1.0, 65536), 5 * repeats)
        forecast(each, 256, "the step above")
    if not parts or "views" in parts:
        views(device, 256, 224, 5 * repeats)
    if not parts or "loader" in parts:
        loader(4096, 256, 16)


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="all, if none is named")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16, help="images of a step on a CPU")
    parser.add_argument("--side", type=int, default=128, help="of the views on a CPU")
    parser.add_argument("--width", type=float, default=0.25, help="of the network on a CPU")
    parser.add_argument("--queue", type=int, default=65536)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(machine(), flush=True)
    if options.gpu:
        on_gpu(options.parts, options.repeats)
        return
    cpu, size = torch.device("cpu"), options.batch
    parts = options.parts or ["step", "views", "loader", "forecast"]
    if "step" in parts or "forecast" in parts:
        recipe = recipe_for(cpu, size, options.side, options.width, options.queue)
        each = step(cpu, recipe, options.repeats)
        if "forecast" in parts:
            forecast(each, size, f"this step on one core, width {options.width:g}")
    if "views" in parts:
        views(cpu, size, options.side, options.repeats)
    if "loader" in parts:
        loader(48, size, 2)
    needs_gpu("a step, views and loading", "a plain MoCo v2")


if __name__ == "__main__":
    main()
