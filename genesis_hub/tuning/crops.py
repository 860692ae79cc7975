"""Ten crops of a picture: its corners and its middle, and the same in the mirror."""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis_hub.infer.networks import in_plane
from genesis_hub.infer.prepare import Ready
from genesis_hub.inputs import as_tensor


def crops_of(ready: Ready, side: int, size: Sequence[int]) -> Tensor:
    """Return ten crops (10, C, *size) of a picture that is brought to `side` x `side` first."""
    return ten_crops(in_plane(ready.convert(as_tensor(ready.pixels))[None], (side, side))[0], size)


def ten_crops(picture: Tensor, size: Sequence[int]) -> Tensor:
    """Return ten crops (10, C, *size) of a picture (C, X, Y), as torchvision's TenCrop orders them.

    The corners are upper left, upper right, lower left and lower right; then the middle.
    """
    down, right = (side - n for side, n in zip(picture.shape[1:], size, strict=True))
    starts = [(0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2))]
    crops = [
        whole[:, x : x + size[0], y : y + size[1]]
        for whole in (picture, picture.flip(2))
        for x, y in starts
    ]
    return torch.stack(crops)
