"""Painted cubes: noise inside some boxes (in-painting), or all around them (out-painting)."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws, Stream
from training.views.pieces import by_sample, checked, in_pieces, long_enough, skipped, where

Amount = Fraction | int
Places = list[list[list[int]]]  # of each box its start and its stop along each axis


@dataclass(frozen=True)
class Painting:
    """What is painted, and where.

    outside: whether all but the boxes is painted. boxes: least and most of them; each beyond the
    least comes by the chance `chain`, and none after the first that does not. sides: least and
    greatest of a box or, outside, of what it lacks to the cube's, as shares of these (Fraction,
    rounded down) or in voxels (int). margin: voxels between a box and the border of the cube.
    fill: uniform noise in [0, 1), drawn for each voxel, or one such number for all.
    """

    outside: bool = False
    boxes: tuple[int, int] = (0, 5)
    sides: tuple[Amount, Amount] = (Fraction(1, 6), Fraction(1, 3))
    chain: float = 0.95
    margin: int = 3
    fill: Literal["noise", "constant"] = "noise"

    def lengths(self, side: int) -> tuple[int, int]:
        """Return the least and the greatest length of a box along a side of the cube."""
        low, high = (int(side * a) if isinstance(a, Fraction) else a for a in self.sides)
        return (side - high, side - low) if self.outside else (low, high)

    def least_side(self) -> int:
        """Return the shortest side of a cube in which every box has a place."""
        return next(side for side in count(1) if self.fits(side))

    def fits(self, side: int) -> bool:
        """Say whether every box has a place along a side of the cube."""
        least, most = self.lengths(side)
        return least > 0 and most + 2 * self.margin <= side

    def __str__(self) -> str:
        return "out-painting" if self.outside else "in-painting"


INSIDE = Painting()
OUTSIDE = Painting(outside=True, boxes=(1, 5), sides=(Fraction(3, 7), Fraction(4, 7)))


class Boxes(NamedTuple):
    """The boxes of each sample.

    places: (N, B, 2, 3), start and stop along each axis; equal where there is no box. on: (N,),
    which samples are painted. paint: the numbers they are painted with.
    """

    places: Tensor
    on: Tensor
    paint: Stream
    painting: Painting

    def of(self, rows: slice) -> "Boxes":
        """Return the boxes of some samples."""
        return Boxes(self.places[rows], self.on[rows], self.paint.of(rows), self.painting)


def paint_in(
    x: Tensor, draws: Draws, *, share: float = 0.18, painting: Painting = INSIDE
) -> Tensor:
    """Return the cubes, a share of them with boxes of noise, the same in all channels."""
    return paint(x, draws, share, painting)


def paint_out(
    x: Tensor, draws: Draws, *, share: float = 0.72, painting: Painting = OUTSIDE
) -> Tensor:
    """Return the cubes, of a share of them only some boxes amid noise of each channel's own."""
    return paint(x, draws, share, painting)


def paint(x: Tensor, draws: Draws, share: float, painting: Painting) -> Tensor:
    """Return the cubes, a share of them painted."""
    x = checked(x, draws)
    long_enough(x.shape[2:], painting.least_side(), str(painting))
    on = draws.chance(str(painting), share)
    return in_pieces(painted, x, draw_boxes(draws, painting, x, on))


def draw_boxes(draws: Draws, painting: Painting, x: Tensor, on: Tensor) -> Boxes:
    """Draw the boxes of cubes such as x."""
    name, (least, most) = str(painting), painting.boxes
    further = draws.chance(f"{name}.chain", painting.chain, most).long()
    further[:, :least] = 1
    there = further.cumprod(1)[:, :, None]
    sides = torch.tensor(x.shape[2:], device=x.device)
    lengths = torch.tensor([painting.lengths(side) for side in x.shape[2:]], device=x.device)
    length = draws.integers(f"{name}.length", lengths[:, 0], lengths[:, 1], most, 3)
    room = sides - length - painting.margin
    start = draws.integers(f"{name}.start", painting.margin, room, most, 3)
    places = torch.stack((start, start + length * there), 2)
    return Boxes(places, on, draws.stream(f"{name}.paint"), painting)


def painted(x: Tensor, boxes: Boxes) -> Tensor:
    """Paint each sample inside or outside of its boxes."""
    if skipped(x, boxes.on):
        return x
    outside = boxes.painting.outside
    channels = x.shape[1] if outside else 1
    if boxes.painting.fill == "noise":
        fresh = boxes.paint.noise(channels, *x.shape[2:]).expand_as(x)
    else:
        fresh = boxes.paint.uniform(1, 1, 1, 1).expand_as(x)
    ground, filling = (fresh, x) if outside else (x, fresh)
    if by_sample(x) and len(x) == 1:
        return pasted(ground, filling, boxes.places[0].tolist())
    painted_at = inside(boxes.places, x)
    return where(boxes.on, torch.where(painted_at, filling, ground), x)


def pasted(ground: Tensor, filling: Tensor, places: Places) -> Tensor:
    """Copy boxes of one tensor onto another of one sample."""
    out = ground.clone(memory_format=torch.contiguous_format)
    for (x, y, z), (x_end, y_end, z_end) in places:
        box = (..., slice(x, x_end), slice(y, y_end), slice(z, z_end))
        out[box] = filling[box]
    return out


def inside(places: Tensor, x: Tensor) -> Tensor:
    """Return where in x the boxes of each sample are, (N, 1, X, Y, Z)."""
    along = []
    for axis, side in enumerate(x.shape[2:]):
        at = torch.arange(side, device=x.device)
        start, stop = places[:, :, 0, axis, None], places[:, :, 1, axis, None]
        along.append((at >= start) & (at < stop))
    found = torch.zeros_like(x[:, :1], dtype=torch.bool)
    for box in range(places.shape[1]):  # Never all at once: a mask is as large as a batch.
        i, j, k = (axis[:, box] for axis in along)
        found |= (i[:, :, None, None] & j[:, None, :, None] & k[:, None, None, :])[:, None]
    return found
