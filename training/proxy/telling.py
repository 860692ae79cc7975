"""Classes told apart: the loss, and what validation measures beside it."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def told_apart(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the cross-entropy of logits (N, K), and the share of labels (N,) that were told."""
    with torch.autocast(logits.device.type, enabled=False):
        loss = F.cross_entropy(logits.float(), labels)
    return {"total": loss, "accuracy": hits(logits, labels)}


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of labels that come first."""
    return (logits.argmax(1) == labels).float().mean().detach()


def chance_of(logits: Tensor) -> Tensor:
    """Return the loss of telling nothing."""
    return torch.tensor(math.log(logits.shape[1]), device=logits.device)
