"""The losses of the proxy tasks' fine-tuning by their published names, on logits.

Taleb et al., "3D Self-Supervised Methods for Medical Imaging", NeurIPS 2020. As everywhere, logits
are (N, K, ...), a target of class numbers is (N, ...) and -1 where unknown; unknown entries count
nothing. Deviations: probabilities are never clipped, so that an answer that is sure and wrong still
learns; the Jaccard distance is 1 - J, for theirs was that times 0.00001 and taught nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from genesis_hub.errors import BadInput
from genesis_hub.losses.known import (
    Kind,
    accurate,
    answers,
    binary,
    check,
    class_weights,
    cross_entropy,
    mean_known,
    not_zero,
    one_hot,
)

LOSSES = (
    "weighted_dice_loss", "jaccard_distance", "weighted_categorical_crossentropy",
    "weighted_sum_loss", "binary_crossentropy", "categorical_crossentropy", "mse",
)  # fmt: skip
# Of these a class may count more than another.
WEIGHTED = LOSSES[:4]
ENTROPY = ("weighted_categorical_crossentropy", "weighted_sum_loss")
OF_THREE = (1.0, 5.0, 10.0)  # Background, organ, tumour.
SMOOTH = 1e-5


def published(
    name: str, logits: Tensor, target: Tensor, *, kind: Kind, weight: Tensor | None = None
) -> Tensor:
    """Return a loss by its published name; weight: (K,), where classes count differently."""
    if name == "mse":
        return mse(logits, target, kind=kind)
    if name == "binary_crossentropy":
        return binary_crossentropy(logits, target, kind=kind)
    check(logits, target, kind)
    if kind != "softmax":
        raise BadInput(
            f"loss={name!r} takes one class out of several, but the labels come several together; "
            "take 'binary_crossentropy' or 'mse'"
        )
    if name == "categorical_crossentropy":
        return categorical_crossentropy(logits, target)
    if name == "weighted_dice_loss":
        return weighted_dice_loss(logits, target, weight=weight)
    if name == "jaccard_distance":
        return jaccard_distance(logits, target, weight=weight)
    if name not in LOSSES:
        raise BadInput(f"loss={name!r}; choose from {', '.join(LOSSES)}")
    if weight is None:
        weight = logits.new_tensor(weights_for(name, logits.shape[1]))
    if name == "weighted_categorical_crossentropy":
        return weighted_categorical_crossentropy(logits, target, weight=weight)
    return weighted_sum_loss(logits, target, weight=weight)


def weights_for(name: str, classes: int, given: Sequence[float] = ()) -> tuple[float, ...]:
    """Return how much each class counts; empty where the loss has no weights.

    The published ones, 1, 5 and 10, are for three classes; others have to be given.
    """
    if given and name not in WEIGHTED:
        raise BadInput(
            f"loss_weights={tuple(given)}, but loss={name!r} has none; they belong to "
            f"{', '.join(WEIGHTED)}"
        )
    if given and len(given) != classes:
        raise BadInput(
            f"loss_weights={tuple(given)}, but there are {classes} classes; give a number for each"
        )
    if given or name not in ENTROPY:
        return tuple(float(number) for number in given)
    if classes != len(OF_THREE):
        raise BadInput(
            f"loss={name!r} has published weights (1, 5, 10) for 3 classes, but here are "
            f"{classes}; give loss_weights, a number for each class"
        )
    return OF_THREE


def weighted_dice_loss(
    logits: Tensor, target: Tensor, *, weight: Tensor | None = None, smooth: float = SMOOTH
) -> Tensor:
    """Return minus the mean over classes of Dice over the whole batch, from -1 (all right) to 0.

    The background is a class, too. weight: (K,) makes the mean a weighted one; the published loss
    has none, for all its name.
    """
    both, truth, shares = sums(logits, target)
    dice = (2 * both + smooth) / (truth + shares + smooth)
    return -mean_of(dice, class_weights(weight, logits))


def jaccard_distance(
    logits: Tensor, target: Tensor, *, weight: Tensor | None = None, smooth: float = SMOOTH
) -> Tensor:
    """Return 1 - J, the mean over classes of intersection over union in the whole batch."""
    both, truth, shares = sums(logits, target)
    jaccard = (both + smooth) / (truth + shares - both + smooth)
    return 1 - mean_of(jaccard, class_weights(weight, logits))


def weighted_categorical_crossentropy(logits: Tensor, target: Tensor, *, weight: Tensor) -> Tensor:
    """Return the cross-entropy times the weight of the truth, the mean over known entries.

    Unlike torch's, it is not divided by the sum of the weights: rare classes make it larger.
    """
    check(logits, target, "softmax")
    logits = accurate(logits)
    each = class_weights(weight, logits)
    total = F.cross_entropy(logits, target, each, ignore_index=-1, reduction="sum")
    return total / not_zero((target != -1).sum())


def weighted_sum_loss(logits: Tensor, target: Tensor, *, weight: Tensor) -> Tensor:
    """Return the mean of the Jaccard distance and the weighted cross-entropy.

    weight: of the cross-entropy; in the Jaccard distance all classes count alike.
    """
    entropy = weighted_categorical_crossentropy(logits, target, weight=weight)
    return 0.5 * jaccard_distance(logits, target) + 0.5 * entropy


def categorical_crossentropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of one class out of K."""
    return cross_entropy(logits, target)


def binary_crossentropy(logits: Tensor, target: Tensor, *, kind: Kind = "sigmoid") -> Tensor:
    """Return the mean over entries and classes of -[y ln p + (1 - y) ln(1 - p)].

    kind: "softmax" asks of each class whether it is the one, of probabilities that sum to one.
    """
    if kind == "sigmoid":
        return binary(logits, target)
    check(logits, target, kind)
    logits = accurate(logits)
    truth, known = one_hot(target, logits)
    total = logits.logsumexp(1, keepdim=True)
    # ln(1 - p) from the logits of the others, for 1 - p of a sure p is nothing.
    others = [
        torch.cat([logits[:, :number], logits[:, number + 1 :]], 1).logsumexp(1, keepdim=True)
        for number in range(logits.shape[1])
    ]
    costs = -(truth * (logits - total) + (1 - truth) * (torch.cat(others, 1) - total))
    return mean_known(costs, known.expand_as(costs))


def mse(logits: Tensor, target: Tensor, *, kind: Kind) -> Tensor:
    """Return the mean squared difference of probabilities and truth, over entries and classes."""
    check(logits, target, kind)
    logits = accurate(logits)
    shares = logits.softmax(1) if kind == "softmax" else logits.sigmoid()
    truth, known = one_hot(target, logits) if kind == "softmax" else answers(target, logits)
    return mean_known((shares - truth) ** 2, known.expand_as(shares))


def graded_mse(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of grades: the one that was answered, and the class.

    logits: (N, K) of a head that gives one number (`grade=True`).
    """
    check(logits, target, "softmax")
    known = target != -1
    grade = grade_of(accurate(logits))
    return mean_known((grade - target.to(grade.dtype)) ** 2, known)


def grade_of(logits: Tensor) -> Tensor:
    """Return the grade g (N,) that logits -(g - k)^2, k = 0, 1, ..., were made of."""
    return (logits[:, 1] - logits[:, 0] + 1) / 2


def sums(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return per class, over the batch, the sums of truth times share, truth, and share."""
    check(logits, target, "softmax")
    logits = accurate(logits)
    truth, known = one_hot(target, logits)
    shares = logits.softmax(1) * known.to(logits.dtype)
    places = (0, *range(2, logits.ndim))
    return (truth * shares).sum(places), truth.sum(places), shares.sum(places)


def mean_of(each: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean over classes, weighted where weights are given."""
    return each.mean() if weight is None else (each * weight).sum() / weight.sum()
