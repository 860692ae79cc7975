"""What exactly is to be built: every wish of a user checked once, before anything is made."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.networks.heads import Head
from genesis_hub.networks.table import ARCHITECTURES, Architecture
from genesis_hub.registry import nearest

Task = Literal["features", "classification", "segmentation", "pretext"]
Operator = Literal["lstm", "conv3d"]

# Far above any use; a folder that asks for more is damaged or made to exhaust the machine.
MOST = 100_000
WIDEST = 16

TASKS: tuple[str, ...] = get_args(Task)
OPERATORS: tuple[str, ...] = get_args(Operator)


@dataclass(frozen=True)
class Spec:
    """A model, in full: enough to build it again, and what `config.json` keeps of it."""

    name: str
    architecture: str
    task: Task
    num_classes: int
    in_channels: int
    features_only: bool = False
    head: Head = "linear"
    decoder: str | None = None
    operator: Operator | None = None
    width: float = 1.0
    norm: str | None = None

    def with_classes(self, num_classes: int) -> "Spec":
        """Return the same for another number of classes; none makes it an embedding."""
        task = self.task
        if task in ("features", "classification"):
            task = "classification" if num_classes else "features"
        return replace(self, task=task, num_classes=num_classes)

    def answers_like(self, other: "Spec") -> bool:
        """Say whether a head and decoder of `other` fit here: the same question is asked."""
        asked = ("task", "num_classes", "features_only", "head", "decoder", "operator")
        return all(getattr(self, name) == getattr(other, name) for name in asked)


@dataclass(frozen=True)
class Wishes:
    """What a user asked for, as asked; None where nothing was said."""

    task: str | None = None
    num_classes: int = 0
    in_channels: int | None = None
    features_only: bool = False
    head: str = "linear"
    decoder: str | None = None
    encoder: str | None = None
    operator: str | None = None
    width: float | None = None
    norm: str | None = None


def resolve(entry: Entry, wishes: Wishes, *, with_weights: bool = False) -> Spec:
    """Turn a user's wishes into a spec, or say in one sentence which of them cannot be met.

    with_weights: the entry's own weights are to be loaded, so the width is theirs.
    """
    name, num_classes, in_channels = entry.name, wishes.num_classes, wishes.in_channels
    whole("num_classes", num_classes, least=0)
    if in_channels is not None:
        whole("in_channels", in_channels, least=1)
    if not isinstance(wishes.features_only, bool):
        raise BadInput(f"features_only={wishes.features_only!r}, but it is True or False")
    chosen = architecture_of(entry, wishes.encoder)
    row = ARCHITECTURES[chosen]
    check_operator(entry, wishes.operator)
    asked = task_of(entry, row, wishes)
    if wishes.head not in get_args(Head):
        raise BadInput(f"head={wishes.head!r} is not known; choose 'linear' or 'mlp'")
    if wishes.head == "mlp" and asked != "classification":
        raise BadInput(
            f"head='mlp' belongs to classification, but the task is {asked!r}; "
            "pass num_classes=, or leave head='linear'"
        )
    if with_weights:
        same_width(wishes.width, entry.width, repr(name))
    width = entry.width if wishes.width is None else wishes.width
    return Spec(
        name=name,
        architecture=chosen,
        task=asked,
        num_classes=num_classes or (entry.pretext_classes if asked == "pretext" else 0),
        in_channels=entry.in_channels if in_channels is None else in_channels,
        features_only=wishes.features_only,
        head="mlp" if wishes.head == "mlp" else "linear",
        decoder=decoder_of(row, asked, wishes.decoder, wishes.operator),
        operator=wishes.operator,  # type: ignore[arg-type]
        width=width_of(name, row, chosen, width),
        norm=norm_of(name, row, wishes.norm),
    )


def same_width(asked: float | None, have: float, whose: str) -> None:
    """Raise `BadInput` when weights of another width are asked for."""
    if asked is not None and asked != have:
        raise BadInput(
            f"width={asked}, but the weights of {whose} have width {have}; leave width away, or "
            "pass pretrained=False to build that width without weights"
        )


def whole(what: str, value: object, *, least: int) -> None:
    """Raise `BadInput` unless a value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        raise BadInput(f"{what}={value!r}, but it must be a whole number from {least} to {MOST}")


def architecture_of(entry: Entry, encoder: str | None) -> str:
    """Return the row of the table: the entry's own, or a proxy task's other 2D encoder."""
    if encoder is None:
        return entry.architecture
    if not entry.encoders:
        raise BadInput(
            f"encoder={encoder!r}: {entry.name!r} has one encoder only; "
            "encoder= chooses among those of the 2D proxy tasks (cpc-2d, rotation-2d, ...)"
        )
    choices = {**dict(entry.encoders), **{timm: timm for _, timm in entry.encoders}}
    by_case = {known.lower(): timm for known, timm in choices.items()}
    if encoder.lower() not in by_case:
        published = [known for known, _ in entry.encoders]
        close = ", ".join(nearest(encoder, published)) or "none"
        raise BadInput(
            f"encoder={encoder!r} is not one of this task's; close names: {close}; "
            f"all: {', '.join(published)}, or None for the built-in U-Net"
        )
    return by_case[encoder.lower()]


def check_operator(entry: Entry, operator: str | None) -> None:
    """Raise `BadInput` unless an operator is known and stands on a 2D encoder."""
    if operator is None:
        return
    if operator not in OPERATORS:
        raise BadInput(f"operator={operator!r} is not known; choose 'lstm' or 'conv3d'")
    if entry.ndim != 2:
        raise BadInput(
            f"operator={operator!r} makes a volume network of a 2D encoder, but {entry.name!r} "
            "is 3D already; leave operator away"
        )


def task_of(entry: Entry, row: Architecture, wishes: Wishes) -> Task:
    """Return the task, by name or by what the other wishes imply."""
    task, num_classes, operator = wishes.task, wishes.num_classes, wishes.operator
    features_only = wishes.features_only
    if task is None:
        task = "features" if num_classes == 0 else "classification"
        if operator == "conv3d":
            task = "segmentation"
    if task not in TASKS:
        close = ", ".join(nearest(str(task), TASKS)) or "none"
        raise BadInput(f"task={task!r}; close: {close}; choose from {', '.join(TASKS)}")
    if features_only and (task != "features" or operator):
        raise BadInput(
            f"features_only=True gives feature maps, not task={task!r}"
            f"{f' with operator={operator!r}' if operator else ''}; ask for one of them"
        )
    if task == "features" and num_classes:
        raise BadInput(
            f"num_classes={num_classes}, but task='features' has no classes; "
            "pass task='classification' or num_classes=0"
        )
    if task in ("classification", "segmentation") and num_classes == 0:
        raise BadInput(f"task={task!r} needs num_classes of at least 1; pass num_classes=")
    if operator and {"lstm": "classification", "conv3d": "segmentation"}[operator] != task:
        raise BadInput(
            f"operator={operator!r} does not serve task={task!r}; 'lstm' classifies volumes "
            "(pass num_classes=), 'conv3d' segments them"
        )
    if task == "pretext":
        check_pretext(entry, row, num_classes)
    return task  # type: ignore[return-value]


def check_pretext(entry: Entry, row: Architecture, num_classes: int) -> None:
    """Raise `BadInput` unless a published network with heads exists."""
    name = entry.name
    if not row.branches:
        raise BadInput(
            f"{name!r} has no pretext network to load: the encoder alone is what is published or "
            "kept; training/ holds the pre-training itself"
        )
    if num_classes and not entry.pretext_classes:
        raise BadInput(f"num_classes={num_classes}, but the pretext of {name!r} has no classes")
    if entry.ndim == 2 and num_classes not in (0, entry.pretext_classes):
        raise BadInput(
            f"num_classes={num_classes}, but the pretext of {name!r} answers one question"
        )


def decoder_of(
    row: Architecture, task: str, decoder: str | None, operator: str | None
) -> str | None:
    """Return which decoder: smp's by name in 2D; "pretrained" or "fresh" for our own."""
    own = row.ndim == 3 or operator is not None
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
    if own:
        kept = ("pretrained", "fresh") if row.decoder else ("fresh",)
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
