"""The Genesis U-Net and Y-Net, in their PyTorch and Keras forms."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.networks.memory import run
from genesis_hub.networks.norm import Norm, norm_layer, pool
from genesis_hub.networks.shapes import check_volume, scaled

# Of each of the four resolutions, finest first: channels after the first and the second unit.
CHANNELS = ((32, 64), (64, 128), (128, 256), (256, 512))
STRIDE = (8, 8, 8)


class Unit(nn.Module):
    """Convolution, normalisation, rectifier."""

    def __init__(
        self, in_channels: int, channels: int, norm: Norm, *, eps: float, momentum: float
    ) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, channels, kernel_size=3, padding=1)
        self.norm = norm_layer(norm, channels, eps=eps, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class GenesisEncoder(nn.Module):
    """The contracting path: four feature maps, from full to an eighth of the resolution.

    keras: batch norm with Keras' constants (eps 1e-3, momentum 0.01) instead of PyTorch's.
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
        constants = batch_norm_constants(keras)
        self.in_channels = in_channels
        self.channels = tuple(scaled(second, width) for _, second in CHANNELS)
        self.reductions = tuple((2**level,) * 3 for level in range(4))
        self.num_features = self.channels[-1]
        self.grad_checkpointing = False
        stages, before = [], in_channels
        for first, second in CHANNELS:
            first, second = scaled(first, width), scaled(second, width)
            stages.append(
                nn.Sequential(
                    Unit(before, first, norm, **constants), Unit(first, second, norm, **constants)
                )
            )
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
        constants = batch_norm_constants(keras)
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
            stages.append(
                nn.Sequential(
                    Unit(below + skip, skip, norm, **constants),
                    Unit(skip, skip, norm, **constants),
                )
            )
            below = skip
        self.ups = nn.ModuleList(ups)
        self.stages = nn.ModuleList(stages)
        self.channels = below
        if keras:
            self.apply(glorot)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for up, stage, skip in zip(self.ups, self.stages, reversed(maps[:-1]), strict=True):
            x = torch.cat([up(x), skip], dim=1)
            x = run(stage, x, lightly=self.grad_checkpointing and self.training)
        return x


class PatternHead(nn.Module):
    """The Y-Net's classifier of anatomical patterns (PyTorch form); gives logits."""

    def __init__(
        self, in_channels: int, num_classes: int, *, norm: Norm = "running", width: float = 1.0
    ) -> None:
        super().__init__()
        hidden = scaled(1024, width)
        constants = batch_norm_constants(keras=False)
        self.conv = nn.Conv3d(in_channels, hidden, kernel_size=3, padding=1)
        self.norm = norm_layer(norm, hidden, **constants)
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
        constants = batch_norm_constants(keras=True)
        self.conv = nn.Conv3d(in_channels, in_channels, kernel_size=3, padding=1)
        self.norm = norm_layer(norm, in_channels, **constants)
        self.hidden = nn.Linear(in_channels, hidden)
        self.fc = nn.Linear(hidden, num_classes)
        self.apply(glorot)

    def forward(self, x: Tensor) -> Tensor:
        x = pool(F.relu(self.norm(self.conv(x))))
        logits: Tensor = self.fc(F.relu(self.hidden(x)))
        return logits


def batch_norm_constants(keras: bool) -> dict[str, float]:
    """Return eps and momentum (torch's sense) of the framework that a network comes from."""
    return {"eps": 1e-3, "momentum": 0.01} if keras else {"eps": 1e-5, "momentum": 0.1}


def glorot(module: nn.Module) -> None:
    """Initialise a layer as Keras does: Glorot uniform weights, zero bias."""
    if isinstance(module, nn.Conv3d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
