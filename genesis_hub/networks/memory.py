"""Gradient checkpointing of one stage: less memory for a second forward in the backward."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

Contexts = tuple[AbstractContextManager[None], AbstractContextManager[None]]


def run(stage: Callable[..., Tensor], *inputs: Tensor | None, lightly: bool) -> Tensor:
    """Run a stage; lightly: keep only its inputs and compute the rest again in the backward."""
    if lightly and torch.is_grad_enabled():
        norms = norms_of(stage)

        def contexts() -> Contexts:
            return nullcontext(), unmoved(norms)

        again: Tensor = checkpoint(stage, *inputs, use_reentrant=False, context_fn=contexts)
        return again
    once: Tensor = stage(*inputs)
    return once


def norms_of(stage: Callable[..., Tensor]) -> list[_BatchNorm]:
    """Return the batch norms of a stage: a module, a method of one, or a call with some bound."""
    owners = [stage, getattr(stage, "__self__", None), *getattr(stage, "args", ())]
    modules = [owner for owner in owners if isinstance(owner, nn.Module)]
    return [part for one in modules for part in one.modules() if isinstance(part, _BatchNorm)]


@contextmanager
def unmoved(norms: list[_BatchNorm]) -> Iterator[None]:
    """Leave running statistics as they are: the second forward must not count a batch twice.

    Copies are lent, not copied back: the backward looks whether what it kept has been written to.
    """
    held = [dict(norm._buffers) for norm in norms]
    for norm, buffers in zip(norms, held, strict=True):
        for name, buffer in buffers.items():
            norm._buffers[name] = None if buffer is None else buffer.clone()
    try:
        yield
    finally:
        for norm, buffers in zip(norms, held, strict=True):
            norm._buffers.update(buffers)
