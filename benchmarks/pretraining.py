"""The training step of Models Genesis at full width beside the published way, in one run.

    python -m benchmarks.pretraining [step] [views] [loader] [memory] [compile] [--repeats 3]
    python -m benchmarks.pretraining --gpu peak step      # each part takes less than ten minutes:
    python -m benchmarks.pretraining --gpu views loader   # peak, step, views, loader

A step is views, forward, backward and optimiser, of cubes of 64 x 64 x 32. Ours goes through the
method, the objective and the loop's own step; the other is `benchmarks/published.py`. Taken in
turn; the median counts. On one thread of a CPU its own time counts, not that of others who share
the core. A CUDA device multiplies fp32 convolutions in TF32, torch's default, for both alike.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks import cubes as cubes_benchmark
from benchmarks.feeding import volumes, waited
from benchmarks.published import Published
from benchmarks.rows import NEEDS, faster, needs_gpu, tell
from benchmarks.timing import CPU, in_turn, machine, seconds, times
from benchmarks.views import ROWS, cubes, looped
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.loop import one_step
from genesis_hub.engine.pace import optimizer_of
from genesis_hub.networks import folding
from tests.training import plain_views
from training.methods.roster import METHODS, recipe_of
from training.network import facts_of, network_of
from training.objective import Pretraining
from training.pretrain import pretrain
from training.views.draws import Draws

WORK = 0.733  # TFLOP of a cube, forward and backward, as the published network counts them.
PIPELINE = "pipeline mg"


class Ours:
    """A step as `training.pretrain` makes it."""

    def __init__(
        self, images: torch.Tensor, device: torch.device, precision: str, *, width: float = 1.0,
        compiled: bool = False,
    ) -> None:  # fmt: skip
        size = len(images)
        recipe = recipe_of(
            "models-genesis", {"batch_size": size, "precision": precision, "width": width}
        )
        facts = facts_of(recipe)
        self.fabric = launched(device, 1, precision, seed=0, deterministic=False)
        network = (
            network_of(recipe, facts, task="pretext")
            .to(device)
            .to(memory_format=torch.channels_last_3d)
        )
        method = METHODS[recipe.method].build(network, recipe, facts)
        if compiled:
            method.compile()
        self.objective = Pretraining(
            method, items=None, looks=0, batch_size=size, seed=0, device=device,
            autocast=self.fabric.autocast,
        )  # fmt: skip
        self.pace = recipe.pace(1)
        optimizer = optimizer_of(self.objective, self.pace)
        self.model, self.optimizer = self.fabric.setup(method, optimizer)
        self.images = images.pin_memory() if device.type == "cuda" else images

    def __call__(self, step: int) -> None:
        """Make one step."""
        keys = torch.arange(len(self.images)) + len(self.images) * step
        one_step(
            self.objective, self.model, self.optimizer, {"image": self.images, "key": keys},
            self.pace, step, self.fabric,
        )  # fmt: skip


def step_on_cpu(repeats: int, batch: int) -> None:
    """Print what a step costs on this CPU, three ways."""
    device = torch.device("cpu")
    images = cubes(batch, device)
    contestants: dict[str, Callable[[int], None]] = {
        "published way, fp32": Published(images, device),
        "ours, fp32": Ours(images, device, "fp32"),
        "ours, bf16": Ours(images, device, "bf16"),
    }
    found = in_turn(contestants, repeats, device=device)
    first = found["published way, fp32"]
    print(f"step of {batch} cubes, full width")
    for name, took in found.items():
        print(f"  {name:26} {batch / statistics.median(took):6.3f} cubes/s")
        if took is not first:
            ratio = faster(times(took, first))
            tell(f"a step of {batch} cubes, full width, {name}", "published way, fp32", ratio)


def views_on(device: torch.device, batch: int, repeats: int) -> None:
    """Print how many views a second come from one core or one GPU, beside plain loops."""
    images, (ours, plain) = cubes(batch, device), ROWS[PIPELINE]
    some, dice = list(images[:4].cpu().double().numpy()) * 8, plain_views.Dice(0)
    found = []
    for repeat in range(repeats + 1):
        draws = Draws(torch.arange(batch, device=device) + batch * repeat)
        found.append(batch / seconds(partial(ours, images, draws), device))
    rate = statistics.median(found[1:])  # Tables and pools are made in the first.
    loops = len(some) / seconds(partial(looped, plain, some, dice), CPU)
    print(f"views on {device}: {rate:.0f} cubes/s; loops on a core {loops:.1f}")
    tell(f"views on {device}", "plain loops on a core", faster(rate / loops))


def loader(device: torch.device, count: int, width: float, batch: int, workers: int) -> None:
    """Print the share of its time in which a step waits for cubes of volumes on disk."""
    print(f"loader: {count} chests in .nii.gz, width {width:g}, batches of {batch}, on {device}")
    ways = {"in the step's own time": (0, 0), "ahead, in a thread": (0, 2)}
    ways |= {f"{workers} workers": (workers, 2)}
    with tempfile.TemporaryDirectory() as work:
        data = volumes(Path(work) / "set", count) / "images"
        for name, (some, ahead) in ways.items():
            wishes = {"width": width, "batch_size": batch, "steps": 40, "validation": 0.1}
            wishes |= {"validate_every": 40, "looks": 2, "workers": some, "pictures": False}
            out = Path(work) / f"run {name}"
            run = partial(
                pretrain, "models-genesis", data, out, device=device.type, quiet=True,
                wishes={**wishes, "hashes": False},
            )  # fmt: skip
            # Of the first steps, before which there is none to hide behind; of the last, the end.
            steps = waited(run, ahead=ahead)[5:-1]
            wait, whole = (sum(column) for column in zip(*steps, strict=True))
            each = whole / len(steps)
            print(f"  {name:26} {each:.3f} s a step")
            tell(f"waiting for cubes, {name}", "a step's whole time", f"{wait / whole:.1%} of it")


def compiled(device: torch.device, width: float, batch: int, repeats: int) -> None:
    """Print what torch.compile brings, where there is a compiler."""
    images = cubes(batch, device)
    precision = "bf16" if device.type == "cuda" else "fp32"
    plain = Ours(images, device, precision, width=width)
    fused = Ours(images, device, precision, width=width, compiled=True)
    begin = time.perf_counter()
    try:
        fused(0)
    except Exception as error:  # Whatever a compiler that is missing or broken raises.
        why = f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"
        tell("a step under torch.compile", "the same without", f"not measured ({why})")
        return
    began = time.perf_counter() - begin
    found = in_turn({"plain": plain, "compiled": fused}, repeats, device=device)
    print(f"compile: {precision}, width {width:g}, {batch} cubes: {began:.0f} s to begin")
    ratio = faster(times(found["compiled"], found["plain"]))
    tell("a step under torch.compile", "the same without", ratio)


def peak_of(device: torch.device, side: int = 8192, rounds: int = 50) -> float:
    """Return the TFLOP/s that a product of bf16 matrices reaches."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(5):
        took = seconds(lambda: [one @ other for _ in range(rounds)], device)
        best = max(best, 2e-12 * side**3 * rounds / took)
    return best


def step_on_gpu(device: torch.device, repeats: int, batch: int) -> None:
    """Print what a step costs on a GPU, in every form that might be faster, and what it reaches."""
    peak = peak_of(device)
    images = cubes(batch, torch.device("cpu"))
    print(f"bf16 matrix peak {peak:.0f} TFLOP/s; a step of {batch} cubes, full width")
    plain = in_turn({"": Published(images, device)}, 3, device=device)[""]
    rate = batch / statistics.median(plain)
    print(f"  {'published way, fp32':34} {rate:9.1f} cubes/s")
    forms = {
        "ours, fp32": ("fp32", False, False, False),
        "ours, bf16": ("bf16", False, False, False),
        "ours, bf16, cudnn.benchmark": ("bf16", True, False, False),
        "ours, bf16, folded": ("bf16", True, True, False),
        "ours, bf16, folded, compile": ("bf16", True, True, True),
    }
    usual = folding.DEVICES
    for name, (precision, searched, fold, fused) in forms.items():
        torch.backends.cudnn.benchmark = searched
        folding.DEVICES = (*usual, "cuda") if fold else usual
        torch.cuda.reset_peak_memory_stats(device)
        ours = Ours(images, device, precision, compiled=fused)
        took = statistics.median(in_turn({"": ours}, 5 * repeats, device=device, warm=3)[""])
        held = torch.cuda.max_memory_allocated(device) / 1e9
        print(
            f"  {name:34} {batch / took:9.1f} cubes/s  {batch / took / rate:6.1f} times  "
            f"{100 * WORK * batch / took / peak:5.1f} % of the peak  {held:.1f} GB"
        )
        del ours
        torch.cuda.empty_cache()
    folding.DEVICES, torch.backends.cudnn.benchmark = usual, False


def on_gpu(parts: list[str], repeats: int) -> None:
    """Run what needs a GPU, or say that there is none."""
    if not torch.cuda.is_available():
        for part in parts or ["peak", "step", "views", "loader"]:
            print(f"GPU {part:10} {NEEDS}")
        return
    device = torch.device("cuda")
    print(torch.cuda.get_device_name(device))
    rows: dict[str, Callable[[], None]] = {
        "peak": lambda: print(f"bf16 matrix peak {peak_of(device):.0f} TFLOP/s"),
        "step": lambda: step_on_gpu(device, repeats, 32),
        "views": lambda: views_on(device, 512, 5 * repeats),
        "loader": lambda: loader(device, 64, 1.0, 32, 16),
        "compile": lambda: compiled(device, 1.0, 32, 5 * repeats),
    }
    for part in parts or rows:
        rows[part]()


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="all, if none is named")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=2, help="cubes of a step on a CPU")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(machine(), flush=True)
    if options.gpu:
        on_gpu(options.parts, options.repeats)
        return
    cpu = torch.device("cpu")
    with tempfile.TemporaryDirectory() as work:
        rows: dict[str, Callable[[], None]] = {
            "step": lambda: step_on_cpu(options.repeats, options.batch),
            "views": lambda: views_on(cpu, 32, options.repeats),
            "loader": lambda: loader(cpu, 12, 0.125, 2, 2),
            "memory": lambda: cubes_benchmark.windows(1, 48, Path(work)),
            "compile": lambda: compiled(cpu, 0.25, 2, options.repeats),
        }
        for part in options.parts or rows:
            rows[part]()
    needs_gpu("a step, views and loading", "the published way")


if __name__ == "__main__":
    main()
