"""Encoders, decoders and heads as a spec wants them: ours, timm's and smp's."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from genesis_hub.networks import planar
from genesis_hub.networks.choices import all_attend
from genesis_hub.networks.heads import classification_head
from genesis_hub.networks.info import encoder_info
from genesis_hub.networks.table import Architecture
from genesis_hub.spec import Spec


def own_encoder(spec: Spec, row: Architecture, empty: bool) -> nn.Module:
    """Return one of our encoders."""
    assert row.encoder is not None
    with without_memory(empty):
        return row.encoder(in_channels=spec.in_channels, **choices(spec, row), **pooling(spec, row))


def own_decoder(spec: Spec, row: Architecture, empty: bool, **options: Any) -> nn.Module:
    """Return one of our decoders."""
    assert row.decoder is not None
    with without_memory(empty and spec.decoder != "fresh"):
        return row.decoder(**choices(spec, row), **options)


def unet_decoder(spec: Spec, row: Architecture) -> nn.Module:
    """Return the built-in U-Net's decoder, which undoes the pooling of its encoder."""
    assert row.unet is not None
    return row.unet(width=spec.width, pooling=spec.pooling is not None)


def outlining(spec: Spec, row: Architecture, empty: bool) -> tuple[nn.Module, nn.Module]:
    """Return SMART-Net's encoder, and its decoder for masks."""
    with without_memory(empty):
        encoder = timm_part(spec, row, features_only=True)
    channels = tuple(encoder_info(encoder).channels())
    attention = "scse" if all_attend(spec.decoder) else "last"
    decoder = own_decoder(
        spec, row, empty, encoder_channels=channels, kind="segmentation", attention=attention
    )
    return encoder, decoder


def timm_part(spec: Spec, row: Architecture, **options: Any) -> nn.Module:
    """Return a timm network as this spec wants it."""
    assert row.timm is not None
    return planar.timm_network(
        row.timm,
        in_channels=spec.in_channels,
        stem_stride=row.stem_stride,
        model_args=planar.narrower(row.timm, spec.width),
        **options,
    )


def smp_part(spec: Spec, row: Architecture, decoder: str, num_classes: int) -> nn.Module:
    """Return an smp model as this spec wants it."""
    return planar.smp_network(
        decoder,
        row.timm or planar.proxy_encoder(spec.width),
        in_channels=spec.in_channels,
        num_classes=num_classes,
        stem_stride=row.stem_stride,
        model_args=planar.narrower(row.timm, spec.width) if row.timm else None,
    )


def head_on(spec: Spec, features: int) -> nn.Module:
    """Return a fresh head as this spec wants it."""
    return classification_head(
        spec.head, features, spec.num_classes, dropout=spec.dropout, grade=spec.grade
    )


def choices(spec: Spec, row: Architecture) -> dict[str, Any]:
    """Return the options that a row of the table takes."""
    chosen: dict[str, Any] = {}
    if row.scalable:
        chosen["width"] = spec.width
    if len(row.norms) > 1:
        chosen["norm"] = spec.norm
    return chosen


def pooling(spec: Spec, row: Architecture) -> dict[str, Any]:
    """Return the options of the built-in U-Net's encoder that say what becomes of its last map."""
    if row.unet is None or spec.pooling is None:
        return {}
    flat = spec.size if spec.task != "segmentation" else None
    return {"pooling": None if spec.pooling == "none" else spec.pooling, "size": flat}


def without_memory(empty: bool) -> Any:
    """Return a context in which modules are made as shapes only."""
    return torch.device("meta") if empty else nullcontext()
