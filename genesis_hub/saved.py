"""What a folder says of the model in it, believed only where it makes sense."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from genesis_hub.entry import Answers, Entry, InputFacts
from genesis_hub.errors import BadInput, KeyMismatch
from genesis_hub.networks.choices import all_attend
from genesis_hub.networks.heads import DROPOUT
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.registry import find
from genesis_hub.spec import Spec, Wishes, architecture_of, resolve, same_width


def follow(
    facts: Mapping[str, Any], entry: Entry, wishes: Wishes, *, as_saved: bool
) -> tuple[Spec, Entry]:
    """Return the spec, and the entry as it is true of an artefact found for it.

    as_saved: the user named the folder, so what is not wished for is as it was saved; else the
    entry's own defaults hold, and only the network follows the artefact.
    """
    saved = read_spec(facts)
    if saved.name != entry.name:
        # Names that share a network differ in terms, which must not be lost on the way.
        raise KeyMismatch(
            f"the weights are those of {saved.name!r}, not of {entry.name!r}; ask for "
            f"{saved.name!r}, or for the folder itself"
        )
    if wishes.encoder is not None and architecture_of(entry, wishes.encoder) != saved.architecture:
        raise BadInput(
            f"encoder={wishes.encoder!r}, but the weights are of {saved.architecture}; leave "
            "encoder away"
        )
    same_width(wishes.width, saved.width, repr(saved.name))
    entry = replace(
        entry, architecture=saved.architecture, width=saved.width, inputs=read_inputs(facts, entry)
    )
    wishes = attending(wishes, saved, entry)
    if as_saved:
        wishes = inherit(replace(wishes, encoder=None), saved)
    elif wishes.task == "pretext" and not wishes.num_classes:
        wishes = replace(wishes, num_classes=published(saved))
    spec = resolve(entry, replace(wishes, encoder=None))
    if saved.norm == "instance" != spec.norm:
        raise BadInput(
            f"norm={spec.norm!r}, but the weights were saved with norm='instance', which keeps no "
            "running statistics; leave norm away"
        )
    return spec, entry


def attending(wishes: Wishes, saved: Spec, entry: Entry) -> Wishes:
    """Return the wishes with the attention that a decoder has which comes with the weights."""
    mine = wishes.decoder == "pretrained" or (
        wishes.decoder is None and wishes.operator == "conv3d" != saved.operator
    )
    if entry.ndim == 2 and all_attend(saved.decoder) and mine:
        return replace(wishes, decoder="pretrained-scse")
    if wishes.task == "pretext" and wishes.decoder is None and all_attend(saved.decoder):
        return replace(wishes, decoder="scse")
    return wishes


def inherit(wishes: Wishes, saved: Spec) -> Wishes:
    """Return the wishes with what was not said filled in from a saved model.

    A wish that equals the default counts as not said. The question asked stays the saved one
    unless another is asked by name; an embedding, a pyramid or a pretext that is given classes
    becomes a classifier.
    """
    kept = replace(
        wishes,
        in_channels=wishes.in_channels if wishes.in_channels is not None else saved.in_channels,
        norm=wishes.norm or saved.norm,
    )
    answers = saved.task in ("classification", "segmentation")
    if (
        wishes.task not in (None, saved.task)
        or wishes.operator not in (None, saved.operator)
        or (wishes.features_only and not saved.features_only)
        or (wishes.num_classes and not answers)
    ):
        return kept
    same_head = wishes.head in ("linear", saved.head)
    same_decoder = wishes.decoder in (None, saved.decoder)
    same_pooling = wishes.pooling in (None, saved.pooling)
    return replace(
        kept,
        task=saved.task,
        num_classes=wishes.num_classes or (saved.num_classes if answers else 0) or published(saved),
        features_only=saved.features_only,
        head=wishes.head if wishes.head != "linear" else saved.head,
        decoder=wishes.decoder or saved.decoder,
        operator=saved.operator,
        dropout=saved.dropout if same_head and wishes.dropout == DROPOUT else wishes.dropout,
        grade=wishes.grade or saved.grade,
        pooling=wishes.pooling or (saved.pooling if same_decoder else None),
        size=wishes.size or (saved.size if same_decoder and same_pooling else None),
    )


def published(saved: Spec) -> int:
    """Return the classes of a saved pretext, which are the file's own."""
    branches = ARCHITECTURES[saved.architecture].branches
    fixed = all(branch.classes for branch in branches.values())
    return 0 if saved.task != "pretext" or fixed else saved.num_classes


def read_spec(facts: Mapping[str, Any]) -> Spec:
    """Return the spec that a folder keeps, checked as a user's wishes are."""
    entry = find(facts.get("name"))  # type: ignore[arg-type]
    try:
        spec = Spec(**facts["spec"])
        if isinstance(spec.size, list):  # JSON knows no tuples.
            spec = replace(spec, size=tuple(spec.size))
        by_timm = {timm: name for name, timm in entry.encoders}
        again = resolve(
            replace(entry, width=spec.width),
            Wishes(
                task=spec.task,
                num_classes=spec.num_classes,
                in_channels=spec.in_channels,
                features_only=spec.features_only,
                head=spec.head,
                decoder=spec.decoder,
                encoder=by_timm.get(spec.architecture),
                operator=spec.operator,
                norm=spec.norm,
                dropout=spec.dropout,
                grade=spec.grade,
                pooling=spec.pooling,
                size=spec.size,
            ),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise BadInput(
            f"the folder's spec of {entry.name!r} cannot be read ({error}); save or import it again"
        ) from error
    if again != spec:
        raise BadInput(
            f"the folder's spec of {entry.name!r} contradicts itself: {spec}; save or import it "
            "again"
        )
    return spec


def read_inputs(facts: Mapping[str, Any], entry: Entry) -> InputFacts:
    """Return the input contract that a folder keeps."""
    try:
        kept: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in facts["inputs"].items()
        }
        inputs = InputFacts(**kept)
        check_inputs(inputs, entry)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise BadInput(
            f"the folder's input contract of {entry.name!r} cannot be read ({error}); save or "
            "import it again"
        ) from error
    return inputs


def read_answers(facts: Mapping[str, Any], num_classes: int) -> Answers:
    """Return what a folder calls its classes."""
    kept = facts.get("answers")
    if kept is None:
        return Answers()
    classes = kept.get("classes") if isinstance(kept, dict) else None
    if (
        not isinstance(classes, list)
        or len(classes) != num_classes
        or not all(isinstance(name, str) for name in classes)
        or not isinstance(kept.get("multilabel"), bool)
    ):
        raise BadInput(f"the folder's answers cannot be read ({kept!r}); save or train it again")
    return Answers(tuple(classes), kept["multilabel"])


def check_inputs(inputs: InputFacts, entry: Entry) -> None:
    """Raise ValueError or TypeError unless a contract can be applied to an image."""
    for name in ("size", "multiple"):
        sides = getattr(inputs, name)
        if len(sides) != entry.ndim or not all(type(n) is int and n > 0 for n in sides):
            raise ValueError(f"{name}={sides!r}")
    if type(inputs.channels) is not int or inputs.channels < 1:
        raise ValueError(f"channels={inputs.channels!r}")
    for name in ("modality", "unit", "note"):
        if not isinstance(getattr(inputs, name), str):
            raise TypeError(f"{name}={getattr(inputs, name)!r}")
    if inputs.clip is not None:
        lo, hi = (float(value) for value in inputs.clip)
        if not -math.inf < lo < hi < math.inf:
            raise ValueError(f"clip={inputs.clip!r}")
    if inputs.spacing and (
        len(inputs.spacing) != entry.ndim or not all(0 < float(v) < 1000 for v in inputs.spacing)
    ):
        raise ValueError(f"spacing={inputs.spacing!r}")
    means, stds = ([float(v) for v in values] for values in (inputs.mean, inputs.std))
    if len(means) != len(stds) or not all(map(math.isfinite, means)) or min(stds, default=1) <= 0:
        raise ValueError(f"mean={inputs.mean!r}, std={inputs.std!r}")
