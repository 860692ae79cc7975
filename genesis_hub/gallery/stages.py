"""Activation maps of one image, as a model is run on it."""

from typing import Any

import torch
from numpy.typing import NDArray

from genesis_hub.gallery.views import View, view_of
from genesis_hub.infer.prepare import Ready
from genesis_hub.models import HubModel
from genesis_hub.show import activation_maps

Array = NDArray[Any]


def stages_of(
    model: HubModel,
    ready: Ready,
    device: torch.device,
    *,
    layer: str | None = None,
    view: View | None = None,
) -> tuple[View, dict[str, Array]]:
    """Return what is seen of an image, and how strongly each stage answers there, from 0 to 1.

    layer: one alone, by name. view: the part of the image to be looked at; None: the middle.
    """
    seen = view or view_of(model, ready)
    maps = activation_maps(model, seen.x.to(device), layers=(layer,) if layer else ())
    heats = {}
    for name, (strength, sides) in maps.items():
        title = f"{name.removeprefix('encoder.')}, {' x '.join(map(str, sides))}"
        heats[title] = seen.back(strength[0].cpu())
    return seen, heats
