"""Brightness, contrast, saturation and hue of pictures, changed one after the other in any order.

Each step is as torchvision has it for numbers in [0, 1]. A grey picture stays in one channel:
saturation and hue would leave three equal ones alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.pieces import by_sample, skipped

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
# What each colour weighs in grey. torchvision's (.2989, .587, .114) make .9999, so that a grey
# picture in three channels would lose by it; these are Pillow's.
LUMA = (0.299, 0.587, 0.114)


class Jitters(NamedTuple):
    """How the colours of each sample change.

    on: (N,). order: (N, 4), which step comes first, second and so on. amounts: (N, 4), by step:
    factors, and for the hue a share of the circle.
    """

    on: Tensor
    order: Tensor
    amounts: Tensor

    def of(self, rows: slice) -> "Jitters":
        """Return how the colours of some samples change."""
        return Jitters(self.on[rows], self.order[rows], self.amounts[rows])


def draw_jitters(
    draws: Draws, share: float, strengths: tuple[float, float, float, float]
) -> Jitters:
    """Draw for a share of the samples; strengths: how far each step goes to either side."""
    reach = torch.tensor(strengths, device=draws.keys.device)
    amounts = (2 * draws.uniform("jitter.amount", 4) - 1) * reach
    amounts[:, :HUE] += 1
    amounts[:, :HUE].clamp_min_(0)
    order = draws.uniform("jitter.order", 4).argsort(1)
    return Jitters(draws.chance("jitter", share), order, amounts)


def jittered(x: Tensor, plan: Jitters) -> Tensor:
    """Change the colours of each sample. x: (N, 1 or 3, H, W) in [0, 1]."""
    if skipped(x, plan.on):
        return x
    if by_sample(x) and len(x) == 1:
        amounts = plan.amounts[0].tolist()
        for step in plan.order[0].tolist():
            if x.shape[1] == 3 or step in (BRIGHTNESS, CONTRAST):
                x = STEPS[step](x, amounts[step])
        return x
    return all_jittered(x, plan)


def all_jittered(x: Tensor, plan: Jitters) -> Tensor:
    """Change the colours of all samples at once: each has its own step at every place."""
    for step, amount in zip(plan.order.T, plan.amounts.gather(1, plan.order).T, strict=True):
        step, amount = step.view(-1, 1, 1, 1), amount.view(-1, 1, 1, 1)
        on = plan.on.view(-1, 1, 1, 1)
        grey = luma(x)
        towards = grey.mean((1, 2, 3), keepdim=True) * (step == CONTRAST)
        steps = step <= CONTRAST
        if x.shape[1] == 3:
            towards, steps = torch.where(step == SATURATION, grey, towards), step != HUE
        factor = torch.where(on & steps, amount, 1.0)
        x = blended(x, towards, factor)
        if x.shape[1] == 3:
            x = torch.where(on & (step == HUE), hued(x, amount), x)
    return x


def brightened(x: Tensor, factor: float) -> Tensor:
    """Return pictures with every value multiplied."""
    return (x * factor).clamp_(0, 1)


def contrasted(x: Tensor, factor: float) -> Tensor:
    """Return pictures drawn to their mean grey, or away from it."""
    return blended(x, luma(x).mean((1, 2, 3), keepdim=True), factor)


def saturated(x: Tensor, factor: float) -> Tensor:
    """Return pictures drawn to their own grey, or away from it."""
    return blended(x, luma(x), factor)


def hued(x: Tensor, shift: float | Tensor) -> Tensor:
    """Return pictures (N, 3, H, W) with their hue moved along the circle by a share of it."""
    red, green, blue = x.unbind(1)
    most, least = x.amax(1), x.amin(1)
    span = most - least
    safe = torch.where(span > 0, span, 1.0)
    sixth = torch.where(
        most == red,
        (green - blue) / safe,
        torch.where(most == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    place = sixth[:, None] + 6 * shift
    from_channel = torch.tensor([5.0, 3.0, 1.0], device=x.device).view(1, 3, 1, 1)
    k = (from_channel + place).remainder(6)
    share = torch.minimum(k, 4 - k).clamp_(0, 1)
    return most[:, None] - span[:, None] * share


STEPS = (brightened, contrasted, saturated, hued)


def luma(x: Tensor) -> Tensor:
    """Return the grey of pictures: (N, 1, H, W)."""
    if x.shape[1] == 1:
        return x
    red, green, blue = LUMA
    return (red * x[:, :1]).add_(x[:, 1:2], alpha=green).add_(x[:, 2:], alpha=blue)


def blended(x: Tensor, towards: Tensor, factor: float | Tensor) -> Tensor:
    """Return what lies between two, 0 being the other and 1 the picture, or beyond."""
    return (x * factor + towards * (1 - factor)).clamp_(0, 1)
