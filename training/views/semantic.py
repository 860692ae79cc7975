"""The views of Semantic Genesis: a cube is warped, then shuffled, mapped or painted over."""

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from training.views.curve import Curves, bent, draw_curves
from training.views.draws import Draws
from training.views.elastic import draw_warps, warped
from training.views.paint import Boxes, draw_boxes, painted
from training.views.pieces import by_sample, checked, long_enough
from training.views.presets import SEMANTIC, OneOf
from training.views.shuffle import LEAST_SIDE, Moves, draw_moves, moved


class OneEach(NamedTuple):
    """What happens to the samples of a batch beyond their warp, one of four things to each.

    kind: (N,), which of the four: 0 shuffled, 1 mapped, 2 in-painted, 3 out-painted.
    """

    kind: Tensor
    moves: Moves
    curves: Curves
    inside: Boxes
    outside: Boxes


def semantic_genesis(
    x: Tensor, draws: Draws, preset: OneOf = SEMANTIC["sg"]
) -> tuple[Tensor, Tensor]:
    """Return what the network sees, and what it is to restore: the cube as it was, unwarped.

    x: (N, C, X, Y, Z) float32 in [0, 1], never changed; the view is in [0, 1] too. A sample's view
    is a pure function of its cube and its key.
    """
    x = checked(x, draws)
    reach(x, preset)
    warps = draw_warps(draws, x, *strength(x, preset))
    plan = draw_each(draws, x, preset)
    if not by_sample(x):
        return all_done(warped(x, warps), plan), x
    view = torch.empty_like(x)
    for row, kind in enumerate(plan.kind.tolist()):  # While a cube lies in a core's cache.
        one = slice(row, row + 1)
        view[one] = done(warped(x[one], warps.of(one)), plan, kind, one)
    return view, x


def reach(x: Tensor, preset: OneOf) -> None:
    """Raise where the cubes are too small for a step that the preset takes."""
    sides = x.shape[2:]
    long_enough(sides, LEAST_SIDE, "local shuffling")
    for painting in (preset.inside, preset.outside):
        long_enough(sides, painting.least_side(), str(painting))


def strength(x: Tensor, preset: OneOf) -> tuple[float, float]:
    """Return sigma and alpha of the warp of cubes such as x."""
    if not preset.elastic_side:
        return preset.elastic_sigma, preset.elastic_alpha
    # Noise that is smoothed over sigma in three dimensions keeps sigma to the power -1.5 of its
    # deviation: with 2.5 a voxel moves by the same share of the side.
    by = sqrt(x.shape[2] * x.shape[3]) / preset.elastic_side
    return preset.elastic_sigma * by, preset.elastic_alpha * by**2.5


def draw_each(draws: Draws, x: Tensor, preset: OneOf) -> OneEach:
    """Draw what happens to cubes such as x beyond their warp."""
    kind = (draws.uniform("kind") * 4).long()
    moves = draw_moves(draws, 1.0, preset.shuffle_windows, preset.shuffle_pool)
    curves = draw_curves(draws, 1.0, preset.curve_inversion)
    return OneEach(
        kind,
        moves._replace(on=kind == 0),
        curves._replace(on=kind == 1),
        draw_boxes(draws, preset.inside, x, kind == 2),
        draw_boxes(draws, preset.outside, x, kind == 3),
    )


def done(x: Tensor, plan: OneEach, kind: int, rows: slice) -> Tensor:
    """Do to one sample what happens to it."""
    if kind == 0:
        return moved(x, plan.moves.of(rows))
    if kind == 1:
        return bent(x, plan.curves.of(rows))
    return painted(x, (plan.inside if kind == 2 else plan.outside).of(rows))


def all_done(x: Tensor, plan: OneEach) -> Tensor:
    """Do to each sample of a batch what happens to it."""
    return painted(painted(bent(moved(x, plan.moves), plan.curves), plan.inside), plan.outside)
