"""Losses on logits that fine-tuning and pre-training share: means over what is known.

Everywhere: logits are (N, K, ...) of any floating type; sums run in float32 at least. Shapes are
checked, values are not, for that would wait for the device. A batch in which nothing is known costs
0 and still has a gradient (of zeros), so that no rank of several waits for another.

kind: "softmax" takes a target (N, ...) of class numbers, int64, -1 where unknown;
"sigmoid" takes one (N, K, ...) of 0 and 1, of any type, -1 where unknown.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from genesis_hub.errors import BadInput

Kind = Literal["softmax", "sigmoid"]
Per = Literal["image", "batch"]
UNKNOWN = -1


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    ignore: int = UNKNOWN,
) -> Tensor:
    """Return the cross-entropy of one class out of K, the mean over entries that are known.

    weight: (K,), one for each class; the mean is weighted too, as torch has it.
    ignore: the target of an entry that is left out. torch gives NaN where all are; this gives 0.
    """
    check(logits, target, "softmax")
    logits, weight = accurate(logits), class_weights(weight, logits)
    total = F.cross_entropy(
        logits,
        target,
        weight,
        ignore_index=ignore,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    known = target != ignore
    share = known if weight is None else weight[target.where(known, 0)] * known
    return total / not_zero(share.sum())


def binary(
    logits: Tensor,
    target: Tensor,
    *,
    positive_weight: Tensor | float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of K questions of yes or no, the mean over entries that are known.

    positive_weight: what a positive counts more than a negative: a number, or (K,) of them.
    label_smoothing: 0.1 asks for 0.95 and 0.05 instead of 1 and 0.
    """
    check(logits, target, "sigmoid")
    logits = accurate(logits)
    target, known = answers(target, logits)
    if positive_weight is not None:
        positive_weight = over_channels(positive_weight, logits)
    smooth = target * (1 - label_smoothing) + label_smoothing / 2
    costs = F.binary_cross_entropy_with_logits(
        logits, smooth, pos_weight=positive_weight, reduction="none"
    )
    return mean_known(costs, known)


def soft_dice(
    logits: Tensor,
    target: Tensor,
    *,
    kind: Kind,
    background: bool = False,
    per: Per = "batch",
    smooth: float = 1.0,
) -> Tensor:
    """Return 1 - Dice of the probabilities, the mean over classes (and images).

    background: whether class 0 of a softmax counts too; a sigmoid has no background.
    per: "image" takes a Dice of each image and class; "batch" one of each class over the whole
    batch, which is steadier where most patches hold nothing.
    smooth: stands above and below: 1 - (2 |P T| + smooth) / (|P| + |T| + smooth), in voxels. A
    class that is absent and predicted absent costs 0; one that is predicted present by p voxels
    costs p / (p + smooth), and its gradient on the logits sums to at most 1/4 for any smooth. A
    small one (1e-5, as others have it) makes an absent class cost 1 with next to no gradient; a
    large one blurs classes of few voxels. 1 is what the authors of our methods trained with.

    Unknown voxels are left out; so is a class none of whose voxels are known.
    """
    check(logits, target, kind)
    if logits.ndim < 3 or smooth <= 0 or per not in ("image", "batch"):
        raise BadInput(
            f"logits are {tuple(logits.shape)}, smooth is {smooth} and per {per!r}, but (N, K, X, "
            "...), a number above 0 and 'image' or 'batch' are expected"
        )
    logits = accurate(logits)
    shares = logits.softmax(1) if kind == "softmax" else logits.sigmoid()
    truth, known = one_hot(target, logits) if kind == "softmax" else answers(target, logits)
    if kind == "softmax" and not background:
        if logits.shape[1] < 2:
            raise BadInput(f"logits {tuple(logits.shape)} hold background alone; take 'sigmoid'")
        shares, truth = shares[:, 1:], truth[:, 1:]
    elif kind == "sigmoid" and background:
        raise BadInput("background=True is for kind='softmax'; each sigmoid channel counts anyway")
    known = known.expand_as(shares)
    places = tuple(range(2, logits.ndim)) if per == "image" else (0, *range(2, logits.ndim))
    shares = shares.where(known, 0)
    both, either = (shares * truth).sum(places), shares.sum(places) + truth.sum(places)
    return mean_known(1 - (2 * both + smooth) / (either + smooth), known.any(places))


def dice_and_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    kind: Kind,
    background: bool = False,
    per: Per = "batch",
    smooth: float = 1.0,
    weight: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return `soft_dice` plus `cross_entropy` (softmax) or `binary` (sigmoid), one to one.

    weight: (K,), that of each class in the cross-entropy, or of the positives of each question.
    """
    overlap = soft_dice(logits, target, kind=kind, background=background, per=per, smooth=smooth)
    if kind == "softmax":
        return overlap + cross_entropy(
            logits, target, weight=weight, label_smoothing=label_smoothing
        )
    return overlap + binary(logits, target, positive_weight=weight, label_smoothing=label_smoothing)


def focal(
    logits: Tensor,
    target: Tensor,
    *,
    kind: Kind,
    gamma: float = 2.0,
    alpha: Tensor | float | None = None,
) -> Tensor:
    """Return the focal loss -(1 - p)^gamma log p of the truth's p, the mean over known entries.

    Lin et al., "Focal loss for dense object detection", ICCV 2017.
    alpha: for "sigmoid" the weight of positives in [0, 1], that of negatives being 1 - alpha: a
    number or (K,) of them; for "softmax" one weight for each class, (K,). None weighs nothing.
    """
    check(logits, target, kind)
    if gamma < 0:
        raise BadInput(f"gamma is {gamma}, but must be 0 or more")
    logits = accurate(logits)
    # log(1 - p) comes straight from the logits: 1 - p of a sure p has no gradient but NaN.
    if kind == "sigmoid":
        target, known = answers(target, logits)
        signed = logits * (2 * target - 1)
        sure, unsure = F.logsigmoid(signed), F.logsigmoid(-signed)
        if alpha is not None:
            alpha = over_channels(alpha, logits)
            weight = alpha * target + (1 - alpha) * (1 - target)
    else:
        if isinstance(alpha, (int, float)):
            raise BadInput(f"alpha is {alpha}, but kind='softmax' takes (K,), one for each class")
        known = target != UNKNOWN
        index = target.where(known, 0).unsqueeze(1)
        shares = logits.log_softmax(1)
        sure = shares.gather(1, index).squeeze(1)
        unsure = shares.scatter(1, index, -torch.inf).logsumexp(1)
        if (alpha := class_weights(alpha, logits)) is not None:
            weight = alpha[index.squeeze(1)]
    costs = -(gamma * unsure).exp() * sure
    return mean_known(costs if alpha is None else costs * weight, known)


def check(logits: Tensor, target: Tensor, kind: Kind) -> None:
    """Raise `BadInput` where a target does not belong to its logits."""
    if kind not in ("softmax", "sigmoid"):
        raise BadInput(f"kind is {kind!r}, but must be 'softmax' or 'sigmoid'")
    if logits.ndim < 2 or not logits.is_floating_point():
        raise BadInput(
            f"logits are {tuple(logits.shape)} of {logits.dtype}, but (N, K, ...) of floats are "
            "expected"
        )
    fitting = logits.shape if kind == "sigmoid" else (logits.shape[0], *logits.shape[2:])
    if tuple(target.shape) != tuple(fitting):
        raise BadInput(
            f"target is {tuple(target.shape)}, but logits of {tuple(logits.shape)} take "
            f"{tuple(fitting)} with kind={kind!r}"
        )
    if kind == "softmax" and target.dtype != torch.int64:
        raise BadInput(f"target is {target.dtype}, but torch.int64 is expected; target.long()")


def accurate(logits: Tensor) -> Tensor:
    """Return logits in float32, or in float64 if they came so."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def answers(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return 0 and 1 (0 where unknown) in the type of the logits, and what is known."""
    # Converted first: in torch a uint8 of 255 equals -1.
    target = target.to(logits.dtype)
    known = target != UNKNOWN
    return target.where(known, 0), known


def one_hot(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return (N, K, ...) of 0 and 1 (0 where unknown), and (N, 1, ...) of what is known."""
    # F.one_hot looks at the greatest value, which waits for the device and breaks a graph.
    target = target.unsqueeze(1)
    known = target != UNKNOWN
    return torch.zeros_like(logits).scatter(
        1, target.where(known, 0), known.to(logits.dtype)
    ), known


def class_weights(weight: Tensor | None, logits: Tensor) -> Tensor | None:
    """Return weights (K,) where the logits are and of their type, or refuse their shape."""
    if weight is not None and weight.shape != logits.shape[1:2]:
        raise BadInput(
            f"weights are {tuple(weight.shape)}, but logits of {tuple(logits.shape)} take "
            f"({logits.shape[1]},)"
        )
    return None if weight is None else weight.to(logits)


def over_channels(weight: Tensor | float, logits: Tensor) -> Tensor:
    """Return a number, or (K,) of them, as (K, 1, ...) that multiplies (N, K, ...)."""
    if not isinstance(weight, Tensor):
        weight = logits.new_full(logits.shape[1:2], weight)
    class_weights(weight, logits)
    return weight.to(logits).view(-1, *[1] * (logits.ndim - 2))


def mean_known(costs: Tensor, known: Tensor) -> Tensor:
    """Return the mean of what is known, 0 if that is nothing."""
    return costs.where(known, 0).sum() / not_zero(known.sum())


def not_zero(count: Tensor) -> Tensor:
    """Return a count to divide by: 1 instead of 0."""
    return count.where(count != 0, 1)
