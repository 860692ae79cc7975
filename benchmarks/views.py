"""What the views of Models Genesis cost beside plain loops over the same cubes, in one run.

    python benchmarks/views.py [--cubes 32] [--repeats 5] [--threads 1] [--device cpu]

Both do every step to phantom chest CT of 64 x 64 x 32: the loops are `tests/training/plain_views.py`
(numpy, one cube at a time, a curve of 100,000 knots, 10,000 windows one by one), ours the batched
functions of `training/views`. Steps are taken with certainty, the pipeline with the published
shares. Taken in turn; the median counts.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genesis_hub.data.phantoms import chest_ct
from tests.training import plain_views
from training.views.curve import curve
from training.views.draws import Draws
from training.views.flip import flip
from training.views.genesis import models_genesis
from training.views.paint import paint_in, paint_out
from training.views.presets import PRESETS
from training.views.shuffle import shuffle
from training.views.windows import drawn_maps

SIDES = (64, 64, 32)
Ours = Callable[[Tensor, Draws], object]
Plain = Callable[[np.ndarray, np.random.Generator], object]


def mirrored(cube: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Flip a cube by loops."""
    for axis in plain_views.flips(dice, (1, 2, 3)):
        cube = np.flip(cube, axis)
    return cube.copy()


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
}


def cubes(count: int, device: torch.device) -> Tensor:
    """Cut cubes out of a made-up chest."""
    image = torch.from_numpy(np.asarray(chest_ct(seed=0, shape=(128, 128, 64)).image.pixels))
    values = ((image.reshape(image.shape[-3:]).float() + 1000) / 2000).clamp(0, 1)
    dice = np.random.default_rng(0)
    starts = [[int(dice.integers(0, w - s + 1)) for w, s in zip(values.shape, SIDES)] for _ in range(count)]
    return torch.stack([
        values[x : x + 64, y : y + 64, z : z + 32][None] for x, y, z in starts
    ]).contiguous().to(device)
