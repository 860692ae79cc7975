"""Grad-CAM and activation maps of one image, as a model is run on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.gallery.views import View, number_of, telling, view_of
from genesis_hub.infer.networks import probabilities
from genesis_hub.infer.prepare import Ready
from genesis_hub.models import HubModel
from genesis_hub.show import activations, gradcam

Array = NDArray[Any]
OTHER = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}
PLANES = {
    code: name
    for codes, name in (("SI", "axial"), ("AP", "coronal"), ("LR", "sagittal"))
    for code in codes
}


@dataclass(frozen=True, eq=False)
class Seen:
    """What speaks for a class in one view of an image: `heat` has the view's sides.

    share: what a classifier gives the class there. answer: the classes of a segmenter there.
    """

    view: View
    heat: Array
    target: int
    layer: str
    share: float | None = None
    answer: Array | None = None

    @property
    def silent(self) -> str:
        """What must be said where nothing speaks for the class."""
        return "" if self.heat.any() else "nothing here speaks for it"

    @property
    def masks(self) -> dict[str, Array]:
        """The segmenter's answer, to be outlined; none of a classifier."""
        return {} if self.answer is None else {"prediction": self.answer}


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
    share, answer = answered(model, seen, found.targets[0], device)
    heat = seen.back(found.map[0].cpu())
    return Seen(seen, heat, found.targets[0], found.layer, share, answer)


def answered(
    model: HubModel, view: View, target: int, device: torch.device
) -> tuple[float | None, Array | None]:
    """Return the share that a classifier gives a class, or the classes that a segmenter sees."""
    several = model.answers.multilabel
    with torch.inference_mode():
        logits = model(view.x.to(device)).float().cpu()
    if logits.ndim == 2:
        return float(probabilities(logits, multilabel=several)[0, target]), None
    if several or logits.shape[1] == 1:
        labels = (logits[0, target] > 0) * max(1, target)
    else:
        labels = logits[0].argmax(0)
    return None, view.back(labels.float()).round().astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Channels:
    """A layer's channels (C, x, y) over a slice of an image (X, Y), upright.

    name: of the image's part. letters: the patient's sides at left, right, top and bottom.
    """

    grey: Array
    maps: Array
    layer: str
    name: str = "image"
    letters: tuple[str, ...] = ()


def channels_of(
    model: HubModel, ready: Ready, device: torch.device, *, layer: str | None = None
) -> Channels:
    """Return what a layer's channels answer in an image; of a volume, in one slice of it."""
    seen = view_of(model, ready)
    maps, name = activations(model, seen.x.to(device), layer=layer)
    held, grey = maps[0].float().cpu().numpy(), seen.grey
    if ready.image.ndim == 2:
        return Channels(grey, held, name)
    z = int(seen.place[-1]) if isinstance(seen.place[-1], int) else 0
    if grey.ndim == 3:
        # The slice across the last axis where the layer answers most; both are turned upright.
        sums = np.abs(held - held.mean((1, 2, 3), keepdims=True)).sum((0, 1, 2))
        at = int(sums.argmax())
        start = seen.pad[-1] if seen.pad else 0
        depth = seen.x.shape[-1]
        own = min(max(int((at + 0.5) * depth / held.shape[-1]) - start, 0), grey.shape[-1] - 1)
        held, grey = held[..., at], grey[..., own]
        place = seen.place[-1]
        z = own + ((place.start or 0) if isinstance(place, slice) else 0)
    codes, of = ready.frame, f"slice {number_of(ready, 2, z)} of {ready.sides[2]}"
    across, down = codes[1], codes[0]
    if down in "LR":  # The frame of volume networks; slices of 2D ones lie as pictures do.
        grey, held, across, down = grey.T, held.swapaxes(1, 2), codes[0], codes[1]
    if ready.image.affine is None:
        return Channels(grey, held, name, of)
    letters = (OTHER[across], across, OTHER[down], down)
    return Channels(grey, held, name, f"{PLANES[codes[2]]}, {of}", letters)
