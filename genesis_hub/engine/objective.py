"""What a training loop asks of whatever is learned."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]


class Objective(Protocol):
    """Something to learn: what to look at, what to minimise, how good it is.

    model: the network whose parameters and buffers a checkpoint holds.
    better: "higher" or "lower", for the measure that `validate` calls `monitor`.
    """

    monitor: str
    better: str

    @property
    def model(self) -> nn.Module: ...

    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of a batch on the device, "total" among them.

        draw: the random numbers of this step; nothing else may be drawn from.
        """
        ...

    def after_step(self, progress: float) -> None:
        """Do what follows a step, such as a momentum teacher's; progress runs from 0 to 1."""
        ...

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups, each with its share of the learning rate under `share`."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """Set what is trained in an epoch: a pure function of its number."""
        ...

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Return measures of the model as it is now, `monitor` among them; empty for none."""
        ...

    def complaint(self, measures: list[dict[str, float]]) -> str:
        """Return what is hopelessly wrong with a run by its validations so far, and the remedy."""
        ...


class Items(Protocol):
    """What is learned from: each item a pure function of its index and a seed."""

    def __len__(self) -> int: ...

    def item(self, index: int, seed: int) -> Batch:
        """Return one item; random choices are drawn from the seed alone."""
        ...
