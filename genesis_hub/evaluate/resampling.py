"""Patients drawn again, or exchanged between two models: columns of counts, one for each draw.

A number is computed from how often each patient counts, (patients, B) for B draws at once: a
bootstrap counts patients drawn with replacement, a jackknife leaves one out, a permutation takes
each patient's answers from the one model or the other. So images of one patient stay together.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput

Array = NDArray[Any]
Floats = NDArray[np.float64]
ROOM = 1 << 17  # Numbers in a block of draws: 1 MB, which a processor's cache holds.
MOST_LEFT_OUT = 1000  # Draws of a jackknife: beyond, patients are left out in groups.


class Measured(Protocol):
    """Cases with their patients, and the numbers that follow from them.

    patients: how many count. size: numbers held for each draw, by which blocks are measured out.
    """

    @property
    def patients(self) -> int: ...
    @property
    def size(self) -> int: ...

    def measured(self, counts: Floats) -> dict[str, Floats]:
        """Return each number (B,) where patients count as told (patients, B); NaN is undefined."""
        ...

    def bearing(self) -> dict[str, int]:
        """Return on how many patients each number rests that lies between 0 and 1.

        Of AUC the fewer of those with and without. 0: a number without such bounds, which has no
        interval where every draw gives the same.
        """
        ...


class Sample(Measured, Protocol):
    """Cases whose numbers can be compared with those of another model."""

    def narrowed(self, measures: Sequence[str]) -> Self:
        """Return the same cases, of which only these numbers are measured: that is faster."""
        ...

    def beside(self, other: Self) -> Self:
        """Return the sample of two models' answers for the same cases, ours first.

        Its patients are twice as many: those of our answers, then the same with the other's.
        """
        ...


def numbered(patients: Sequence[str], among: Sequence[str] = ()) -> tuple[Array, int]:
    """Return each case's patient as a number, and how many there are.

    among: all patients in order, where several samples must count the same ones.
    """
    place = {name: at for at, name in enumerate(among or sorted(set(patients)))}
    lost = [name for name in patients if name not in place]
    if lost:
        raise BadInput(f"patients {lost[:3]} are not among the {len(place)} that were given")
    return np.array([place[name] for name in patients], dtype=np.int64), len(place)


def redrawn(sample: Measured, number: int, draw: np.random.Generator) -> Iterator[Floats]:
    """Give counts of patients drawn with replacement, in blocks, `number` columns in all."""
    patients = sample.patients
    for width in widths(sample, number):
        drawn = draw.integers(0, patients, size=(patients, width), dtype=np.int32)
        place = drawn.astype(np.int64)
        place *= width
        place += np.arange(width)
        counts = np.bincount(place.ravel(), minlength=patients * width)
        yield counts.reshape(patients, width).astype(np.float64)


def without_each(sample: Measured, draw: np.random.Generator) -> Iterator[Floats]:
    """Give counts that leave out one patient each, or one drawn group where there are many."""
    patients = sample.patients
    groups = np.array_split(draw.permutation(patients), min(patients, MOST_LEFT_OUT))
    start = 0
    for width in widths(sample, len(groups)):
        counts = np.ones((patients, width))
        for column, group in enumerate(groups[start : start + width]):
            counts[group, column] = 0
        start += width
        yield counts


def swapped(pair: Sample, number: int, draw: np.random.Generator) -> tuple[Iterator[Floats], bool]:
    """Give counts that exchange two models' answers for drawn patients; say whether all ways.

    Where there are no more than `number` ways, each is given once: the first exchanges none.
    """
    patients = pair.patients // 2
    every = patients < 62 and 2**patients <= number

    def ways() -> Iterator[Floats]:
        start = 0
        for width in widths(pair, 2**patients if every else number):
            if every:
                ways = np.arange(start, start + width)
                other = (ways >> np.arange(patients)[:, None]) & 1
            else:
                other = draw.integers(0, 2, size=(patients, width), dtype=np.int8)
            start += width
            yield np.concatenate([1.0 - other, other.astype(np.float64)])

    return ways(), every


def widths(sample: Measured, number: int) -> Iterator[int]:
    """Give the widths of the blocks that make up `number` draws."""
    most = max(1, ROOM // max(sample.size, sample.patients))
    for start in range(0, number, most):
        yield min(most, number - start)


def joined(blocks: Iterable[dict[str, Floats]]) -> dict[str, Floats]:
    """Return each number over all draws, (B,), from its blocks."""
    found = list(blocks)
    return {name: np.concatenate([block[name] for block in found]) for name in found[0]}
