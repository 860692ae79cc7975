"""Wholes and their parts: one embedding composed of four, and four taken out of one."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PARTS = 4
Measure = Literal["cosine", "mse"]


class Composer(nn.Sequential):
    """From the embeddings of four parts, side by side, to that of their whole."""

    def __init__(self, features: int) -> None:
        super().__init__(
            nn.Linear(PARTS * features, features), nn.ReLU(), nn.Linear(features, features)
        )


class Decomposer(nn.Sequential):
    """From the embedding of a whole to those of its four parts, side by side."""

    def __init__(self, features: int) -> None:
        super().__init__(
            nn.Linear(features, features), nn.ReLU(), nn.Linear(features, PARTS * features)
        )


def side_by_side(parts: Tensor) -> Tensor:
    """Return embeddings (4N, D), part by part, as (N, 4D), the parts of each whole in a row."""
    return torch.cat(parts.chunk(PARTS), 1)


def composed(answer: Tensor, whole: Tensor, measure: Measure) -> Tensor:
    """Return how far the embedding made of parts (N, D) is from that of the whole."""
    return between(unit(answer), unit(whole), measure)


def decomposed(answer: Tensor, parts: Tensor, measure: Measure, *, each: bool) -> Tensor:
    """Return how far what was taken out of the whole (N, 4D) is from the parts' own (4N, D).

    each: every part has a length of its own, as its target has. As released, the four together have
    length 1, so that each is at most half as long as what it should be: the squared error never
    falls below 1 / (4 D), even when all four directions are right.
    """
    wanted = unit(parts)
    if each:
        made = unit(torch.cat(answer.float().chunk(PARTS, 1)))
    else:
        made = torch.cat(unit(answer).chunk(PARTS, 1))
    return between(made, wanted, measure)


def between(made: Tensor, wanted: Tensor, measure: Measure) -> Tensor:
    """Return 1 less the cosine, or the squared error averaged over dimensions, as released.

    For unit vectors that is the cosine's 2 / D: a thousandth of the distillation loss it is added
    to, which hardly notices.
    """
    if measure == "mse":
        return F.mse_loss(made, wanted)
    return 1 - F.cosine_similarity(made, wanted, dim=1).mean()


def unit(x: Tensor) -> Tensor:
    """Return vectors (N, D) of length 1, in full precision."""
    return F.normalize(x.float(), dim=1)
