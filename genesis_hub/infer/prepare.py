"""From an image as it was read to what a model takes, and the way back for its answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genesis_hub.data.image import Array, Image
from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs

View = str  # "windows" or "whole"
VIEWS = ("windows", "whole")
EIGHT_BIT = (0.0, 255.0)


@dataclass(frozen=True, eq=False)
class Ready:
    """An image as a model takes it.

    pixels: (C, X, Y[, Z]) in the model's frame and spacing, in the image's own numbers; `convert`
    turns any window of them into what the network takes.
    sides: of the image in the model's frame, before resampling.
    """

    image: Image
    pixels: Array | Tensor
    convert: Callable[[Tensor], Tensor]
    sides: tuple[int, ...]
    frame: str

    @property
    def resampled(self) -> bool:
        """Whether the pixels lie on another grid than the image's."""
        return tuple(self.pixels.shape[1:]) != self.sides

    def back(self, answer: Array) -> Array:
        """Return an answer (K, X, Y[, Z]) in the model's frame in the image's own axes."""
        return self.image.unframed(answer, self.frame) if self.image.ndim == 3 else answer


def prepare(image: Image, inputs: Inputs, *, check: bool = True) -> Ready:
    """Read an image's values, turn them into the model's frame, and check them.

    A picture's black and white are those of its file where the weights saw 8 bits; a volume is
    resampled where the weights saw one spacing, an array without any as if a voxel were 1 mm.
    """
    if image.ndim == 2 and inputs.ndim == 3:
        raise BadInput(
            f"{image.path} is a picture {image.shape}, but the model takes volumes (C, X, Y, Z); "
            "give the whole series or volume, or a 2D model"
        )
    frame = inputs.frame
    inputs = for_grey(inputs, image)
    pixels: Array | Tensor = image.framed(frame) if image.ndim == 3 else image.array
    spacing = image.framed_spacing(frame)
    facts = inputs if inputs.ndim == image.ndim else as_volume(inputs)
    if not check:
        facts.check_kind(pixels)
    else:
        # Resampling is done below, so another spacing than the weights' is no mistake here.
        plain = replace(facts, facts=replace(facts.facts, spacing=()))
        plain.check(pixels, spacing=spacing)
    sides = tuple(int(side) for side in pixels.shape[1:])
    convert: Callable[[Tensor], Tensor] = Converter(inputs)
    if inputs.facts.clip is None and inputs.facts.scale:
        # Scaled from its own least and greatest value: that of the image, not of a window.
        pixels, convert = facts(pixels, check=False), torch.Tensor.float
    if inputs.facts.spacing and image.ndim == 3:
        pixels = resampled(pixels, spacing or (1.0, 1.0, 1.0), inputs.facts.spacing)
    return Ready(image, pixels, convert, sides, frame)


@dataclass(frozen=True)
class Converter:
    """The input contract on windows of an image that was checked whole."""

    inputs: Inputs

    def __call__(self, windows: Tensor) -> Tensor:
        return self.inputs(windows, patch=True, check=False)


def as_volume(inputs: Inputs) -> Inputs:
    """Return a 2D model's contract for a volume that it sees slice by slice."""
    facts = inputs.facts
    return replace(
        inputs,
        facts=replace(facts, size=(*facts.size, 1), multiple=(*facts.multiple, 1), spacing=()),
    )


def for_grey(inputs: Inputs, image: Image) -> Inputs:
    """Return the contract with what a picture calls black and white, where weights saw 8 bits."""
    if image.ndim == 3 or inputs.facts.clip != EIGHT_BIT or image.grey in (None, EIGHT_BIT):
        return inputs
    return replace(inputs, facts=replace(inputs.facts, clip=image.grey))


def resampled(
    pixels: Array | Tensor, have: tuple[float, ...], want: tuple[float, ...]
) -> Array | Tensor:
    """Return a volume at another spacing, linearly; unchanged where it has that spacing."""
    sides = [
        max(1, round(side * h / w)) for side, h, w in zip(pixels.shape[1:], have, want, strict=True)
    ]
    if tuple(sides) == tuple(pixels.shape[1:]):
        return pixels
    if not isinstance(pixels, Tensor):
        pixels = torch.from_numpy(np.array(pixels, dtype=np.float32, order="C"))
    return regridded(pixels.float(), sides)


def regridded(x: Tensor, sides: "list[int] | tuple[int, ...]") -> Tensor:
    """Return (K, X, Y[, Z]) with other sides, linearly; pictures without aliasing."""
    if x.ndim == 3:
        return F.interpolate(
            x[None], size=tuple(sides), mode="bilinear", antialias=True, align_corners=False
        )[0]
    return F.interpolate(x[None], size=tuple(sides), mode="trilinear", align_corners=False)[0]


def fitted(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return pictures (N, C, X, Y) at the size the weights saw."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
