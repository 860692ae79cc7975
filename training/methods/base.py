"""The contract of a method: what to look at, what to ask, what is published in the end."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.models import HubModel
from training.examined import Examined
from training.views.draws import Draws

Batch = Mapping[str, Tensor]


class Method(nn.Module, ABC):
    """One way to learn from unlabelled images.

    network: what is learned, in the hub's own keys; what else a method needs to learn by (a
    teacher, a queue) stands beside it and is not published.
    hands_over: a run that begins with another of its kind takes all that there is from it, not the
    network alone.
    """

    hands_over = False

    def __init__(self, network: HubModel) -> None:
        super().__init__()
        self.network = network

    @abstractmethod
    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        """Return what a batch is turned into, on its device: inputs and targets."""

    @abstractmethod
    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses, "total" among them."""

    def forward(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        # Under this name the processes of a run find it to share gradients.
        return self.step(views)

    def after_step(self, progress: float) -> None:
        """Do what follows a step, such as a momentum teacher's; progress runs from 0 to 1."""

    def adopted(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what is taken of another run's state: all of it, unless parts came or went."""
        return given

    @abstractmethod
    def examine(self, views: dict[str, Tensor]) -> Examined:
        """Return the losses and what validation measures collapse by; nothing is learned."""

    def measured(self, seen: Sequence[Examined]) -> dict[str, float]:
        """Return what is measured of a whole validation, beside the means of its batches."""
        return {}

    def deliverable(self) -> HubModel:
        """Return what is published."""
        return self.network

    def groups(self) -> list[dict[str, Any]]:
        """Return what learns, and at which share of the rate."""
        return [{"params": list(self.parameters()), "share": 1.0}]


def full_precision(x: Tensor) -> torch.autocast:
    """Keep cosines and losses from being rounded to what the network computes in."""
    return torch.autocast(x.device.type, enabled=False)
