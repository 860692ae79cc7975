"""Steps of the proxy tasks beside the published way, encodes of CPC, and memory, in one run.

    python -m benchmarks.proxy_tasks [steps] [encodes] [memory] [--repeats 2] [--write]

Recipes as they come along (224 a side and DenseNet121 in 2D, 128 a side and the built-in encoder
in 3D), a few images a step, fp32. A step is views, forward, backward and optimiser: ours by the
method, the objective and the loop's own step, the other by `benchmarks/published_proxy.py`. Taken
in turn, the median counts. On one thread a step's own time counts, not that of others who share the
core. memory: the most that a process held, its libraries included. --write: into
results/proxy_tasks_speed.md.
"""

import argparse
import multiprocessing
import re
import resource
import statistics
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.published_proxy import Published
from benchmarks.rows import NEEDS, faster, needs_gpu, tell
from benchmarks.timing import CPU, in_turn, machine, times
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.loop import one_step
from genesis_hub.engine.pace import optimizer_of
from training.methods.base import Method
from training.methods.roster import METHODS, recipe_of
from training.network import facts_of, laid_out, network_of
from training.objective import Pretraining

NAMES = ("rotation", "rpl", "jigsaw", "exemplar", "cpc")
BATCH = {"2d": 4, "3d": 2}
ALONE = ("exemplar-3d", "cpc-3d")  # One volume a step: no norm in a head needs a second.
RESULTS = Path(__file__).parent / "results" / "proxy_tasks_speed.md"
MARK = "<!-- tables -->"
GRID = {"patches_per_side": 4}


def made(name: str, **wishes: Any) -> tuple[Any, Method]:
    """Return a recipe with some keys set otherwise, and its method."""
    recipe: Any = recipe_of(name, {"precision": "fp32", **wishes})
    torch.manual_seed(0)
    facts = facts_of(recipe)
    network = network_of(recipe, facts, task="features")
    return recipe, METHODS[recipe.method].build(network, recipe, facts)


def images_for(recipe: Any, count: int) -> Tensor:
    """Return images of noise: what is in them changes no time."""
    draw = torch.Generator().manual_seed(0)
    return torch.rand(count, recipe.number_channels, *recipe.size, generator=draw)


class Ours:
    """A step as `training.pretrain` makes it."""

    def __init__(self, recipe: Any, method: Method, images: Tensor) -> None:
        self.fabric = launched(CPU, 1, "fp32", seed=0, deterministic=False)
        laid_out(method.network)
        self.objective = Pretraining(
            method, items=None, looks=0, batch_size=len(images), seed=0, device=CPU,
            autocast=self.fabric.autocast,
        )  # fmt: skip
        self.pace = recipe.pace(1)
        self.model, self.optimizer = self.fabric.setup(
            method, optimizer_of(self.objective, self.pace)
        )
        self.images = images

    def __call__(self, step: int) -> None:
        """Make one step."""
        keys = torch.arange(len(self.images)) + len(self.images) * step
        given = {"image": self.images, "key": keys, "other": self.images.roll(1, 0)}
        one_step(self.objective, self.model, self.optimizer, given, self.pace, step, self.fabric)


def pair(name: str) -> tuple[Ours, Published, int]:
    """Return both ways of a method's step, and how many images they take."""
    count = 1 if name in ALONE else BATCH[name[-2:]]
    wishes: dict[str, Any] = {"batch_size": count, "steps": 1000}
    recipe, method = made(name, **wishes)
    images = images_for(recipe, count)
    return Ours(recipe, method, images), Published(made(name, **wishes)[1], images), count


def steps(repeats: int) -> list[str]:
    """Return a table of what steps cost, both ways."""
    rows = [
        "| method | images a step | ours, images/s | published way, images/s | times faster |",
        "|---|---|---|---|---|",
    ]
    for dims in BATCH:
        for task in NAMES:
            name = f"{task}-{dims}"
            ours, plain, count = pair(name)
            found = in_turn({"ours": ours, "plain": plain}, repeats, device=CPU, warm=0)
            one, other = (statistics.median(took) for took in found.values())
            ratio = times(*found.values())
            tell(f"a step of {name}", "the published way", faster(ratio))
            rows.append(
                f"| {name} | {count} | {count / one:.3f} | {count / other:.3f} | {ratio:.2f} |"
            )
            print(rows[-1], file=sys.stderr, flush=True)
    needs_gpu("a step", "the published way")
    return [*rows, "", f"On a GPU: {NEEDS}."]


def encodes(repeats: int) -> list[str]:
    """Return a table of how many patches CPC encodes for an image."""
    rows = ["| method | patches a side | ours | published way |", "|---|---|---|---|"]
    for name, per_side, small in (("cpc-2d", 5, 60), ("cpc-2d", 7, 128), ("cpc-3d", 4, 64)):
        counts = []
        wishes = {"data_dim": small, "crop_size": 0, "enc_filters": 1, "batch_size": 2}
        wishes |= {"patches_per_side": per_side, "pooling": "none", "number_channels": 1}
        if name.endswith("2d"):
            wishes["encoder_architecture"] = ""
        for way in (Ours, Published):
            recipe, method = made(name, steps=1000, **wishes)
            seen: list[int] = []
            encoder: Any = method.network.encoder
            encoder.register_forward_hook(
                lambda _, given, __, seen=seen: seen.append(len(given[0]))
            )
            images = images_for(recipe, 2)
            step: Any = Ours(recipe, method, images) if way is Ours else Published(method, images)
            step(0)
            counts.append(sum(seen) / 2)
        rows.append(f"| {name} | {per_side} | {counts[0]:g} | {counts[1]:g} |")
        what = f"patches that {name} encodes, {per_side} a side"
        tell(what, "the published way", f"{counts[0]:g} for {counts[1]:g}")
    return [*rows, "", "Half a patch of zeros: one for both images of a step, beyond the grid."]


def memory(repeats: int) -> list[str]:
    """Return a table of the most that a process held in two steps in 3D, one volume each."""
    rows = ["| method, 128 a side, one volume a step, fp32 | most held, GB |", "|---|---|"]
    context = multiprocessing.get_context("spawn")
    for task in ("cpc", "exemplar", "jigsaw", "rotation"):
        wishes: dict[str, Any] = {"batch_size": 1, "steps": 1000}
        if task in ("jigsaw", "cpc"):
            wishes |= GRID
        if task == "jigsaw":
            wishes |= {"patch_jitter": 0}
        if task in ("rotation", "jigsaw"):
            wishes |= {"top_architecture": "none"}
        with context.Pool(1) as pool:
            held = pool.apply(most_held, (f"{task}-3d", wishes))
        grid = f", {4**3} patches" if "patches_per_side" in wishes else ""
        rows.append(f"| {task}-3d{grid} | {held / 1e9:.2f} |")
        print(rows[-1], file=sys.stderr, flush=True)
    return [*rows, "", f"Of a GPU's memory: {NEEDS}."]


def most_held(name: str, wishes: dict[str, Any]) -> int:
    """Return the most bytes that this process held while it made two steps."""
    torch.set_num_threads(1)
    recipe, method = made(name, **wishes)
    step = Ours(recipe, method, images_for(recipe, 1))
    for number in range(2):
        step(number)
    return peak()


def peak() -> int:
    """Return the most bytes that this process held.

    Linux's ru_maxrss begins with what the process that started this one held.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found
        return 1024 * int(found[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Run the parts that were asked for."""
    parts = {"steps": steps, "encodes": encodes, "memory": memory}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="all, if none is named")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(parts)}")
    torch.set_num_threads(options.threads)
    for name in options.parts or parts:
        table = "\n".join([f"### {name}", "", machine(), "", *parts[name](options.repeats), ""])
        print(table, flush=True)
        if options.write:
            write(name, table)


def write(name: str, table: str) -> None:
    """Put a table where the one of its name was; the others, and what is said of them, stay."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else f"{MARK}\n"
    head, _, rest = text.partition(MARK)
    found = dict(re.findall(r"(?ms)^### (\w+)\n(.*?)(?=^### |\Z)", rest))
    found[name] = table.partition("\n")[2] + "\n"
    tables = "".join(f"### {key}\n{body.rstrip()}\n\n" for key, body in found.items())
    RESULTS.write_text(f"{head}{MARK}\n\n{tables.rstrip()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
