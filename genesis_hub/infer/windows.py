"""Sliding windows over images of any size, blended, in memory that does not grow with depth.

Answers come in slabs: as soon as no later window touches a slice, it is finished, handed out and
forgotten, so a label map of any depth needs one window's depth of logits at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.errors import BadInput

Pixels = Tensor | NDArray[Any]
Network = Callable[[Tensor], Tensor]

# Corners of a window keep this much weight: less would drown in rounding where they stand alone.
FLOOR = 1e-3
SIGMA = 1 / 8  # of a window's side; the Gaussian of nnU-Net (Isensee 2021)
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


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


def sliding_windows(
    network: Network,
    image: Pixels,
    *,
    size: Sequence[int],
    overlap: float = 0.5,
    blend: str = "gaussian",
    batch_size: int = 1,
    multiple: Sequence[int] | None = None,
    prepare: Callable[[Tensor], Tensor] | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
) -> Tensor:
    """Return a network's answer over a whole image (C, X, Y[, Z]): (K, X, Y[, Z]) on the CPU.

    network: takes (N, C, *size) and gives (N, K, *size). Where `size` is one shorter than the
    image's axes, it takes slices. batch_size: windows at once. blend: "gaussian" or "even".
    prepare: turns a batch of windows in the image's own numbers into what the network takes
    (`model.inputs`), so that a mapped int16 volume need not be held as floats.
    Where one window covers the image, the answer is the plain forward's.
    """
    out: Tensor | None = None
    for start, part in slabs(
        network, image, size=size, overlap=overlap, blend=blend, batch_size=batch_size,
        multiple=multiple, prepare=prepare, device=device, precision=precision,
    ):  # fmt: skip
        if out is None:
            deep = image.shape[3:]
            if tuple(part.shape[3:]) == tuple(deep):
                return part
            out = torch.empty((*part.shape[:3], *deep), dtype=part.dtype)
        out[..., start : start + part.shape[-1]] = part
    assert out is not None
    return out


def slabs(
    network: Network,
    image: Pixels,
    *,
    size: Sequence[int],
    overlap: float = 0.5,
    blend: str = "gaussian",
    batch_size: int = 1,
    multiple: Sequence[int] | None = None,
    prepare: Callable[[Tensor], Tensor] | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
) -> Iterator[tuple[int, Tensor]]:
    """Give the answer of `sliding_windows` slab by slab: (first slice, (K, X, Y[, slices])).

    Pictures come as one slab at 0.
    """
    if precision not in PRECISIONS:
        raise BadInput(f"precision={precision!r}; choose from {', '.join(PRECISIONS)}")
    if blend not in ("gaussian", "even"):
        raise BadInput(f"blend={blend!r}; choose 'gaussian' or 'even'")
    picture, device = image.ndim == 3, torch.device(device)
    volume = image[..., None] if picture else image
    planar = len(size) == 2
    plan = plan_windows(
        image.shape[1:],
        (*size, 1) if planar and not picture else size,
        overlap=overlap,
        multiple=(*multiple, 1) if multiple and planar and not picture else multiple,
    )

    def answer(windows: Tensor) -> Tensor:
        ready = windows[..., 0] if planar else windows
        ready = (prepare(ready) if prepare else ready.float()).to(device)
        kind = PRECISIONS[precision]
        with torch.autocast(device.type, dtype=kind, enabled=kind is not None):
            logits = network(ready)
        if not isinstance(logits, Tensor) or logits.shape[2:] != ready.shape[2:]:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise BadInput(
                f"the network answers {tuple(ready.shape)} with {got}; sliding windows need one "
                "answer at each place"
            )
        logits = logits.float()
        return logits[..., None] if planar else logits

    weight = weights(plan.size, blend).to(device)
    (left, right), (top, bottom), (front, back) = plan.pad
    width, height, depth = plan.padded
    inner = (slice(left, width - right), slice(top, height - bottom))
    with torch.inference_mode():
        for first, last, slab in finished(volume, plan, answer, weight, batch_size, device):
            begin, end = max(first, front), min(last, depth - back)
            if begin < end:
                part = slab[:, *inner, begin - first : end - first]
                yield begin - front, (part[..., 0] if picture else part).cpu()


def finished(
    volume: Pixels,
    plan: Plan,
    answer: Callable[[Tensor], Tensor],
    weight: Tensor,
    batch_size: int,
    device: torch.device,
) -> Iterator[tuple[int, int, Tensor]]:
    """Give (first, last, slab) of the padded image's slices as they are finished."""
    width, height, _ = plan.padded
    across = list(product(*plan.starts[:2]))
    deep = plan.size[2]
    # Single slices do not overlap, so several may share a batch.
    together = max(1, batch_size // len(across)) if deep == 1 else 1
    levels = plan.starts[2]
    groups = [levels[i : i + together] for i in range(0, len(levels), together)]
    alone = plan.count == 1
    total: Tensor | None = None
    held = torch.zeros(0)
    base = 0
    for number, group in enumerate(groups):
        first, last = group[0], group[-1] + deep
        total, held = shifted(total, held, first - base, last - first, (width, height), device)
        base = first
        places = [(x, y, z) for z in group for x, y in across]
        for at in range(0, len(places), batch_size):
            some = places[at : at + batch_size]
            logits = answer(torch.stack([cut(volume, plan, place) for place in some]))
            if alone:
                yield first, last, logits[0]
                return
            if total is None:
                total = torch.zeros((logits.shape[1], width, height, last - first), device=device)
            for (x, y, z), one in zip(some, logits, strict=True):
                place = (
                    slice(x, x + plan.size[0]),
                    slice(y, y + plan.size[1]),
                    slice(z - first, z - first + deep),
                )
                total[(slice(None), *place)].addcmul_(one, weight)
                held[place] += weight
        assert total is not None
        done = groups[number + 1][0] if number + 1 < len(groups) else last
        yield first, done, total[..., : done - first] / held[..., : done - first]


def shifted(
    total: Tensor | None,
    held: Tensor,
    by: int,
    deep: int,
    sides: tuple[int, int],
    device: torch.device,
) -> tuple[Tensor | None, Tensor]:
    """Drop the slices that are finished and make room for new ones behind those that are not."""
    kept = max(0, held.shape[-1] - by) if held.ndim == 3 else 0
    room = torch.zeros((*sides, deep), device=device)
    if total is None or not kept:
        if total is not None:
            total = torch.zeros((total.shape[0], *sides, deep), device=device)
        return total, room
    room[..., :kept] = held[..., by:]
    fresh = torch.zeros((total.shape[0], *sides, deep), device=device)
    fresh[..., :kept] = total[..., by:]
    return fresh, room


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


def weights(size: tuple[int, ...], blend: str) -> Tensor:
    """Return how much each place of a window counts: most in its middle."""
    if blend == "even":
        return torch.ones(size)
    weight = torch.ones(())
    for side in size:
        along = torch.arange(side) - (side - 1) / 2
        weight = weight[..., None] * torch.exp(-0.5 * (along / (side * SIGMA)) ** 2)
    return weight.clamp_min(FLOOR)


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
