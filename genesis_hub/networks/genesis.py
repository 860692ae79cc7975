"""The Genesis U-Net and Y-Net, in their PyTorch and Keras forms."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.networks.folding import folded, folds
from genesis_hub.networks.memory import run
from genesis_hub.networks.norm import Norm, norm_layer, pool
from genesis_hub.networks.shapes import check_volume, scaled

# Of each of the four resolutions, finest first: channels after the first and the second unit.
CHANNELS = ((32, 64), (64, 128), (128, 256), (256, 512))
STRIDE = (8, 8, 8)


@dataclass(frozen=True)
class Style:
    """How a form of the network normalises: the kind, with the constants of its framework.

    Keras uses running statistics in inference, so there `original` means `running`.
    """

    norm: Norm
    keras: bool = False

    def layer(self, channels: int) -> nn.Module:
        """Return one normalisation of a 3D map."""
        if self.keras:
            kind: Norm = "running" if self.norm == "original" else self.norm
            return norm_layer(kind, channels, eps=1e-3, momentum=0.01)
        return norm_layer(self.norm, channels, eps=1e-5, momentum=0.1)


class Unit(nn.Module):
    """Convolution, normalisation, rectifier."""

    def __init__(self, in_channels: int, channels: int, style: "Style") -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, channels, kernel_size=3, padding=1)
        self.norm = style.layer(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.finished(self.conv(x))

    def finished(self, x: Tensor) -> Tensor:
        """Return what follows the convolution."""
        return F.relu(self.norm(x))


class GenesisEncoder(nn.Module):
    """The contracting path: four feature maps, from full to an eighth of the resolution.

    keras: the Keras release's constants of batch norm and its initialisation.
    """

    ndim = 3

    def __init__(
        self,
        in_channels: int = 1,
        *,
        norm: Norm = "running",
        width: float = 1.0,
        keras: bool = False,
    ) -> None:
        super().__init__()
        style = Style(norm, keras)
        self.in_channels = in_channels
        self.channels = tuple(scaled(second, width) for _, second in CHANNELS)
        self.reductions = tuple((2**level,) * 3 for level in range(4))
        self.num_features = self.channels[-1]
        self.grad_checkpointing = False
        stages, before = [], in_channels
        for first, second in CHANNELS:
            first, second = scaled(first, width), scaled(second, width)
            stages.append(nn.Sequential(Unit(before, first, style), Unit(first, second, style)))
            before = second
        self.stages = nn.ModuleList(stages)
        if keras:
            self.apply(glorot)

    def forward(self, x: Tensor) -> list[Tensor]:
        check_volume(x, channels=self.in_channels, stride=STRIDE)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = F.max_pool3d(x, 2) if maps else x
            x = run(stage, x, lightly=self.grad_checkpointing and self.training)
            maps.append(x)
        return maps

    def embed(self, maps: list[Tensor]) -> Tensor:
        """Return one vector per volume from the maps: (N, num_features)."""
        return pool(maps[-1])


class GenesisDecoder(nn.Module):
    """The expanding path: a map at full resolution from the encoder's four.

    upsample: "learned" transposed convolutions (PyTorch) or "nearest" repetition (Keras).
    """

    def __init__(
        self,
        *,
        norm: Norm = "running",
        width: float = 1.0,
        keras: bool = False,
        upsample: Literal["learned", "nearest"] = "learned",
    ) -> None:
        super().__init__()
        style = Style(norm, keras)
        self.grad_checkpointing = False
        ups, stages = [], []
        below = scaled(CHANNELS[-1][1], width)
        for _, skip in reversed(CHANNELS[:-1]):
            skip = scaled(skip, width)
            # The transposed convolution keeps its channels; concatenation is [up, skip].
            ups.append(
                nn.ConvTranspose3d(below, below, kernel_size=2, stride=2)
                if upsample == "learned"
                else nn.Upsample(scale_factor=2, mode="nearest")
            )
            stages.append(nn.Sequential(Unit(below + skip, skip, style), Unit(skip, skip, style)))
            below = skip
        self.ups = nn.ModuleList(ups)
        self.stages = nn.ModuleList(stages)
        self.channels = below
        if keras:
            self.apply(glorot)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        lightly = self.grad_checkpointing and self.training
        for up, stage, skip in zip(self.ups, self.stages, reversed(maps[:-1]), strict=True):
            x = run(partial(expanded, up, stage), x, skip, lightly=lightly)
        return x


def expanded(up: nn.Module, stage: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
    """Return a level of the expanding path: the map below and the skip, up-sampled and joined."""
    assert isinstance(stage, nn.Sequential)
    first, second = stage[0], stage[1]
    assert isinstance(first, Unit)
    if (
        stage.training
        and isinstance(up, nn.ConvTranspose3d)
        and folds(up, first.conv, x, stage, first)
    ):
        x = second(first.finished(folded(up, first.conv, x, skip)))
    else:
        x = stage(torch.cat([up(x), skip], dim=1))
    return x


class PatternHead(nn.Module):
    """The Y-Net's classifier of anatomical patterns (PyTorch form); gives logits."""

    def __init__(
        self, in_channels: int, num_classes: int, *, norm: Norm = "running", width: float = 1.0
    ) -> None:
        super().__init__()
        hidden = scaled(1024, width)
        self.conv = nn.Conv3d(in_channels, hidden, kernel_size=3, padding=1)
        self.norm = Style(norm).layer(hidden)
        self.fc = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(pool(F.relu(self.norm(self.conv(x)))))
        return logits


class PatternHeadKeras(nn.Module):
    """The Y-Net's classifier in the Keras form: 512 channels, then a hidden layer; logits."""

    def __init__(
        self, in_channels: int, num_classes: int, *, norm: Norm = "running", width: float = 1.0
    ) -> None:
        super().__init__()
        hidden = scaled(1024, width)
        self.conv = nn.Conv3d(in_channels, in_channels, kernel_size=3, padding=1)
        self.norm = Style(norm, keras=True).layer(in_channels)
        self.hidden = nn.Linear(in_channels, hidden)
        self.fc = nn.Linear(hidden, num_classes)
        self.apply(glorot)

    def forward(self, x: Tensor) -> Tensor:
        x = pool(F.relu(self.norm(self.conv(x))))
        logits: Tensor = self.fc(F.relu(self.hidden(x)))
        return logits


def glorot(module: nn.Module) -> None:
    """Initialise a layer as Keras does: Glorot uniform weights, zero bias."""
    if isinstance(module, nn.Conv3d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
