"""The head of self-distillation: features to similarities with prototypes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Prototypes(nn.Module):
    """A perceptron onto a sphere, and how like each of many prototypes its answer is.

    Prototypes are of unit length, so that none wins by its size alone (M. Caron et al., Emerging
    Properties in Self-Supervised Vision Transformers, 2021).
    """

    def __init__(self, features: int, *, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(features, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        nn.init.kaiming_uniform_(self.prototypes, a=5**0.5)  # As a linear layer begins.

    def forward(self, x: Tensor, *, still: bool = False) -> Tensor:
        """Return similarities (N, prototypes). still: the prototypes learn nothing from them."""
        directions = self.prototypes.detach() if still else self.prototypes
        return F.linear(F.normalize(self.mlp(x), dim=1), F.normalize(directions, dim=1))
