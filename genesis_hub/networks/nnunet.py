"""The nnU-Net v1 form of Models Genesis: instance norm, strided convolutions, leaky rectifiers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.networks.memory import run
from genesis_hub.networks.norm import InstanceNorm, pool
from genesis_hub.networks.shapes import check_volume, scaled

CHANNELS = (32, 64, 128, 256, 320, 320)
# The last step leaves the first axis alone: the authors' plan was made for (z, y, x) volumes.
STRIDES = ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2))
STRIDE = (16, 32, 32)


class Unit(nn.Module):
    """Convolution, instance norm, leaky rectifier."""

    def __init__(
        self, in_channels: int, channels: int, stride: tuple[int, int, int] = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, channels, kernel_size=3, stride=stride, padding=1)
        self.norm = InstanceNorm(channels, eps=1e-5, affine=True)
        he(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.01)


class NnUNetEncoder(nn.Module):
    """Six feature maps, from full resolution to a sixteenth (first axis) and a thirty-second."""

    ndim = 3

    def __init__(self, in_channels: int = 1, *, width: float = 1.0) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.channels = tuple(scaled(channels, width) for channels in CHANNELS)
        self.num_features = self.channels[-1]
        self.grad_checkpointing = False
        reductions, reduction = [], (1, 1, 1)
        stages, before = [], in_channels
        for channels, stride in zip(self.channels, STRIDES, strict=True):
            stages.append(nn.Sequential(Unit(before, channels, stride), Unit(channels, channels)))
            before = channels
            reduction = tuple(r * s for r, s in zip(reduction, stride, strict=True))  # type: ignore[assignment]
            reductions.append(reduction)
        self.stages = nn.ModuleList(stages)
        self.reductions = tuple(reductions)

    def forward(self, x: Tensor) -> list[Tensor]:
        check_volume(x, channels=self.in_channels, stride=STRIDE)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = run(stage, x, lightly=self.grad_checkpointing and self.training)
            maps.append(x)
        return maps

    def embed(self, maps: list[Tensor]) -> Tensor:
        """Return one vector per volume from the maps: (N, num_features)."""
        return pool(maps[-1])


class NnUNetDecoder(nn.Module):
    """A map at full resolution from the encoder's six.

    deep_supervision: number of output channels of the extra heads on the coarser maps, as the
    released weights hold them; 0 leaves them out. The authors' forward does not use them.
    """

    def __init__(self, *, width: float = 1.0, deep_supervision: int = 0) -> None:
        super().__init__()
        channels = tuple(scaled(count, width) for count in CHANNELS)
        self.grad_checkpointing = False
        ups, stages, extra = [], [], []
        below = channels[-1]
        for skip, stride in zip(reversed(channels[:-1]), reversed(STRIDES), strict=False):
            up = nn.ConvTranspose3d(below, skip, kernel_size=stride, stride=stride, bias=False)
            he(up)
            ups.append(up)
            stages.append(nn.Sequential(Unit(2 * skip, skip), Unit(skip, skip)))
            if deep_supervision and len(stages) < len(STRIDES) - 1:
                extra.append(nn.Conv3d(skip, deep_supervision, kernel_size=1, bias=False))
            below = skip
        self.ups = nn.ModuleList(ups)
        self.stages = nn.ModuleList(stages)
        self.deep_supervision = nn.ModuleList(extra)
        self.channels = below

    def forward(self, maps: list[Tensor]) -> Tensor:
        x, unused = maps[-1], []
        for level, (up, stage, skip) in enumerate(
            zip(self.ups, self.stages, reversed(maps[:-1]), strict=True)
        ):
            x = torch.cat([up(x), skip], dim=1)
            x = run(stage, x, lightly=self.grad_checkpointing and self.training)
            if level < len(self.deep_supervision) and torch.is_grad_enabled():
                unused.append(self.deep_supervision[level](x).sum())
        # DDP and optimisers want every parameter in the graph: these answers count zero times.
        return x + 0.0 * torch.stack(unused).sum() if unused else x


def he(conv: nn.Conv3d | nn.ConvTranspose3d) -> None:
    """Initialise as nnU-Net does: He normal for a slope of 0.01, zero bias."""
    nn.init.kaiming_normal_(conv.weight, a=1e-2)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
