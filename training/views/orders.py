"""Orders that patches are laid in: far apart from each other, drawn from a seed."""

from functools import lru_cache
from math import factorial

import torch
from torch import Tensor

from genesis_hub.errors import BadInput

ALL = 362880  # Orders that are looked at in full: those of 9 patches, and fewer.
DRAWN = 4000  # Of more patches, so many are drawn once and chosen from.


@lru_cache(maxsize=8)
def orders(patches: int, count: int, seed: int = 0) -> Tensor:
    """Return so many orders of patches, (count, patches) int64, no two alike, none as they were.

    The first is drawn; each next is the one that lies farthest from its nearest among those chosen,
    by how many places differ; of several, the one farthest from all of them together.
    """
    there = factorial(patches) - 1 if patches < 13 else count
    if not 2 <= count <= there:
        raise BadInput(
            f"n_permutations={count}, but {patches} patches have "
            f"{there if patches < 13 else 'many'} orders beside their own; give 2 to "
            f"{there if patches < 13 else 'as many as are wanted'}"
        )
    draw = torch.Generator().manual_seed(seed)
    some = candidates(patches, count, draw)
    nearest = torch.full((len(some),), patches + 1)
    together = torch.zeros(len(some))
    chosen = [int(torch.randint(len(some), (), generator=draw))]
    while len(chosen) < count:
        apart = (some != some[chosen[-1]]).sum(1)
        nearest = torch.minimum(nearest, apart)
        together += apart
        # Distances are at most `patches`, their sums at most that times `count`.
        chosen.append(int((nearest * (patches * count + 1) + together).argmax()))
    return some[chosen].long()


def candidates(patches: int, count: int, draw: torch.Generator) -> Tensor:
    """Return orders to choose from, each once, int16; the patches' own is none of them."""
    own = torch.arange(patches, dtype=torch.int16)
    if factorial(patches) <= ALL:
        made = all_orders(patches)
    else:
        size = max(DRAWN, 10 * count)
        made = torch.rand(size, patches, generator=draw).argsort(1).to(torch.int16)
        made = torch.unique(made, dim=0)
    return made[(made != own).any(1)]


def all_orders(patches: int) -> Tensor:
    """Return every order of so many patches, int16."""
    made = torch.zeros(1, 1, dtype=torch.int16)
    for last in range(1, patches):
        fresh = torch.full((len(made), 1), last, dtype=torch.int16)
        put = [torch.cat([made[:, :at], fresh, made[:, at:]], 1) for at in range(last + 1)]
        made = torch.cat(put)
    return made


def apart(some: Tensor) -> tuple[int, float]:
    """Return the least and the mean number of places that two orders of (K, n) differ in."""
    differing = (some[:, None] != some[None]).sum(2)
    above = differing[torch.triu(torch.ones_like(differing, dtype=torch.bool), 1)]
    return int(above.min()), float(above.float().mean())


def laid(patches: Tensor, order: Tensor) -> Tensor:
    """Return patches (N, n, ...) laid in orders (N, n): place s holds patch order[s]."""
    rows = torch.arange(len(patches), device=patches.device)[:, None]
    return patches[rows, order.to(patches.device)]
