"""Which heads, decoders, poolings, norms and sizes go together, said before a network is made."""

import math
import re

from genesis_hub.errors import BadInput
from genesis_hub.networks.heads import DROPOUT, PROXY_HEADS, head_named
from genesis_hub.networks.table import Architecture

WIDEST = 16  # Far above any use, as a width.
POOLINGS = ("none", "avg", "max")
KEPT = ("pretrained", "pretrained-scse")  # Decoders that come with the weights.
PATCHES = re.compile(r"patches(?:-(\d{1,2})x(\d{1,5}))?")
PER_SIDE, CODE = 2, 128  # Of decoder="patches".
MIXED = 16_384  # Codes of all patches together: the layer that mixes them has its square.


def head_of(head: str, task: str) -> str:
    """Return a head by its full name, where the task has one."""
    head = head_named(head)
    if head != "linear" and task != "classification":
        raise BadInput(
            f"head={head!r} belongs to classification, but the task is {task!r}; "
            "pass num_classes=, or leave head='linear'"
        )
    return head


def dropout_of(dropout: float, head: str) -> float:
    """Return the share of units that a head leaves out in training."""
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise BadInput(f"dropout={dropout!r}, but it must be a share from 0 up and below 1")
    if dropout != DROPOUT and head not in PROXY_HEADS:
        raise BadInput(
            f"dropout={dropout}, but head={head!r} has none; it belongs to "
            f"{' and '.join(map(repr, PROXY_HEADS))}"
        )
    return float(dropout)


def all_attend(decoder: str | None) -> bool:
    """Say whether every block of SMART-Net's decoders has attention, not the last alone."""
    return decoder in ("scse", "pretrained-scse")


def grade_of(grade: bool, task: str, num_classes: int) -> bool:
    """Return whether the head gives one number, where there are classes in an order."""
    if not isinstance(grade, bool):
        raise BadInput(f"grade={grade!r}, but it is True or False")
    if grade and (task != "classification" or num_classes < 2):
        raise BadInput(
            f"grade=True tells the grade among two classes or more, but the task is {task!r} with "
            f"num_classes={num_classes}; leave grade away"
        )
    return grade


def pooling_of(
    row: Architecture, task: str, pooling: str | None, operator: str | None, decoder: str | None
) -> str | None:
    """Return what is done to the last map; None leaves it as the hub always has it."""
    if pooling is None:
        return None
    if pooling not in POOLINGS:
        raise BadInput(
            f"pooling={pooling!r}; choose from {', '.join(map(repr, POOLINGS))}, or None for the "
            "mean over positions"
        )
    if operator is not None or (row.unet is None and (row.timm is None or row.stem_stride)):
        raise BadInput(
            f"pooling={pooling!r} belongs to the proxy tasks' networks and to timm's on single "
            "images; leave pooling away"
        )
    if task == "segmentation":
        if pooling == "none":
            return None
        if row.unet is None or not (row.ndim == 3 or own_flat(decoder)):
            raise BadInput(
                f"pooling={pooling!r} in segmentation is undone by the built-in U-Net's decoder "
                f"alone, but the decoder is {decoder!r}; pass decoder='proxy' without encoder=, or "
                "leave pooling away"
            )
    elif task == "pretext":
        raise BadInput(f"pooling={pooling!r}, but the pretext is as published; leave it away")
    return pooling


def size_of(
    row: Architecture,
    task: str,
    pooling: str | None,
    decoder: str | None,
    size: tuple[int, ...] | None,
    usual: tuple[int, ...],
) -> tuple[int, ...] | None:
    """Return the sides that a network is built for, None where it takes any.

    Flattened maps have one length, and so has a mixing of all patches of an image.
    """
    if not one_size(task, pooling, decoder, unet=row.unet is not None):
        if size is not None:
            raise BadInput(
                f"size={size!r}, but this network takes images of any size; leave size away"
            )
        return None
    size = usual if size is None else size
    if (
        not isinstance(size, tuple | list)
        or len(size) != row.ndim
        or not all(type(side) is int and 1 <= side <= 4096 for side in size)
    ):
        raise BadInput(f"size={size!r}, but {row.ndim} whole numbers of 1 or more are expected")
    step = 1 if task != "segmentation" else 16 * factor(pooling, decoder)
    if any(side % step for side in size):
        fitting = tuple(-(-side // step) * step for side in size)
        raise BadInput(
            f"size={tuple(size)}, but each side must be a multiple of {step}; take {fitting}"
        )
    return tuple(size)


def one_size(task: str | None, pooling: str | None, decoder: str | None, *, unet: bool) -> bool:
    """Say whether a network takes images of one size alone; unet: it is the built-in one."""
    if task == "segmentation":
        return patches_of(decoder) is not None
    return pooling == "none" or (pooling is not None and unet)


def factor(pooling: str | None, decoder: str | None) -> int:
    """Return by how much the multiples of a U-Net's sides grow."""
    patches = patches_of(decoder)
    return (2 if pooling in ("avg", "max") else 1) * (patches[0] if patches else 1)


def patches_of(decoder: str | None) -> tuple[int, int] | None:
    """Return the patches per side and the length of their codes; None for another decoder."""
    found = PATCHES.fullmatch(decoder) if isinstance(decoder, str) else None
    if found is None:
        return None
    return (int(found[1]), int(found[2])) if found[1] else (PER_SIDE, CODE)


def own_flat(decoder: str | None) -> bool:
    """Say whether a decoder is the built-in U-Net's own in 2D."""
    return decoder == "proxy" or patches_of(decoder) is not None


def decoder_of(
    row: Architecture, task: str, decoder: str | None, operator: str | None
) -> str | None:
    """Return which decoder: smp's by name in 2D; "pretrained" or "fresh" for our own.

    "pretrained-scse" is a pretrained one with attention in every block, which is told from the
    weights.
    """
    own = row.ndim == 3 or operator is not None
    # A 2D network that was published with a decoder has smp's all the same, unless it is asked for.
    own = own or (row.decoder is not None and decoder in KEPT)
    if decoder is not None and not isinstance(decoder, str):
        raise BadInput(f"decoder={decoder!r} is no name; give one, such as 'Unet', or None")
    if task == "pretext" and row.ndim == 2:
        if decoder not in (None, "scse"):
            raise BadInput(
                f"decoder={decoder!r}, but the published decoders are given; pass decoder='scse' "
                "for attention in every block, as the paper's figure has it, or leave it away"
            )
        return decoder
    if task != "segmentation":
        if decoder is not None:
            raise BadInput(
                f"decoder={decoder!r}, but task={task!r} has no decoder to choose; "
                "pass task='segmentation'"
            )
        return None
    patches = patches_of(decoder)
    if patches is not None or decoder == "proxy":
        if row.unet is None or operator is not None:
            raise BadInput(
                f"decoder={decoder!r} belongs to the built-in U-Net of the proxy tasks, not to "
                "this network; decoder='Unet', of smp's, stands on every 2D encoder"
            )
        if patches is not None:
            per_side, code = patches
            if not 1 <= per_side**row.ndim * code <= MIXED:
                raise BadInput(
                    f"decoder={decoder!r}: {per_side} patches per side have {per_side**row.ndim} "
                    f"codes of {code} numbers, which one layer mixes; it takes 1 to {MIXED:,} "
                    "numbers in all; give fewer, such as 'patches-2x128'"
                )
            return f"patches-{per_side}x{code}"
        return "fresh" if row.ndim == 3 else "proxy"
    if own:
        kept: tuple[str, ...] = ("pretrained", "fresh") if row.decoder else ("fresh",)
        if row.decoder and row.ndim == 2:
            kept = (*kept, KEPT[1])
        if decoder not in (None, *kept):
            raise BadInput(
                f"decoder={decoder!r}, but here the decoder is the network's own; choose from "
                f"{', '.join(map(repr, kept))}, or leave it away"
            )
        return decoder or kept[0]
    return decoder or "Unet"


def width_of(name: str, row: Architecture, architecture: str, width: float) -> float:
    """Return the width, or refuse one that the architecture cannot have."""
    if isinstance(width, bool) or not isinstance(width, int | float) or not math.isfinite(width):
        raise BadInput(f"width={width!r}, but it must be a number above 0, such as 0.25")
    if not 0 < width <= WIDEST:
        raise BadInput(f"width={width!r}, but it must be above 0 and at most {WIDEST}")
    if width != 1.0 and not row.scalable:
        raise BadInput(
            f"width={width}, but of timm's only ResNet and ConvNeXt can be built narrower, "
            f"not {architecture} of {name!r}; leave width=1.0"
        )
    return float(width)


def norm_of(name: str, row: Architecture, norm: str | None) -> str | None:
    """Return the norm, the architecture's default where none is asked for."""
    if norm is None:
        return row.norms[0] if row.norms else None
    if norm not in row.norms:
        allowed = ", ".join(repr(kind) for kind in row.norms) or "none: it is part of the network"
        raise BadInput(f"norm={norm!r} is not a choice of {name!r}; allowed: {allowed}")
    return norm
