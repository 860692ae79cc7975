"""Images turned by quarters, each turn a class of its own: four in 2D, ten in 3D."""

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from training.views.draws import Draws

Turn = tuple[int, tuple[int, int]]  # How many quarters, in which plane of the axes.

FLAT: tuple[Turn, ...] = ((0, (0, 1)), (1, (0, 1)), (2, (0, 1)), (3, (0, 1)))
# As published, and in their order. Of the cube's 24 turns these are none, and the three quarters
# about each axis. Before April 2021 the authors' code left class 9 as it was, like class 0.
SOLID: tuple[Turn, ...] = (
    *FLAT,
    (3, (1, 2)), (2, (1, 2)), (1, (1, 2)),
    (3, (0, 2)), (2, (0, 2)), (1, (0, 2)),
)  # fmt: skip
TURNS = {2: FLAT, 3: SOLID}


def draw_turns(draws: Draws, ndim: int) -> Tensor:
    """Draw a turn for each sample: (N,) int64."""
    return draws.integers("turn", 0, len(TURNS[ndim]) - 1)


def turned(x: Tensor, labels: Tensor, *, back: bool = False) -> Tensor:
    """Return each sample of (N, C, S, S[, S]) turned as its label says; back: the other way."""
    if len(set(x.shape[2:])) > 1:
        raise BadInput(f"x is {tuple(x.shape[2:])}, but only squares and cubes keep their sides")
    turns = TURNS[x.ndim - 2]
    made = []
    for one, label in zip(x, labels.tolist(), strict=True):
        quarters, (first, second) = turns[label]
        made.append(torch.rot90(one, -quarters if back else quarters, (first + 1, second + 1)))
    return torch.stack(made)
