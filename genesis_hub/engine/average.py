"""A moving average of the weights: what is validated and kept, where one is kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def averaged(model: nn.Module) -> dict[str, Tensor]:
    """Return the start of a moving average of the weights."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def move(average: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the weights; slower as the run goes on."""
    keep = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                average[name].lerp_(tensor, 1 - keep)
            else:
                average[name].copy_(tensor)


@contextmanager
def lent(model: nn.Module, weights: Mapping[str, Tensor] | None) -> Iterator[None]:
    """Lend a model other weights for a while."""
    if weights is None:
        yield
        return
    own = averaged(model)
    model.load_state_dict(weights)
    try:
        yield
    finally:
        model.load_state_dict(own)
