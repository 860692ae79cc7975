"""One vector per image, or per slice: class probabilities or features."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from genesis_hub.infer.networks import Network, resized
from genesis_hub.infer.precision import computing
from genesis_hub.infer.prepare import Ready, fitted
from genesis_hub.infer.segment import by_slices, view_of, whole_size
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.windows import Pixels, window_batches
from genesis_hub.inputs import as_tensor
from genesis_hub.models import HubModel

Finish = Callable[[Tensor], Tensor]


def vectors(
    model: HubModel,
    network: Network,
    finish: Finish,
    images: Sequence[Ready],
    settings: Settings,
    device: torch.device,
) -> list[Tensor]:
    """Return for each image (1, F), or (slices, F) where a 2D model sees a volume.

    finish: turns what the network gives for a batch into vectors; several windows of an image are
    then averaged.
    """

    def run(x: Tensor) -> Tensor:
        with torch.inference_mode(), computing(settings.precision, device):
            answer = network(x.to(device))
        return finish(answer.float()).cpu()

    whole = view_of(model, settings) == "whole"
    seen: Network = run
    if whole and by_slices(model):
        size = model.inputs.facts.size[:2]
        seen = resized(run, size, dense=False)
        if all(ready.image.ndim == 2 for ready in images):
            return in_batches(seen, images, settings.batch_size, size)
    return [of_one(model, seen, ready, settings, whole=whole) for ready in images]


def in_batches(
    run: Network, images: Sequence[Ready], batch_size: int, size: tuple[int, ...]
) -> list[Tensor]:
    """Run pictures through a network, several at once."""
    found: list[Tensor] = []
    for at in range(0, len(images), batch_size):
        some = [
            fitted(ready.convert(as_tensor(ready.pixels))[None], size)
            for ready in images[at : at + batch_size]
        ]
        found += [row[None] for row in run(torch.cat(some))]
    return found


def of_one(
    model: HubModel, run: Network, ready: Ready, settings: Settings, *, whole: bool
) -> Tensor:
    """Return the vectors of one image."""
    facts, image = model.inputs.facts, ready.pixels
    sides = tuple(int(side) for side in image.shape[1:])
    overlap, batch = settings.overlap or 0.0, settings.batch_size
    if not by_slices(model):
        size = whole_size(sides, facts.multiple) if whole else facts.size
        return mean_of(run, ready, image, size, facts.multiple, overlap, batch)
    if model.inputs.ndim == 3:  # A recurrence over all slices of a volume.
        return run(ready.convert(as_tensor(image)[None]))
    if ready.image.ndim == 2:
        return mean_of(run, ready, image, facts.size, facts.size, overlap, batch)
    if whole:
        return torch.cat(
            [
                run(ready.convert(as_tensor(image[..., at : at + batch]).movedim(-1, 0)))
                for at in range(0, sides[2], batch)
            ]
        )
    return torch.cat(
        [
            mean_of(run, ready, image[..., z], facts.size, facts.size, overlap, batch)
            for z in range(sides[2])
        ]
    )


def mean_of(
    run: Network,
    ready: Ready,
    image: Pixels,
    size: tuple[int, ...],
    multiple: tuple[int, ...],
    overlap: float,
    batch_size: int,
) -> Tensor:
    """Return the mean (1, F) over the windows of an image."""
    total, count = torch.zeros(()), 0
    for places, windows in window_batches(
        image, size=size, overlap=overlap, batch_size=batch_size, multiple=multiple
    ):
        total = total + run(ready.convert(windows)).double().sum(0, keepdim=True)
        count += len(places)
    return (total / count).float()
