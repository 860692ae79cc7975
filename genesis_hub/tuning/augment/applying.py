"""A drawn augmentation applied to a batch: deterministic, on whatever device the batch is on."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from genesis_hub.data.cases.splits import is_number
from genesis_hub.errors import BadInput
from genesis_hub.tuning.augment.drawing import Draws
from genesis_hub.tuning.augment.geometry import is_moved, move, stays_in_plane, turned
from genesis_hub.tuning.augment.intensity import is_toned, tone

Value = float | Sequence[float]
IMAGES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
LABELS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)


def apply(
    batch: Tensor,
    draws: Draws,
    labels: Tensor | None = None,
    *,
    low: Value,
    high: Value,
    fill: Value | Literal["edge"],
    label_fill: int = 0,
    spacing: Sequence[float] | None = None,
    clip: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Return the images and labels as drawn, as new tensors; one sample never sees another.

    batch: (N, C, X, Y[, Z]) as the model takes it; a sample with nothing drawn stays bit by bit.
    labels: (N, X, Y[, Z]) whole numbers, moved along by the nearest; never mixed.
    low, high: ends of the range the images are in (`limits(inputs)`), alone or per channel.
    fill: what lies outside the image, alone or per channel; "edge" goes on with its outermost
    values, and with the labels there. label_fill: the label outside.
    spacing: distance of neighbours along each axis, so that turns are true where they differ.
    clip: False lets values leave [low, high], for weights whose contract has no ends.
    """
    ndim = check_batch(batch, draws, labels)
    steps = check_spacing(spacing, ndim)
    check_ends(low, high, batch.shape[1])
    if labels is not None:
        check_label(label_fill, labels.dtype)
    work = torch.float64 if batch.dtype == torch.float64 else torch.float32
    # Autocast would turn the small matrices into half precision.
    with torch.no_grad(), torch.autocast(batch.device.type, enabled=False):
        x = batch.to(work, copy=True, memory_format=torch.contiguous_format)
        y = None if labels is None else labels.clone(memory_format=torch.contiguous_format)
        ends = per_channel("low", low, x), per_channel("high", high, x)
        outside = None if fill == "edge" else per_channel("fill", fill, x)
        turn_all(x, y, draws, steps)
        move_all(x, y, draws, steps, outside, label_fill, ends if clip else None)
        for i, draw in enumerate(draws.samples):
            if is_toned(draw):
                x[i] = tone(x[i], draw, low=ends[0][0], high=ends[1][0], spacing=steps, clip=clip)
        return x.to(batch.dtype), y


def turn_all(x: Tensor, y: Tensor | None, draws: Draws, spacing: Sequence[float]) -> None:
    """Flip and turn images and labels where they stand."""
    square = x.shape[2] == x.shape[3] and math.isclose(spacing[0], spacing[1], rel_tol=1e-3)
    for i, draw in enumerate(draws.samples):
        if draw.flips or draw.turns:
            x[i] = turned(x[i].clone(), draw, draws.ndim, square)
            if y is not None:
                y[i] = turned(y[i].clone(), draw, draws.ndim, square)


def move_all(
    x: Tensor,
    y: Tensor | None,
    draws: Draws,
    spacing: Sequence[float],
    fill: Tensor | None,
    label_fill: int,
    ends: tuple[Tensor, Tensor] | None,
) -> None:
    """Resample images and labels where they stand: once those in the plane, once the others."""
    moved = [i for i, draw in enumerate(draws.samples) if is_moved(draw)]
    for planar in (True, False):
        rows = [i for i in moved if stays_in_plane(draws.samples[i], draws.ndim) is planar]
        if not rows:
            continue
        images, maps = move(
            x[rows],
            None if y is None else y[rows],
            [draws.samples[i] for i in rows],
            fill=fill,
            label_fill=label_fill,
            spacing=spacing,
        )
        # Weights that should sum to one may be off by a last bit.
        x[rows] = images if ends is None else images.clamp(*ends)
        if y is not None and maps is not None:
            y[rows] = maps


def check_batch(batch: Tensor, draws: Draws, labels: Tensor | None) -> Literal[2, 3]:
    """Return the number of spatial axes, or raise `BadInput` unless all belongs together."""
    if batch.dtype not in IMAGES:
        raise BadInput(f"the batch is {batch.dtype}, but floats are expected: batch.float()")
    if batch.ndim not in (4, 5) or batch.ndim - 2 != draws.ndim or 0 in batch.shape[1:]:
        axes = "N, C, X, Y" if draws.ndim == 2 else "N, C, X, Y, Z"
        raise BadInput(f"the batch is {tuple(batch.shape)}, but the draws are for ({axes})")
    if len(batch) != len(draws):
        raise BadInput(f"the batch has {len(batch)} samples, but {len(draws)} were drawn for")
    if labels is not None:
        want = (len(batch), *batch.shape[2:])
        if tuple(labels.shape) != want:
            raise BadInput(f"labels are {tuple(labels.shape)}, but {want} is expected")
        if labels.dtype not in LABELS:
            raise BadInput(
                f"labels are {labels.dtype}, but whole numbers are expected: labels.long()"
            )
        if labels.device != batch.device:
            raise BadInput(f"labels are on {labels.device}, but the batch is on {batch.device}")
    return 2 if draws.ndim == 2 else 3


def check_label(label: object, dtype: torch.dtype) -> None:
    """Raise `BadInput` unless a label is a whole number that fits the label maps."""
    least, most = (
        (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    )
    whole = isinstance(label, int) and not isinstance(label, bool)
    if not whole or not least <= label <= most:  # type: ignore[operator]
        raise BadInput(
            f"label_fill={label!r}, but labels are {dtype}: a whole number from {least} to {most} "
            "is expected"
        )


def check_spacing(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    """Return one distance per axis, or raise `BadInput`; None stands for equal ones."""
    steps = (1.0,) * ndim if spacing is None else tuple(spacing)
    if len(steps) != ndim or not all(is_number(step) and step > 0 for step in steps):
        raise BadInput(f"spacing={spacing!r}, but {ndim} numbers above 0 are expected, or None")
    return steps


def check_ends(low: object, high: object, channels: int) -> None:
    """Raise `BadInput` unless every channel has a range."""
    pairs = zip(numbers_of("low", low, channels), numbers_of("high", high, channels), strict=True)
    if not all(least < most for least, most in pairs):
        raise BadInput(f"low={low!r} and high={high!r}, but low below high is expected")


def per_channel(name: str, value: object, x: Tensor) -> Tensor:
    """Return a setting as (1, C, 1, 1[, 1]) on the batch's device, or raise `BadInput`."""
    return torch.tensor(numbers_of(name, value, x.shape[1]), dtype=x.dtype, device=x.device).view(
        1, -1, *(1,) * (x.ndim - 2)
    )


def numbers_of(name: str, value: object, channels: int) -> list[float]:
    """Return a setting as one number per channel, or raise `BadInput`."""
    listed: list[Any] = list(value) if isinstance(value, list | tuple) else [value] * channels
    if len(listed) == channels and all(is_number(number) for number in listed):
        return [float(number) for number in listed]
    also = ", or 'edge'" if name == "fill" else ""
    raise BadInput(
        f"{name}={value!r}, but a number, or {channels} of them, one per channel, is expected{also}"
    )
