"""SMART-Net's two decoders: a U-Net for masks, and a skip-less one that restores the slice."""

from typing import Literal

import torch
from segmentation_models_pytorch.base.modules import Attention
from torch import Tensor, nn

from genesis_hub.networks.memory import run
from genesis_hub.networks.shapes import check_volume, scaled

CHANNELS = (256, 128, 64, 32)
LAST = 16
STRIDE = (16, 16)

Attend = Literal["last", "scse"]


class DecoderBlock(nn.Module):
    """Up-sampling (or none), the skip, two convolutions, attention before and after."""

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        channels: int,
        *,
        upsample: nn.Module | None,
        norm: bool,
        attention: str | None,
    ) -> None:
        super().__init__()
        joined = in_channels + skip_channels
        self.upsample = upsample if upsample is not None else nn.Identity()
        self.attention1 = attend(attention, joined)
        self.conv1 = conv_relu(joined, channels, norm)
        self.conv2 = conv_relu(channels, channels, norm)
        self.attention2 = attend(attention, channels)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = self.upsample(x)
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        out: Tensor = self.attention2(self.conv2(self.conv1(self.attention1(x))))
        return out


class PixelShuffleUp(nn.Module):
    """Learned up-sampling by two: a 1x1 convolution to four times the channels, then a shuffle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.upsample = nn.Sequential(nn.Conv2d(channels, 4 * channels, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.upsample(x)
        return out


class SmartNetDecoder(nn.Module):
    """From the encoder's five maps (full resolution to a sixteenth) to one of 16 channels.

    kind: "segmentation" joins the skips and normalises; "reconstruction" sees the deepest map only.
    attention: "last" puts scSE into the last block, as the released code does; "scse" puts it
    into every block, as the paper's figure draws it.
    """

    def __init__(
        self,
        encoder_channels: tuple[int, ...],
        *,
        kind: Literal["segmentation", "reconstruction"],
        attention: Attend = "last",
        width: float = 1.0,
    ) -> None:
        super().__init__()
        skips = kind == "segmentation"
        everywhere = "scse" if attention == "scse" else None
        self.skips = skips
        self.grad_checkpointing = False
        blocks, below = [], encoder_channels[-1]
        for channels, skip in zip(CHANNELS, reversed(encoder_channels[:-1]), strict=True):
            channels = scaled(channels, width)
            blocks.append(
                DecoderBlock(
                    below,
                    skip if skips else 0,
                    channels,
                    upsample=nn.Upsample(scale_factor=2) if skips else PixelShuffleUp(below),
                    norm=skips,
                    attention=everywhere,
                )
            )
            below = channels
        self.channels = scaled(LAST, width)
        self.blocks = nn.ModuleList(blocks)
        self.last_block = DecoderBlock(
            below, 0, self.channels, upsample=None, norm=True, attention="scse"
        )
        self.apply(initialise)

    def forward(self, maps: list[Tensor]) -> Tensor:
        check_volume(maps[0], channels=maps[0].shape[1], stride=STRIDE)
        lightly = self.grad_checkpointing and self.training
        x = maps[-1]
        for block, skip in zip(self.blocks, reversed(maps[:-1]), strict=True):
            x = run(block, x, skip if self.skips else None, lightly=lightly)
        return run(self.last_block, x, lightly=lightly)


def attend(kind: str | None, channels: int) -> nn.Module:
    """Return smp's attention, squeezed sixteenfold or, of fewer channels, to one."""
    if kind is None:
        return nn.Identity()
    attention: nn.Module = Attention(kind, in_channels=channels, reduction=min(16, channels))  # type: ignore[no-untyped-call]
    return attention


def conv_relu(in_channels: int, channels: int, norm: bool) -> nn.Sequential:
    """Return convolution, batch norm where asked for, rectifier."""
    layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, padding=1, bias=not norm)]
    if norm:
        layers.append(nn.BatchNorm2d(channels))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def initialise(module: nn.Module) -> None:
    """Initialise as the authors' decoders: He uniform convolutions, zero bias."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_uniform_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
