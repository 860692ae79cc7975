"""Warped cubes: every slice is drawn and pushed smoothly within its plane, never across slices.

As published, two fields of uniform noise as large as the cube are smoothed by a Gaussian. Of so
much noise hardly anything is left: a smoothed line of 64 voxels has 11 directions in which it
varies by more than a thousandth of the most it does anywhere. Here only these are drawn, from the
normal distribution that a sum of so many numbers has, and spread out: the same law, zero border
included, at a hundredth of the price.
"""

from functools import lru_cache
from math import pi
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from genesis_hub.errors import BadInput
from training.views.draws import Draws
from training.views.pieces import checked, in_pieces

SIGMA, ALPHA = 8.0, 991.0
TRUNCATE = 4  # Where the Gaussian ends, in its own deviations.
LEFT_OUT = 1e-3  # Directions weaker than this share of the strongest: a millionth of the variance.
VARIANCE = 1 / 3  # of uniform noise in [-1, 1)

Sides = tuple[int, int, int]


class Warps(NamedTuple):
    """How far each voxel of each sample is fetched from.

    amounts: (N, directions along z, those along x times those along y times 2), the last for how
    far along y and along x.
    """

    amounts: Tensor
    sigma: float
    alpha: float

    def of(self, rows: slice) -> "Warps":
        """Return the warps of some samples."""
        return Warps(self.amounts[rows], self.sigma, self.alpha)


class Spread(NamedTuple):
    """How a few amounts become places in a cube.

    along_x, along_z: (side, directions). along_y: (directions * 2, Y * 2), in half sides. still:
    (1, X, Y * 2), the place of each voxel itself.
    """

    along_x: Tensor
    along_y: Tensor
    along_z: Tensor
    still: Tensor


def elastic(x: Tensor, draws: Draws, *, sigma: float = SIGMA, alpha: float = ALPHA) -> Tensor:
    """Return the cubes warped along x and y, all channels alike; what lies beyond is mirrored.

    x: values in [0, 1]. sigma: of the Gaussian, in voxels. alpha: what the smoothed noise is
    multiplied by. With those published a voxel of a cube of 64 x 64 x 32 moves by about 3 voxels
    along each axis, near the border by less, and by more than 8 once in a hundred times.
    """
    return in_pieces(warped, checked(x, draws), draw_warps(draws, x, sigma, alpha))


def draw_warps(draws: Draws, x: Tensor, sigma: float, alpha: float) -> Warps:
    """Draw the warps of cubes such as x."""
    if not sigma > 0:
        raise BadInput(f"sigma={sigma!r}; give how many voxels wide the Gaussian is, such as 8")
    along = spread(sides_of(x), sigma, alpha, x.device)
    across = along.along_x.shape[1] * along.along_y.shape[0]
    deep = along.along_z.shape[1]
    # Box and Muller: two uniform numbers become a normal one.
    numbers = draws.uniform("elastic", 2, deep, across)
    normal = (-2 * torch.log1p(-numbers[:, 0])).sqrt() * torch.cos(2 * pi * numbers[:, 1])
    return Warps(normal, sigma, alpha)


def warped(x: Tensor, warps: Warps) -> Tensor:
    """Fetch each voxel from its place, in a plane between four voxels."""
    n, channels, width, height, depth = x.shape
    # Slice by slice: no voxel leaves its own.
    slices = x.permute(0, 4, 1, 2, 3).reshape(n * depth, channels, width, height)
    found = F.grid_sample(
        slices, places(x, warps), mode="bilinear", padding_mode="border", align_corners=False
    )
    lines = found.clamp_(0, 1).view(n, depth, -1)
    # As a plain matrix it is turned at half the price.
    across = lines[0].t() if n == 1 else lines.transpose(1, 2)
    return across.contiguous().view(x.shape)


def places(x: Tensor, warps: Warps) -> Tensor:
    """Return where each voxel is fetched from, (N * Z, X, Y, 2), y before x, from -1 to 1."""
    width, height, depth = sides_of(x)
    along = spread(sides_of(x), warps.sigma, warps.alpha, x.device)
    lines = (along.along_z @ warps.amounts).view(-1, along.along_y.shape[0]) @ along.along_y
    lines = lines.view(len(x) * depth, -1, 2 * height)
    still, along_x = (part.expand(len(lines), -1, -1) for part in (along.still, along.along_x))
    at = torch.baddbmm(still, along_x, lines)
    # Mirrored at the outer edge of the border's voxels.
    return at.clamp(-1, 1).mul_(2).sub_(at).view(-1, width, height, 2)


def sides_of(x: Tensor) -> Sides:
    """Return the sides of cubes."""
    return x.shape[2], x.shape[3], x.shape[4]


@lru_cache(maxsize=8)
def spread(sides: Sides, sigma: float, alpha: float, device: torch.device) -> Spread:
    """Return how amounts become places in cubes of these sides."""
    along_x, along_y, along_z = (directions(side, sigma) for side in sides)
    both = torch.zeros(along_y.shape[1], 2, sides[1], 2, dtype=torch.float64)
    for place, side in enumerate((sides[1], sides[0])):
        both[:, place, :, place] = along_y.T * alpha * VARIANCE**0.5 * 2 / side
    at_x, at_y = ((2 * torch.arange(side) + 1) / side - 1 for side in sides[:2])
    still = torch.stack(torch.meshgrid(at_x, at_y, indexing="ij")[::-1], -1)
    parts = (along_x, both.flatten(2).flatten(0, 1), along_z, still.view(1, sides[0], -1))
    return Spread(*(part.to(device, torch.float32) for part in parts))


def directions(side: int, sigma: float) -> Tensor:
    """Return those in which smoothed noise along a side varies, (side, directions), by how much.

    Multiplied by independent numbers of variance 1 they have the covariance that smoothing gives
    to noise of variance 1 with nothing beyond the border.
    """
    at = torch.arange(side, dtype=torch.float64)
    apart = at[:, None] - at
    reach = int(TRUNCATE * sigma + 0.5)
    whole = torch.arange(-reach, reach + 1, dtype=torch.float64)
    sum_of_weights = torch.exp(-0.5 * (whole / sigma) ** 2).sum()
    smoothing = torch.exp(-0.5 * (apart / sigma) ** 2) / sum_of_weights
    smoothing[apart.abs() > reach] = 0
    left, strength, _ = torch.linalg.svd(smoothing)
    kept = int((strength > LEFT_OUT * strength[0]).sum())
    factor: Tensor = left[:, :kept] * strength[:kept]
    return factor
