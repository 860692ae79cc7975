"""The input contract of a set of weights: from an image in its own units to what was trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Inputs:
    """What a model expects, as facts and as a callable.

    `inputs(image)` takes an array or tensor (C, X, Y[, Z]) or a batch (N, C, X, Y[, Z]) in
    `facts.unit` and gives float32 as the weights saw it.
    """

    facts: InputFacts
    channels: int

    @property
    def ndim(self) -> int:
        """Spatial axes: 2 or 3."""
        return len(self.facts.size)

    def __call__(self, image: "Tensor | NDArray[np.generic]") -> Tensor:
        x = as_tensor(image)
        self.check(x)
        x = x.to(torch.float32)
        facts = self.facts
        if facts.clip is not None:
            lo, hi = facts.clip
            x = x.clamp(lo, hi)
            if facts.scale:
                x = (x - lo) / (hi - lo)
        elif facts.scale:
            x = self.scale_each(x)
        if facts.mean:
            mean, std = (self.per_channel(v).to(x.device) for v in (facts.mean, facts.std))
            x = (x - mean) / std
        return x

    def spread(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """Return one constant per channel: as given, or their mean where the counts differ."""
        if len(values) == self.channels:
            return values
        return (sum(values) / len(values),) * self.channels

    def check(self, image: Tensor) -> None:
        """Raise `BadInput` unless an image can be meant for this model."""
        axes = "X, Y, Z" if self.ndim == 3 else "X, Y"
        if image.ndim not in (self.ndim + 1, self.ndim + 2):
            raise BadInput(
                f"the image is {tuple(image.shape)}, but (C, {axes}) or (N, C, {axes}) is expected"
            )
        channels = image.shape[-self.ndim - 1]
        if channels != self.channels:
            raise BadInput(
                f"the image has {channels} channels, but the model takes {self.channels}; "
                "repeat or pick channels, or build the model with in_channels="
            )
        if image.numel() == 0:
            raise BadInput(f"the image is {tuple(image.shape)}: there is nothing in it")
        if not bool(torch.isfinite(image).all()):
            raise BadInput("the image holds NaN or infinite values; replace them first")

    def scale_each(self, x: Tensor) -> Tensor:
        """Scale every image from its own least and greatest value to [0, 1]."""
        dims = tuple(range(x.ndim - self.ndim - 1, x.ndim))
        lo, hi = x.amin(dims, keepdim=True), x.amax(dims, keepdim=True)
        return (x - lo) / (hi - lo).clamp_min(torch.finfo(x.dtype).tiny)

    def per_channel(self, values: tuple[float, ...]) -> Tensor:
        """Return constants shaped to meet (C, X, Y[, Z])."""
        return torch.tensor(self.spread(values)).view(-1, *(1,) * self.ndim)


def as_tensor(image: object) -> Tensor:
    """Return an array or tensor of numbers as a tensor, whatever its byte order."""
    if isinstance(image, Tensor) and not image.is_complex():
        return image
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iufb":
        kind = getattr(image, "dtype", type(image).__name__)
        raise BadInput(f"the image is {kind}, but an array or a tensor of real numbers is expected")
    if isinstance(image, np.ma.MaskedArray):
        raise BadInput("the image is a masked array; fill what is masked: image.filled(value)")
    native = image.astype(image.dtype.newbyteorder("="), copy=False)
    return torch.as_tensor(np.ascontiguousarray(native))
