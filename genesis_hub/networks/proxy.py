"""The built-in U-Net of the proxy tasks, in 2D and 3D: rectifier before norm, dropout between."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.errors import BadInput
from genesis_hub.networks.memory import run
from genesis_hub.networks.norm import pool
from genesis_hub.networks.shapes import check_size, check_volume, scaled

LEVELS = 4
FILTERS = 16

Dims = Literal[2, 3]


class Block(nn.Module):
    """Convolution, rectifier, norm, dropout, convolution, rectifier, norm."""

    def __init__(self, ndim: Dims, in_channels: int, channels: int, dropout: float) -> None:
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if ndim == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.conv1 = conv(in_channels, channels, kernel_size=3, padding=1)
        self.norm1 = norm(channels, eps=1e-3, momentum=0.01)
        # Element-wise, as in Keras: channels are not dropped whole.
        self.dropout = nn.Dropout(dropout)
        self.conv2 = conv(channels, channels, kernel_size=3, padding=1)
        self.norm2 = norm(channels, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.norm1(F.relu(self.conv1(x))))
        out: Tensor = self.norm2(F.relu(self.conv2(x)))
        return out


def paced(network: nn.Module, dropout: float, momentum: float) -> None:
    """Set how much a network's blocks drop, and how fast their norms' running statistics follow."""
    for block in network.modules():
        if isinstance(block, Block):
            block.dropout.p = dropout
            block.norm1.momentum = block.norm2.momentum = momentum


class ProxyEncoder(nn.Module):
    """Five feature maps (four levels and the bottleneck), from full to a sixteenth.

    depth: how many of the five maps to make; a shallower network has fewer blocks.
    pooling: the reference can halve the bottleneck once more before its heads ("max", "avg");
    weights are the same with and without, and the hub's embedding averages anyway.
    size: the sides of images whose last map is the embedding as it is, flattened; no others are
    taken then. None: the embedding is the mean of that map, and images may have any size.
    Any side of at least 16 (32 with pooling) is taken; only the decoder needs multiples.
    """

    def __init__(
        self,
        ndim: Dims,
        in_channels: int = 1,
        *,
        filters: int = FILTERS,
        width: float = 1.0,
        dropout: float = 0.5,
        depth: int = LEVELS + 1,
        pooling: Literal["max", "avg"] | None = None,
        size: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.ndim = ndim
        self.in_channels = in_channels
        self.channels = tuple(scaled(filters * 2**level, width) for level in range(depth))
        self.reductions = tuple((2**level,) * ndim for level in range(depth))
        self.pooling, self.size = pooling, size
        self.num_features = self.channels[-1]
        if size is not None:
            halvings = depth - 1 + (pooling is not None)
            check_least(size, 2**halvings)
            self.num_features *= math.prod(side // 2**halvings for side in size)
        self.grad_checkpointing = False
        blocks, before = [], in_channels
        for channels in self.channels:
            blocks.append(Block(ndim, before, channels, dropout))
            before = channels
        self.stages = nn.ModuleList(blocks)
        self.apply(he_normal)

    def forward(self, x: Tensor) -> list[Tensor]:
        check_volume(x, channels=self.in_channels, stride=(1,) * self.ndim)
        check_size(x, self.size)
        check_least(tuple(x.shape[2:]), 2 ** (len(self.channels) - 1 + (self.pooling is not None)))
        maps: list[Tensor] = []
        for block in self.stages:
            x = pooled(x, "max") if maps else x
            x = run(block, x, lightly=self.grad_checkpointing and self.training)
            maps.append(x)
        if self.pooling is not None:
            maps[-1] = pooled(x, self.pooling)
        return maps

    def embed(self, maps: list[Tensor]) -> Tensor:
        """Return one vector per image from the maps: (N, num_features)."""
        return pool(maps[-1]) if self.size is None else maps[-1].flatten(1)


class ProxyDecoder(nn.Module):
    """A map at full resolution: transposed convolution, concatenation [up, skip], block."""

    def __init__(
        self,
        ndim: Dims,
        *,
        filters: int = FILTERS,
        width: float = 1.0,
        dropout: float = 0.5,
        pooling: bool = False,
    ) -> None:
        super().__init__()
        self.stride = (2 ** (LEVELS + pooling),) * ndim
        self.pooling = pooling
        self.grad_checkpointing = False
        conv = nn.ConvTranspose2d if ndim == 2 else nn.ConvTranspose3d
        ups, blocks = [], []
        below = scaled(filters * 2**LEVELS, width)
        for level in reversed(range(LEVELS)):
            channels = scaled(filters * 2**level, width)
            ups.append(conv(below, channels, kernel_size=2, stride=2))
            blocks.append(Block(ndim, 2 * channels, channels, dropout))
            below = channels
        self.ups = nn.ModuleList(ups)
        self.stages = nn.ModuleList(blocks)
        self.channels = below
        self.apply(he_normal)

    def forward(self, maps: list[Tensor]) -> Tensor:
        check_volume(maps[0], channels=maps[0].shape[1], stride=self.stride)
        x = maps[-1]
        if self.pooling:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        for up, block, skip in zip(self.ups, self.stages, reversed(maps[:-1]), strict=True):
            x = torch.cat([up(x), skip], dim=1)
            x = run(block, x, lightly=self.grad_checkpointing and self.training)
        return x


def check_least(sides: tuple[int, ...], least: int) -> None:
    """Raise `BadInput`, with the size to pad to, where a side cannot be halved so often."""
    if min(sides) < least:
        fitting = tuple(max(side, least) for side in sides)
        raise BadInput(f"x is {sides}, but each side must be at least {least}; pad it to {fitting}")


def pooled(x: Tensor, how: Literal["max", "avg"]) -> Tensor:
    """Halve a 2D or 3D map, dropping an odd last row as Keras' valid pooling does."""
    if x.ndim == 4:
        return F.max_pool2d(x, 2) if how == "max" else F.avg_pool2d(x, 2)
    return F.max_pool3d(x, 2) if how == "max" else F.avg_pool3d(x, 2)


def he_normal(module: nn.Module) -> None:
    """Initialise as the reference: He normal convolutions, Glorot transposed ones, zero bias."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
        nn.init.xavier_uniform_(module.weight)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
