"""From a spec to a model: parts made, put together, filled, and told what they are."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from genesis_hub.adopted import AdoptedClassifier, AdoptedPyramid, AdoptedSegmenter, adopt
from genesis_hub.entry import Entry, InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs
from genesis_hub.models import (
    Classifier,
    HubModel,
    Pretext,
    Pyramid,
    Segmenter,
)
from genesis_hub.names import classifier_name, common_name
from genesis_hub.networks import planar
from genesis_hub.networks.choices import KEPT, all_attend, factor, patches_of
from genesis_hub.networks.heads import classification_head, dense_head
from genesis_hub.networks.info import encoder_info
from genesis_hub.networks.operators import SLICES_AT_ONCE, Convolutions, Recurrence
from genesis_hub.networks.patchwise import PatchDecoder, PatchEncoder
from genesis_hub.networks.proxy import ProxyDecoder, ProxyEncoder
from genesis_hub.networks.table import ARCHITECTURES, Architecture
from genesis_hub.saved import read_answers, read_spec
from genesis_hub.spec import Spec
from genesis_hub.volumes import VolumeClassifier, VolumeSegmenter
from genesis_hub.weights.fill import fill, untouched
from genesis_hub.weights.folder import Artefact

SLICE_CHANNELS = 16


def assemble(spec: Spec, entry: Entry, *, empty: bool = False) -> HubModel:
    """Return a model in eval mode. empty: parts that weights will fill are made without memory."""
    row = ARCHITECTURES[spec.architecture]
    build: Callable[[Spec, Architecture, bool], HubModel]
    if spec.operator == "lstm":
        build = volume_classifier
    elif spec.operator == "conv3d":
        build = volume_segmenter
    elif spec.task == "pretext":
        build = pretext
    elif spec.task == "segmentation" and patches_of(spec.decoder) is not None:
        build = patch_segmenter
    elif row.ndim == 2 and spec.task == "segmentation" and spec.decoder not in (*KEPT, "proxy"):
        build = smp_segmenter
    elif row.timm and spec.task == "segmentation":
        build = slice_segmenter
    elif row.timm:
        build = timm_model
    else:
        build = own_model
    model = build(spec, row, empty)
    describe(model, spec, entry, row)
    return model.eval()


def describe(model: HubModel, spec: Spec, entry: Entry, row: Architecture) -> None:
    """Tell a model where it comes from and what it expects."""
    facts = entry.inputs
    if spec.operator:
        # Any number of slices is taken; one stands for "as many as the case has".
        facts = replace(facts, size=(*facts.size, 1), multiple=(*facts.multiple, 1))
    elif spec.size is not None:
        # Windows at an image's edge may not shrink, either.
        facts = replace(facts, size=spec.size, multiple=spec.size)
    elif spec.task == "segmentation":
        times = factor(spec.pooling, spec.decoder)
        facts = replace(facts, multiple=tuple(times * step for step in facts.multiple))
    model.spec, model.entry = spec, entry
    # Slices lie as pictures do, rows first: down the back, then to the left.
    model.inputs = Inputs(facts, spec.in_channels, frame="PLS" if entry.ndim == 2 else "LPS")
    model.pretrained_cfg = library_facts(model, spec, entry, row, facts)
    model.load_report = untouched(model, "pretrained=False")
    model.note_shapes()


def load(model: HubModel, artefact: Artefact) -> HubModel:
    """Fill a model from an artefact, strictly; its `load_report` says what was done."""
    spec, saved = model.spec, read_spec(artefact.facts)
    where = str(artefact.folder)
    if spec == saved:
        model.to(artefact.dtype)
    offered = {common_name(saved, key): key for key in artefact.tensors.keys()}
    wanted = {name: common_name(spec, name) for name in model.state_dict()}
    whole = spec.task == "pretext"
    decoder = takes_decoder(spec, saved, offered)
    made = artefact.facts.get("provenance", {})
    bare = {"decoder", "decoder.segmentation"} & set(made.get("untrained", ()))
    if decoder and saved.task == "pretext" and bare:
        why = "stage 'en'" if "decoder" in bare else "it was not among the tasks"
        raise BadInput(
            f"{where}: the encoder was pre-trained, but the decoder learned nothing yet ({why}); "
            "pass decoder='fresh', or pre-train on with weights= of this folder"
        )
    backbone = {
        name
        for name, common in wanted.items()
        if whole
        or common.startswith("encoder.")
        or (decoder and common.startswith("decoder."))
        or (spec.operator == saved.operator and common.startswith("operator."))
    }
    model.load_report = fill(
        model,
        artefact.tensors,
        wanted=wanted,
        offered=offered,
        backbone=backbone,
        required=wanted if spec.answers_like(saved) else backbone,
        first_conv=f"{ARCHITECTURES[spec.architecture].first_conv}.weight",
        source=where,
        sha256=artefact.sha256,
    )
    artefact.check_sha256()
    model.terms = dict(artefact.terms)
    model.provenance = dict(made)
    if spec.answers_like(saved):
        model.answers = read_answers(artefact.facts, spec.num_classes)
    return model


def takes_decoder(spec: Spec, saved: Spec, offered: Mapping[str, str]) -> bool:
    """Say whether the weights' decoder belongs to what this task must get."""
    if spec.task != "segmentation" or spec.decoder == "fresh":
        return False
    if spec.decoder not in KEPT:
        return spec.decoder == saved.decoder and spec.task == saved.task
    row = ARCHITECTURES[spec.architecture]
    return row.has_decoder or any(name.startswith("decoder.stages.") for name in offered)


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


def head_on(spec: Spec, features: int) -> nn.Module:
    """Return a fresh head as this spec wants it."""
    return classification_head(
        spec.head, features, spec.num_classes, dropout=spec.dropout, grade=spec.grade
    )


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


def pretext(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a published network with all its heads; every tensor of it comes from the weights."""
    options = choices(spec, row)
    with without_memory(empty):
        if row.timm:
            encoder = timm_part(spec, row, features_only=True)
        else:
            encoder = own_encoder(spec, row, False)
        channels = tuple(encoder_info(encoder).channels())
        decoder = pretext_decoder(spec, row, channels)
        heads = {}
        for name, branch in row.branches.items():
            if branch.decoder is None:
                below = channels[-1]
            else:
                part = decoder[branch.decoder] if isinstance(decoder, nn.ModuleDict) else decoder
                below = part.channels  # type: ignore[assignment]
            heads[name] = branch.head(below, branch.classes or spec.num_classes, **options)
    return Pretext(
        encoder,
        decoder,
        heads,
        on_features=frozenset(n for n, b in row.branches.items() if b.decoder is None),
        activations={name: branch.activation for name, branch in row.branches.items()},
    )


def pretext_decoder(spec: Spec, row: Architecture, channels: tuple[int, ...]) -> nn.Module:
    """Return the one decoder of a published network, or a ModuleDict of one per answer."""
    kinds = [b.decoder for b in row.branches.values() if b.decoder]
    if not kinds:
        return own_decoder(spec, row, False, **row.pretext_decoder)
    attention = "scse" if all_attend(spec.decoder) else "last"
    return nn.ModuleDict(
        {
            kind: own_decoder(
                spec, row, False, encoder_channels=channels, kind=kind, attention=attention
            )
            for kind in kinds
        }
    )


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


def slice_segmenter(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a 2D network with the decoder that its weights bring."""
    encoder, decoder = outlining(spec, row, empty)
    channels: int = decoder.channels  # type: ignore[assignment]
    return Segmenter(encoder, decoder, dense_head(2, channels, spec.num_classes))


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


def without_memory(empty: bool) -> Any:
    """Return a context in which modules are made as shapes only."""
    return torch.device("meta") if empty else nullcontext()


def library_facts(
    model: HubModel, spec: Spec, entry: Entry, row: Architecture, facts: InputFacts
) -> dict[str, Any]:
    """Return what timm calls `pretrained_cfg`, true of these weights."""
    inputs = model.inputs
    base = planar.timm_facts(row.timm) if row.timm else {"first_conv": row.first_conv}
    ones = (1.0,) * spec.in_channels
    zeros = (0.0,) * spec.in_channels
    return {
        **base,
        "tag": entry.name,
        "custom_load": False,
        "input_size": (spec.in_channels, *facts.size),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": inputs.spread(facts.mean) if facts.mean else zeros,
        "std": inputs.spread(facts.std) if facts.std else ones,
        "num_classes": spec.num_classes,
        "license": entry.license.spdx or "other",
    }
