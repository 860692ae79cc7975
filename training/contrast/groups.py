"""Batch norm's groups: small, and another for a key than for its query, so that none gives it away.

Within a group, a network could tell from the batch's statistics which key belongs to which query.
MoCo shuffles the keys among its GPUs. One process has to split its batch for the same end: a
shuffle alone changes no statistics.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.contrast.ranks import gathered, own, world

Encode = Callable[[Tensor], Tensor]


def norms_of(network: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of a network; one without any needs no groups."""
    return [one for one in network.modules() if isinstance(one, _BatchNorm)]


def groups_of(count: int, splits: int) -> int:
    """Return how many groups a process makes of `count` images, at least two in each.

    One process alone makes two where it can: in a single group a shuffle changes nothing.
    """
    least = 2 if world() == 1 else 1
    return max(1, min(max(splits, least), count // 2))


def in_groups(encode: Encode, x: Tensor, groups: int, norms: list[_BatchNorm]) -> Tensor:
    """Return what is encoded group by group, each normalised by itself.

    The running statistics end as they would, had each group been another process's.
    """
    if groups < 2 or not norms:
        return encode(x)
    parts = []
    for number, part in enumerate(x.tensor_split(groups)):
        with taking_turns(norms, number, groups):
            parts.append(encode(part))
    return torch.cat(parts)


@torch.no_grad()
def shuffled(
    encode: Encode, x: Tensor, order: Tensor, groups: int, norms: list[_BatchNorm]
) -> Tensor:
    """Return what is encoded in groups that were shuffled over all processes, back in its place.

    order: (N,) random words of the samples; all processes sort by those of all.
    """
    if not norms:
        return encode(x)
    turn = gathered(order).argsort(stable=True)
    encoded = gathered(in_groups(encode, own(gathered(x)[turn]), groups, norms))
    return own(encoded[turn.argsort()])


@contextmanager
def taking_turns(norms: list[_BatchNorm], number: int, groups: int) -> Iterator[None]:
    """Let the groups count alike in the running statistics, and together as one batch does.

    With momentum m as it is, the last of S groups would count most. Each has m / S in the end if
    what comes after it leaves it that much: a share of (m / S) / (1 - (S - 1 - number) m / S).
    """
    usual = [norm.momentum for norm in norms]
    for norm, momentum in zip(norms, usual, strict=True):
        if momentum is not None:  # None: each batch counts alike already.
            each = momentum / groups
            norm.momentum = each / (1 - (groups - 1 - number) * each)
    try:
        yield
    finally:
        for norm, momentum in zip(norms, usual, strict=True):
            norm.momentum = momentum
