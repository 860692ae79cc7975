"""Activation maps of an encoder: how strongly each of its stages answers, over the image."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.gallery.views import View, view_of
from genesis_hub.infer.prepare import Ready
from genesis_hub.layers import stages
from genesis_hub.models import HubModel
from genesis_hub.show import activations
from genesis_hub.show.gradcam import resized

Array = NDArray[Any]


def stages_of(
    model: HubModel,
    ready: Ready,
    device: torch.device,
    *,
    layer: str | None = None,
    view: View | None = None,
) -> tuple[View, dict[str, Array]]:
    """Return what is seen of an image, and the strength of each stage there, from 0 to 1.

    layer: one alone, by name. view: the part of the image to be looked at.
    """
    seen = view or view_of(model, ready)
    x = seen.x.to(device)
    heats = {}
    for name in [layer] if layer else stages(model, x):
        maps, _ = activations(model, x, layer=name)
        sides = " x ".join(map(str, maps.shape[2:]))
        heats[f"{name.removeprefix('encoder.')}, {sides}"] = seen.back(strength(maps, x))
    return seen, heats


def strength(maps: Tensor, x: Tensor) -> Tensor:
    """Return how strongly channels (1, C, ...) answer over an input, from 0 to 1, at its size.

    The mean of their magnitudes: after a rectifier their mean, as SMART-Net's authors drew it;
    without one, what speaks for and against would cancel. They put it through a sigmoid, which
    flattens what is large; here its least is 0 and its greatest 1.
    """
    mean = maps.float().abs().mean(1, keepdim=True)
    low, high = mean.amin(), mean.amax()
    return resized((mean - low) / (high - low).clamp_min(1e-12), x.shape[2:])[0, 0].cpu()
