"""A model seen as one function of windows: resized, or tapped at a layer, where that is asked."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.errors import BadInput
from genesis_hub.infer.prepare import fitted
from genesis_hub.layers import find_layer

Network = Callable[[Tensor], Tensor]


def resized(network: Network, size: tuple[int, ...], *, dense: bool) -> Network:
    """Return a network that takes slices of any size at the size it was trained on.

    x: (N, C, X, Y) or, for volume models of slices, (N, C, X, Y, Z). dense: the answer comes back
    at the size of x.
    """

    def run(x: Tensor) -> Tensor:
        if tuple(x.shape[2:4]) == tuple(size[:2]):
            return network(x)
        answer = network(in_plane(x, size[:2]))
        return in_plane(answer.float(), tuple(x.shape[2:4])) if dense else answer

    return run


def in_plane(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return pictures, or all slices of volumes, at another size."""
    if x.ndim == 4:
        return fitted(x, size)
    slices = fitted(x.movedim(-1, 1).flatten(0, 1), size)
    return slices.view(x.shape[0], x.shape[-1], *slices.shape[1:]).movedim(1, -1)


class Tap:
    """A model stopped at one of its layers: (N, features), averaged over space."""

    def __init__(self, model: nn.Module, layer: str) -> None:
        self.model, self.layer = model, layer
        self.seen: Any = None
        find_layer(model, layer).register_forward_hook(self.keep)

    def keep(self, module: nn.Module, given: Any, answer: Any) -> None:
        """Remember what the layer gave."""
        self.seen = answer

    def __call__(self, x: Tensor) -> Tensor:
        self.seen = None
        self.model(x)
        seen = self.seen[-1] if isinstance(self.seen, list | tuple) else self.seen
        if not isinstance(seen, Tensor) or seen.ndim < 2 or seen.shape[0] != x.shape[0]:
            got = tuple(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
            raise BadInput(
                f"layer={self.layer!r} gives {got} for a batch of {x.shape[0]}: no feature map of "
                "it; choose a layer that each image passes once"
            )
        return pooled(seen)


def pooled(maps: Tensor) -> Tensor:
    """Average (N, C, ...) over space."""
    return maps.float().flatten(2).mean(-1) if maps.ndim > 2 else maps.float()


def probabilities(logits: Tensor, *, multilabel: bool) -> Tensor:
    """Turn logits (N, K, ...) into probabilities; a single one is that of the finding."""
    if multilabel or logits.shape[1] == 1:
        return torch.sigmoid(logits)
    return F.softmax(logits, dim=1)
