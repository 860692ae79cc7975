"""Gradient checkpointing of one stage: less memory for a second forward in the backward."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def run(stage: Callable[..., Tensor], *inputs: Tensor | None, lightly: bool) -> Tensor:
    """Run a stage; lightly: keep only its inputs and compute the rest again in the backward."""
    if lightly and torch.is_grad_enabled():
        again: Tensor = checkpoint(stage, *inputs, use_reentrant=False)
        return again
    once: Tensor = stage(*inputs)
    return once
