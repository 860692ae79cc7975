"""How much each of several losses counts: as given, or as its learned uncertainty says."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

WEIGHTINGS = ("fixed", "uncertainty")


class Weighing(nn.Module):
    """Several losses become one.

    weights: what each counts. uncertain: each is divided by its learned variance, whose logarithm
    is added in turn (A. Kendall, Y. Gal, R. Cipolla: Multi-Task Learning Using Uncertainty to Weigh
    Losses, CVPR 2018), as the first code of SMART-Net could. Theirs left the reconstruction without
    a variance and the consistency out of the sum; here every loss has one, and is in it.
    """

    def __init__(self, weights: Mapping[str, float], *, uncertain: bool) -> None:
        super().__init__()
        self.weights = dict(weights)
        # A learned variance of 1 to begin with: the sum begins as the fixed one.
        self.log_variance = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(())) for name in weights if uncertain}
        )

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of what each loss counts."""
        counted = []
        for name, loss in losses.items():
            term = self.weights[name] * loss
            if name in self.log_variance:
                variance = self.log_variance[name]
                term = torch.exp(-variance) * term + variance / 2
            counted.append(term)
        return torch.stack(counted).sum()

    def factors(self) -> dict[str, float]:
        """Return by how much each loss counts now."""
        learned = self.log_variance
        return {
            name: weight * (float(torch.exp(-learned[name].detach())) if name in learned else 1.0)
            for name, weight in self.weights.items()
        }
