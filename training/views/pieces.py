"""How a view meets a batch: what the batch must be, and in which pieces it is worked on."""

from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from training.views.draws import Draws

STRIDE = 8  # The Genesis networks halve a cube three times.


class Plan(Protocol):
    """What was drawn for the samples of a batch: plain numbers, applied later."""

    def of(self, rows: slice) -> Self:
        """Return what was drawn for some samples."""


P = TypeVar("P", bound=Plan)


def in_pieces(apply: Callable[[Tensor, P], Tensor], x: Tensor, plan: P) -> Tensor:
    """Apply a plan to a batch, into a new tensor.

    On a CPU sample by sample: one cube and what is made of it stay in a core's cache, which is
    three times as fast as going over the batch step by step, and a step that a sample does not
    take costs nothing. Elsewhere at once, without waiting for the device.
    """
    if not by_sample(x):
        return apply(x, plan)
    out = torch.empty_like(x)
    for row in range(len(x)):
        one = slice(row, row + 1)
        out[one] = apply(x[one], plan.of(one))
    return out


def by_sample(x: Tensor) -> bool:
    """Say whether a batch is worked on sample by sample."""
    return x.device.type == "cpu"


def skipped(x: Tensor, on: Tensor) -> bool:
    """Say whether no sample takes a step, where asking does not wait for a device."""
    return by_sample(x) and not bool(on.any())


def where(on: Tensor, changed: Tensor, x: Tensor) -> Tensor:
    """Return what changed for the samples that take a step, and what was for the others."""
    if len(x) == 1 and by_sample(x):
        return changed  # Asked before it was made.
    return torch.where(on.view(-1, *(1 for _ in x.shape[1:])), changed, x)


def checked(x: Tensor, draws: Draws) -> Tensor:
    """Return the batch in plain memory order, or say what it should be.

    x: (N, C, X, Y, Z) float32.
    """
    if x.ndim != 5 or x.dtype != torch.float32:
        raise BadInput(
            f"x is {tuple(x.shape)} in {x.dtype}, but cubes (N, C, X, Y, Z) in torch.float32 are "
            "expected; x.float() converts, x[:, None] adds a channel"
        )
    if len(draws) != len(x) or draws.keys.device != x.device:
        raise BadInput(
            f"there are {len(draws)} keys on {draws.keys.device} for {len(x)} cubes on {x.device}, "
            "but each cube needs one key on its own device"
        )
    return x.contiguous()


def long_enough(sides: Sequence[int], least: int, view: str) -> None:
    """Raise where a side is shorter than a view needs, and say what would fit."""
    if min(sides) >= least:
        return
    whole = -(-least // STRIDE) * STRIDE
    fitting = "x".join(str(side if side >= least else whole) for side in sides)
    raise BadInput(
        f"{view} needs sides of at least {least} voxels, but the cubes are "
        f"{'x'.join(map(str, sides))}; take cubes of {fitting} (multiples of {STRIDE} for the "
        f"network), or leave {view} out"
    )
