"""Maps of local shuffling: which voxel comes to which place, exactly as many windows leave it."""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws, Stream

Sides = tuple[int, int, int]
ORDER = 24  # random bits by which the voxels of a window are put in order
BLOCK = 2000  # windows drawn at once: what is made of them stays in a core's cache
GROUP = 16  # samples whose maps are drawn at once, where that is not on a CPU


class Shapes(NamedTuple):
    """All shapes of window that a cube has.

    room: (S, 3), how many places there are along each axis. size: (S,), voxels of a window.
    first: (S,), where its voxels begin in `steps`, which says how far each lies from the corner.
    """

    room: Tensor
    size: Tensor
    first: Tensor
    steps: Tensor


def drawn_maps(draws: Draws, sides: Sides, windows: int) -> Tensor:
    """Return for each place of each sample the voxel that comes there, (N, X * Y * Z) int32.

    windows: drawn for each sample, one after the other: sides from 1 to a tenth of the cube's, the
    place, and the order in which the voxels of the untouched cube are written back into it. A
    later window writes over an earlier one.
    """
    group = 1 if draws.keys.device.type == "cpu" else GROUP
    parts = (draws.of(slice(at, at + group)) for at in range(0, len(draws), group))
    return torch.cat([maps(part, sides, windows) for part in parts])


def maps(draws: Draws, sides: Sides, windows: int) -> Tensor:
    """Return the maps of a few samples.

    A write is one number, (window, random bits, voxel), and its place is where the voxel lay. In
    the order of these numbers the voxels of each window are shuffled, and of all writes to a place
    the greatest is the last window's.
    """
    voxels, samples, device = sides[0] * sides[1] * sides[2], len(draws), draws.keys.device
    bits = (voxels - 1).bit_length()
    shapes = shapes_of(sides, device)
    shape = draws.integers("shuffle.shape", 0, len(shapes.size) - 1, windows)
    corner = draws.integers("shuffle.corner", 0, shapes.room[shape] - 1, windows, 3)
    corner = (corner[..., 0] * sides[1] + corner[..., 1]) * sides[2] + corner[..., 2]
    # Numbered through the batch from 1, for 0 is a voxel left alone.
    number = torch.arange(1, samples * windows + 1, device=device).view(samples, windows)
    corner = corner.bitwise_or_(number << (ORDER + bits))
    kept = torch.arange(voxels, device=device).repeat(samples)
    orders = draws.streams("shuffle.order", -(-windows // BLOCK))
    for order, at in zip(orders, range(0, windows, BLOCK), strict=True):
        block = slice(at, at + BLOCK)
        each, writes = written(shapes, shape[:, block], corner[:, block])
        place = writes & ((1 << bits) - 1)
        if samples > 1:
            place += torch.repeat_interleave(each) * voxels
        writes += random_bits(order, each).bitwise_left_shift_(bits)
        kept.scatter_reduce_(0, place, in_order(writes), "amax")
    return kept.bitwise_and_((1 << bits) - 1).to(torch.int32).view(samples, voxels)


def few_writes(draws: Draws, sides: Sides, windows: int) -> tuple[Tensor, Tensor]:
    """Return the places of one sample that windows write to, and the voxel that comes to each.

    What `drawn_maps` says of them, at half the price where windows are few.
    """
    bits = (sides[0] * sides[1] * sides[2] - 1).bit_length()
    shapes = shapes_of(sides, draws.keys.device)
    shape = draws.integers("shuffle.shape", 0, len(shapes.size) - 1, windows)
    corner = draws.integers("shuffle.corner", 0, shapes.room[shape] - 1, windows, 3)
    corner = (corner[..., 0] * sides[1] + corner[..., 1]) * sides[2] + corner[..., 2]
    corner += torch.arange(1, windows + 1) << (ORDER + bits)
    each, writes = written(shapes, shape, corner)
    places = writes & ((1 << bits) - 1)
    place, at = places.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    writes += random_bits(draws.streams("shuffle.order", 1)[0], each) << bits
    last = torch.zeros_like(place).scatter_reduce_(0, at, in_order(writes), "amax")
    return place, last & ((1 << bits) - 1)


def written(shapes: Shapes, shape: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many writes each sample makes, and all of them: the corner and how far from it."""
    count = shapes.size[shape]
    each, shape, count = count.sum(1), shape.flatten(), count.flatten()
    window = torch.repeat_interleave(count)
    # A write is number `at - begin` of its window; `steps` says how far from the corner that is.
    begin = count.cumsum(0) - count
    at = (shapes.first[shape] - begin).index_select(0, window)
    at += torch.arange(len(window), device=window.device)
    return each, shapes.steps.index_select(0, at).add_(corner.flatten().index_select(0, window))


def random_bits(order: Stream, each: Tensor) -> Tensor:
    """Return random bits for `each` write of the samples, one after the other, as int64."""
    words = order.words(int(each.max()))
    if len(each) > 1:
        words = words[torch.arange(words.shape[1], device=words.device) < each[:, None]]
    return words.view(-1).long().bitwise_and_((1 << ORDER) - 1)


def in_order(writes: Tensor) -> Tensor:
    """Sort the writes."""
    if writes.device.type != "cpu":
        return writes.sort().values
    writes.numpy().sort()  # In place, and 2.5 times as fast as torch's.
    return writes


@lru_cache(maxsize=8)
def shapes_of(sides: Sides, device: torch.device) -> Shapes:
    """Return all shapes of window of a cube."""
    shapes = list(product(*(range(1, side // 10 + 1) for side in sides)))
    strides = torch.tensor([sides[1] * sides[2], sides[2], 1])
    voxels = [torch.tensor(list(product(*map(range, shape)))) for shape in shapes]
    count = torch.tensor([len(each) for each in voxels])
    return Shapes(
        (torch.tensor(sides) - torch.tensor(shapes) + 1).to(device),
        count.to(device),
        (count.cumsum(0) - count).to(device),
        (torch.cat(voxels) * strides).sum(1).to(device),
    )
