"""A U-Net on the patches of an image that know of each other: codes mixed, patches put together.

The design that Taleb et al. (2020) meant by `unet_3d_upconv_patches`; in their code it does not
run. The encoder sees each of P patches per side by itself; of each bottleneck one code is made, one
layer mixes the codes of all patches, and each mixed code becomes the bottleneck that its patch is
decoded from, with the patch's own maps beside it. The answer is put together again, so that losses
and scores see the whole image.
"""

import itertools
import math

import torch
from torch import Tensor, nn

from genesis_hub.networks.norm import pool
from genesis_hub.networks.proxy import ProxyDecoder, ProxyEncoder
from genesis_hub.networks.shapes import check_size


def cut(x: Tensor, per_side: int) -> Tensor:
    """Return the patches (N * P^d, C, ...) of images (N, C, ...), in order, those of each together.

    The first axis runs slowest; sides are multiples of `per_side`.
    """
    ndim = x.ndim - 2
    split = [part for side in x.shape[2:] for part in (per_side, side // per_side)]
    parts = x.reshape(*x.shape[:2], *split)
    which = [2 + 2 * axis for axis in range(ndim)]
    within = [3 + 2 * axis for axis in range(ndim)]
    return parts.permute(0, *which, 1, *within).flatten(0, ndim)


def put_together(x: Tensor, per_side: int) -> Tensor:
    """Return the images (N, C, ...) whose patches `cut` gave."""
    ndim = x.ndim - 2
    parts = x.reshape(-1, *(per_side,) * ndim, *x.shape[1:])
    pairs = [(1 + axis, 2 + ndim + axis) for axis in range(ndim)]
    sides = [per_side * side for side in x.shape[2:]]
    together = parts.permute(0, 1 + ndim, *itertools.chain(*pairs))
    return together.reshape(together.shape[0], x.shape[1], *sides)


class PatchEncoder(nn.Module):
    """An encoder that sees the patches of an image of one size: maps (N * P^d, ...).

    model: the encoder itself, under the name that the hub's tensors drop.
    """

    def __init__(self, encoder: ProxyEncoder, *, per_side: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.model = encoder
        self.per_side, self.size = per_side, size
        self.channels, self.reductions = encoder.channels, encoder.reductions

    def forward(self, x: Tensor) -> list[Tensor]:
        check_size(x, self.size)
        maps: list[Tensor] = self.model(cut(x, self.per_side))
        return maps

    def embed(self, maps: list[Tensor]) -> Tensor:
        """Return one vector per patch."""
        return pool(maps[-1])


class PatchDecoder(nn.Module):
    """A decoder of patches whose codes are mixed first; its map is of the whole image.

    bottleneck: (C, ...) of each patch. code: numbers that stand for a patch.
    """

    def __init__(
        self, decoder: ProxyDecoder, bottleneck: tuple[int, ...], *, per_side: int, code: int
    ) -> None:
        super().__init__()
        self.per_side, self.bottleneck = per_side, bottleneck
        self.patches = per_side ** (len(bottleneck) - 1)
        numbers = math.prod(bottleneck)
        self.coded = nn.Linear(numbers, code)
        self.mixed = nn.Linear(self.patches * code, self.patches * code)
        self.spread = nn.Linear(code, numbers)
        for layer in (self.coded, self.mixed, self.spread):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.unet = decoder
        self.channels = decoder.channels

    def forward(self, maps: list[Tensor]) -> Tensor:
        codes: Tensor = self.coded(maps[-1].flatten(1))
        together = torch.relu(self.mixed(codes.view(-1, self.patches * codes.shape[1])))
        spread = torch.relu(self.spread(together.view(codes.shape)))
        x: Tensor = self.unet([*maps[:-1], spread.view(-1, *self.bottleneck)])
        return put_together(x, self.per_side)
