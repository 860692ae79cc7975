"""A network slid over images of any size, blended, in memory that does not grow with depth.

Answers come in slabs: as soon as no later window touches a slice, it is finished, handed out and
forgotten, so a label map of any depth needs one window's depth of logits at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from genesis_hub.infer.precision import check_precision, computing
from genesis_hub.infer.windows import Pixels, Plan, cut, plan_windows

Network = Callable[[Tensor], Tensor]

# Corners of a window keep this much weight: less would drown in rounding where they stand alone.
FLOOR = 1e-3
SIGMA = 1 / 8  # of a window's side; the Gaussian of nnU-Net (Isensee 2021)


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
    check_precision(precision)
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
        with computing(precision, device):
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


def weights(size: tuple[int, ...], blend: str) -> Tensor:
    """Return how much each place of a window counts: most in its middle."""
    if blend == "even":
        return torch.ones(size)
    weight = torch.ones(())
    for side in size:
        along = torch.arange(side) - (side - 1) / 2
        weight = weight[..., None] * torch.exp(-0.5 * (along / (side * SIGMA)) ** 2)
    return weight.clamp_min(FLOOR)
