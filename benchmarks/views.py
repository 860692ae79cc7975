"""What the views of the Genesis methods cost beside plain loops over the same cubes, in one run.

    python -m benchmarks.views [--cubes 32] [--repeats 5] [--threads 1] [--device cpu]

Both do every step to phantom chest CT of 64 x 64 x 32: the loops are those of
`tests/training/plain_views.py` (one cube at a time, a curve of 100,000 knots, 10,000 windows one by
one, two fields of noise smoothed and sampled by scipy), ours the batched functions of
`training/views`. Steps are taken with certainty, the pipelines with the published shares. Taken in
turn; the median counts.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.rows import faster, needs_gpu, tell
from benchmarks.timing import CPU, in_turn, machine, seconds, times
from genesis_hub.data.phantoms import chest_ct
from tests.training import plain_views
from training.views.curve import curve
from training.views.draws import Draws
from training.views.elastic import elastic
from training.views.flip import flip
from training.views.genesis import models_genesis
from training.views.paint import paint_in, paint_out
from training.views.presets import PRESETS, SEMANTIC
from training.views.rotate import rotate
from training.views.semantic import semantic_genesis
from training.views.shuffle import shuffle
from training.views.windows import drawn_maps

SIDES = (64, 64, 32)
Ours = Callable[[Tensor, Draws], object]
Plain = Callable[[np.ndarray, plain_views.Dice], object]


def mirrored(cube: np.ndarray, dice: plain_views.Dice) -> np.ndarray:
    """Flip a cube by loops."""
    for axis in plain_views.flips(dice, (1, 2, 3)):
        cube = np.flip(cube, axis)
    return cube.copy()


def turned(cube: np.ndarray, dice: plain_views.Dice) -> np.ndarray:
    """Turn a cube about z."""
    return np.rot90(cube, plain_views.upto(dice, 0, 3), (1, 2)).copy()


ROWS: dict[str, tuple[Ours, Plain]] = {
    "flips": (flip, mirrored),
    "curve": (lambda x, d: curve(x, d, share=1), plain_views.curved),
    "shuffle, maps from the pool": (lambda x, d: shuffle(x, d, share=1), plain_views.shuffled),
    "shuffle, each its own map": (
        lambda x, d: shuffle(x, d, share=1, pool=0),
        plain_views.shuffled,
    ),
    "in-painting": (lambda x, d: paint_in(x, d, share=1), plain_views.painted_in),
    "out-painting": (lambda x, d: paint_out(x, d, share=1), plain_views.painted_out),
    **{
        f"pipeline {name}": (
            lambda x, d, preset=preset: models_genesis(x, d, preset),
            plain_views.pipeline,
        )
        for name, preset in PRESETS.items()
    },
    "elastic": (elastic, plain_views.warped),
    "quarter turns": (rotate, turned),
    "pipeline sg": (semantic_genesis, partial(plain_views.semantic, windows=10_000, most=5)),
    **{
        f"pipeline {name}": (
            lambda x, d, preset=preset: semantic_genesis(x, d, preset),
            plain_views.semantic,
        )
        for name, preset in SEMANTIC.items()
        if name != "sg"
    },
}


def cubes(count: int, device: torch.device) -> Tensor:
    """Cut cubes out of a made-up chest."""
    pixels = np.asarray(chest_ct(0, size=(128, 128, 64)).image, dtype=np.float32)[0]
    values = ((torch.from_numpy(pixels) + 1000) / 2000).clamp(0, 1)
    dice, cut = np.random.default_rng(0), []
    for _ in range(count):
        x, y, z = (
            int(dice.integers(0, whole - side, endpoint=True))
            for whole, side in zip(values.shape, SIDES, strict=True)
        )
        cut.append(values[None, x : x + SIDES[0], y : y + SIDES[1], z : z + SIDES[2]])
    return torch.stack(cut).to(device)


def looped(plain: Plain, some: list[np.ndarray], dice: plain_views.Dice) -> None:
    """Do a step to some cubes, one after the other."""
    for cube in some:
        plain(cube, dice)


def main() -> None:
    """Run both in turn, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cubes", type=int, default=32, help="of a batch of ours")
    parser.add_argument("--plain", type=int, default=4, help="cubes the loops do in a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    x = cubes(options.cubes, device)
    by_hand = x[: options.plain].cpu().double().numpy()
    print(machine())
    print(f"ms per cube of 64 x 64 x 32, ours in batches of {options.cubes} on {device}:")
    for name, (ours, plain) in ROWS.items():
        # The loops' pipeline needs many cubes before its gates fall as often as they should.
        some = [*by_hand] * (8 if name.startswith("pipeline") else 1)
        dice = plain_views.Dice(0)
        found = in_turn(
            {
                "ours": partial(drawn, ours, x),
                "loops": lambda _, plain=plain, some=some, dice=dice: looped(plain, some, dice),
            },
            options.repeats, device=device,
        )  # fmt: skip
        each = [took / len(x) for took in found["ours"]]
        by_loops = [took / len(some) for took in found["loops"]]
        one, other = (1000 * statistics.median(some) for some in (each, by_loops))
        print(f"{name:30s} ours {one:8.3f} ms a cube   loops {other:8.3f}")
        tell(name, "plain loops, cube by cube", faster(times(each, by_loops)))
    keys = Draws(torch.arange(16))
    each_map = seconds(partial(drawn_maps, keys, SIDES, 10_000), CPU) / len(keys)
    print(
        f"a map of 10,000 windows {1000 * each_map:.2f} ms; the pool of 256, once, "
        f"{256 * each_map:.2f} s"
    )
    needs_gpu("all of them", "the same on one core")


def drawn(ours: Ours, x: Tensor, turn: int) -> None:
    """Do a step of ours to a batch, with draws that no turn had before."""
    ours(x, Draws(torch.arange(len(x), device=x.device) + 10**6 * turn))


if __name__ == "__main__":
    main()
