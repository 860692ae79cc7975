"""Metrics of a batch by the published names of the proxy tasks: told in the log, never learned."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from genesis_hub import losses
from genesis_hub.data.cases import CaseList
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput
from genesis_hub.losses.published import SMOOTH, graded_mse, mse, sums, weighted_dice_loss

LOSS = "loss"
PER_CLASS = "weighted_dice_coefficient_per_class_pancreas"
REGIONS = {"wt": (1, 2, 3), "tc": (1, 3), "et": (3,)}
# The labels that a metric is for, and how many classes it needs; empty: any.
METRICS: Mapping[str, tuple[str, int]] = {
    LOSS: ("", 0),
    "accuracy": ("", 0),
    "mse": ("", 0),
    "weighted_dice_coefficient": ("segmentation", 2),
    PER_CLASS: ("segmentation", 3),
    "brats_metrics": ("segmentation", 4),
}


def check_metrics(names: Sequence[str]) -> None:
    """Raise `BadInput` for a metric that there is not."""
    for name in names:
        if name not in METRICS:
            raise BadInput(
                f"metrics: {name!r} is none{close_names(name, METRICS)}; {', '.join(METRICS)} are "
                "known"
            )


def check_metrics_fit(names: Sequence[str], cases: CaseList) -> None:
    """Raise `BadInput` for a metric that the labels cannot have."""
    for name in names:
        task, classes = METRICS[name]
        if task and task != cases.task:
            raise BadInput(
                f"metrics: {name!r} is for {task}, but the labels are for {cases.task}; leave it "
                "away"
            )
        if len(cases.classes) < classes:
            raise BadInput(
                f"metrics: {name!r} needs {classes} classes, but there are {len(cases.classes)}; "
                "leave it away"
            )


def measured(
    names: Sequence[str], logits: Tensor, label: Tensor, *, multilabel: bool, grade: bool
) -> dict[str, Tensor]:
    """Return the metrics of a batch; the loss is told by whoever has it.

    multilabel: labels are (N, K) of 0 and 1. grade: the logits were made of one number.
    """
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        logits = logits.detach().float()
        for name in names:
            if name == "accuracy":
                found[name] = accuracy(logits, label, multilabel=multilabel)
            elif name == "mse":
                kind: losses.Kind = "sigmoid" if multilabel else "softmax"
                found[name] = graded_mse(logits, label) if grade else mse(logits, label, kind=kind)
            elif name == "weighted_dice_coefficient":
                found[name] = -weighted_dice_loss(logits, label)
            elif name == PER_CLASS:
                found |= each_class(logits, label)
            elif name == "brats_metrics":
                found |= regions(logits, label)
    return found


def accuracy(logits: Tensor, label: Tensor, *, multilabel: bool) -> Tensor:
    """Return the share of answers that are right: of bits, of cases, or of voxels."""
    right = (logits > 0) == (label > 0.5) if multilabel else logits.argmax(1) == label
    known = label != losses.UNKNOWN
    return (right & known).sum() / known.sum().clamp_min(1)


def each_class(logits: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Return Dice of each class over the batch, before its mean is taken."""
    both, truth, shares = sums(logits, label)
    dice = (2 * both + SMOOTH) / (truth + shares + SMOOTH)
    return {f"dice_class_{number}": one for number, one in enumerate(dice)}


def regions(logits: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Return Dice of the regions of BraTS over the batch, of the classes that are answered."""
    said = logits.argmax(1)
    found = {}
    for name, members in REGIONS.items():
        own = torch.tensor(members, device=label.device)
        ours, theirs = torch.isin(said, own), torch.isin(label, own)
        both, either = (ours & theirs).sum(), ours.sum() + theirs.sum()
        found[f"dice_{name}"] = (2 * both + SMOOTH) / (either + SMOOTH)
    return found
