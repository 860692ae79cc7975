"""How windows lie over images of any size, and their cutting, padded where an image is smaller."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.errors import BadInput

Pixels = Tensor | NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """How windows lie over an image (X, Y, Z); a picture is one slice deep.

    size: of a window. pad: edge values added before and behind each axis of too small an image.
    starts: along each axis, of the padded image.
    """

    size: tuple[int, ...]
    pad: tuple[tuple[int, int], ...]
    starts: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """Windows in all."""
        return int(np.prod([len(axis) for axis in self.starts]))

    @property
    def padded(self) -> tuple[int, ...]:
        """The sides that the windows cover."""
        return tuple(axis[-1] + side for axis, side in zip(self.starts, self.size, strict=True))


def plan_windows(
    sides: Sequence[int],
    size: Sequence[int],
    *,
    overlap: float = 0.5,
    multiple: Sequence[int] | None = None,
) -> Plan:
    """Return how windows of `size` cover an image, neighbours sharing `overlap` of their sides.

    multiple: along an axis where the image is smaller than the window, the window shrinks to the
    next multiple; without it such an image is padded to the window.
    """
    if isinstance(overlap, bool) or not 0 <= overlap < 1:
        raise BadInput(f"overlap={overlap!r}, but it is a share of a window's side: 0 to below 1")
    if len(size) != len(sides) or any(int(n) != n or n < 1 for n in size):
        raise BadInput(f"window size {tuple(size)} does not fit an image of {tuple(sides)}")
    steps_of = multiple or size
    fitting = [
        min(window, -(-side // step) * step)
        for side, window, step in zip(sides, size, steps_of, strict=True)
    ]
    pad = tuple(
        ((window - side) // 2, window - side - (window - side) // 2) if side < window else (0, 0)
        for side, window in zip(sides, fitting, strict=True)
    )
    starts = []
    for side, window, (before, behind) in zip(sides, fitting, pad, strict=True):
        last = side + before + behind - window
        starts.append((*range(0, last, max(1, int(window * (1 - overlap)))), last))
    deep = (1,) * (3 - len(sides))
    return Plan(
        size=(*fitting, *deep),
        pad=(*pad, *((0, 0) for _ in deep)),
        starts=(*starts, *((0,) for _ in deep)),
    )


def window_batches(
    image: Pixels,
    *,
    size: Sequence[int],
    overlap: float = 0.0,
    batch_size: int = 1,
    multiple: Sequence[int] | None = None,
) -> Iterator[tuple[list[tuple[int, ...]], Tensor]]:
    """Give the windows over an image in batches: (starts in the image, (N, C, *size))."""
    picture = image.ndim == 3
    plan = plan_windows(image.shape[1:], size, overlap=overlap, multiple=multiple)
    volume = image[..., None] if picture else image
    places = list(product(*plan.starts))
    for at in range(0, len(places), batch_size):
        some = places[at : at + batch_size]
        windows = torch.stack([cut(volume, plan, place) for place in some])
        ends = [
            tuple(start - pad[0] for start, pad in zip(place, plan.pad, strict=True))
            for place in some
        ]
        yield [end[: image.ndim - 1] for end in ends], windows[..., 0] if picture else windows


def cut(volume: Pixels, plan: Plan, place: tuple[int, ...]) -> Tensor:
    """Return one window (C, x, y, z), its values at the image's edge repeated beyond it."""
    slices, edges = [], []
    for start, window, (before, _), side in zip(
        place, plan.size, plan.pad, volume.shape[1:], strict=True
    ):
        begin, end = start - before, start - before + window
        slices.append(slice(max(begin, 0), min(end, side)))
        edges.append((max(-begin, 0), max(end - side, 0)))
    part = volume[(slice(None), *slices)]
    if isinstance(part, Tensor):
        inside = part
    else:
        if part.dtype.kind == "u" and part.dtype.itemsize > 1:
            part = part.astype(np.int64 if part.dtype.itemsize > 2 else np.int32)
        inside = torch.from_numpy(np.array(part, order="C"))
    if any(edge != (0, 0) for edge in edges):
        index = [
            torch.arange(-before, n + behind).clamp(0, n - 1)
            for (before, behind), n in zip(edges, inside.shape[1:], strict=True)
        ]
        inside = inside[:, index[0]][:, :, index[1]][:, :, :, index[2]]
    return inside
