"""What a student should say of its views: what the teacher says of others of the same picture."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def distilled(
    student: Sequence[Tensor], teacher: Sequence[Tensor], *, temperature: float, same: bool
) -> Tensor:
    """Return the mean cross-entropy between what teacher and student say of two views.

    student: similarities of each of its views (N, K). teacher: probabilities of each of its own.
    same: the teacher's views are the student's first ones, and none is compared with itself.
    """
    told = [F.log_softmax(one.float() / temperature, 1) for one in student]
    pairs = [
        -(wanted * answer).sum(1).mean()
        for at, wanted in enumerate(teacher)
        for number, answer in enumerate(told)
        if not (same and at == number)
    ]
    return torch.stack(pairs).mean()


def sharpened(similarities: Tensor, center: Tensor, *, temperature: float) -> Tensor:
    """Return a teacher's probabilities: less what it says of everything, and sharp."""
    return F.softmax((similarities.float() - center) / temperature, 1)
