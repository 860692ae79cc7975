"""Validation or test images that are augmented, where a config asks for it, always alike."""

import zlib
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import torch

from genesis_hub.data.image import Array
from genesis_hub.infer.prepare import Ready
from genesis_hub.inputs import Inputs, as_tensor
from genesis_hub.tuning.augment import Augment, apply, draw, limits

Truth = TypeVar("Truth", Array, None)


@dataclass(frozen=True)
class Viewed:
    """How the images of a split are changed before anything looks at them.

    What is drawn follows from a case's name alone: each run, with weights or without, is measured
    on the same views.
    """

    augment: Augment
    inputs: Inputs

    def __call__(self, name: str, ready: Ready, truth: Truth) -> tuple[Ready, Truth]:
        """Return an image as it is drawn for its case, and its mask moved along.

        The image is then held as the network takes it.
        """
        ndim: Literal[2, 3] = 2 if ready.image.ndim == 2 else 3
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        drawn = draw(self.augment, 1, ndim, generator)
        image = ready.convert(as_tensor(ready.pixels)).float()[None]
        facts = self.inputs.facts
        ends = limits(self.inputs) if facts.scale or facts.clip is not None else None
        low, high = ends or (0.0, 1.0)
        label = None if truth is None else torch.from_numpy(truth.astype(np.int64))[None]
        image, moved = apply(
            image, drawn, label, low=low, high=high, fill="edge", clip=ends is not None
        )
        seen = replace(ready, pixels=image[0], convert=torch.Tensor.float)
        if truth is None or moved is None:
            return seen, truth
        return seen, moved[0].numpy().astype(truth.dtype)
