"""Shuffled neighbourhoods: voxels change places inside thousands of small windows."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.flip import Flips, flipped
from training.views.pieces import by_sample, checked, in_pieces, long_enough, skipped, where
from training.views.windows import drawn_maps, few_writes

LEAST_SIDE = 10  # A window is at most a tenth as long.
FEW = 100  # Windows that are cheaper drawn one by one than as a map of the whole cube.
HELD = 1 << 25  # Voxels of a pool of maps: 128 MiB, 256 cubes of 64 x 64 x 32.


class Moves(NamedTuple):
    """Which voxel of itself each sample shows at each place.

    on: (N,), which samples are shuffled. which: (N,) which map of the pool; None: each its own.
    turned: (N, 3), the axes along which the map lies mirrored. swapped: (N,), x and y exchanged.
    """

    on: Tensor
    draws: Draws
    windows: int
    pool: int
    which: Tensor
    turned: Flips
    swapped: Tensor

    def of(self, rows: slice) -> "Moves":
        """Return the moves of some samples."""
        return Moves(
            self.on[rows],
            self.draws.of(rows),
            self.windows,
            self.pool,
            self.which[rows],
            self.turned.of(rows),
            self.swapped[rows],
        )


def shuffle(
    x: Tensor, draws: Draws, *, share: float = 0.5, windows: int = 10_000, pool: int = 256
) -> Tensor:
    """Return the cubes with their voxels shuffled in small windows, all channels alike.

    Each window's voxels are read from the cube as it was; where windows overlap the later one
    stays, so that some values are lost and others come twice.

    share: of the samples that are shuffled. windows: per cube, of 1 to a tenth of each side.
    pool: how many maps are drawn once and for all (fewer where they would take more than 128 MiB),
    to be used mirrored along each axis and with x and y exchanged where these are equally long: 16
    ways each. 0: each sample's map is its own, as published, at many times the price.
    """
    x = checked(x, draws)
    long_enough(x.shape[2:], LEAST_SIDE, "local shuffling")
    return in_pieces(moved, x, draw_moves(draws, share, windows, pool))


def draw_moves(draws: Draws, share: float, windows: int, pool: int) -> Moves:
    """Draw which samples are shuffled, and by which map."""
    numbers = draws.uniform("shuffle", 6)
    turned = Flips(numbers[:, 2:5] < 0.5, (2, 3, 4))
    return Moves(
        numbers[:, 0] < share, draws, windows, pool, numbers[:, 1], turned, numbers[:, 5] < 0.5
    )


def moved(x: Tensor, moves: Moves) -> Tensor:
    """Shuffle the voxels of each sample."""
    if skipped(x, moves.on):
        return x
    sides = (x.shape[2], x.shape[3], x.shape[4])
    if not moves.pool and moves.windows <= FEW and by_sample(x) and len(x) == 1:
        place, source = few_writes(moves.draws, sides, moves.windows)
        y = x.flatten(2).clone(memory_format=torch.contiguous_format)
        y[..., place] = x.flatten(2)[..., source]
        return y.view(x.shape)
    if not moves.pool:
        sources = drawn_maps(moves.draws, sides, moves.windows)
        return where(moves.on, taken(x, sources), x)
    pool = pooled(sides, moves.windows, moves.pool, x.device)
    sources = pool[(moves.which * len(pool)).long()]
    swaps = sides[0] == sides[1]
    y = flipped(swapped(x, moves) if swaps else x, moves.turned)
    y = flipped(taken(y, sources), moves.turned)
    return where(moves.on, swapped(y, moves) if swaps else y, x)


def taken(x: Tensor, sources: Tensor) -> Tensor:
    """Return at each place the voxel that `sources` (N, X * Y * Z) names."""
    if len(x) > 1:
        rows = torch.arange(len(x), dtype=sources.dtype, device=x.device)
        sources = sources + rows[:, None] * sources.shape[1]
    channels = [
        channel.reshape(-1).index_select(0, sources.reshape(-1)).view_as(channel)
        for channel in x.unbind(1)
    ]
    return channels[0][:, None] if len(channels) == 1 else torch.stack(channels, 1)


def swapped(x: Tensor, moves: Moves) -> Tensor:
    """Exchange x and y of the samples whose map lies so."""
    if by_sample(x) and len(x) == 1:
        return x.transpose(2, 3) if bool(moves.swapped) else x
    return torch.where(moves.swapped.view(-1, 1, 1, 1, 1), x.transpose(2, 3), x)


@lru_cache(maxsize=4)
def pooled(sides: tuple[int, int, int], windows: int, pool: int, device: torch.device) -> Tensor:
    """Return the maps that all runs share, (pool, X * Y * Z), drawn on first use."""
    count = max(1, min(pool, HELD // (sides[0] * sides[1] * sides[2])))
    keys = Draws(torch.arange(count))
    maps = [drawn_maps(keys.of(slice(at, at + 1)), sides, windows) for at in range(count)]
    return torch.cat(maps).to(device)
