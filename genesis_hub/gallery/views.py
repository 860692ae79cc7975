"""What a model sees at once of an image, with what a person would be shown of the same place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.infer.networks import in_plane
from genesis_hub.infer.prepare import Converter, Ready, fitted
from genesis_hub.infer.segment import by_slices
from genesis_hub.infer.windows import cut, plan_windows, window_batches
from genesis_hub.inputs import as_tensor
from genesis_hub.models import HubModel
from genesis_hub.show import Scan
from genesis_hub.show.scans import greys

Array = NDArray[Any]
Place = tuple[slice | int, ...]


@dataclass(frozen=True, eq=False)
class View:
    """One input of a model, and where it lies.

    x: (1, C, X, Y[, Z]), as the network takes it. place: the part of the image's pixels, in the
    model's frame, that it shows; of volumes seen by slices, one slice. pad: places added before
    each axis of too small an image. said: what a reader must know of it, or nothing.
    """

    x: Tensor
    place: Place
    ready: Ready
    pad: tuple[int, ...] = ()
    said: str = ""

    @property
    def grey(self) -> Array:
        """The pixels shown, clipped, (X, Y[, Z]): a picture's colours' mean, else channel 0."""
        pixels = np.asarray(self.ready.pixels)
        grey = (
            pixels.mean(0) if self.ready.image.ndim == 2 else pixels[0]
        )  # Of colours, their mean.
        return np.asarray(self.clipped(grey[self.place]), np.float32)

    def clipped(self, pixels: Array) -> Array:
        """Return pixels within the values that the network tells apart, as it sees no others."""
        convert = self.ready.convert
        clip = convert.inputs.facts.clip if isinstance(convert, Converter) else None
        return pixels if clip is None else pixels.clip(*clip)

    @property
    def taken(self) -> Array:
        """What the network takes of the pixels shown, its first channel: (X, Y[, Z])."""
        return self.back(self.x[0, 0].cpu())

    def scan(self, *, taken: bool = False, through: str = "", **drawn: Mapping[str, Array]) -> Scan:
        """Return what is shown, to be drawn on; drawn: masks and others, with the view's sides.

        taken: what the network takes is shown, as answers that are images are to be compared to.
        through: the mask whose middle is shown.
        """
        grey, flat = self.taken if taken else self.grey, self.ready.image.ndim == 2
        # Black and white of the whole image: a window of air alone would be stretched.
        ends = greys(grey if taken else self.clipped(np.asarray(self.ready.pixels)[0, ::2, ::2]))
        if not flat and grey.ndim == 2:
            # One slice of a volume is drawn as a volume of one: upright, with the patient's sides.
            grey = grey[..., None]
            drawn = {
                what: {name: one[..., None] for name, one in some.items()}
                for what, some in drawn.items()
            }
        return Scan(
            grey,
            spacing=spacing_of(self.ready, flat=flat),
            codes="" if flat or self.ready.image.affine is None else self.ready.frame,
            grey=ends,
            numbers=() if flat else self.numbers,
            through=through,
            **drawn,
        )

    @property
    def numbers(self) -> tuple[list[int], ...]:
        """What the slices shown of a volume are called, across each axis."""
        shown = []
        for axis, part in enumerate(self.place):
            every = range(self.ready.pixels.shape[axis + 1])
            inside = [part] if isinstance(part, int) else every[part]
            shown.append([number_of(self.ready, axis, at) for at in inside])
        return tuple(shown)

    def back(self, heat: Tensor) -> Array:
        """Return a map (X, Y[, Z]) of the network's input as one of the pixels shown."""
        sides = self.grey.shape
        if len(sides) == 2 and tuple(heat.shape) != sides:
            return np.asarray(in_plane(heat[None, None].float(), sides)[0, 0])
        if not self.pad and heat.shape[:2] != sides[:2]:  # All slices, seen at another size.
            return np.asarray(in_plane(heat[None, None].float(), sides[:2])[0, 0])
        held = heat.float().numpy()
        start = self.pad or (0,) * held.ndim
        return np.asarray(
            held[tuple(slice(a, a + side) for a, side in zip(start, sides, strict=True))]
        )


def view_of(model: HubModel, ready: Ready, around: Sequence[int] | None = None) -> View:
    """Return what a model sees of an image: all of a picture, one window or slice of a volume.

    around: a place in the model's frame that the window shall hold; None: the middle.
    """
    facts, sides = model.inputs.facts, tuple(int(side) for side in ready.pixels.shape[1:])
    middle = tuple(int(n) for n in around) if around is not None else tuple(n // 2 for n in sides)
    if by_slices(model) and model.inputs.ndim == 2:
        if len(sides) == 2:
            place: Place = (slice(None), slice(None))
            pixels = as_tensor(ready.pixels)
            said = ""
        else:
            place = (slice(None), slice(None), middle[2])
            pixels = as_tensor(np.asarray(ready.pixels)[..., middle[2]])
            which = "in the middle" if around is None else "that speaks most"
            one = f"slice {number_of(ready, 2, middle[2])} of {ready.sides[2]}"
            said = f"{one}, seen one by one: the one {which}"
        return View(fitted(ready.convert(pixels)[None], facts.size[:2]), place, ready, said=said)
    if by_slices(model):  # A step along all slices of a volume.
        every = tuple(slice(None) for _ in sides)
        x = ready.convert(as_tensor(ready.pixels)[None])
        return View(in_plane(x, facts.size[:2]), every, ready)
    plan = plan_windows(sides, facts.size, multiple=facts.multiple)
    start = tuple(
        min(max(0, at - window // 2), max(0, side - window))
        for at, window, side in zip(middle, plan.size, sides, strict=True)
    )
    place = tuple(
        slice(begin, min(begin + window, side))
        for begin, window, side in zip(start, plan.size, sides, strict=True)
    )
    before = tuple(first for first, _ in plan.pad)
    partial = any(window < side for window, side in zip(plan.size, sides, strict=True))
    shown = " x ".join(map(str, plan.size))
    said = f"a window of {shown} of {' x '.join(map(str, sides))} voxels" if partial else ""
    return View(ready.convert(cut(ready.pixels, plan, start)[None]), place, ready, before, said)


def number_of(ready: Ready, axis: int, at: int) -> int:
    """Return what a slice across an axis of the model's frame is called: by the file, from 1."""
    side, have = ready.sides[axis], int(ready.pixels.shape[axis + 1])
    own = min(int((at + 0.5) * side / have), side - 1)
    codes = ready.image.orientation if ready.image.affine is not None else ""
    turned = bool(codes) and ready.frame[axis] not in codes
    return side - own if turned else own + 1


def telling(
    model: HubModel, ready: Ready, target: int | None, device: torch.device
) -> tuple[int, ...] | None:
    """Return the middle of the window or slice that speaks most for a class; None if there is one.

    target: None: for any class, the first aside where a segmenter has several.
    """
    facts, pixels = model.inputs.facts, ready.pixels
    sides = tuple(int(side) for side in pixels.shape[1:])
    if by_slices(model):
        if len(sides) == 2 or model.inputs.ndim == 3:
            return None
        size: tuple[int, ...] = (sides[0], sides[1], 1)
    else:
        size = plan_windows(sides, facts.size, multiple=facts.multiple).size
        if all(window >= side for window, side in zip(size, sides, strict=True)):
            return None
    best, found = -torch.inf, tuple(side // 2 for side in sides)
    for places, windows in window_batches(pixels, size=size, batch_size=4, multiple=size):
        x = ready.convert(windows[..., 0] if by_slices(model) else windows)
        x = fitted(x, facts.size[:2]) if by_slices(model) else x
        with torch.inference_mode():
            scores = speaking(model(x.to(device)).float().cpu(), target)
        for place, score in zip(places, scores.tolist(), strict=True):
            if score > best:
                best = score
                found = tuple(at + window // 2 for at, window in zip(place, size, strict=True))
    return tuple(min(max(at, 0), side - 1) for at, side in zip(found, sides, strict=True))


def speaking(logits: Tensor, target: int | None) -> Tensor:
    """Return how much each of a batch of answers (N, K, ...) speaks for a class."""
    if logits.ndim > 2:
        shares = torch.sigmoid(logits) if logits.shape[1] == 1 else logits.softmax(1)
        one = 0 if logits.shape[1] == 1 else target
        wanted = shares[:, 1:].sum(1) if one is None else shares[:, one]
        return wanted.flatten(1).sum(1)
    return logits.amax(1) if target is None else logits[:, target]


def spacing_of(ready: Ready, *, flat: bool) -> tuple[float, ...] | None:
    """Return the millimetres between the pixels shown, where they are known."""
    image = ready.image
    if image.ndim == 2:
        return image.spacing
    spacing = image.framed_spacing(ready.frame)
    if spacing is None:
        return None
    now = tuple(
        step * side / have
        for step, side, have in zip(spacing, ready.sides, ready.pixels.shape[1:], strict=True)
    )
    return now[:2] if flat else now
