"""Label maps: dense answers over a whole image, in the image's own axes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genesis_hub.data.image import Array
from genesis_hub.infer.networks import Network, probabilities, resized
from genesis_hub.infer.prepare import Ready, regridded
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.sliding import slabs
from genesis_hub.models import HubModel

DEEP = 32  # Slices at once for volume models of slices, whose depth is not fixed.


@dataclass(frozen=True, eq=False)
class Segmented:
    """labels: (X, Y[, Z]) of class numbers, or (K, X, Y[, Z]) of 0 and 1 where classes overlap.

    shares: (K, X, Y[, Z]), the probabilities, where they were asked for.
    """

    labels: Array
    shares: Array | None


def segment(model: HubModel, ready: Ready, settings: Settings, device: torch.device) -> Segmented:
    """Return the label map of an image."""
    classes = model.spec.num_classes
    overlap = settings.multilabel and classes > 1
    if ready.resampled:
        return on_grid(model, ready, settings, device, overlap=overlap)
    kind = np.uint8 if classes <= 255 else np.uint16
    sides = tuple(int(side) for side in ready.pixels.shape[1:])
    labels = np.zeros(((classes,) if overlap else ()) + sides, dtype=kind)
    shares = np.zeros((classes, *sides), np.float32) if settings.probabilities else None
    for place, logits in dense(model, ready, settings, device):
        labels[place] = decided(logits, overlap=overlap).numpy().astype(kind)
        if shares is not None:
            shares[place] = probabilities(logits[None], multilabel=settings.multilabel)[0].numpy()
    return finished(ready, labels, shares, overlap=overlap)


def finished(ready: Ready, labels: Array, shares: Array | None, *, overlap: bool) -> Segmented:
    """Turn answers from the model's frame into the image's axes."""
    turned = ready.back(labels) if overlap else ready.back(labels[None])[0]
    return Segmented(turned, None if shares is None else ready.back(shares))


def decided(logits: Tensor, *, overlap: bool) -> Tensor:
    """Turn logits (K, ...) into class numbers (...), or yes and no for each class."""
    if overlap:
        return logits > 0
    return (logits[0] > 0) if logits.shape[0] == 1 else logits.argmax(0)


def dense(
    model: HubModel, ready: Ready, settings: Settings, device: torch.device
) -> Iterator[tuple[tuple[slice | type(...), ...], Tensor]]:  # type: ignore[valid-type]
    """Give (place, logits (K, ...)) of the slabs of an image."""
    size, multiple = shape_of(model, ready, settings)
    for start, part in slabs(
        seen_as(model, settings),
        ready.pixels,
        size=size,
        multiple=multiple,
        overlap=0.5 if settings.overlap is None else settings.overlap,
        batch_size=settings.batch_size,
        prepare=ready.convert,
        device=device,
        precision=settings.precision,
    ):
        deep = (slice(start, start + part.shape[-1]),) if ready.image.ndim == 3 else ()
        yield (..., *deep), part


def seen_as(model: HubModel, settings: Settings) -> Network:
    """Return the network as it is run on windows."""
    if by_slices(model) and view_of(model, settings) == "whole":
        return resized(model, model.inputs.facts.size[:2], dense=True)
    return model


def shape_of(
    model: HubModel, ready: Ready, settings: Settings
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the windows' size, and the multiples that they may shrink to."""
    facts, sides = model.inputs.facts, tuple(int(side) for side in ready.pixels.shape[1:])
    whole = view_of(model, settings) == "whole"
    if not by_slices(model):
        steps = facts.multiple
        return (whole_size(sides, steps) if whole else facts.size), steps
    in_plane = sides[:2] if whole else facts.size[:2]
    steps = (1, 1) if whole else facts.size[:2]
    if model.inputs.ndim == 3:
        return (*in_plane, min(sides[2], DEEP)), (*steps, 1)
    return in_plane, steps


def whole_size(sides: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, ...]:
    """Return the least size that holds an image and that the network takes."""
    return tuple(-(-side // step) * step for side, step in zip(sides, steps, strict=True))


def by_slices(model: HubModel) -> bool:
    """Say whether a model looks at slices or pictures."""
    return model.entry.ndim == 2


def view_of(model: HubModel, settings: Settings) -> str:
    """Return the view: as chosen, or what the model was trained with."""
    return settings.view or ("whole" if by_slices(model) else "windows")


def on_grid(
    model: HubModel, ready: Ready, settings: Settings, device: torch.device, *, overlap: bool
) -> Segmented:
    """Answer on the weights' spacing and bring the answer back to the image's, class by class."""
    parts = [part for _, part in dense(model, ready, settings, device)]
    logits = torch.cat(parts, dim=-1)
    classes = logits.shape[0]
    best = torch.full(ready.sides, -torch.inf)
    number = torch.zeros(ready.sides, dtype=torch.uint8 if classes <= 255 else torch.int32)
    many, shares = [], []
    for which in range(classes):
        fine = regridded(logits[which : which + 1], ready.sides)[0]
        if settings.probabilities:
            shares.append(fine)
        if overlap or classes == 1:
            many.append((fine > 0).numpy().astype(np.uint8))
        else:
            number[fine > best] = which
            best = torch.maximum(best, fine)
    if overlap:
        labels: Array = np.stack(many)
    else:
        labels = many[0] if classes == 1 else number.numpy()
    known = (
        probabilities(torch.stack(shares)[None], multilabel=settings.multilabel)[0].numpy()
        if shares
        else None
    )
    return finished(ready, labels, known, overlap=overlap)
