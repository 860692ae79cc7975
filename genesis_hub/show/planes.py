"""Slices of scans as they are looked at: which ones show most, which way up, how long a side is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.image import turned
from genesis_hub.errors import BadInput

Array = NDArray[Any]

# Volumes are turned so that indices grow to the patient's left, back and feet: then each plane,
# transposed, lies as radiologists look at it, the patient's left on the right.
FRAME = "LPI"
NAMES = ("sagittal", "coronal", "axial")
LETTERS = {0: ("A", "P", "S", "I"), 1: ("R", "L", "S", "I"), 2: ("R", "L", "A", "P")}
THICK = 2.5  # Slices so much thicker than pixels are shown in their own plane only.
FEW = 12


@dataclass(frozen=True)
class Plane:
    """One slice: `axis` is cut at `index`.

    letters: the patient's sides at the left, right, top and bottom; empty if they are not known.
    sides: millimetres between neighbours down and across; None if they are not known.
    """

    axis: int
    index: int
    name: str
    letters: tuple[str, ...]
    sides: tuple[float, float] | None

    def of(self, volume: Array) -> Array:
        """Return this slice of a volume (X, Y, Z) in `FRAME`, as it is looked at."""
        return np.asarray(np.take(volume, self.index, axis=self.axis).T)


def upright(volume: Array, codes: str) -> Array:
    """Return a volume (X, Y, Z) whose axes run as `codes` say, such as "LPS", in `FRAME`."""
    moved: Array = turned(volume[None], codes or "LPS", FRAME)[0]
    return moved


def spacing_upright(spacing: Sequence[float], codes: str) -> tuple[float, ...]:
    """Return a volume's spacing along the axes of `FRAME`."""
    sides = "RL", "AP", "SI"
    order = [next(i for i, c in enumerate(codes or "LPS") if c in pair) for pair in sides]
    return tuple(float(spacing[axis]) for axis in order)


def numbers_upright(numbers: Sequence[Sequence[int]], codes: str) -> tuple[Sequence[int], ...]:
    """Return the numbers of a volume's slices across each axis, as `upright` turns the volume."""
    turns = []
    for code in FRAME:
        pair = next(pair for pair in ("RL", "AP", "SI") if code in pair)
        axis = next(i for i, c in enumerate(codes or "LPS") if c in pair)
        same = (codes or "LPS")[axis] == code
        turns.append(numbers[axis] if same else numbers[axis][::-1])
    return tuple(turns)


def planes_of(
    volume: Array,
    weight: Array | None = None,
    *,
    spacing: Sequence[float] | None = None,
    known: bool = True,
    many: int = 3,
) -> list[Plane]:
    """Return the slices that show most of a volume (X, Y, Z) in `FRAME`.

    weight: what is to be seen, such as a mask or a heat map; without it, the middle.
    Of a volume about as fine in all directions, one slice in each of three planes; of one with few
    or thick slices, `many` of its own. known: whether the patient's sides are.
    """
    shape = volume.shape
    if len(shape) != 3 or (weight is not None and weight.shape != shape):
        raise BadInput(f"the volume is {shape}, but (X, Y, Z) is expected, and the same of weight")
    steps = tuple(spacing or (1.0, 1.0, 1.0))
    uneven = max(steps) > THICK * min(steps) and min(shape) > 1
    through = int(np.argmax(steps)) if uneven else int(np.argmin(shape))
    thick = uneven or min(shape) < FEW
    heavy = None if weight is None else np.asarray(weight, float)
    if thick:
        told = [(through, index) for index in several(shape[through], sums(heavy, through), many)]
    else:
        told = [(axis, several(shape[axis], sums(heavy, axis), 1)[0]) for axis in (2, 1, 0)]
    return [plane(axis, index, spacing, known) for axis, index in told]


def plane(axis: int, index: int, spacing: Sequence[float] | None, known: bool) -> Plane:
    """Return the facts of one slice."""
    across, down = (other for other in range(3) if other != axis)
    sides = None if spacing is None else (float(spacing[down]), float(spacing[across]))
    name = NAMES[axis] if known else f"axis {axis + 1}"
    return Plane(axis, index, name, LETTERS[axis] if known else (), sides)


def sums(weight: Array | None, axis: int) -> Array | None:
    """Return how much of the weight lies in each slice across an axis."""
    if weight is None or not weight.any():
        return None
    return np.asarray(weight.sum(tuple(other for other in range(3) if other != axis)))


def several(length: int, weight: Array | None, many: int) -> list[int]:
    """Return slices: the one with most, and ones that spread over where there is something."""
    if weight is None:
        low, high, best = 0, length - 1, length // 2
    else:
        there = np.flatnonzero(weight > 0.05 * weight.max())
        low, high, best = int(there[0]), int(there[-1]), middle_of_most(weight)
    if many == 1:
        return [best]
    wanted = [round(low + (high - low) * share) for share in np.linspace(0, 1, many + 2)[1:-1]]
    nearest = int(np.argmin([abs(index - best) for index in wanted]))
    wanted[nearest] = best
    return sorted(set(wanted))


def middle_of_most(weight: Array) -> int:
    """Return the slice with most; of several with as much, the one in their middle."""
    most = np.flatnonzero(weight == weight.max())
    return int(most[(len(most) - 1) // 2])
