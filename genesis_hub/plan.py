"""What an author's file holds and where each tensor goes, settled before a value is read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from genesis_hub.assemble import assemble
from genesis_hub.entry import Entry, Layout
from genesis_hub.errors import BadInput, KeyMismatch, some_of
from genesis_hub.names import common_name
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.spec import Spec, Wishes, resolve
from genesis_hub.weights.fill import COUNTER, NAMED
from genesis_hub.weights.foreign import Foreign
from genesis_hub.weights.rename import Renamed, authors_name, rename, strip

Part = Literal["unet", "encoder"]
Shapes = Mapping[str, tuple[int, ...]]

CLASSES = "head.classification.fc"


@dataclass(frozen=True)
class Expected:
    """One tensor of ours: its name in the model, its shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Plan:
    """What a file holds and what becomes of it, settled before a value is read.

    places: our model's name of a tensor -> the file's key. dropped: the file's key -> why.
    """

    layout: Layout
    spec: Spec
    places: Mapping[str, str]
    dropped: Mapping[str, str]
    absent: tuple[str, ...]


def make_plan(entry: Entry, foreign: Foreign, part: Part | None = None) -> Plan:
    """Settle which layout a file is in and where each tensor goes, or say what does not fit."""
    if not entry.layouts:
        raise BadInput(
            f"nobody has published files of {entry.name!r}, so there is no layout to read; "
            f"weights made here load directly: from_pretrained('RUN/model')"
        )
    if part not in (None, "unet", "encoder"):
        raise BadInput(f"part={part!r} is not known; choose 'unet' or 'encoder', or leave it away")
    layout, renamed = best_layout(entry, foreign)
    shapes = {name: foreign.tensors.shape(key) for key, name in renamed.names.items()}
    spec = spec_of(entry, layout, shapes, part, foreign.path)
    # A U-Net without its classification head is held against the network that has one.
    ours = expected(resolve(entry, Wishes(task=layout.task)) if part == "unet" else spec, entry)
    wanted = {common: row for common, row in ours.items() if belongs(common, part)}
    by_name = {name: key for key, name in renamed.names.items()}
    left_out = {
        key: f"left out by --part {part}"
        for name, key in by_name.items()
        if name not in wanted and not belongs(name, part)
    }
    strange = [key for name, key in by_name.items() if name not in ours and key not in left_out]
    missing = [c for c in wanted if c not in by_name and not c.endswith(COUNTER)]
    wrong = misfits(foreign, wanted, by_name)
    unmatched = renamed.unmatched
    if part == "encoder":  # Whatever is no part of the encoder may stay behind; a typo is missed.
        left_out |= dict.fromkeys((*unmatched, *strange), "left out by --part encoder")
        unmatched, strange = (), []
    if unmatched or strange or missing or wrong:
        wrapped = prefix_of(foreign.tensors.keys(), layout)
        spelled = [foreign.spell(wrapped + (authors_name(c, layout) or c)) for c in missing]
        unknown = [foreign.spell(key) for key in (*unmatched, *strange)]
        parts = {c.split(".")[0] for c in missing}
        raise KeyMismatch(mismatch(entry, foreign, unknown, spelled, wrong, part, parts))
    places = {row.name: by_name[common] for common, row in wanted.items() if common in by_name}
    absent = tuple(row.name for common, row in wanted.items() if common not in by_name)
    return Plan(layout, spec, places, {**renamed.dropped, **left_out}, absent)


@cache
def expected(spec: Spec, entry: Entry) -> Mapping[str, Expected]:
    """Return the tensors of a model by their common names, without making any."""
    model = assemble(spec, entry, empty=True)
    return {
        common_name(spec, name): Expected(name, tuple(tensor.shape), tensor.dtype)
        for name, tensor in model.state_dict().items()
    }


def prefix_of(keys: tuple[str, ...], layout: Layout) -> str:
    """Return the wrapper that most of a file's keys begin with, as the file spells it."""
    taken = Counter(key[: len(key) - len(strip(key, layout.prefixes))] for key in keys)
    return taken.most_common(1)[0][0] if taken else ""


def best_layout(entry: Entry, foreign: Foreign) -> tuple[Layout, Renamed]:
    """Return the layout that knows most of a file's keys."""
    tried, failed = [], None
    for layout in entry.layouts:
        try:
            tried.append((layout, rename(foreign.tensors.keys(), layout)))
        except KeyMismatch as error:
            failed = error
    if failed is not None and not tried:
        raise failed
    layout, renamed = min(tried, key=lambda row: (len(row[1].unmatched), -len(row[1].names)))
    if not renamed.names:
        keys = foreign.tensors.keys()
        raise KeyMismatch(
            f"{foreign.path} is no file of {entry.name!r}: none of its {len(keys)} tensors is "
            f"known ({', '.join(list(keys)[:3])}); `genesis-hub inspect {foreign.path}` tells "
            "which of our names it matches"
        )
    return layout, renamed


def spec_of(
    entry: Entry,
    layout: Layout,
    shapes: Mapping[str, tuple[int, ...]],
    part: Part | None,
    path: Path,
) -> Spec:
    """Return the model that a file holds; the number of classes is the file's own."""
    if part is not None:
        if part == "unet" and (
            entry.ndim == 2 or not ARCHITECTURES[entry.architecture].has_decoder
        ):
            raise BadInput(f"part='unet', but {entry.name!r} is no U-Net; leave --part away")
        return resolve(entry, Wishes(task="features"))
    classes = classes_of(layout, shapes, path)
    return resolve(entry, Wishes(task=layout.task, operator=layout.operator, num_classes=classes))


def classes_of(layout: Layout, shapes: Shapes, path: Path) -> int:
    """Return the classes of a file's head, on which weight and bias must agree."""
    head = CLASSES if layout.task == "pretext" else "head"
    weight, bias = shapes.get(f"{head}.weight"), shapes.get(f"{head}.bias")
    if layout.task == "features" or (weight is None and layout.task == "pretext"):
        return 0
    if weight is None:
        return 1  # Any number will do: that the head is missing is told with the rest.
    if bias is not None and weight[:1] != bias[:1]:
        raise KeyMismatch(
            f"{path}: the head's weight has {weight[0]} classes, but its bias has {bias[0]}; "
            "the file is damaged; get it again"
        )
    smart_net = layout.task == "pretext" and weight[:1] == (1,)
    return 0 if smart_net or not weight else weight[0]


def belongs(common: str, part: Part | None) -> bool:
    """Say whether a tensor is of the part that is imported."""
    if part == "encoder":
        return common.startswith("encoder.")
    return part is None or not common.startswith("head.classification.")


def misfits(
    foreign: Foreign, wanted: Mapping[str, Expected], by_name: Mapping[str, str]
) -> list[str]:
    """Return the tensors whose shape or type is not the network's, as the file spells them."""
    wrong = []
    for common, target in wanted.items():
        key = by_name.get(common)
        if key is None:
            continue
        shape, kind = foreign.tensors.shape(key), foreign.tensors.dtype(key)
        if shape != target.shape:
            wrong.append(f"{foreign.spell(key)} is {shape}, the network's is {target.shape}")
        elif kind.is_floating_point != target.dtype.is_floating_point or kind == torch.bool:
            wrong.append(f"{foreign.spell(key)} is {kind}, where {target.dtype} is expected")
    return wrong


def mismatch(
    entry: Entry,
    foreign: Foreign,
    unknown: list[str],
    missing: list[str],
    wrong: list[str],
    part: Part | None,
    parts: set[str],
) -> str:
    """Say what keeps a file from being imported, in the author's own spelling."""
    said = []
    if unknown:
        said.append(f"{len(unknown)} of its tensors are unknown: {some_of(unknown, NAMED)}")
    if missing:
        said.append(f"{len(missing)} are missing: {some_of(missing, NAMED)}")
    if wrong:
        said.append(f"{len(wrong)} do not fit: {some_of(wrong, NAMED)}")
    hint = "nothing was imported"
    if missing and not unknown and not wrong and part is None:
        if all("clc_out" in key or key.startswith(("cls_", "depth_14")) for key in missing):
            hint += "; the file has no classification head: pass --part unet"
        elif "decoder" in parts and "encoder" not in parts:
            hint += "; if the file holds the encoder alone, pass --part encoder"
    return f"{foreign.path} does not fit {entry.name!r}: {'; '.join(said)}; {hint}"
