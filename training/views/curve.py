"""Other intensities, the same anatomy: a random monotone curve maps every voxel's value."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.pieces import checked, in_pieces, skipped, where

KNOTS = 1024  # of the Bezier curve
CELLS = 4096  # of the table in which the voxels look their values up


class Curves(NamedTuple):
    """The curve of each sample.

    points: (N, 4), abscissa and ordinate of the two inner control points. falling: (N,), whether
    bright becomes dark. on: (N,), which samples are mapped. ends: (N,) each, or None for 0 and 1.
    """

    points: Tensor
    falling: Tensor
    on: Tensor
    ends: tuple[Tensor, Tensor] | None = None

    def of(self, rows: slice) -> "Curves":
        """Return the curves of some samples."""
        ends = None if self.ends is None else (self.ends[0][rows], self.ends[1][rows])
        return Curves(self.points[rows], self.falling[rows], self.on[rows], ends)


def curve(
    x: Tensor,
    draws: Draws,
    *,
    share: float = 0.9,
    inversion: float = 0.5,
    ends: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the cubes with their intensities mapped by Bezier curves from (0, 0) to (1, 1).

    share: of the samples that are mapped; inversion: of those, how many by a falling curve, which
    takes at X(t) the value Y(1 - t).
    ends: (N,) each, the least and greatest value between which a sample's curve runs, instead of 0
    and 1 (`percentiles`); values beyond them become the value at the end.
    """
    curves = draw_curves(draws, share, inversion)._replace(ends=ends)
    return in_pieces(bent, checked(x, draws), curves)


def draw_curves(draws: Draws, share: float, inversion: float) -> Curves:
    """Draw the control points of each sample's curve, and which samples have one."""
    numbers = draws.uniform("curve", 6)
    return Curves(numbers[:, :4], numbers[:, 4] < inversion, numbers[:, 5] < share)


def bent(x: Tensor, curves: Curves) -> Tensor:
    """Map the values of each sample by its curve."""
    if skipped(x, curves.on):
        return x
    if curves.ends is None:
        return where(curves.on, looked_up(x, tables(curves)), x)
    low, high = (end.view(-1, 1, 1, 1, 1) for end in curves.ends)
    span = high - low
    inner = (x - low) / torch.where(span > 0, span, 1)
    y = torch.addcmul(low, looked_up(inner, tables(curves)), span)
    return where(curves.on, torch.where(span > 0, y, x), x)  # One value only: nothing to map.


def looked_up(x: Tensor, table: Tensor) -> Tensor:
    """Return the values of tables (N, CELLS + 1) at x, between two entries on a straight line."""
    steps = torch.zeros_like(table)  # Zero after the last entry, where there is no next.
    torch.sub(table[:, 1:], table[:, :-1], out=steps[:, :-1])
    place = (x * CELLS).clamp_(0, CELLS).flatten(1)
    cell = place.to(torch.int32).clamp_(0, CELLS)  # A voxel that is no number stays none.
    place.frac_()
    if len(x) > 1:
        rows = torch.arange(len(x), dtype=torch.int32, device=x.device)
        cell.add_(rows[:, None] * (CELLS + 1))
    cell = cell.view(-1)
    value, step = (part.view(-1).index_select(0, cell) for part in (table, steps))
    return value.addcmul_(step, place.view(-1)).view_as(x)


def tables(curves: Curves) -> Tensor:
    """Return each sample's curve at CELLS + 1 even abscissae, (N, CELLS + 1).

    The control points lie in the unit square, so X(t) and Y(t) rise, and the curve is a function.
    """
    first, second, last, even = bezier(curves.points.device)
    a, b, c, d = (curves.points[:, at, None] for at in range(4))
    x = (a * first + c * second + last).cummax(1).values  # Rounding must not make it fall.
    y = b * first + d * second + last
    y = torch.where(curves.falling[:, None], y.flip(1), y)
    # How many knots lie at or before each abscissa: counted, which is cheaper than searched.
    place = (x * CELLS).ceil_().long()
    after = torch.zeros(len(x), CELLS + 1, dtype=torch.int64, device=x.device)
    after.scatter_add_(1, place, torch.ones_like(place))
    after = after.cumsum(1).clamp_(1, KNOTS)
    left, right = x.gather(1, after - 1), x.gather(1, after)
    low, high = y.gather(1, after - 1), y.gather(1, after)
    gap = right - left
    weight = ((even - left) / torch.where(gap > 0, gap, 1)).clamp_(0, 1)
    return torch.lerp(low, high, weight).clamp_(0, 1)


@lru_cache(maxsize=8)
def bezier(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the weights of the inner points and of (1, 1) along t, and the even abscissae."""
    t = torch.linspace(0, 1, KNOTS + 1, dtype=torch.float64)
    weights = (3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    first, second, last = (weight.float().to(device) for weight in weights)
    return first, second, last, (torch.arange(CELLS + 1) / CELLS).to(device)


def percentiles(x: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Return two percentiles of each sample, (N,) each, on a straight line between two voxels.

    Near 0 and near 100 they are cheap: only the voxels beyond them are sorted.
    """
    flat = x.flatten(1)
    return percentile(flat, low), -percentile(-flat, 100 - high)


def percentile(flat: Tensor, percent: float) -> Tensor:
    """Return a percentile of each row."""
    place = percent / 100 * (flat.shape[1] - 1)
    beyond = min(int(place) + 2, flat.shape[1])
    least = flat.topk(beyond, largest=False, sorted=True).values
    return torch.lerp(least[:, int(place)], least[:, beyond - 1], place - int(place))
