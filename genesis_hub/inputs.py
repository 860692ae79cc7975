"""The input contract of a set of weights: from an image in its own units to what was trained on."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.mistakes import mistakes, ready_mistakes
from genesis_hub.sampling import unfit_values

Range = tuple[float, float] | Literal["image"]

# What the authors say: CT clipped to [-1000, 1000] HU, MRI to [0, 4000], or each patient by itself.
RANGES = {"ct": (-1000.0, 1000.0), "mri": (0.0, 4000.0)}
UNITS = {"ct": "HU", "mri": "MRI intensities"}
GREY_AS_COLOUR = 3  # Grey pictures are repeated for weights that saw them in three channels.
WAY_OUT = "; check=False (--no-check) goes on all the same"


@dataclass(frozen=True)
class Inputs:
    """What a model expects, as facts and as the callable that every road to the model takes.

    `inputs(image)` takes an array or tensor (C, X, Y[, Z]) or a batch (N, C, X, Y[, Z]) in
    `facts.unit` and gives float32 as the weights saw it. One channel is repeated for weights that
    saw grey pictures in three.
    frame: which way the axes of a volume run, in the letters of `Image.orientation`.
    """

    facts: InputFacts
    channels: int
    frame: str = "LPS"

    @property
    def ndim(self) -> int:
        """Spatial axes: 2 or 3."""
        return len(self.facts.size)

    def __call__(
        self,
        image: "Tensor | NDArray[np.generic]",
        *,
        spacing: tuple[float, ...] | None = None,
        patch: bool = False,
        check: bool = True,
    ) -> Tensor:
        """Return an image as the weights saw it, or raise `BadInput` with every remedy.

        spacing: millimetres along each axis, where it is known, to be checked too.
        patch: it is a part of an image that was checked whole, so only what no part may be counts.
        check: False skips what may be a mistake; what cannot be used is refused all the same.
        """
        if check:
            self.check(image, spacing=spacing, patch=patch)
        else:
            self.check_kind(image)
        x = as_tensor(image).to(torch.float32)
        if x.shape[-self.ndim - 1] != self.channels:
            x = x.expand(*x.shape[: -self.ndim - 1], self.channels, *x.shape[-self.ndim :])
        facts = self.facts
        if facts.clip is not None:
            lo, hi = facts.clip
            x = x.clamp(lo, hi)
            if facts.scale:
                x = x.sub_(lo).div_(hi - lo)
        elif facts.scale:
            x = self.scale_each(x)
        if facts.mean:
            mean, std = (self.per_channel(v).to(x.device) for v in (facts.mean, facts.std))
            x = (x - mean) / std
        return x

    def check(
        self,
        image: "Tensor | NDArray[np.generic]",
        *,
        spacing: tuple[float, ...] | None = None,
        patch: bool = False,
    ) -> None:
        """Raise `BadInput`, naming every remedy, unless an image can be meant for this model."""
        self.check_kind(image)
        unfit = unfit_values(image)
        found = [unfit] if unfit else []
        if spacing is not None:
            found += self.spacing_mistakes(spacing)
        if found:
            raise BadInput("; ".join(found))
        if not patch:
            found += mistakes(image, self.facts, self.ndim, spacing)
        if found:
            raise BadInput("; ".join(found) + WAY_OUT)

    def check_ready(self, x: Tensor) -> None:
        """Raise `BadInput` unless a tensor looks like what `inputs(image)` gives.

        For loops that prepare images by other means; what `inputs` gives needs no second look.
        """
        self.check_kind(x)
        found = unfit_values(x) or "; ".join(ready_mistakes(x, self.facts, self.ndim))
        if found:
            raise BadInput(found)

    def check_kind(self, image: object) -> None:
        """Raise `BadInput` unless something is an array of numbers of the right shape."""
        check_numbers(image)
        shape = tuple(int(side) for side in image.shape)  # type: ignore[attr-defined]
        axes = "X, Y, Z" if self.ndim == 3 else "X, Y"
        if len(shape) == self.ndim:
            raise BadInput(
                f"the image is {shape}, but (C, {axes}) is expected: add the channel: image[None]"
            )
        if len(shape) not in (self.ndim + 1, self.ndim + 2):
            raise BadInput(f"the image is {shape}, but (C, {axes}) or (N, C, {axes}) is expected")
        if 0 in shape:
            raise BadInput(f"the image is {shape}: there is nothing in it")
        channels = shape[-self.ndim - 1]
        if channels == self.channels or (channels == 1 and self.channels == GREY_AS_COLOUR):
            return
        said = f"the image is {shape} and so has {channels} channels, but the model takes "
        if shape[-1] in (1, 3, self.channels) and channels > 4:
            axis = 0 if len(shape) == self.ndim + 1 else 1
            order = (f"numpy.moveaxis(image, -1, {axis})", f"image.movedim(-1, {axis})")
            raise BadInput(
                f"{said}{self.channels}: the channels seem to be last; {' or '.join(order)}"
            )
        raise BadInput(
            f"{said}{self.channels}; pick channels (image[:{self.channels}]) or repeat them, or "
            f"build the model with in_channels={channels}"
        )

    def spacing_mistakes(self, spacing: tuple[float, ...]) -> list[str]:
        """Return what is wrong with the distances between voxels."""
        said = tuple(round(float(value), 4) for value in spacing)
        if len(spacing) != self.ndim:
            return [
                f"spacing {said} has {len(spacing)} numbers, but the image has {self.ndim} axes"
            ]
        if not all(math.isfinite(value) and value > 0 for value in spacing):
            return [f"spacing {said} mm is not possible; read it from the header again"]
        if min(spacing) < 0.03:
            return [f"spacing {said} mm is finer than any scanner's; is it in metres or cm?"]
        if max(spacing) > 30:
            return [f"spacing {said} mm is coarser than any scanner's; is it in micrometres?"]
        if self.ndim == 3 and spacing[0] > 1.5 * max(spacing[1:]):
            first = " and ".join(f"{value:g}" for value in said[1:])
            return [
                f"spacing {said} mm: slices seem to run along the first axis ({said[0]:g} mm, the "
                f"others {first}); slices come last: image.transpose(0, 3, 2, 1)"
            ]
        want = self.facts.spacing
        if want and not all(1 / 1.6 < h / w < 1.6 for h, w in zip(spacing, want, strict=True)):
            return [
                f"spacing {said} mm, but the weights saw {want} mm: resample the image "
                "(genesis_hub.predict does so by itself)"
            ]
        return []

    def using(self, *, modality: str | None = None, range: Range | None = None) -> "Inputs":
        """Return the contract for images of another kind; see `adjusted`."""
        return replace(self, facts=adjusted(self.facts, modality=modality, range=range))

    def spread(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """Return one constant per channel: as given, or their mean where the counts differ."""
        if len(values) == self.channels:
            return values
        return (sum(values) / len(values),) * self.channels

    def scale_each(self, x: Tensor) -> Tensor:
        """Scale every image from its own least and greatest value to [0, 1]."""
        dims = tuple(range(x.ndim - self.ndim - 1, x.ndim))
        lo, hi = x.amin(dims, keepdim=True), x.amax(dims, keepdim=True)
        return (x - lo) / (hi - lo).clamp_min(torch.finfo(x.dtype).tiny)

    def per_channel(self, values: tuple[float, ...]) -> Tensor:
        """Return constants shaped to meet (C, X, Y[, Z])."""
        return torch.tensor(self.spread(values)).view(-1, *(1,) * self.ndim)


def adjusted(
    facts: InputFacts,
    *,
    modality: str | None = None,
    range: Range | None = None,
) -> InputFacts:
    """Return facts for images of another kind than the weights saw.

    modality: "ct" clips to [-1000, 1000] HU, "mri" to [0, 4000].
    range: (lo, hi), the values that become 0 and 1; or "image": each image's own least and
    greatest value.
    """
    if modality is None and range is None:
        return facts
    if modality is not None and modality not in RANGES:
        raise BadInput(f"modality={modality!r}; choose 'ct' or 'mri', or pass range=(lo, hi)")
    if facts.mean and not facts.scale and (range is not None or modality != facts.modality):
        raise BadInput(
            f"these weights saw {facts.unit} less a fixed mean ({facts.mean[0]:g}), which other "
            "images do not share; leave modality and range away, or take other weights"
        )
    if modality is not None and modality != facts.modality:
        facts = replace(
            facts,
            modality=modality,
            unit=UNITS[modality],
            clip=RANGES[modality],
            scale=True,
            note="",
        )
    if range == "image":
        return replace(
            facts, clip=None, scale=True, note="",
            unit="each image scaled from its own least and greatest value to [0, 1]",
        )  # fmt: skip
    if range is not None:
        lo, hi = ends_of(range)
        return replace(
            facts, modality="any", unit=f"values from {lo:g} to {hi:g}", clip=(lo, hi), scale=True,
            note="",
        )  # fmt: skip
    return facts


def ends_of(range: Any) -> tuple[float, float]:
    """Return the two ends of a range, or raise `BadInput`."""
    try:
        lo, hi = (float(value) for value in range)
    except (TypeError, ValueError):
        lo = hi = math.nan
    if not -math.inf < lo < hi < math.inf:
        raise BadInput(f"range={range!r}; give (lo, hi) with lo below hi, or 'image'")
    return lo, hi


def check_numbers(image: object) -> None:
    """Raise `BadInput` unless something is an array or a tensor of real numbers."""
    if isinstance(image, Tensor) and not image.is_complex():
        return
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iufb":
        kind = getattr(image, "dtype", type(image).__name__)
        raise BadInput(f"the image is {kind}, but an array or a tensor of real numbers is expected")
    if isinstance(image, np.ma.MaskedArray):
        raise BadInput("the image is a masked array; fill what is masked: image.filled(value)")


def as_tensor(image: object) -> Tensor:
    """Return an array or tensor of numbers as a tensor, whatever its byte order."""
    check_numbers(image)
    if isinstance(image, Tensor):
        return image
    assert isinstance(image, np.ndarray)
    if not image.dtype.isnative:
        image = image.astype(image.dtype.newbyteorder("="))
    if image.dtype.kind == "u" and image.dtype.itemsize in (4, 8):
        image = image.astype(np.float64 if image.dtype.itemsize == 8 else np.int64)
    # A copy where torch cannot share: turned axes, mapped files (which must not be written to).
    return torch.as_tensor(np.ascontiguousarray(image) if image.flags.writeable else image.copy())
