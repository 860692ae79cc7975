"""A scan to be drawn on: the image, its masks and heat, where its slices lie and how they look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.show.planes import Plane, numbers_upright, planes_of, spacing_upright, upright

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Scan:
    """An image to be drawn on, and what is drawn: all of one shape, (X, Y) or (X, Y, Z).

    masks, heats: by title; of masks the numbers of classes, 0 being nothing. beside: by title,
    other images of the same place, such as a restored one, drawn in the greys of this.
    spacing: millimetres along each axis. codes: which way a volume's axes run, such as "LPS".
    grey: the values that are black and white; None: by the image itself.
    through: the title of the mask whose middle is shown, where it marks something; none: all count.
    numbers: what each slice across each axis is called; none: counted from 1 as they are given.
    """

    image: Array
    masks: Mapping[str, Array] = field(default_factory=dict)
    heats: Mapping[str, Array] = field(default_factory=dict)
    spacing: Sequence[float] | None = None
    codes: str = ""
    grey: tuple[float, float] | None = None
    beside: Mapping[str, Array] = field(default_factory=dict)
    numbers: Sequence[Sequence[int]] = ()
    through: str = ""

    def checked(self) -> "Scan":
        """Return this, its volumes turned as they are looked at; `BadInput` where shapes differ."""
        shape = self.image.shape
        if len(shape) not in (2, 3) or 0 in shape:
            raise BadInput(f"the image is {shape}, but (X, Y) or (X, Y, Z) is expected")
        for title, drawn in {**self.masks, **self.heats, **self.beside}.items():
            if drawn.shape != shape:
                raise BadInput(f"{title!r} is {drawn.shape}, but the image is {shape}")
        if len(shape) == 2:
            return self
        return Scan(
            upright(self.image, self.codes),
            {title: upright(mask, self.codes) for title, mask in self.masks.items()},
            {title: upright(heat, self.codes) for title, heat in self.heats.items()},
            None if self.spacing is None else spacing_upright(self.spacing, self.codes),
            self.codes,
            self.grey,
            {title: upright(other, self.codes) for title, other in self.beside.items()},
            numbers_upright(self.numbers or [range(1, side + 1) for side in shape], self.codes),
            self.through,
        )

    @property
    def weight(self) -> Array | None:
        """What is to be seen: the masks where something is marked, else heat on what is bright."""
        first = self.masks.get(self.through)
        if first is not None and first.any():
            return np.asarray(first > 0)
        marked = [mask > 0 for mask in self.masks.values() if mask.any()]
        if marked:
            return np.asarray(np.sum(marked, axis=0))
        if not self.heats:
            return None
        heats = [heat / (float(heat.max()) or 1.0) for heat in self.heats.values()]
        low, high = greys(self.image)
        heat = np.asarray(np.sum(heats, axis=0))
        bright = heat * np.clip((self.image - low) / (high - low), 0, 1)
        return bright if bright.any() else heat


def slices_of(scan: Scan, many: int) -> list[Plane]:
    """Return the slices to be shown; of a picture, itself."""
    if scan.image.ndim == 2:
        spacing = scan.spacing
        return [Plane(-1, 0, "", (), (spacing[0], spacing[1]) if spacing else None)]
    return planes_of(
        scan.image, scan.weight, spacing=scan.spacing, known=bool(scan.codes), many=many
    )


def cut(array: Array, plane: Plane) -> Array:
    """Return a slice of a volume, or a picture as it is."""
    return array if plane.axis < 0 else plane.of(array)


def ratio_of(scan: Scan, plane: Plane) -> float:
    """Return how high a slice is over how wide, in millimetres where they are known."""
    down, across = cut(scan.image, plane).shape
    high, wide = plane.sides or (1.0, 1.0)
    return held_in(down * high / (across * wide))


def held_in(ratio: float) -> float:
    """Return a ratio that leaves room for others."""
    return float(min(max(ratio, 0.35), 2.5))


def greys(image: Array) -> tuple[float, float]:
    """Return the values that are black and white: all but the last half percent at either end."""
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, [0.5, 99.5]))
    return (low, high) if high > low else (low, low + 1.0)
