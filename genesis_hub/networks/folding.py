"""Up-sampling, concatenation and the convolution after them as one step that gives the same.

No norm and no rectifier stands between the transposed convolution and the 3 x 3 x 3 one that reads
it beside the skip: both are linear, and together they are one transposed convolution of the small
map. That is 64 products for a voxel of the small map and a pair of channels instead of 216, nothing
is concatenated at full resolution, and the answer differs by rounding only.
"""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Where it was measured to be faster: on a CPU, both ways, it takes 0.53 of the plain steps' time in
# fp32 and 0.52 in bf16 (128 channels, two maps of 32 x 32 x 16). On a GPU it was not measured.
DEVICES = ("cpu",)
# Kernels are multiplied out anew in every step; it pays from so many voxels for each channel (0.63
# and 0.77 of the time at 16, with 256 channels; 2.8 and 4.1 at 1, with 512).
PAYS = 8


def folds(up: nn.Module, conv: nn.Module, x: Tensor, *around: nn.Module) -> bool:
    """Say whether two layers can be taken as one in training, and gain by it.

    Layers that were wrapped or exchanged (adapters) are run as they are, and so are those that
    somebody watches. around: modules that hold `conv` and would not be called either.
    """
    return (
        type(up) is nn.ConvTranspose3d
        and type(conv) is nn.Conv3d
        and x.device.type in DEVICES
        and x.numel() >= PAYS * x.shape[1] ** 2
        and not any(map(watched, (up, conv, *around)))
    )


def folded(up: nn.ConvTranspose3d, conv: nn.Conv3d, x: Tensor, skip: Tensor) -> Tensor:
    """Return `conv(torch.cat([up(x), skip], dim=1))`.

    up: doubles each side and keeps the channels. conv: 3 x 3 x 3, padded.
    """
    of_up, of_skip = conv.weight[:, : up.out_channels], conv.weight[:, up.out_channels :]
    with torch.autocast(x.device.type, enabled=False):  # Multiplied out before it is rounded.
        kernel = together(up.weight, of_up)
        shift = None if up.bias is None else torch.einsum("c,ocxyz->oxyz", up.bias, of_up)
    out = F.conv3d(skip, of_skip, conv.bias, padding=1)
    out += F.conv_transpose3d(x, kernel, stride=2, padding=1)
    if shift is not None:  # A constant, but for the voxels at a border: outside there is none.
        ones = skip.new_ones((len(skip), 1, *skip.shape[2:]))
        out += F.conv3d(ones, shift[:, None], padding=1)
    return out


def together(up: Tensor, conv: Tensor) -> Tensor:
    """Return the kernel (C, O, 4, 4, 4) of `up` (C, M, 2, 2, 2), then `conv` (O, M, 3, 3, 3)."""
    before, after = up.shape[0], conv.shape[0]
    pairs = up.permute(2, 3, 4, 0, 1).flatten(0, 3) @ conv.permute(1, 2, 3, 4, 0).flatten(1)
    pairs = pairs.view(8, before, 27, after).transpose(1, 2).reshape(8 * 27, before * after)
    kernel = MEETINGS.to(pairs) @ pairs
    return kernel.view(4, 4, 4, before, after).permute(3, 4, 0, 1, 2)


def meetings() -> Tensor:
    """Return which places of `up` and taps of `conv` meet in which place of both: (64, 8 * 27)."""
    met = torch.zeros(4, 4, 4, 2, 2, 2, 3, 3, 3, device="cpu")
    for place in product(range(2), repeat=3):
        for tap in product(range(3), repeat=3):
            # Output voxel i reads i + tap - 1 = 2 p + place, for a voxel p below: i - 2 p + 1.
            both = tuple(at - of + 2 for at, of in zip(place, tap, strict=True))
            met[(*both, *place, *tap)] = 1
    return met.view(64, 8 * 27)


MEETINGS = meetings()


def watched(layer: nn.Module) -> bool:
    """Say whether a layer has hooks."""
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
    )
