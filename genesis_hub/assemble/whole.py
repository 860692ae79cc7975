"""The model that a spec asks for, told where it comes from and what it expects."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from genesis_hub.assemble.kinds import (
    own_model,
    patch_segmenter,
    slice_segmenter,
    smp_segmenter,
    timm_model,
    volume_classifier,
    volume_segmenter,
)
from genesis_hub.assemble.pretext import pretext
from genesis_hub.entry import Entry, InputFacts
from genesis_hub.inputs import Inputs
from genesis_hub.models import HubModel
from genesis_hub.networks import planar
from genesis_hub.networks.choices import KEPT, factor, patches_of
from genesis_hub.networks.table import ARCHITECTURES, Architecture
from genesis_hub.spec import Spec
from genesis_hub.weights.fill import untouched


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
