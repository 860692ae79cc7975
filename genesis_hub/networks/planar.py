"""The door to timm and segmentation-models-pytorch: 2D encoders and the models built on them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder
from timm.models import ConvNeXt, ResNet
from torch import Tensor, nn

from genesis_hub.errors import BadInput
from genesis_hub.networks.proxy import ProxyEncoder
from genesis_hub.networks.shapes import scaled

ModelArgs = Mapping[str, Any]

# smp's public models by the names its users type.
DECODERS: dict[str, type[nn.Module]] = {
    name.lower(): getattr(smp, name)
    for name in (
        "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "DeepLabV3",
        "DeepLabV3Plus", "PAN", "UPerNet", "Segformer",
    )
}  # fmt: skip

PROXY_ENCODER = "genesis-proxy-unet"


def timm_network(
    name: str,
    *,
    in_channels: int,
    num_classes: int = 0,
    features_only: bool = False,
    stem_stride: int | None = None,
    model_args: ModelArgs | None = None,
    global_pool: str | None = None,
) -> nn.Module:
    """Return a timm network without weights: headless, with a classifier, or as a pyramid."""
    kwargs: dict[str, Any] = dict(model_args or {})
    if global_pool is not None:
        kwargs["global_pool"] = global_pool
    if name.startswith("inception_v3"):
        kwargs["aux_logits"] = False
    if features_only:
        kwargs["features_only"] = True
    else:
        kwargs["num_classes"] = num_classes
    network: nn.Module = timm.create_model(name, pretrained=False, in_chans=in_channels, **kwargs)
    if stem_stride is not None:
        set_stem_stride(network, stem_stride)
    return network


def flat_features(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Return how many numbers an unpooled network on "meta" leaves of an image (C, X, Y)."""
    network.eval()
    try:
        maps = network(torch.empty(1, *shape, device="meta"))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise BadInput(
            f"size={shape[1:]}: {type(network).__name__} cannot take such an image "
            f"({' '.join(str(error).split())[:120]}); give larger sides"
        ) from error
    return int(maps.flatten(1).shape[1])


def set_stem_stride(network: nn.Module, stride: int) -> None:
    """Change the stride of a ResNet's first convolution; its tensors stay the same."""
    conv = network.conv1
    assert isinstance(conv, nn.Conv2d)
    shrink = conv.stride[0] // stride
    conv.stride = (stride, stride)
    info: Any = network.feature_info
    for stage in getattr(info, "info", info):
        stage["reduction"] //= shrink


def narrower(name: str, width: float) -> dict[str, Any]:
    """Return the timm arguments that multiply a network's channels by `width`.

    timm's plain ResNet stem has 64 channels whatever the rest has, and keeps them.
    """
    if width == 1.0:
        return {}
    with torch.device("meta"):
        network: Any = timm.create_model(name, pretrained=False)
    if isinstance(network, ResNet):
        return {"channels": [scaled(channels, width) for channels in (64, 128, 256, 512)]}
    if isinstance(network, ConvNeXt):
        stages: Any = network.feature_info
        return {"dims": [scaled(stage["num_chs"], width) for stage in stages]}
    raise BadInput(
        f"width={width}, but of timm's only ResNet and ConvNeXt can be built narrower, not {name}; "
        "leave width=1.0"
    )


class SmpProxyEncoder(nn.Module):
    """The proxy tasks' 2D encoder as smp wants one: the input first, then maps, finest first."""

    def __init__(self, depth: int = 5, output_stride: int = 32, width: float = 1.0) -> None:
        super().__init__()
        if output_stride != 32:
            raise ValueError("it has no dilated form")
        self.depth, self.width = depth, width
        self.output_stride = 2 ** (depth - 1)
        self.set_in_channels(1)

    def set_in_channels(self, in_channels: int, pretrained: bool = False) -> None:
        """Part of smp's contract for encoders: called once, before any weights are there."""
        self.network = ProxyEncoder(2, in_channels, depth=self.depth, width=self.width)
        self.out_channels = [in_channels, *self.network.channels]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.network(x)
        return [x, *maps]


class AlignedEncoder(TimmUniversalEncoder):
    """smp's door to timm, for networks whose unpadded convolutions give odd sizes (Inception).

    Each map is resized to the side that its reduction stands for, as smp's decoders expect.
    """

    def forward(self, x: Tensor) -> list[Tensor]:
        aligned = []
        for level, features in enumerate(super().forward(x)):
            size = [-(-side // 2**level) for side in x.shape[2:]]
            if list(features.shape[2:]) != size:
                features = F.interpolate(features, size=size, mode="bilinear")
            aligned.append(features)
        return aligned


def proxy_encoder(width: float) -> str:
    """Return the name under which smp knows the proxy tasks' encoder at a width."""
    name = PROXY_ENCODER if width == 1.0 else f"{PROXY_ENCODER}-{width!r}"
    smp_encoders.setdefault(
        name,
        {"encoder": SmpProxyEncoder, "pretrained_settings": {}, "params": {"width": width}},
    )
    return name


def smp_network(
    decoder: str,
    encoder: str,
    *,
    in_channels: int,
    num_classes: int,
    stem_stride: int | None = None,
    model_args: ModelArgs | None = None,
) -> nn.Module:
    """Return a real smp model without weights, its answer as large as its input.

    encoder: a timm name, or one of `proxy_encoder`'s.
    """
    build = DECODERS.get(decoder.lower().replace("_", "").replace("-", ""))
    if build is None:
        raise BadInput(
            f"decoder={decoder!r} is not one of smp's; choose from "
            f"{', '.join(c.__name__ for c in DECODERS.values())}"
        )
    kwargs: dict[str, Any] = dict(model_args or {})
    if encoder.startswith("inception_v3"):
        kwargs["aux_logits"] = False
    own = encoder.startswith(PROXY_ENCODER)
    name = encoder if own else f"tu-{encoder}"
    try:
        network: nn.Module = build(
            name, encoder_weights=None, in_channels=in_channels, classes=num_classes, **kwargs
        )
    except (ValueError, TypeError, KeyError, NotImplementedError, AssertionError) as error:
        dilated = "output_stride" in str(error) or not str(error)
        why = "it has no dilated form" if dilated else str(error)
        raise BadInput(
            f"decoder={decoder!r} cannot stand on the encoder {encoder}: {why}; "
            "decoder='Unet' stands on every one"
        ) from error
    if encoder.startswith("inception"):
        network.encoder.__class__ = AlignedEncoder
    if stem_stride is not None:
        set_stem_stride(network.encoder.model, stem_stride)  # type: ignore[union-attr,arg-type]
    if stem_stride == 1 or own:
        match_input_size(network, in_channels)
    return network


def match_input_size(network: nn.Module, in_channels: int) -> None:
    """Make the output head resize to the input's size.

    Most of smp's decoders take the first map to be at half resolution and answer twice too large
    on encoders that start at full resolution; a probe tells, and the head's resize is set.
    """
    side = 64
    was = network.training
    network.eval()
    with torch.no_grad():
        try:
            got = network(torch.zeros(2, in_channels, side, side)).shape[-1]
        except (RuntimeError, ValueError) as error:
            raise BadInput(
                f"{type(network).__name__} cannot stand on an encoder whose first map is at full "
                f"resolution: {error}; decoder='Unet' can"
            ) from error
    network.train(was)
    if got == side:
        return
    head = network.segmentation_head
    assert isinstance(head, nn.Sequential)
    factor = getattr(head[1], "scale_factor", None) or 1.0
    head[1] = nn.Upsample(
        scale_factor=float(factor) * side / got, mode="bilinear", align_corners=True
    )


def timm_facts(name: str) -> dict[str, Any]:
    """Return what timm knows of a network beside its weights."""
    config = timm.get_pretrained_cfg(name)
    assert config is not None
    kept = ("pool_size", "first_conv", "classifier", "fixed_input_size", "min_input_size")
    facts = {key: getattr(config, key) for key in kept}
    return {key: value for key, value in facts.items() if value is not None}


@cache
def timm_keys(name: str) -> frozenset[str]:
    """Return the names of the tensors of a headless network."""
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, num_classes=0)
    return frozenset(network.state_dict())


def flattened(name: str) -> dict[str, str]:
    """Return how timm's pyramids rename the parts of a network: {"stages_0": "stages.0"}."""
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, num_classes=0)
    return {
        f"{child}_{part}": f"{child}.{part}"
        for child, module in network.named_children()
        if isinstance(module, nn.Sequential | nn.ModuleList)
        for part, _ in module.named_children()
    }
