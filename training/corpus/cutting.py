"""Where windows may lie in a scan; windows drawn from a seed, and judged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from training.corpus import Sides, Window
from training.corpus.resizing import resized
from training.corpus.tissue import AHEAD, Rule, Verdict

Cut = Callable[[Sides, Sides], Window]  # (start, size) of one scan -> (1, X, Y, Z)
Span = tuple[int, int]  # First and last start along an axis, both included.
Crop = tuple[int, int]  # rows, columns

BORDERS = (100, 100, 30)  # As published, at 512 x 512 and, most often, some 270 slices.
SHARES = (100 / 512, 100 / 512, 1 / 9)
PUBLISHED_AHEAD = 3  # Slices that were cut behind a cube, though only one matters.


@dataclass(frozen=True)
class Cutting:
    """How windows are cut: what they become, the crops they are made from, where these may lie.

    size: of what comes out. crops: rows and columns that are cut and resized to it, one of them
    drawn each time; none given: those of the size. A scan takes the crops that fit into it.
    faithful: the published borders, 100, 100 and 30 voxels with the published slack behind them,
    which leave out what is smaller than 265 x 265 x 96; else borders shrink with the scan, down to
    none, so that any scan of at least one cube gives windows.
    """

    size: Sides
    crops: tuple[Crop, ...] = ()
    faithful: bool = False

    @property
    def all_crops(self) -> tuple[Crop, ...]:
        """The crops, where none are given that of the size."""
        return self.crops or (self.size[:2],)

    def fitting(self, sides: Sides) -> tuple[Crop, ...]:
        """Return the crops that fit into a scan, or raise `BadInput`."""
        found = tuple(crop for crop in self.all_crops if self.spans(sides, crop))
        if found:
            return found
        need = by(self.least(min(self.all_crops)))
        if self.faithful:
            raise BadInput(
                f"the scan is {by(sides)}, smaller than the {need} that the published borders ask "
                "for; without faithful borders shrink with the scan"
            )
        raise BadInput(
            f"the scan is {by(sides)}, smaller than a cube of {need}; ask for smaller ones, or "
            "leave it out"
        )

    def least(self, crop: Crop) -> Sides:
        """Return the sides of the smallest scan that a crop fits into."""
        x, y, z = (*crop, self.size[2])
        if not self.faithful:
            return x, y, z
        a, b, c = (2 * border + 1 for border in BORDERS)
        return x + a, y + b, z + c + PUBLISHED_AHEAD

    def spans(self, sides: Sides, crop: Crop) -> tuple[Span, ...]:
        """Return where windows of a crop may begin along each axis; nothing where none fits."""
        if any(side < least for side, least in zip(sides, self.least(crop), strict=True)):
            return ()
        found = []
        for axis, (side, length) in enumerate(zip(sides, (*crop, self.size[2]), strict=True)):
            free, low = side - length, BORDERS[axis]
            if self.faithful:
                high = free - 1 - low - (PUBLISHED_AHEAD if axis == 2 else 0)
            else:
                low = min(low, int(side * SHARES[axis]), free // 2)
                high = free - low
            found.append((low, high))
        return tuple(found)

    def cube(self, cut: Cut, sides: Sides, start: Sides, crop: Crop) -> NDArray[np.float32]:
        """Return a window (X, Y, Z), and the one slice behind it that its score asks for."""
        deep = min(self.size[2] + AHEAD, sides[2] - start[2])
        return resized(cut(start, (*crop, deep))[0], *self.size[:2])


@dataclass(frozen=True, eq=False)
class Place:
    """Where a window lies, and what the rule says of it."""

    start: Sides
    crop: Crop
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Drawer:
    """Windows of one scan, drawn and judged."""

    cut: Cut
    sides: Sides
    cutting: Cutting
    rule: Rule

    def windows(
        self, draw: np.random.Generator, tries: int
    ) -> Iterator[tuple[Place, NDArray[np.float32]]]:
        """Give so many windows (X, Y, Z) and their places, accepted or not, in the order drawn."""
        crops = self.cutting.fitting(self.sides)
        spans = [self.cutting.spans(self.sides, crop) for crop in crops]
        which = draw.integers(0, len(crops), tries)
        where = draw.random((tries, 3))
        for number, shares in zip(which, where, strict=True):
            crop = crops[number]
            x, y, z = (
                low + int(share * (high - low + 1))
                for (low, high), share in zip(spans[number], shares, strict=True)
            )
            yield self.window((x, y, z), crop)

    def window(self, start: Sides, crop: Crop) -> tuple[Place, NDArray[np.float32]]:
        """Return one window (X, Y, Z) and its place."""
        deps = self.cutting.size[2]
        made = self.cutting.cube(self.cut, self.sides, start, crop)
        return Place(start, crop, self.rule.verdict(made, deps)), made[..., :deps]

    def pick(
        self, draw: np.random.Generator, count: int, tries: int
    ) -> list[tuple[Place, NDArray[np.float32]]]:
        """Return so many windows: accepted ones as far as `tries` of them go, then others.

        Others are those drawn first that are no background, and after these those that hold most:
        where a rule never fits, such as that for lungs in an abdomen, it says nothing of the scan,
        and any part of it is as good.
        """
        taken: list[tuple[Place, NDArray[np.float32]]] = []
        others: list[Place] = []
        for place, window in self.windows(draw, tries):
            if place.verdict.accepted:
                taken.append((place, window))
                if len(taken) == count:
                    return taken
            else:
                others.append(place)
        # The sort is stable: among those that hold enough, the order drawn stays.
        others.sort(key=lambda place: -1.0 if place.verdict.holds else 1 - place.verdict.content)
        lacking = others[: count - len(taken)]
        return taken + [self.window(place.start, place.crop) for place in lacking]


def by(sides: Sequence[int]) -> str:
    """Return sides in words."""
    return " x ".join(map(str, sides))
