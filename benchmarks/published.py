"""The published way of a pre-training step, written plainly: one network, one cube after the other.

The U-Net of Models Genesis as its paper's release lays it out (19,073,665 parameters), in fp32 and
torch's usual memory layout; views made by numpy, voxel windows one by one, in the process, before
each step; stochastic gradient descent with momentum.
"""

import numpy as np
import torch
from torch import Tensor, nn

from tests.training import plain_views

PARAMETERS = 19_073_665


def twice(before: int, first: int, second: int) -> nn.Sequential:
    """Return two convolutions, each with its norm and rectifier."""
    return nn.Sequential(
        nn.Conv3d(before, first, 3, padding=1), nn.BatchNorm3d(first), nn.ReLU(inplace=True),
        nn.Conv3d(first, second, 3, padding=1), nn.BatchNorm3d(second), nn.ReLU(inplace=True),
    )  # fmt: skip


class PlainUNet(nn.Module):
    """Four levels down, three up; a sigmoid at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = twice(1, 32, 64), twice(64, 64, 128)
        self.down3, self.down4 = twice(128, 128, 256), twice(256, 256, 512)
        self.up3 = nn.ConvTranspose3d(512, 512, 2, stride=2)
        self.up2 = nn.ConvTranspose3d(256, 256, 2, stride=2)
        self.up1 = nn.ConvTranspose3d(128, 128, 2, stride=2)
        self.join3, self.join2 = twice(768, 256, 256), twice(384, 128, 128)
        self.join1 = twice(192, 64, 64)
        self.pool, self.out = nn.MaxPool3d(2), nn.Conv3d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Restore cubes (N, 1, X, Y, Z)."""
        one = self.down1(x)
        two = self.down2(self.pool(one))
        three = self.down3(self.pool(two))
        x = self.down4(self.pool(three))
        x = self.join3(torch.cat([self.up3(x), three], 1))
        x = self.join2(torch.cat([self.up2(x), two], 1))
        x = self.join1(torch.cat([self.up1(x), one], 1))
        return torch.sigmoid(self.out(x))


class Published:
    """A network, its optimiser, and what makes its views."""

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self.network = PlainUNet().to(device).train()
        assert sum(p.numel() for p in self.network.parameters()) == PARAMETERS
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=1e-3, momentum=0.9)
        self.cubes = images.double().numpy()
        self.dice, self.device = plain_views.Dice(0), device

    def __call__(self, step: int) -> None:
        """Make one step."""
        made = [plain_views.pipeline(cube, self.dice) for cube in self.cubes]
        view, target = (
            torch.from_numpy(np.stack(some)).float().to(self.device)
            for some in zip(*made, strict=True)
        )
        loss = nn.functional.mse_loss(self.network(view), target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        loss.item()
