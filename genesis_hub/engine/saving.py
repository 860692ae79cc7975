"""What a run keeps of itself: written as it goes, taken up when it goes on, left at its end."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from genesis_hub.atomic import sweep
from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import BEST, LAST, Standing
from genesis_hub.engine.fabric import Fabric


class Saver:
    """Writes checkpoints; one process does, the others wait."""

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimizer: Any,
        average: dict[str, Tensor] | None,
        fabric: Fabric,
    ) -> None:
        self.folder, self.model, self.optimizer = folder, model, optimizer
        self.average, self.fabric = average, fabric

    def __call__(self, standing: Standing) -> None:
        """Save all that the run needs to go on."""
        tensors: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.average is not None:
            tensors["average"] = self.average
        # A gradient scaler's state, for fp16; empty otherwise.
        tensors["precision"] = dict(self.fabric.strategy.precision.state_dict())
        self.write(LAST, standing, tensors)

    def best(self, standing: Standing, weights: dict[str, Tensor]) -> None:
        """Save the weights that validation liked best so far."""
        self.write(BEST, standing, {"model": weights})

    def write(self, name: str, standing: Standing, tensors: dict[str, Any]) -> None:
        """Write a checkpoint from one process."""
        if self.fabric.global_rank == 0:
            checkpoint.save(self.folder / name, standing, tensors)
        self.fabric.barrier()


def restore(
    folder: Path,
    model: nn.Module,
    optimizer: Any,
    average: dict[str, Tensor] | None,
    fabric: Fabric,
) -> Standing:
    """Take up the run where its folder stands; a new one stands at 0."""
    if fabric.global_rank == 0:
        sweep(folder)
    if not (folder / LAST).is_file():
        return Standing()
    standing, tensors = checkpoint.load(folder / LAST)
    model.load_state_dict(tensors["model"])
    optimizer.load_state_dict(tensors["optimizer"])
    fabric.strategy.precision.load_state_dict(tensors["precision"])
    if average is not None:
        for name, tensor in tensors["average"].items():
            average[name].copy_(tensor)
    return standing


def finish(folder: Path, model: nn.Module, standing: Standing) -> Standing:
    """Leave the model with the weights that are kept: the best seen, or the last."""
    if (folder / BEST).is_file():
        _, tensors = checkpoint.load(folder / BEST)
        model.load_state_dict(tensors["model"])
    return standing
