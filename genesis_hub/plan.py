"""What an author's file holds and where each tensor goes, settled before a value is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from genesis_hub.assemble import assemble
from genesis_hub.entry import Entry, Layout
from genesis_hub.errors import BadInput, KeyMismatch
from genesis_hub.names import common_name
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.spec import Spec, Wishes, resolve
from genesis_hub.weights.fill import COUNTER, some
from genesis_hub.weights.foreign import Foreign
from genesis_hub.weights.rename import Renamed, authors_name, rename

Part = Literal["unet", "encoder"]
Shapes = Mapping[str, tuple[int, ...]]

CLASSES = "head.classification.fc"


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
    held_against = resolve(entry, Wishes(task=layout.task)) if part == "unet" else spec
    target = assemble(held_against, entry, empty=True)
    ours = {common_name(target.spec, name): name for name in target.state_dict()}
    wanted = {common: name for common, name in ours.items() if belongs(common, part)}
    by_name = {name: key for key, name in renamed.names.items()}
    left_out = {
        key: f"left out by --part {part}"
        for name, key in by_name.items()
        if name not in wanted and not belongs(name, part)
    }
    strange = [key for name, key in by_name.items() if name not in ours and key not in left_out]
    missing = [c for c in wanted if c not in by_name and not c.endswith(COUNTER)]
    wrong = misfits(foreign, target.state_dict(), wanted, by_name)
    if renamed.unmatched or strange or missing or wrong:
        spelled = [authors_name(name, layout) or name for name in missing]
        raise KeyMismatch(
            mismatch(entry, foreign, [*renamed.unmatched, *strange], spelled, wrong, part)
        )
    places = {wanted[common]: by_name[common] for common in wanted if common in by_name}
    absent = tuple(name for common, name in wanted.items() if common not in by_name)
    return Plan(layout, spec, places, {**renamed.dropped, **left_out}, absent)


def best_layout(entry: Entry, foreign: Foreign) -> tuple[Layout, Renamed]:
    """Return the layout that knows most of a file's keys."""
    tried = [(layout, rename(foreign.tensors.keys(), layout)) for layout in entry.layouts]
    layout, renamed = min(tried, key=lambda row: (len(row[1].unmatched), -len(row[1].names)))
    if not renamed.names:
        keys = foreign.tensors.keys()
        raise KeyMismatch(
            f"{foreign.path} is no file of {entry.name!r}: none of its {len(keys)} tensors is "
            f"known ({some(list(keys)[:3])}); `genesis-hub inspect {foreign.path}` tells which "
            "of our names it matches"
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


def target_spec(
    spec: Spec,
    entry: Entry,
    layout: Layout,
    shapes: Mapping[str, tuple[int, ...]],
    part: Part | None,
) -> Spec:
    """Return the model whose tensors a file is held against."""
    if part == "unet":
        return resolve(entry, Wishes(task=layout.task))
    return spec


def classes_of(layout: Layout, shapes: Shapes, path: Path) -> int:
    """Return the classes of a file's head, on which weight and bias must agree."""
    head = CLASSES if layout.task == "pretext" else "head"
    weight, bias = shapes.get(f"{head}.weight"), shapes.get(f"{head}.bias")
    if weight is None or layout.task == "features":
        return 0
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
    foreign: Foreign,
    state: Mapping[str, Tensor],
    wanted: Mapping[str, str],
    by_name: Mapping[str, str],
) -> list[str]:
    """Return the tensors whose shape or type is not the network's, as the file spells them."""
    wrong = []
    for common, name in wanted.items():
        key = by_name.get(common)
        if key is None:
            continue
        shape, kind = foreign.tensors.shape(key), foreign.tensors.dtype(key)
        target = state[name]
        if shape != tuple(target.shape):
            wrong.append(f"{key} is {shape}, the network's is {tuple(target.shape)}")
        elif kind.is_floating_point != target.is_floating_point() or kind == torch.bool:
            wrong.append(f"{key} is {kind}, where {target.dtype} is expected")
    return wrong


def mismatch(
    entry: Entry,
    foreign: Foreign,
    unknown: list[str],
    missing: list[str],
    wrong: list[str],
    part: Part | None,
) -> str:
    """Say what keeps a file from being imported, in the author's own spelling."""
    said = []
    if unknown:
        said.append(f"{len(unknown)} of its tensors are unknown: {some(unknown)}")
    if missing:
        said.append(f"{len(missing)} are missing: {some(missing)}")
    if wrong:
        said.append(f"{len(wrong)} do not fit: {some(wrong)}")
    hint = "nothing was imported"
    if missing and not unknown and not wrong and part is None:
        if all("clc_out" in key or key.startswith(("cls_", "depth_14")) for key in missing):
            hint += "; the file has no classification head: pass --part unet"
        elif not any(key.startswith(("down_tr", "conv_blocks_context")) for key in missing):
            hint += "; if the file holds the encoder alone, pass --part encoder"
    return f"{foreign.path} does not fit {entry.name!r}: {'; '.join(said)}; {hint}"
