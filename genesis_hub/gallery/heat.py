"""Grad-CAM and activation maps of one image, as a model is run on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.gallery.views import View, telling, view_of
from genesis_hub.infer.prepare import Ready
from genesis_hub.models import HubModel
from genesis_hub.show import activations, gradcam

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Seen:
    """What speaks for a class in one view of an image: `heat` has the view's sides."""

    view: View
    heat: Array
    target: int
    layer: str

    @property
    def silent(self) -> str:
        """What must be said where nothing speaks for the class."""
        return "" if self.heat.any() else "nothing here speaks for it"


def heat_of(
    model: HubModel,
    ready: Ready,
    device: torch.device,
    *,
    target: int | None = None,
    layer: str | None = None,
    view: View | None = None,
) -> Seen:
    """Return Grad-CAM of an image, where the model sees it in parts in that which says most."""
    seen = view or view_of(model, ready, telling(model, ready, target, device))
    found = gradcam(model, seen.x.to(device), target=target, layer=layer)
    return Seen(seen, seen.back(found.map[0].cpu()), found.targets[0], found.layer)


def channels_of(
    model: HubModel, ready: Ready, device: torch.device, *, layer: str | None = None
) -> tuple[Array, Array, str]:
    """Return a slice of an image (X, Y), a layer's channels there (C, x, y), and its name."""
    seen = view_of(model, ready)
    maps, name = activations(model, seen.x.to(device), layer=layer)
    held, grey = maps[0].float().cpu().numpy(), seen.grey
    if grey.ndim == 3:
        # The slice across the last axis where the layer answers most; both are turned upright.
        sums = np.abs(held - held.mean((1, 2, 3), keepdims=True)).sum((0, 1, 2))
        at = int(sums.argmax())
        start = seen.pad[-1] if seen.pad else 0
        depth = seen.x.shape[-1]
        z = min(max(int((at + 0.5) * depth / held.shape[-1]) - start, 0), grey.shape[-1] - 1)
        held, grey = held[..., at].swapaxes(1, 2), grey[..., z].T
    return grey, held, name
