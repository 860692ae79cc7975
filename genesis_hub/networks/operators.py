"""From slices to volumes: a slice network run along the last axis, then a recurrent or 3D step."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from genesis_hub.errors import BadInput
from genesis_hub.networks.memory import run

SLICES_AT_ONCE = 16
LEARNT_AT_ONCE = 4  # What a slice of 256 leaves for the backward is half a gigabyte.


class Recurrence(nn.Module):
    """Two bidirectional LSTM layers over slice embeddings, then a hidden layer.

    (N, Z, features) to (N, units). The last hidden states are joined backward first, then
    forward, as SMART-Net's files have them.
    """

    def __init__(self, features: int, *, units: int = 512) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, num_layers=2, bidirectional=True, batch_first=True)
        self.hidden = nn.Linear(2 * units, units)
        self.dropout = nn.Dropout(0.5)
        self.num_features = units

    def forward(self, sequence: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None:
            _, (last, _) = self.lstm(sequence)
        else:
            packed = pack_padded_sequence(
                sequence, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            _, (last, _) = self.lstm(packed)
        out: Tensor = self.dropout(F.relu(self.hidden(torch.cat([last[-1], last[-2]], dim=1))))
        return out


class ConvUnit(nn.Module):
    """3D convolution, batch norm, rectifier; slices beyond a case's length are kept at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        x = F.relu(self.norm(self.conv(x)))
        return x if valid is None else x * valid


class Convolutions(nn.ModuleList):
    """SMART-Net's volume operator: two 3D convolution units on maps stacked along Z."""

    def __init__(self, channels: int) -> None:
        super().__init__([ConvUnit(channels), ConvUnit(channels)])

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        for unit in self:
            x = unit(x, valid)
        return x


def as_lengths(x: Tensor, lengths: Any) -> Tensor | None:
    """Return the lengths as a tensor; raise `BadInput` unless they count slices of volumes x."""
    if x.ndim != 5 or 0 in x.shape:
        raise BadInput(
            f"x is {tuple(x.shape)}, but a volume network takes (N, C, X, Y, Z), slices last"
        )
    if lengths is None:
        return None
    try:
        counts = torch.as_tensor(lengths)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"lengths={lengths!r} are no numbers of slices ({error})") from error
    whole = not (counts.is_floating_point() or counts.is_complex() or counts.dtype == torch.bool)
    if counts.shape != (x.shape[0],) or not whole:
        raise BadInput(
            f"lengths is {counts.dtype} of shape {tuple(counts.shape)}; "
            f"give one whole number of slices for each of the {x.shape[0]} volumes"
        )
    if int(counts.min()) < 1 or int(counts.max()) > x.shape[-1]:
        raise BadInput(
            f"lengths={counts.tolist()}, but each must lie between 1 and the {x.shape[-1]} slices"
        )
    return counts


def slice_mask(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return (N, Z), true where a slice belongs to its case; None where all do."""
    if lengths is None:
        return None
    return torch.arange(x.shape[-1], device=x.device) < lengths.to(x.device)[:, None]


def each_slice(
    network: Callable[[Tensor], Tensor],
    x: Tensor,
    mask: Tensor | None,
    at_once: int,
    *,
    lightly: bool = False,
) -> Tensor:
    """Run a 2D network on the slices of (N, C, X, Y, Z); give (N, Z, ...), zeros where masked.

    Only real slices are run, `at_once` of them together, so padding costs nothing and cannot
    move the network's batch statistics. lightly: fewer at once, each lot computed again in the
    backward, so that memory does not grow with the slices.
    """
    slices = x.movedim(-1, 1)
    flat = slices.flatten(0, 1) if mask is None else slices[mask]
    lots = torch.split(flat, min(at_once, LEARNT_AT_ONCE) if lightly else at_once)
    seen = torch.cat([run(network, lot, lightly=lightly) for lot in lots])
    if mask is None:
        return seen.reshape(*slices.shape[:2], *seen.shape[1:])
    out = seen.new_zeros((*slices.shape[:2], *seen.shape[1:]))
    out[mask] = seen
    return out


def learns(*parts: nn.Module) -> bool:
    """Say whether a backward will come to some parts."""
    return torch.is_grad_enabled() and any(
        parameter.requires_grad for part in parts for parameter in part.parameters()
    )
