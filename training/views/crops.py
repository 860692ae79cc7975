"""Random crops of pictures, resized to one side without aliasing: a triangle filter of each."""

from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from training.views.draws import Draws
from training.views.pieces import by_sample

TRIES = 10  # Boxes drawn until one fits, as torchvision does.


class Crops(NamedTuple):
    """A box of whole pixels in each sample: (N, 4) int64 of top, left, height and width."""

    boxes: Tensor

    def of(self, rows: slice) -> "Crops":
        """Return the crops of some samples."""
        return Crops(self.boxes[rows])


def draw_crops(
    draws: Draws,
    aspect: Tensor,
    side: int,
    *,
    area: tuple[float, float],
    ratio: tuple[float, float],
    angle: Tensor | None = None,
) -> Crops:
    """Draw the boxes, in pixels of pictures that are held as squares of `side`.

    aspect: (N,), height over width of what each square holds, in its own pixels; `ratio` (width
    over height) is meant in them, too. Where none of the boxes drawn fits, as much is taken as
    the ratio allows. angle: (N,) degrees by which the picture is turned about
    the middle of the box first: what is turned in must lie in the picture, so a box that would
    reach beyond is moved, and made smaller where that is not enough.
    """
    tall, wide = draw_sides(draws, aspect, area, ratio)
    place = draws.uniform("crop.place", 2)
    if angle is None:
        height, width = (side * tall).round().clamp_min_(1), (side * wide).round().clamp_min_(1)
        top = (place[:, 0] * (side - height + 1)).floor()
        left = (place[:, 1] * (side - width + 1)).floor()
    else:
        cos, sin = turned(angle)
        # What a turned box takes up along each axis, as a share of the side.
        down, across = tall * cos + wide * sin / aspect, wide * cos + tall * sin * aspect
        fit = torch.maximum(down, across).clamp_min_(1)
        height = (side * tall / fit).floor().clamp_min_(1)
        width = (side * wide / fit).floor().clamp_min_(1)
        down, across = height * cos + width * sin / aspect, width * cos + height * sin * aspect
        top = (place[:, 0] * (side - down).clamp_min_(0) + (down - height) / 2).floor()
        left = (place[:, 1] * (side - across).clamp_min_(0) + (across - width) / 2).floor()
        top = torch.minimum(top, side - height).clamp_min_(0)
        left = torch.minimum(left, side - width).clamp_min_(0)
    return Crops(torch.stack([top, left, height, width], 1).long())


def draw_sides(
    draws: Draws, aspect: Tensor, area: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Draw height and width of each box, as shares of the picture's."""
    numbers = draws.uniform("crop", TRIES, 2)
    share = area[0] + numbers[..., 0] * (area[1] - area[0])
    low, high = log(ratio[0]), log(ratio[1])
    shape = (low + numbers[..., 1] * (high - low)).exp() * aspect[:, None]  # In held pixels.
    tall, wide = (share / shape).sqrt(), (share * shape).sqrt()
    fits = (tall <= 1) & (wide <= 1)
    first = fits.to(torch.int8).argmax(1, keepdim=True)  # The first of those that are greatest.
    tall, wide = tall.gather(1, first)[:, 0], wide.gather(1, first)[:, 0]
    none = ~fits.any(1)
    middle = (1 / (ratio[0] * aspect)).clamp_max(1), (ratio[1] * aspect).clamp_max(1)
    return torch.where(none, middle[0], tall), torch.where(none, middle[1], wide)


def turned(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of angles in degrees, without their signs."""
    radians = angle.deg2rad()
    return radians.cos().abs(), radians.sin().abs()


def resized(x: Tensor, crops: Crops, side: int) -> Tensor:
    """Return each sample's crop as (N, C, side, side).

    x: (N, C, S, S) float32. As torch's bilinear resizing with antialias: nothing beyond a box is
    seen, and what is made smaller is averaged over as much as a pixel covers.
    """
    if by_sample(x) and len(x) == 1:
        top, left, height, width = crops.boxes[0].tolist()
        part = x[:, :, top : top + height, left : left + width]
        return F.interpolate(part, size=(side, side), mode="bilinear", antialias=True)
    return filtered(x, crops, side)


def filtered(x: Tensor, crops: Crops, side: int) -> Tensor:
    """Resize all samples at once, as products with matrices of their own."""
    top, left, height, width = crops.boxes.to(torch.float32).unbind(1)
    down = filters(top, height, side, x.shape[2])[:, None]
    across = filters(left, width, side, x.shape[3])[:, None]
    return down @ x @ across.transpose(2, 3)


def filters(begin: Tensor, length: Tensor, side: int, whole: int) -> Tensor:
    """Return (N, side, whole): of which pixels of an axis each pixel of a crop is made."""
    begin, length = begin[:, None, None], length[:, None, None]
    scale = length / side
    middle = begin + scale * (torch.arange(side, device=begin.device)[:, None] + 0.5)
    place = torch.arange(whole, device=begin.device) + 0.5
    weight = 1 - (place - middle).abs_().div_(scale.clamp_min(1))
    weight.clamp_min_(0).mul_((place > begin) & (place < begin + length))
    return weight.div_(weight.sum(2, keepdim=True))
