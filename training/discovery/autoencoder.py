"""The auto-encoder whose bottleneck says which patients are alike: without skips, unless asked.

As released, the network had skips: what goes across them need not pass the bottleneck, so that the
features may know little of the patient. `faithful` keeps them.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from genesis_hub.engine.objective import Batch, Items
from genesis_hub.evaluate.rank import effective_rank
from genesis_hub.networks.genesis import (
    CHANNELS,
    GenesisDecoder,
    GenesisEncoder,
    Style,
    Unit,
    glorot,
)  # fmt: skip
from genesis_hub.networks.norm import Norm
from genesis_hub.networks.shapes import scaled
from training.discovery.neighbours import nearest

AT_ONCE = 4  # Whole volumes that are looked at together where nothing is learned.
SHIFT = (2, 2, 1)  # Voxels by which a scan is moved to see whether it is found again.
NOISE = 0.02


class SkiplessDecoder(nn.Module):
    """The expanding path without skips: all it knows came through the bottleneck."""

    def __init__(self, *, norm: Norm = "running", width: float = 1.0) -> None:
        super().__init__()
        style = Style(norm)
        stages, below = [], scaled(CHANNELS[-1][1], width)
        for _, channels in reversed(CHANNELS[:-1]):
            channels = scaled(channels, width)
            stages.append(
                nn.Sequential(
                    nn.Upsample(scale_factor=2, mode="nearest"),
                    Unit(below, channels, style),
                    Unit(channels, channels, style),
                )
            )
            below = channels
        self.stages, self.channels = nn.Sequential(*stages), below

    def forward(self, maps: list[Tensor]) -> Tensor:
        made: Tensor = self.stages(maps[-1])
        return made


class AutoEncoder(nn.Module):
    """Volumes (N, 1, X, Y, Z) to logits of themselves; `embed` gives the features (N, 512 x width).

    skips: as published: the U-Net of the Keras release, its constants and its initialisation.
    """

    def __init__(self, *, width: float = 1.0, skips: bool = False) -> None:
        super().__init__()
        self.encoder = GenesisEncoder(1, width=width, keras=skips)
        self.decoder: nn.Module
        if skips:
            decoder = GenesisDecoder(width=width, keras=True, upsample="nearest")
            self.decoder, channels = decoder, decoder.channels
        else:
            skipless = SkiplessDecoder(width=width)
            self.decoder, channels = skipless, skipless.channels
        self.last = nn.Conv3d(channels, 1, kernel_size=1)
        if skips:
            self.last.apply(glorot)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.decoder(self.encoder(x)))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return what the bottleneck holds: the mean of each channel."""
        return self.encoder.embed(self.encoder(x))


class Reconstruction:
    """What the loop minimises: the squared error of a volume that was made from its bottleneck.

    Validation says more: what answering with the mean volume would cost, and how many scans are
    found again, when moved by two voxels and made noisy, as the nearest of all.
    """

    monitor = "mse"
    better = "lower"

    def __init__(
        self,
        network: AutoEncoder,
        train: Items,
        validation: Items | None,
        *,
        device: torch.device,
        autocast: Any = nullcontext,
        most: int = 64,
    ) -> None:
        self.network, self.device, self.autocast = network, device, autocast
        looked_at: Items = train if validation is None else validation
        many = min(most, len(looked_at))
        self.items = looked_at
        self.places = [at * len(looked_at) // many for at in range(many)]
        self.mean = mean_of(train, most)

    @property
    def model(self) -> nn.Module:
        """What is learned."""
        return self.network

    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        """Return the error of a batch."""
        return {"total": F.mse_loss(model(batch["image"]).float().sigmoid(), batch["image"])}

    def groups(self) -> list[dict[str, Any]]:
        """Return what learns."""
        return [{"params": list(self.network.parameters())}]

    def begin_epoch(self, epoch: int) -> None:
        """Do nothing: all is trained from the first epoch."""

    def after_step(self, progress: float) -> None:
        """Do nothing."""

    def complaint(self, measures: list[dict[str, float]]) -> str:
        """Return nothing: a run that learns slowly is told by its measures."""
        return ""

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Return the error, what the mean would cost, and how well scans are told apart."""
        error, mean = 0.0, 0.0
        plain: list[NDArray[np.float32]] = []
        moved: list[NDArray[np.float32]] = []
        draw = torch.Generator().manual_seed(0)
        for x in self.batches():
            with self.autocast():
                answer = self.network(x)
            error += float(F.mse_loss(answer.float().sigmoid(), x)) * len(x)
            mean += float(F.mse_loss(self.mean.to(x).expand_as(x), x)) * len(x)
            noise = NOISE * torch.randn(x.shape, generator=draw).to(x)
            for held, seen in ((plain, x), (moved, x.roll(SHIFT, (2, 3, 4)) + noise)):
                with self.autocast():
                    held.append(self.network.embed(seen).float().cpu().numpy())
        features = np.concatenate(plain)
        found = nearest(features, np.concatenate(moved), 1)[0][:, 0]
        measures = {
            "mse": error / len(features),
            "mean_would_cost": mean / len(features),
            "found_again": float((found == np.arange(len(features))).mean()),
            "looked_at": float(len(features)),
        }
        if len(features) > 1:
            measures["effective_rank"] = effective_rank(features)
        return measures

    def batches(self) -> Iterator[Tensor]:
        """Give the volumes that are validated on."""
        for at in range(0, len(self.places), AT_ONCE):
            some = self.places[at : at + AT_ONCE]
            yield torch.stack([self.items.item(one, 0)["image"] for one in some]).to(self.device)


def mean_of(items: Items, most: int) -> Tensor:
    """Return the mean volume of some items."""
    many = min(most, len(items))
    total = torch.zeros_like(items.item(0, 0)["image"])
    for at in range(many):
        total += items.item(at * len(items) // many, 0)["image"]
    return total / many


@torch.no_grad()
def embedded(
    network: AutoEncoder, items: Items, places: range, device: torch.device
) -> NDArray[Any]:
    """Return the features of some items, float32 (N, 512 x width); the network is in eval mode."""
    found = []
    for at in range(0, len(places), AT_ONCE):
        x = torch.stack([items.item(one, 0)["image"] for one in places[at : at + AT_ONCE]])
        found.append(network.embed(x.to(device)).float().cpu().numpy())
    return np.concatenate(found)
