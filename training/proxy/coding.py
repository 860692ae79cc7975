"""Predictive coding: codes of patches in a row, predictions of those below, and their losses."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

UNITS = 256


class Predictor(nn.Module):
    """A recurrence over a context's codes, and a layer for each row that is predicted."""

    def __init__(self, code_size: int, rows: int) -> None:
        super().__init__()
        self.recurrence = nn.GRU(code_size, UNITS, batch_first=True)
        self.rows = nn.ModuleList(nn.Linear(UNITS, code_size) for _ in range(rows))
        for name, part in self.recurrence.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(part)
            elif name.startswith("weight_ih"):
                # Each of the three gates begins as a layer of its own, as in Keras.
                nn.init.xavier_uniform_(part)
            else:
                nn.init.orthogonal_(part)
        for row in self.rows:
            nn.init.xavier_uniform_(row.weight)  # type: ignore[arg-type]
            nn.init.zeros_(row.bias)  # type: ignore[arg-type]

    def forward(self, context: Tensor) -> Tensor:
        """Return predictions (M, K, code) of contexts (M, T, code)."""
        _, last = self.recurrence(context)
        return torch.stack([row(last[0]) for row in self.rows], 1)


def likeness(predicted: Tensor, codes: Tensor) -> Tensor:
    """Return the mean product of predictions and codes (M, K, code): (M,)."""
    return (predicted.float() * codes.float()).mean((1, 2))


def true_or_false(predicted: Tensor, codes: Tensor, other: Tensor, scale: float) -> Tensor:
    """Return the likeness (2M,) of each column's own codes, then of another's in its place.

    other: (M,), whose.
    """
    own = likeness(predicted, codes)
    return scale * torch.cat([own, likeness(predicted, codes[other])])


def binary_loss(logits: Tensor) -> Tensor:
    """Return the cross-entropy of telling own codes, the first half, from others'."""
    labels = torch.zeros_like(logits)
    labels[: len(labels) // 2] = 1
    return F.binary_cross_entropy_with_logits(logits, labels)


def binary_hits(logits: Tensor) -> Tensor:
    """Return the share that is told right."""
    own, other = logits.detach().chunk(2)
    return torch.cat([own > 0, other <= 0]).float().mean()


def info_nce_of(predicted: Tensor, codes: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return InfoNCE of finding each column's own codes among all, row by row, and the hits."""
    like = scale * torch.einsum("mkc,nkc->kmn", predicted.float(), codes.float()) / codes.shape[2]
    own = torch.arange(len(codes), device=codes.device).expand(len(like), -1).flatten()
    logits = like.flatten(0, 1)
    return F.cross_entropy(logits, own), (logits.argmax(1) == own).float().mean().detach()
