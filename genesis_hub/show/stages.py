"""Activation maps: how strongly each stage of an encoder answers, over the image."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.layers import find_layer, stages, watched, whole
from genesis_hub.show.gradcam import Seen, plain, resized, still


def activation_maps(
    model: nn.Module, x: Tensor, *, layers: Sequence[str] = ()
) -> dict[str, tuple[Tensor, tuple[int, ...]]]:
    """Return, by layer, the strength of its answer, (N, X, Y[, Z]) from 0 to 1, and its own sides.

    layers: by name (`model.named_modules()`); none: the last of each stage, the finest first.

    The strength is the mean of the channels' magnitudes: after a rectifier their mean, as
    SMART-Net's authors drew it; without one, what speaks for and against would cancel. They put it
    through a sigmoid, which flattens what is large; here an image's least is 0, its greatest 1.
    """
    with still(model), torch.no_grad(), ExitStack() as hooks:
        x = plain(x)
        seen = {name: Strength(name, x) for name in layers or stages(model, x)}
        for name, one in seen.items():
            hooks.enter_context(watched({name: find_layer(model, name)}, one))
        model(x)
        found = {}
        for name, one in seen.items():
            mean = whole(one.checked(), x)
            space = tuple(range(1, mean.ndim))
            low, high = mean.amin(space, keepdim=True), mean.amax(space, keepdim=True)
            share = (mean - low) / (high - low).clamp_min(1e-12)
            found[name] = resized(share, x.shape[2:])[:, 0], tuple(mean.shape[2:])
        return found


class Strength(Seen):
    """What a layer gave, its channels' mean magnitude alone: of a volume's slices all fit so."""

    def __init__(self, layer: str, x: Tensor) -> None:
        super().__init__(layer, x, gradient=False)

    def __call__(self, name: str, answer: Any) -> None:
        map_like = isinstance(answer, Tensor) and answer.ndim > 3
        self.maps.append(answer.float().abs().mean(1, keepdim=True) if map_like else answer)
