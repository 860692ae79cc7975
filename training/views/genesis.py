"""The views of Models Genesis: a cube is mirrored, shuffled, mapped and painted over."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.views.curve import Curves, bent, draw_curves, percentiles
from training.views.draws import Draws
from training.views.flip import draw_flips, flipped
from training.views.paint import Boxes, draw_boxes, painted
from training.views.pieces import by_sample, checked, long_enough
from training.views.presets import PRESETS, Preset
from training.views.shuffle import LEAST_SIDE, Moves, draw_moves, moved


class Distortions(NamedTuple):
    """All that happens to the samples of a batch beyond their mirroring."""

    moves: Moves
    curves: Curves
    inside: Boxes
    outside: Boxes
    ends: tuple[float, float] | None

    def of(self, rows: slice) -> "Distortions":
        """Return what happens to some samples."""
        return Distortions(
            self.moves.of(rows),
            self.curves.of(rows),
            self.inside.of(rows),
            self.outside.of(rows),
            self.ends,
        )


def models_genesis(
    x: Tensor, draws: Draws, preset: Preset = PRESETS["mg"]
) -> tuple[Tensor, Tensor]:
    """Return what the network sees, and what it is to restore: the cube, mirrored alike.

    x: (N, C, X, Y, Z) float32 in [0, 1], never changed; the view is in [0, 1] too. A sample's view
    is a pure function of its cube and its key.
    """
    x = checked(x, draws)
    reach(x, preset)
    flips = draw_flips(draws, preset.flip_axes, preset.flip_chain, preset.flip_most)
    parts = x.shape[1] if preset.per_channel else 1
    plan = draw_distortions(draws.each(parts) if parts > 1 else draws, x, preset)
    if not by_sample(x):
        target = flipped(x, flips)
        return distorted(target.view(len(x) * parts, -1, *x.shape[2:]), plan).view_as(x), target
    view, target = torch.empty_like(x), torch.empty_like(x)
    for row in range(len(x)):  # All steps of one cube while it lies in a core's cache.
        one = slice(row, row + 1)
        target[one] = flipped(x[one], flips.of(one))
        for part in range(parts):
            channels = slice(None) if parts == 1 else slice(part, part + 1)
            at = row * parts + part
            view[one, channels] = distorted(target[one, channels], plan.of(slice(at, at + 1)))
    return view, target


def reach(x: Tensor, preset: Preset) -> None:
    """Raise where the cubes are too small for a step that the preset takes."""
    sides = x.shape[2:]
    if preset.shuffle_share:
        long_enough(sides, LEAST_SIDE, "local shuffling")
    if preset.inside_share:
        long_enough(sides, preset.inside.least_side(), str(preset.inside))
    if preset.outside_share:
        long_enough(sides, preset.outside.least_side(), str(preset.outside))


def draw_distortions(draws: Draws, x: Tensor, preset: Preset) -> Distortions:
    """Draw all that happens to cubes such as x."""
    gate = draws.uniform("paint")
    inside = gate < preset.inside_share
    outside = (gate >= preset.inside_share) & (gate < preset.inside_share + preset.outside_share)
    return Distortions(
        draw_moves(draws, preset.shuffle_share, preset.shuffle_windows, preset.shuffle_pool),
        draw_curves(draws, preset.curve_share, preset.curve_inversion),
        draw_boxes(draws, preset.inside, x, inside),
        draw_boxes(draws, preset.outside, x, outside),
        preset.curve_ends,
    )


def distorted(x: Tensor, plan: Distortions) -> Tensor:
    """Shuffle, map and paint each sample."""
    x = moved(x, plan.moves)
    curves = plan.curves
    if plan.ends is not None:
        curves = curves._replace(ends=percentiles(x, *plan.ends))
    return painted(painted(bent(x, curves), plan.inside), plan.outside)
