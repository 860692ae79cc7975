"""Turned cubes: a quarter, a half or three quarters of a turn about one axis, or none."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.pieces import by_sample, checked, in_pieces

PLANES = ((2, 3), (2, 4), (3, 4))  # An axis is turned about by turning the plane of the others.

Turn = tuple[int, tuple[int, int]]  # How many quarters, in which plane.


class Turns(NamedTuple):
    """Which of the turns that fit each sample takes: (N,)."""

    which: Tensor
    fitting: tuple[Turn, ...]

    def of(self, rows: slice) -> "Turns":
        """Return the turns of some samples."""
        return Turns(self.which[rows], self.fitting)


def rotate(x: Tensor, draws: Draws) -> Tensor:
    """Return the cubes turned, each of the turns that keep their sides as likely, none among them.

    A quarter turn keeps them only in a plane whose sides are alike: cubes of 64 x 64 x 32 turn by
    quarters about z, and by halves about x and y.
    """
    return in_pieces(turned, checked(x, draws), draw_turns(draws, x))


def draw_turns(draws: Draws, x: Tensor) -> Turns:
    """Draw the turns of cubes such as x."""
    fitting = [(0, PLANES[0])]
    for plane in PLANES:
        square = x.shape[plane[0]] == x.shape[plane[1]]
        fitting += [(quarters, plane) for quarters in ((1, 2, 3) if square else (2,))]
    which = (draws.uniform("rotate") * len(fitting)).long()
    return Turns(which, tuple(fitting))


def turned(x: Tensor, turns: Turns) -> Tensor:
    """Turn each sample."""
    if by_sample(x) and len(x) == 1:
        quarters, plane = turns.fitting[int(turns.which)]
        return torch.rot90(x, quarters, plane)
    out = x
    for number, (quarters, plane) in enumerate(turns.fitting):
        taken = (turns.which == number).view(-1, 1, 1, 1, 1)
        out = torch.where(taken, torch.rot90(x, quarters, plane), out)
    return out
