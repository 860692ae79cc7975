"""The one table of networks: architecture name -> its encoder, decoder and published heads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import timm
from torch import nn

from genesis_hub.networks.genesis import (
    GenesisDecoder,
    GenesisEncoder,
    PatternHead,
    PatternHeadKeras,
)
from genesis_hub.networks.heads import SmartNetClassifier
from genesis_hub.networks.nnunet import NnUNetDecoder, NnUNetEncoder
from genesis_hub.networks.proxy import ProxyDecoder, ProxyEncoder
from genesis_hub.networks.smartnet import SmartNetDecoder

Activation = Literal["sigmoid", "softmax", "none"]
Build = Callable[..., nn.Module]
TIMM = "timm:"  # Before the names of timm's networks that are no rows of ours.


@dataclass(frozen=True)
class Branch:
    """One answer of a published network.

    classes: channels of the answer; 0 where the weights decide.
    head: (channels, classes, options) -> module; it stands on the decoder, or on the encoder's
    last map where `decoder` is None. A decoder shared by all branches has the name "".
    """

    head: Build
    classes: int = 1
    decoder: str | None = ""
    activation: Activation = "none"


@dataclass(frozen=True)
class Architecture:
    """How to build one network and what can be asked of it.

    timm: the timm name where the encoder is timm's, else None.
    encoder, decoder: take `width` and, where the network has a choice, `norm`.
    scalable: can be built narrower or wider; in 2D, where timm's own arguments allow it.
    norms: the values of `norm`, the default first; empty where there is nothing to choose.
    first_conv: the module whose weight sees the image's channels.
    branches: the answers of the published network; none where only an encoder was published.
    pretext_decoder: options of the decoder in the published network.
    has_decoder: published weights of it hold a decoder too.
    unet: the decoder of the proxy tasks' built-in U-Net, which undoes its pooling, too.
    """

    ndim: Literal[2, 3]
    first_conv: str
    timm: str | None = None
    stem_stride: int | None = None
    encoder: Build | None = None
    decoder: Build | None = None
    norms: tuple[str, ...] = ()
    scalable: bool = True
    has_decoder: bool = False
    unet: Build | None = None
    branches: Mapping[str, Branch] = field(default_factory=dict)
    pretext_decoder: Mapping[str, Any] = field(default_factory=dict)


def pointwise(channels: int, classes: int, *, bias: bool = True, **_: Any) -> nn.Module:
    """Return a 1x1x1 convolution to `classes` maps."""
    return nn.Conv3d(channels, classes, kernel_size=1, bias=bias)


def same_size(channels: int, classes: int, **_: Any) -> nn.Module:
    """Return SMART-Net's dense head: a 3x3 convolution, Glorot-initialised."""
    conv = nn.Conv2d(channels, classes, kernel_size=3, padding=1)
    nn.init.xavier_uniform_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def slice_classifier(channels: int, classes: int, **_: Any) -> nn.Module:
    """Return SMART-Net's slice classifier."""
    return SmartNetClassifier(channels, classes)


GENESIS_NORMS = ("running", "original", "instance")
RESTORATION = Branch(pointwise, activation="sigmoid")
PATTERNS = Branch(PatternHead, classes=0, decoder=None, activation="softmax")
PATTERNS_KERAS = Branch(PatternHeadKeras, classes=0, decoder=None, activation="softmax")

GENESIS = Architecture(
    ndim=3,
    first_conv="encoder.stages.0.0.conv",
    encoder=GenesisEncoder,
    decoder=GenesisDecoder,
    norms=GENESIS_NORMS,
    has_decoder=True,
    branches={"restoration": RESTORATION},
)
GENESIS_KERAS = Architecture(
    ndim=3,
    first_conv="encoder.stages.0.0.conv",
    encoder=partial(GenesisEncoder, keras=True),
    decoder=partial(GenesisDecoder, keras=True, upsample="nearest"),
    norms=GENESIS_NORMS,
    has_decoder=True,
    branches={"restoration": RESTORATION},
)


def timm_row(name: str) -> Architecture:
    """Return the row of a timm network; its norm is its own, its decoders are smp's."""
    first = timm.get_pretrained_cfg(name).first_conv  # type: ignore[union-attr]
    first = first if isinstance(first, str | None) else first[0]
    return Architecture(
        ndim=2,
        first_conv=f"encoder.{first}",
        timm=name,
        scalable=name.startswith("convnext") or name[:7].removeprefix("resnet").isdigit(),
    )


class Table(dict[str, Architecture]):
    """The rows by name; any network of timm's has one as `timm:NAME`, made when asked for."""

    def __missing__(self, name: str) -> Architecture:
        if not name.startswith(TIMM):
            raise KeyError(name)
        return self.setdefault(name, timm_row(name.removeprefix(TIMM)))


ARCHITECTURES = Table({
    "genesis-unet": GENESIS,
    "genesis-unet-keras": GENESIS_KERAS,
    "genesis-ynet": replace(
        GENESIS, branches={"restoration": RESTORATION, "classification": PATTERNS}
    ),
    "genesis-ynet-keras": replace(
        GENESIS_KERAS, branches={"restoration": RESTORATION, "classification": PATTERNS_KERAS}
    ),
    "genesis-nnunet": Architecture(
        ndim=3,
        first_conv="encoder.stages.0.0.conv",
        encoder=NnUNetEncoder,
        decoder=NnUNetDecoder,
        norms=("instance",),
        has_decoder=True,
        branches={"restoration": Branch(partial(pointwise, bias=False), classes=2)},
        pretext_decoder={"deep_supervision": 2},
    ),
    "proxy-unet-3d": Architecture(
        ndim=3,
        first_conv="encoder.stages.0.conv1",
        encoder=partial(ProxyEncoder, 3),
        decoder=partial(ProxyDecoder, 3),
        unet=partial(ProxyDecoder, 3),
    ),
    "proxy-unet-2d": Architecture(
        ndim=2,
        first_conv="encoder.stages.0.conv1",
        encoder=partial(ProxyEncoder, 2),
        unet=partial(ProxyDecoder, 2),
    ),
    "smartnet": Architecture(
        ndim=2,
        first_conv="encoder.conv1",
        timm="resnet50",
        stem_stride=1,
        decoder=SmartNetDecoder,
        has_decoder=True,
        branches={
            "classification": Branch(slice_classifier, decoder=None),
            "segmentation": Branch(same_size, decoder="segmentation"),
            "reconstruction": Branch(same_size, decoder="reconstruction"),
        },
    ),
    **{
        name: timm_row(name)
        for name in (
            "resnet50", "convnext_base", "densenet121", "inception_v3", "resnet101", "resnet152",
            "resnetv2_50", "resnetv2_101", "inception_resnet_v2",
        )
    },
})  # fmt: skip
