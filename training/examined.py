"""What validation looks at of a batch: losses, features, and what weights are chosen by."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Examined(NamedTuple):
    """What validation looks at of a batch.

    embedding: (N, F), of what a user would take as features.
    answer, target: what was made and what was asked for, where it is an image; else None.
    view: what the network saw. scores: what else is measured, such as accuracy, as means.
    code, other: (N, F) on the unit sphere, of two views, of what learns by telling images apart.
    What weights are chosen by is then how surely the one finds the other among all.
    said: of each image, what a measure of the whole validation is made of.
    shown: some of the pictures and their views, (M, C, X, Y) in [0, 1], by what they are called.
    """

    losses: dict[str, Tensor]
    embedding: Tensor
    view: Tensor
    answer: Tensor | None = None
    target: Tensor | None = None
    scores: Mapping[str, Tensor] | None = None
    code: Tensor | None = None
    other: Tensor | None = None
    shown: Mapping[str, Tensor] | None = None
    said: Mapping[str, Tensor] | None = None
