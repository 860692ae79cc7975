"""Views of wholes and their parts, as Adam-v2 takes them: crops of a whole, or the whole itself.

A whole is a square that holds an anchor region of a picture. Its first phase learns from crops of
it, two large and eight small; its second from the whole, crops around its middle, and its quarters.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.views.crops import Crops
from training.views.draws import Draws
from training.views.planar import draw_changes, made
from training.views.presets import Pictures

PARTS = 4  # Two rows of two.
STEPS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # Between the areas of concentric crops.


@dataclass(frozen=True)
class Wholes:
    """The views of a whole.

    side, local_side: of large and of small views. locals: how many small ones. area, local_area:
    the shares of the whole that crops take. blurs: which of the first and the second large view and
    of the small ones are blurred. colours: brightness, contrast, saturation, hue, for jitter_share
    of the views. turn: degrees, in the first phase; part_turn: in the second, where no crop hides
    what is turned in. part_blur: which are blurred there. colour, mean, std: as of any picture.
    """

    side: int = 224
    local_side: int = 96
    locals: int = 8
    area: tuple[float, float] = (0.8, 1.0)
    local_area: tuple[float, float] = (0.05, 0.4)
    blurs: tuple[float, float, float] = (1.0, 0.1, 0.5)
    colours: tuple[float, float, float, float] = (0.4, 0.4, 0.2, 0.1)
    jitter_share: float = 0.8
    turn: float = 30.0
    part_turn: float = 10.0
    part_blur: float = 0.1
    margin: bool = True
    colour: bool = False
    mean: tuple[float, float, float] = Pictures.mean
    std: tuple[float, float, float] = Pictures.std

    def large(self, blur: float) -> Pictures:
        """Return how a large view is made."""
        brightness, contrast, saturation, hue = self.colours
        return Pictures(
            side=self.side, area=self.area, jitter_share=self.jitter_share, brightness=brightness,
            contrast=contrast, saturation=saturation, hue=hue, blur_share=blur, turn=self.turn,
            margin=self.margin, colour=self.colour, mean=self.mean, std=self.std,
        )  # fmt: skip

    def small(self) -> Pictures:
        """Return how a small view is made."""
        return replace(self.large(self.blurs[2]), side=self.local_side, area=self.local_area)

    def entire(self, side: int) -> Pictures:
        """Return how a view is made whose crop is given: nothing of it may be turned away."""
        return replace(self.large(self.part_blur), side=side, turn=self.part_turn, margin=False)


def crops_of_whole(x: Tensor, aspect: Tensor, draws: Draws, preset: Wholes) -> dict[str, Tensor]:
    """Return the views of the first phase.

    x: (N, C, S, S) uint8. "large": (2N, 3, side, side), all firsts, then all seconds; "small":
    (locals * N, 3, local_side, local_side), crop by crop.
    """
    large = [preset.large(blur) for blur in preset.blurs[:2]]
    views = made(x, aspect, draws, [*large, *[preset.small()] * preset.locals])
    return {"large": torch.cat(views[:2]), "small": torch.cat(views[2:])}


def wholes_and_parts(x: Tensor, aspect: Tensor, draws: Draws, preset: Wholes) -> dict[str, Tensor]:
    """Return the views of the second phase.

    "whole": (N, 3, side, side). "large": a crop around its middle, as large. "small": (locals * N),
    crops around its middle of ever larger areas, tall and wide in turn. "parts": (4N), its quarters
    along the rows, quarter by quarter.
    """
    count = 2 + preset.locals + PARTS
    each = draws.each(count)
    looks = [preset.entire(preset.side)] * 2
    looks += [preset.entire(preset.local_side)] * preset.locals + [
        preset.entire(preset.side)
    ] * PARTS
    plans = []
    for number, look in enumerate(looks):
        own = each.of(slice(number, None, count))
        plan = draw_changes(own, aspect, x.shape[2], look)
        plans.append(plan._replace(crops=crop_of(number, own, x.shape[2], preset)))
    views = made(x, aspect, draws, looks, plans)
    parts = 2 + preset.locals
    return {
        "whole": views[0],
        "large": views[1],
        "small": torch.cat(views[2:parts]),
        "parts": torch.cat(views[parts:]),
    }


def crop_of(number: int, draws: Draws, side: int, preset: Wholes) -> Crops:
    """Return which box of the held square the view of a number shows."""
    if number == 0:
        return boxes(draws, 0, 0, side, side)
    if number == 1:
        return middle(draws, side, preset.area, (3 / 4, 4 / 3))
    part = number - 2 - preset.locals
    if part < 0:
        ratio = (1.0, 3 / 2) if number % 2 else (2 / 3, 1.0)
        return middle(draws, side, band(number - 2, preset.locals), ratio)
    row, column = divmod(part, 2)
    half = side // 2
    return boxes(draws, row * half, column * half, side - half, side - half)


def band(number: int, count: int) -> tuple[float, float]:
    """Return the least and the greatest area of the small crop of a number: as published for 8."""
    if count == len(STEPS) - 1:
        return STEPS[number], STEPS[number + 1]
    step = (STEPS[-1] - STEPS[0]) / count
    return STEPS[0] + number * step, STEPS[0] + (number + 1) * step


def boxes(draws: Draws, top: int, left: int, height: int, width: int) -> Crops:
    """Return one box for all samples."""
    one = torch.tensor([top, left, height, width], device=draws.keys.device)
    return Crops(one.expand(len(draws), 4).contiguous())


def middle(draws: Draws, side: int, area: tuple[float, float], ratio: tuple[float, float]) -> Crops:
    """Draw boxes around the middle, of areas and of widths over heights between two numbers."""
    numbers = draws.uniform("concentric", 2)
    share = area[0] + numbers[:, 0] * (area[1] - area[0])
    shape = ratio[0] + numbers[:, 1] * (ratio[1] - ratio[0])
    shape = torch.minimum(
        torch.maximum(shape, share), 1 / share
    )  # Neither side is above the whole.
    height = (side * (share / shape).sqrt()).round().clamp_min(1)
    width = (side * (share * shape).sqrt()).round().clamp_min(1)
    top, left = ((side - height) / 2).floor(), ((side - width) / 2).floor()
    return Crops(torch.stack([top, left, height, width], 1).long())
