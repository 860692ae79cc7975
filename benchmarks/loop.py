"""What the training loop adds to the bare steps of the same model, in one run.

    python -m benchmarks.loop [--steps 30] [--width 0.25] [--repeats 3]

Both train the Models Genesis segmenter on the same batches of 64 x 64 x 32 that lie in memory: the
bare loop does forward, loss, backward and step; ours draws and cuts patches, augments nothing,
clips gradients, logs each step and saves a checkpoint at the end. Taken in turn; the median counts.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

import genesis_hub
from benchmarks.rows import needs_gpu, tell
from benchmarks.timing import times
from genesis_hub import losses
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.feed import Order, batches
from genesis_hub.engine.loop import fit
from genesis_hub.engine.pace import Pace


class Cubes:
    """Made-up cubes and labels."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.cubes = torch.rand(8, 1, 64, 64, 32, generator=draw)

    def __len__(self) -> int:
        return len(self.cubes)

    def item(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        """Return one cube."""
        cube = self.cubes[index]
        return {"image": cube, "label": (cube[0] > 0.5).long()}


class Segments:
    """The bare objective: no augmentation, no validation."""

    monitor, better = "score", "higher"

    def __init__(self, width: float) -> None:
        torch.manual_seed(0)
        self.model = genesis_hub.create_model(
            "models-genesis", task="segmentation", num_classes=2, width=width
        )

    def losses(self, model, batch, draw):
        """Return Dice and cross-entropy."""
        return {
            "total": losses.dice_and_cross_entropy(
                model(batch["image"]), batch["label"], kind="softmax"
            )
        }

    def groups(self):
        """Return all parameters."""
        return [{"params": list(self.model.parameters()), "share": 1.0}]

    def begin_epoch(self, epoch: int) -> None:
        """Do nothing."""

    def after_step(self, progress: float) -> None:
        """Do nothing."""

    def complaint(self, measures) -> str:
        """Never complain."""
        return ""

    def validate(self, model):
        """Measure nothing."""
        return {}


def ours(pace: Pace, width: float) -> float:
    """Return the seconds of our loop."""
    fabric = launched(torch.device("cpu"), 1, "fp32", seed=0, deterministic=False)
    objective, items = Segments(width), Cubes()
    with tempfile.TemporaryDirectory() as work:
        begin = time.perf_counter()
        fit(objective, items, pace, Path(work), fabric=fabric, quiet=True)
        return time.perf_counter() - begin


def bare(pace: Pace, width: float) -> float:
    """Return the seconds of the plain steps."""
    objective, items = Segments(width), Cubes()
    model = objective.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=pace.lr)
    order = Order(len(items), pace.batch_size, 0)
    ready = list(batches(items, order, first=0, last=4, workers=0, rank=0, ranks=1))
    begin = time.perf_counter()
    for step in range(pace.steps):
        loss = objective.losses(model, ready[step % 4], None)["total"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return time.perf_counter() - begin


def main() -> None:
    """Run both in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(2)
    pace = Pace(steps=options.steps, batch_size=options.batch, lr=1e-3, save_every=10**6)
    bare(Pace(steps=2, batch_size=options.batch, lr=1e-3), options.width)
    found = [(ours(pace, options.width), bare(pace, options.width)) for _ in range(options.repeats)]
    mine, plain = zip(*found, strict=True)
    one, other = statistics.median(mine), statistics.median(plain)
    print(f"our loop {one / options.steps:6.3f} s a step, bare {other / options.steps:6.3f} s")
    tell("a training step", "bare steps of the model", f"{1 / times(mine, plain) - 1:+.1%} of time")
    needs_gpu("a training step", "bare steps of the model")


if __name__ == "__main__":
    main()
