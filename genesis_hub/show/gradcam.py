"""Grad-CAM in 2D and 3D (Selvaraju et al. 2017), and what a layer's channels answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.errors import BadInput
from genesis_hub.layers import evaluating, find_layer, last_stage, one_map, watched, whole


@dataclass(frozen=True, eq=False)
class Heat:
    """Where a class is seen: `map` (N, X, Y[, Z]) at the size of the images, from 0 up.

    targets: the class of each image that was asked about. layer: where it was looked.
    """

    map: Tensor
    targets: tuple[int, ...]
    layer: str


def gradcam(
    model: nn.Module, x: Tensor, *, target: int | None = None, layer: str | None = None
) -> Heat:
    """Return what in each image speaks for a class, as Grad-CAM has it.

    x: (N, C, X, Y[, Z]), as the model takes it. The model gives logits: (N, K), or (N, K, X, ...)
    of a segmenter, whose logits of the class are summed over all places.
    target: the class's number; None: the one that each image is given (of a segmenter, the one
    with most places, the first class aside where there are several).
    layer: by name (`model.named_modules()`); None: the coarsest feature map, the encoder's where
    the model has one.

    Of a volume that a 2D encoder sees by slices, one at a time, the slices' maps count as one.
    Each channel of the layer weighs as its mean gradient; what is below 0 speaks against the class
    and is left out. The model is run in evaluation and left as it was, gradients among it.
    """
    with still(model):
        x = plain(x)
        name = layer or last_stage(model, x)
        maps, logits = with_gradient(model, x, name)
        if target is not None and not -1 < target < logits.shape[1]:
            raise BadInput(
                f"target={target}, but the model has {logits.shape[1]} classes: 0 to "
                f"{logits.shape[1] - 1}"
            )
        targets = likeliest(logits) if target is None else [target] * len(x)
        score = sum((logits[n, k].sum() for n, k in enumerate(targets)), logits.new_zeros(()))
        gradient = whole(torch.autograd.grad(score, maps), x)
        held = whole(maps, x).detach()
        space = tuple(range(2, held.ndim))
        heat = F.relu((gradient.mean(space, keepdim=True) * held).sum(1, keepdim=True))
        return Heat(resized(heat, x.shape[2:])[:, 0], tuple(targets), name)


def activations(model: nn.Module, x: Tensor, *, layer: str | None = None) -> tuple[Tensor, str]:
    """Return what a layer gives for images, (N, channels, ...) at its own size, and its name."""
    with still(model):
        x = plain(x)
        name = layer or last_stage(model, x)
        seen = Seen(name, x, gradient=False)
        with torch.no_grad(), watched({name: find_layer(model, name)}, seen):
            model(x)
        return whole(seen.checked(), x).detach(), name


def with_gradient(model: nn.Module, x: Tensor, layer: str) -> tuple[list[Tensor], Tensor]:
    """Return a layer's maps and the logits, which can be differentiated by the maps."""
    seen = Seen(layer, x, gradient=True)
    with watched({layer: find_layer(model, layer)}, seen):
        logits: Any = model(x)
    maps = seen.checked()
    if not isinstance(logits, Tensor) or logits.ndim not in (2, x.ndim) or len(logits) != len(x):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise BadInput(
            f"the model gives {got}, but logits (N, classes) or (N, classes, ...) are expected; "
            "load it for classification or segmentation"
        )
    if not logits.requires_grad:
        raise BadInput(f"layer={layer!r} does not lead to the answer; choose one that does")
    return maps, logits.float()


class Seen:
    """What a layer gave, kept as the beginning of a graph where a gradient is wanted.

    So gradients reach the map and no parameter, whether frozen or not.
    """

    def __init__(self, layer: str, x: Tensor, *, gradient: bool) -> None:
        self.layer, self.like, self.gradient = layer, x, gradient
        self.maps: list[Any] = []

    def __call__(self, name: str, answer: Any) -> Any:
        if not self.gradient or not isinstance(answer, Tensor):
            self.maps.append(answer)
            return None
        kept = answer.detach().requires_grad_()
        self.maps.append(kept)
        return kept.clone()  # A later layer may work in place, which a leaf forbids.

    def checked(self) -> list[Tensor]:
        """Return what makes up one map of the batch, or raise `BadInput` where nothing does."""
        x = self.like
        shapes = [tuple(one.shape) if isinstance(one, Tensor) else None for one in self.maps]
        if shapes and one_map(shapes, x):
            return self.maps
        got = shapes[0] if shapes else None
        said = f"ran {len(self.maps)} times" if len(self.maps) != 1 else f"gave {got}"
        raise BadInput(
            f"layer={self.layer!r} {said} for a batch {tuple(x.shape)}: no feature map of it; "
            "choose a layer that each image passes once and that keeps its axes"
        )


def likeliest(logits: Tensor) -> list[int]:
    """Return the class that each image is given; of a segmenter, that of most places."""
    if logits.ndim == 2:
        return [int(k) for k in logits.argmax(1)]
    if logits.shape[1] == 1:
        return [0] * len(logits)
    best = logits.argmax(1).flatten(1)
    counts = torch.stack([(best == k).sum(1) for k in range(1, logits.shape[1])], 1)
    return [int(k) + 1 for k in counts.argmax(1)]


def resized(heat: Tensor, sides: "torch.Size | tuple[int, ...]") -> Tensor:
    """Return maps at the size of the images, linearly."""
    mode = "bilinear" if heat.ndim == 4 else "trilinear"
    return F.interpolate(heat.float(), size=tuple(sides), mode=mode, align_corners=False)


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Hold a model in evaluation with gradients on, whatever stands around."""
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        yield


def plain(x: Tensor) -> Tensor:
    """Return a tensor that a graph may hold."""
    return x.detach().clone() if x.is_inference() else x.detach()
