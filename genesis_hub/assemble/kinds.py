"""The kinds of models, each put together of its parts; `pretext` has the published ones."""

import torch
from torch import nn

from genesis_hub.adopted import AdoptedClassifier, AdoptedPyramid, AdoptedSegmenter, adopt
from genesis_hub.assemble.parts import (
    head_on,
    outlining,
    own_decoder,
    own_encoder,
    smp_part,
    timm_part,
    unet_decoder,
    without_memory,
)
from genesis_hub.models import Classifier, HubModel, Pyramid, Segmenter
from genesis_hub.names import classifier_name
from genesis_hub.networks import planar
from genesis_hub.networks.choices import patches_of
from genesis_hub.networks.heads import dense_head
from genesis_hub.networks.operators import SLICES_AT_ONCE, Convolutions, Recurrence
from genesis_hub.networks.patchwise import PatchDecoder, PatchEncoder
from genesis_hub.networks.proxy import ProxyDecoder, ProxyEncoder
from genesis_hub.networks.table import Architecture
from genesis_hub.spec import Spec
from genesis_hub.volumes import VolumeClassifier, VolumeSegmenter

SLICE_CHANNELS = 16


def own_model(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a model made of our own encoder and decoder."""
    encoder = own_encoder(spec, row, empty)
    if spec.features_only:
        return Pyramid(encoder)
    if spec.task == "segmentation":
        if row.unet is None:
            decoder = own_decoder(spec, row, empty and row.has_decoder)
        else:
            decoder = unet_decoder(spec, row)
        channels: int = decoder.channels  # type: ignore[assignment]
        return Segmenter(encoder, decoder, dense_head(row.ndim, channels, spec.num_classes))
    features: int = encoder.num_features  # type: ignore[assignment]
    return Classifier(encoder, head_on(spec, features))


def patch_segmenter(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return the built-in U-Net on the patches of an image, with a layer that mixes their codes."""
    patches = patches_of(spec.decoder)
    assert patches is not None
    assert spec.size is not None
    per_side, code = patches
    encoder, unet = own_encoder(spec, row, empty), unet_decoder(spec, row)
    assert isinstance(encoder, ProxyEncoder)
    assert isinstance(unet, ProxyDecoder)
    bottleneck = tuple(side // (per_side * unet.stride[0]) for side in spec.size)
    decoder = PatchDecoder(unet, (encoder.channels[-1], *bottleneck), per_side=per_side, code=code)
    whole = PatchEncoder(encoder, per_side=per_side, size=spec.size)
    return Segmenter(whole, decoder, dense_head(row.ndim, unet.channels, spec.num_classes))


def timm_model(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return timm's own model: headless, with a classifier, or as a pyramid."""
    pooled = {} if spec.pooling is None else {"global_pool": spec.pooling.replace("none", "")}
    with without_memory(empty):
        network = timm_part(spec, row, features_only=spec.features_only, **pooled)
    if spec.features_only:
        return adopt(network, AdoptedPyramid)
    if spec.size is not None:
        assert row.timm is not None
        with torch.device("meta"):
            twin = timm_part(spec, row, **pooled)
        network.num_features = planar.flat_features(  # type: ignore[assignment]
            twin, (spec.in_channels, *spec.size)
        )
    if spec.num_classes and spec.pooling is None:
        network.reset_classifier(spec.num_classes)  # type: ignore[operator]
    if spec.pooling is not None or spec.head != "linear" or spec.grade:
        features: int = network.num_features  # type: ignore[assignment]
        head = head_on(spec, features)
        if spec.pooling is not None or spec.head != "mlp" or spec.grade:
            head = nn.Sequential(nn.Flatten(), head)
        network.set_submodule(classifier_name(row.timm), head)
        network.num_classes = spec.num_classes  # type: ignore[assignment]
    return adopt(network, AdoptedClassifier)


def smp_segmenter(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a real smp model."""
    assert spec.decoder is not None
    network = smp_part(spec, row, spec.decoder, spec.num_classes)
    return adopt(network, AdoptedSegmenter)


def slice_segmenter(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a 2D network with the decoder that its weights bring."""
    encoder, decoder = outlining(spec, row, empty)
    channels: int = decoder.channels  # type: ignore[assignment]
    return Segmenter(encoder, decoder, dense_head(2, channels, spec.num_classes))


def volume_classifier(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a 2D encoder with a recurrence over slices."""
    with without_memory(empty):
        encoder: nn.Module
        if row.timm:
            encoder = timm_part(spec, row)
            features: int = encoder.num_features  # type: ignore[assignment]
        else:
            encoder = Classifier(own_encoder(spec, row, False), nn.Identity())
            features = encoder.num_features
    operator = Recurrence(features)
    head = head_on(spec, operator.num_features)
    return VolumeClassifier(encoder, operator, head, slices_at_once=SLICES_AT_ONCE)


def volume_segmenter(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a 2D U-Net with 3D convolutions over its stacked maps."""
    if row.decoder is not None:
        encoder, decoder = outlining(spec, row, empty)
        maps: int = decoder.channels  # type: ignore[assignment]
    else:
        network = smp_part(spec, row, "Unet", num_classes=1)
        encoder, decoder, maps = network.encoder, network.decoder, SLICE_CHANNELS  # type: ignore[assignment]
    head = nn.Conv3d(maps, spec.num_classes, kernel_size=3, padding=1)
    return VolumeSegmenter(
        encoder, decoder, Convolutions(maps), head, slices_at_once=SLICES_AT_ONCE
    )
