"""The three ways a Genesis network can normalise with the same stored tensors."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.errors import BadInput

Norm = Literal["running", "original", "instance"]


class BatchStatisticsNorm(nn.BatchNorm3d):
    """Batch norm with the current batch's statistics always, as the Genesis authors trained.

    Deviation: the authors also move the running statistics in eval mode; ours stay put there, so
    that a forward in eval leaves no trace. No output depends on them.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.numel() // input.shape[1] < 2:
            raise BadInput(
                f"one value per channel, from a map of shape {tuple(input.shape)}, has no batch "
                "statistics; use larger patches or a larger batch, or norm='running'"
            )
        moving = self.training and self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if moving else None,
            self.running_var if moving else None,
            self.weight,
            self.bias,
            True,
            self.momentum if self.momentum is not None else 0.1,
            self.eps,
        )


class InstanceNorm(nn.InstanceNorm3d):
    """Instance norm that also takes a single voxel: it is its own mean, so the bias is left."""

    def forward(self, input: Tensor) -> Tensor:
        if input.shape[2:].numel() == 1:
            return torch.zeros_like(input) * input + self.bias.view(1, -1, 1, 1, 1)
        return super().forward(input)


def norm_layer(kind: Norm, channels: int, *, eps: float, momentum: float) -> nn.Module:
    """Return one normalisation of a 3D map; all three kinds share the names weight and bias."""
    if kind == "running":
        return nn.BatchNorm3d(channels, eps=eps, momentum=momentum)
    if kind == "original":
        return BatchStatisticsNorm(channels, eps=eps, momentum=momentum)
    return InstanceNorm(channels, eps=eps, affine=True)


def pool(features: Tensor) -> Tensor:
    """Return the mean of each channel over all positions: (N, C, ...) to (N, C)."""
    return torch.flatten(features, 2).mean(dim=2)
