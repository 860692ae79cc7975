"""Labels that a report leaves open: what a -1 counts as while a network learns."""

import torch
from torch import Tensor

UNKNOWN = -1
# As CheXpert's authors and their successors have it: nothing, one of both, or a draw near one.
ENDS = {
    "ones": (1.0, 1.0), "zeros": (0.0, 0.0), "lsr-ones": (0.55, 0.85), "lsr-zeros": (0.0, 0.3),
}  # fmt: skip
POLICIES = ("unknown", *ENDS)


def settled(labels: Tensor, policy: str, draw: torch.Generator) -> Tensor:
    """Return labels (N, K) in which -1 stands for what the policy says; "unknown" leaves it.

    "lsr-ones" and "lsr-zeros" draw a number between two ends, anew for each step.
    """
    if policy == "unknown":
        return labels
    low, high = ENDS[policy]
    drawn = low + (high - low) * torch.rand(labels.shape, generator=draw)
    return torch.where(labels == UNKNOWN, drawn.to(labels), labels)
