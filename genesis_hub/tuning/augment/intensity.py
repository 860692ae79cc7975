"""What is done to the values of one sample: sharpness, noise, tone, and a box painted over."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genesis_hub.tuning.augment.drawing import Draw


def is_toned(draw: Draw) -> bool:
    """Say whether the values of a sample change."""
    still = Draw()
    return any(draw.cutout) or any(
        getattr(draw, name) != getattr(still, name)
        for name in ("blur", "low_resolution", "noise", "gamma", "contrast", "brightness")
    )


def tone(
    x: Tensor, draw: Draw, *, low: Tensor, high: Tensor, spacing: Sequence[float], clip: bool
) -> Tensor:
    """Return the sample `x` (C, X, Y[, Z]) as a poorer or otherwise set scanner would show it.

    low, high: (C, 1, 1[, 1]), the ends of the range; what leaves it is brought back if `clip`.
    """
    span = high - low
    if draw.blur:
        x = blurred(x, draw.blur, spacing)
    if draw.low_resolution != 1:
        for axis, side in enumerate(x.shape[1:]):
            x = along(x, fewer(side, max(1, round(side * draw.low_resolution))), axis)
    if draw.noise:
        x = x + draw.noise * span * noise(x, draw.noise_seed)
    if draw.gamma != 1:
        share = (x - low) / span
        share = share.clamp(0, 1) if clip else share
        x = share.abs().pow(draw.gamma) * share.sign() * span + low
    if draw.contrast != 1:
        mean = mean_of(x)
        x = mean + draw.contrast * (x - mean)
    if draw.brightness:
        x = x + draw.brightness * span
    if any(draw.cutout):
        x = cut_out(x, draw)
    return x.clamp(low, high) if clip else x


def along(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Return `x` (C, X, Y[, Z]) with a matrix (after, before) applied along one spatial axis."""
    matrix = matrix.to(x.device, x.dtype)
    before, after = x.shape[: axis + 1], x.shape[axis + 2 :]
    if not after:
        return x @ matrix.T
    answer = matrix @ x.reshape(math.prod(before), x.shape[axis + 1], math.prod(after))
    return answer.view(*before, -1, *after)


def blurred(x: Tensor, sigma: float, spacing: Sequence[float]) -> Tensor:
    """Return `x` under a Gaussian, as wide in millimetres along every axis."""
    finest = min(spacing)
    for axis, (side, step) in enumerate(zip(x.shape[1:], spacing, strict=True)):
        width = max(sigma * finest / step, 1e-3)
        line = torch.arange(side, dtype=torch.float32)
        weights = torch.exp(-(((line - line[:, None]) / width) ** 2) / 2)
        x = along(x, weights / weights.sum(1, keepdim=True), axis)
    return x


def fewer(side: int, left: int) -> Tensor:
    """Return the matrix that averages a side to `left` samples and draws lines between them."""
    edges = torch.arange(side + 1, dtype=torch.float32) * left / side
    cell = torch.arange(left, dtype=torch.float32)[:, None]
    covered = (torch.minimum(edges[1:], cell + 1) - torch.maximum(edges[:-1], cell)).clamp(min=0)
    middle = ((edges[1:] + edges[:-1]) / 2 - 0.5).clamp(0, left - 1)
    drawn = (1 - (middle[:, None] - cell.T).abs()).clamp(min=0)
    return drawn @ (covered / covered.sum(1, keepdim=True))


def noise(x: Tensor, seed: int) -> Tensor:
    """Return Gaussian noise for `x`, the same on every device and in every channel.

    Weights that take colour see grey pictures three times over; grey has to stay grey.
    """
    seeded = torch.Generator().manual_seed(seed)
    return torch.randn(1, *x.shape[1:], generator=seeded).to(x.device, x.dtype)


def mean_of(x: Tensor) -> Tensor:
    """Return the mean of each channel, shaped to meet `x`."""
    return x.flatten(1).mean(1).view(-1, *(1,) * (x.ndim - 1))


def cut_out(x: Tensor, draw: Draw) -> Tensor:
    """Return `x` with a box painted over with the mean of its channel."""
    box: list[slice] = [slice(None)]
    for side, share, place in zip(x.shape[1:], draw.cutout, draw.cutout_place, strict=False):
        size = round(side * share)
        start = int(place * (side - size + 1))
        box.append(slice(start, start + size))
    painted = x.clone()
    painted[tuple(box)] = mean_of(x)
    return painted
