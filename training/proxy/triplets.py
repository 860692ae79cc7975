"""The triplet loss: closer to one's own copy than to another image, by a margin."""

import torch
from torch import Tensor


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared difference of codes (N, F): (N,), at most 1 between 0 and 1."""
    return (one.float() - other.float()).square().mean(1)


def triplet_loss(near: Tensor, far: Tensor, margin: float) -> Tensor:
    """Return the mean of what distances (N,) to one's own lack of those to the other."""
    return (near - far + margin).clamp_min(0).mean()


def triplet_measures(near: Tensor, far: Tensor, margin: float) -> dict[str, Tensor]:
    """Return both distances, and the share of images that lie closer to their own copy.

    chance: the loss of one code for all.
    """
    return {
        "near": near.detach().mean(),
        "far": far.detach().mean(),
        "accuracy": (near < far).float().mean(),
        "chance": torch.full((), margin, device=near.device),
    }
