"""Pictures blurred by a Gaussian, each by its own."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from training.views.draws import Draws
from training.views.pieces import skipped, where

REACH = 11  # Pixels to either side: a kernel of 23, as MoCo v2 has for views of 224.


class Blurs(NamedTuple):
    """Which samples are blurred and how widely: (N,) each; sigma is in pixels."""

    on: Tensor
    sigma: Tensor

    def of(self, rows: slice) -> "Blurs":
        """Return the blurs of some samples."""
        return Blurs(self.on[rows], self.sigma[rows])


def draw_blurs(draws: Draws, share: float, sigma: tuple[float, float]) -> Blurs:
    """Draw for a share of the samples how widely they are blurred."""
    low, high = sigma
    return Blurs(draws.chance("blur", share), low + draws.uniform("blur.sigma") * (high - low))


def blurred(x: Tensor, plan: Blurs) -> Tensor:
    """Blur each sample (N, C, H, W); beyond an edge the picture is mirrored, as torchvision does.

    Both passes are products with band matrices: what falls beyond an edge is already folded back.
    """
    if skipped(x, plan.on):
        return x
    down = kernels(plan.sigma, x.shape[2])[:, None]
    across = kernels(plan.sigma, x.shape[3])[:, None]
    return where(plan.on, down @ x @ across.transpose(2, 3), x)


def kernels(sigma: Tensor, side: int) -> Tensor:
    """Return (N, side, side): of which pixels of an axis each blurred pixel is made."""
    reach = min(REACH, side - 1)
    steps = torch.arange(-reach, reach + 1, device=sigma.device, dtype=torch.float32)
    weight = (-0.5 * (steps / sigma[:, None]) ** 2).exp()
    weight = weight / weight.sum(1, keepdim=True)
    found = torch.zeros(len(sigma), side * side, device=sigma.device)
    places = folded(side, reach, sigma.device)
    source = weight[:, None].expand(-1, side, -1).reshape(len(sigma), -1)
    return found.index_add_(1, places, source).view(-1, side, side)


@lru_cache(maxsize=8)
def folded(side: int, reach: int, device: torch.device) -> Tensor:
    """Return where in a matrix each weight of each row belongs, mirrored at the edges."""
    rows = torch.arange(side, device=device)[:, None]
    at = (rows + torch.arange(-reach, reach + 1, device=device)).abs()
    at = side - 1 - (side - 1 - at).abs()
    return (rows * side + at).flatten()
