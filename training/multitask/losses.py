"""The losses of SMART-Net: told, outlined, restored, and whether the answers agree.

Each is a pure function of logits; what is not known of a sample costs nothing.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-7  # Below a Dice's denominator, as published.
CELL = 16  # Pixels of a side that a maximum is taken of: what the encoder sees as one.
POOLS = ("maxavg16", "gmp", "gap", "gem")
POWER = 3.0  # Of the generalised mean. Fixed: a learned one could settle the loss by itself.
LEAST = 1e-6


def telling(logits: Tensor, labels: Tensor, known: Tensor) -> Tensor:
    """Return the binary cross-entropy of slices (N,) whose label is known; 0 of none."""
    each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return mean_of(each, known)


def overlapping(logits: Tensor, masks: Tensor, known: Tensor, *, each: bool) -> Tensor:
    """Return one minus Dice of logits and masks (N, 1, X, Y), of the samples with a mask.

    each: the mean over slices in whose mask something is; else one Dice of the whole batch, as
    published. Either way 0 where all masks are empty: without smoothing, an empty mask says nothing
    of how far an answer is from it, and the cross-entropy already does.
    """
    share = torch.sigmoid(logits)
    axes = (1, 2, 3) if each else (0, 1, 2, 3)
    on = known.view(-1, 1, 1, 1).to(share.dtype)
    both = (share * masks * on).sum(axes)
    either = ((share + masks) * on).sum(axes)
    lost = 1 - 2 * both / either.clamp_min(EPS)
    there = (masks * on).sum(axes) > 0
    return mean_of(lost, there) if each else lost * there.to(lost.dtype)


def outlining(logits: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return the binary cross-entropy of every pixel (N, 1, X, Y) of samples with a mask."""
    each = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return mean_of(each.mean((1, 2, 3)), known)


def agreeing(told: Tensor, outlined: Tensor, known: Tensor, *, pool: str) -> Tensor:
    """Return the squared difference of what is told of slices and what is outlined in them.

    told: logits (N,); outlined: logits (N, 1, X, Y). Both sides learn, as published.
    """
    each = (torch.sigmoid(told) - pooled(torch.sigmoid(outlined), pool)) ** 2
    return mean_of(each, known)


def pooled(share: Tensor, pool: str) -> Tensor:
    """Return one number in [0, 1] for each map (N, 1, X, Y) of probabilities, (N,).

    "maxavg16": the mean over cells of 16 x 16 pixels of the greatest in each, the encoder's four
    halvings and its mean over positions; of 256 pixels a side what is published, of others the same
    cells and as many as there are (theirs compared several numbers with one). "gmp": the greatest;
    "gap": the mean; "gem": the generalised mean. All of probabilities: the authors' later code
    pools logits, which no probability can equal.
    """
    if pool == "maxavg16":
        cell = min(CELL, *share.shape[2:])
        return F.max_pool2d(share, cell, ceil_mode=True).mean((1, 2, 3))
    if pool == "gmp":
        return share.amax((1, 2, 3))
    if pool == "gap":
        return share.mean((1, 2, 3))
    return share.clamp_min(LEAST).pow(POWER).mean((1, 2, 3)).pow(1 / POWER)


def restoring(answers: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute difference of restored slices and those that were seen."""
    return F.l1_loss(answers, targets)


def mean_of(each: Tensor, known: Tensor) -> Tensor:
    """Return the mean over samples (N,) that are known; 0, with a gradient of 0, of none."""
    on = known.to(each.dtype)
    # What is not known may be NaN, and 0 times NaN is NaN.
    return torch.where(known, each, 0.0).sum() / on.sum().clamp_min(1)
