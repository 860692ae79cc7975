"""Slices whose contrast is equalised in each part of them, to a limit (CLAHE), on the device."""

import torch
from torch import Tensor

from genesis_hub.errors import BadInput

TILES = 8
BINS = 256
LIMIT = 2.0  # How much steeper than none the mapping may be made.


def equalised(x: Tensor, *, limit: float = LIMIT, tiles: int = TILES) -> Tensor:
    """Return slices (N, C, X, Y) in [0, 1] with the contrast of each tile equalised.

    K. Zuiderveld: Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV, 1994. Each of
    tiles x tiles parts maps its 256 greys by its own histogram, in which no grey counts more than
    `limit` times the mean; a pixel takes what lies between the mappings of the four nearest tiles.
    What is over the limit is given to all greys alike, in fractions, where libraries that count in
    whole numbers leave a rest to some.
    """
    count, channels, high, wide = x.shape
    if high % tiles or wide % tiles:
        raise BadInput(
            f"slices are {high} x {wide}, but {tiles} x {tiles} tiles are equalised; give sides "
            f"that are multiples of {tiles}"
        )
    grey = (x.clamp(0, 1) * (BINS - 1)).round().long().flatten(0, 1)
    maps = mappings(grey, limit, tiles).flatten(1)
    down, across = nearest(high, tiles, x.device), nearest(wide, tiles, x.device)
    made = torch.zeros(grey.shape, device=x.device)
    for rows, by_rows in down:
        for columns, by_columns in across:
            tile = rows[:, None] * tiles + columns
            found = maps.gather(1, (tile * BINS + grey).flatten(1)).view(grey.shape)
            made += found * by_rows[:, None] * by_columns
    return made.view(count, channels, high, wide).to(x.dtype)


def mappings(grey: Tensor, limit: float, tiles: int) -> Tensor:
    """Return what each grey (N, X, Y) becomes in each tile: (N, tiles * tiles, 256) in [0, 1]."""
    count, high, wide = grey.shape
    parts = grey.view(count, tiles, high // tiles, tiles, wide // tiles).transpose(2, 3)
    parts = parts.reshape(count * tiles * tiles, -1)
    area = parts.shape[1]
    place = torch.arange(len(parts), device=grey.device)[:, None] * BINS + parts
    often = torch.bincount(place.flatten(), minlength=len(parts) * BINS).view(-1, BINS).float()
    most = max(1.0, limit * area / BINS)
    over = (often - most).clamp_min(0).sum(1, keepdim=True)
    often = often.clamp_max(most) + over / BINS
    return (often.cumsum(1) / area).clamp(0, 1).view(count, tiles * tiles, BINS)


def nearest(side: int, tiles: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Return for each place of an axis the tiles before and behind it, and what each counts."""
    size = side // tiles
    at = (torch.arange(side, device=device) + 0.5) / size - 0.5
    first = at.floor()
    behind = at - first
    before = first.long().clamp(0, tiles - 1)
    after = (first.long() + 1).clamp(0, tiles - 1)
    return [(before, 1 - behind), (after, behind)]
