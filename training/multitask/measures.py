"""How well slices are told apart, outlined and restored, over a whole validation."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from genesis_hub.evaluate.metrics import auc


def measured(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """Return what is measured of what `answered` said of each batch, put together.

    auc, accuracy (at 0.5) of slices whose label is known; dice: the mean over slices in whose mask
    something is; mae; disagreement: how far what is told lies from what is outlined. What no slice
    can say is left away.
    """
    names = parts[0] if parts else {}
    of = {name: torch.cat([part[name].detach() for part in parts]).cpu().numpy() for name in names}
    found: dict[str, float] = {}
    if "told" in of:
        known = of["label"] >= 0
        told, label = of["told"][known].astype(np.float64), of["label"][known] > 0
        if len(label):
            found["accuracy"] = float(((told >= 0.5) == label).mean())
        if 0 < label.sum() < len(label):
            found["auc"] = float(auc(told, label.astype(np.int64)))
    for name in ("dice", "mae", "disagreement"):
        if name in of and np.isfinite(of[name]).any():
            found[name] = float(np.nanmean(of[name].astype(np.float64)))
    return found


def dices(logits: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return the Dice of each answer at 0.5 (N,); NaN where there is no mask, or nothing in it."""
    given, true = logits > 0, masks > 0.5
    both = (given & true).sum((1, 2, 3)).float()
    either = (given.sum((1, 2, 3)) + true.sum((1, 2, 3))).float()
    there = known & true.any(3).any(2).any(1)
    return torch.where(there, 2 * both / either.clamp_min(1), torch.nan)
