"""What exactly is to be built: every wish of a user checked once, before anything is made."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.networks.choices import (
    decoder_of,
    dropout_of,
    grade_of,
    head_of,
    norm_of,
    pooling_of,
    size_of,
    width_of,
)
from genesis_hub.networks.heads import DROPOUT
from genesis_hub.networks.table import ARCHITECTURES, Architecture
from genesis_hub.registry import nearest

Task = Literal["features", "classification", "segmentation", "pretext"]
Operator = Literal["lstm", "conv3d"]

# Far above any use; a folder that asks for more is damaged or made to exhaust the machine.
MOST = 100_000

TASKS: tuple[str, ...] = get_args(Task)
OPERATORS: tuple[str, ...] = get_args(Operator)
# Told of a model only where they are not as they always were.
LATER = ("dropout", "grade", "pooling", "size")


@dataclass(frozen=True)
class Spec:
    """A model, in full: enough to build it again, and what `config.json` keeps of it.

    pooling: None: the embedding is the mean over positions; else see `from_pretrained`. size: the
    sides that it is built for, where it takes no others.
    """

    name: str
    architecture: str
    task: Task
    num_classes: int
    in_channels: int
    features_only: bool = False
    head: str = "linear"
    decoder: str | None = None
    operator: Operator | None = None
    width: float = 1.0
    norm: str | None = None
    dropout: float = DROPOUT
    grade: bool = False
    pooling: str | None = None
    size: tuple[int, ...] | None = None

    def table(self) -> dict[str, Any]:
        """Return what `config.json` keeps."""
        usual = {one.name: one.default for one in fields(self) if one.name in LATER}
        return {
            key: value
            for key, value in asdict(self).items()
            if key not in usual or value != usual[key]
        }

    def with_classes(self, num_classes: int) -> "Spec":
        """Return the same for another number of classes; none makes it an embedding."""
        task = self.task
        if task in ("features", "classification"):
            task = "classification" if num_classes else "features"
        if task == "features":  # Nothing is left of the head.
            return replace(
                self, task=task, num_classes=0, head="linear", dropout=DROPOUT, grade=False
            )
        return replace(self, task=task, num_classes=num_classes)

    def answers_like(self, other: "Spec") -> bool:
        """Say whether a head and decoder of `other` fit here: the same question is asked."""
        asked = (
            "task", "num_classes", "features_only", "head", "decoder", "operator", "grade",
            "pooling", "size",
        )  # fmt: skip
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
    dropout: float = DROPOUT
    grade: bool = False
    pooling: str | None = None
    size: tuple[int, ...] | None = None


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
    head = head_of(wishes.head, asked)
    decoder = decoder_of(row, asked, wishes.decoder, wishes.operator)
    pooling = pooling_of(row, asked, wishes.pooling, wishes.operator, decoder)
    if pooling is not None and wishes.features_only:
        raise BadInput(
            f"pooling={pooling!r}, but features_only=True gives the maps themselves; leave one away"
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
        head=head,
        decoder=decoder,
        operator=wishes.operator,  # type: ignore[arg-type]
        width=width_of(name, row, chosen, width),
        norm=norm_of(name, row, wishes.norm),
        dropout=dropout_of(wishes.dropout, head),
        grade=grade_of(wishes.grade, asked, num_classes),
        pooling=pooling,
        size=size_of(row, asked, pooling, decoder, wishes.size, entry.inputs.size),
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
