"""What a volume network of slices learns from: whole volumes, or slabs of them, slices last."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from genesis_hub.engine.objective import Batch
from genesis_hub.infer.networks import in_plane
from genesis_hub.inputs import as_tensor
from genesis_hub.tuning.augment.drawing import Draws
from genesis_hub.tuning.items import PatchItems, Samples, cut, nearest


class SliceItems:
    """Classification: all slices of a volume at the model's size, as `predict` shows them.

    size: (X, Y, Z). Shallower volumes are filled up and say their length; of deeper ones Z slices
    are drawn, one in each of Z equal parts, so that nothing a label speaks of is cut away.
    """

    def __init__(self, samples: Samples, size: tuple[int, ...]) -> None:
        self.samples, self.size = samples, size

    def __len__(self) -> int:
        return len(self.samples)

    def varies(self, index: int) -> bool:
        """Say whether an item depends on its seed: slices are drawn."""
        return int(self.samples[index].ready.pixels.shape[-1]) > self.size[-1]

    def item(self, index: int, seed: int) -> Batch:
        volume = self.samples.picture(index, self.size[:2])
        have, want = volume.shape[-1], self.size[-1]
        places = np.minimum(np.arange(want), have - 1)
        if have > want:
            draw = np.random.Generator(np.random.PCG64(seed))
            places = ((np.arange(want) + draw.random(want)) * have / want).astype(np.int64)
        return {
            "image": volume[..., torch.from_numpy(places)],
            "label": self.samples.label(index),
            "length": torch.tensor(min(have, want)),
        }


class SlabItems(PatchItems):
    """Segmentation: some neighbouring slices, whole in their plane, at the model's size."""

    def __init__(self, samples: Samples, size: tuple[int, ...], *, foreground: float) -> None:
        super().__init__(samples, size, by_slices=True, foreground=foreground)

    def item(self, index: int, seed: int) -> Batch:
        sample = self.samples[index]
        assert sample.labels is not None
        draw = np.random.Generator(np.random.PCG64(seed))
        start = [0, 0, self.start(sample, draw)[-1]]
        sides = (*sample.labels.shape[:2], self.size[-1])
        slab = sample.ready.convert(as_tensor(cut(sample.ready.pixels, start, sides)))
        labels = nearest(cut(sample.labels[None], start, sides)[0], self.size)
        return {
            "image": in_plane(slab[None], self.size[:2])[0],
            "label": torch.from_numpy(labels.astype(np.int64)),
        }


def as_slices(x: Tensor) -> Tensor:
    """Return the slices of volumes (N, ..., Z), one after the other: (N * Z, ...)."""
    return x.movedim(-1, 1).flatten(0, 1)


def as_volumes(slices: Tensor, depth: int) -> Tensor:
    """Undo `as_slices`."""
    return slices.view(-1, depth, *slices.shape[1:]).movedim(1, -1)


def for_slices(draws: Draws, depth: int) -> Draws:
    """Return what was drawn for volumes for each of their slices; only noise differs."""
    samples = tuple(
        replace(draw, noise_seed=draw.noise_seed + z)
        for draw in draws.samples
        for z in range(depth)
    )
    return Draws(draws.ndim, samples)
