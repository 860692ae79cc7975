"""The most similar place of every picture: all of them looked through, a few at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.data.finding import Found
from genesis_hub.infer.prepare import Ready
from genesis_hub.infer.run import Work, run
from genesis_hub.searching.asked import Point
from genesis_hub.searching.maps import Mapper
from genesis_hub.searching.matching import alike, heat_of, peak_of


@dataclass(frozen=True, eq=False)
class Place:
    """The most similar place of one picture: x pixels from its left, y from its top.

    similarity: a mean of cosines, at most 1. back: how many pixels of the asked picture lie between
    the place that was asked for and the one most similar to this: far means that it is not mutual.
    reference: the picture asked with. truth: where it is, if a table says; error: how far this is
    from it in pixels; copied: how far it would be if the place had been copied from the reference.
    """

    case: str
    path: Path
    landmark: str
    x: float
    y: float
    similarity: float
    back: float
    reference: str
    patient: str
    longer: int
    truth: tuple[float, float] | None = None
    error: float = float("nan")
    copied: float = float("nan")
    heat: NDArray[np.float16] = field(default_factory=lambda: np.zeros((1, 1), np.float16))


@dataclass(frozen=True, eq=False)
class Asked:
    """A place that is looked for, in the picture it was named in."""

    point: Point
    ready: Ready
    map: Tensor


def compared(
    maps: Mapper,
    found: Sequence[Found],
    asked: Sequence[Asked],
    truths: Mapping[str, Mapping[str, Point]],
    owners: Mapping[str, str],
    context: float,
    *,
    quiet: bool,
) -> tuple[list[Place], dict[str, str]]:
    """Return the most similar places, the most similar of each landmark first; and what failed."""
    crossed = bool(truths) and any(one.point.image in truths for one in asked)
    places: list[Place] = []

    def keep(one: Found, ready: Ready, other: Tensor) -> tuple[list[str], Any]:
        own = truths.get(one.name, {})
        # Once for each picture that is asked with, whatever the number of its places.
        held = {id(some.map): some.map for some in asked}
        cosines = {key: alike(map_of, other) for key, map_of in held.items()}
        for point in own.values():
            point.inside(ready.image, one.name)
        cells = (int(other.shape[1]), int(other.shape[2]))
        for some in groups(asked, crossed=crossed):
            point = some[0].point
            if crossed and (
                point.landmark not in own or owners[one.name] == owners[point.image]
            ):  # A patient's own other picture would be no test.
                continue
            both = [cosines[id(each.map)] for each in some]
            places.append(place_in(one, ready, both, cells, some, own.get(point.landmark), context))
        return [], None

    work = Work(maps.read, maps.maps, keep, at_once=maps.settings.batch_size)
    outcome = run(found, work, None, out=Path(), quiet=quiet)
    owned = [replace(p, patient=owners.get(p.case, p.case)) for p in places]
    return sorted(owned, key=lambda p: (p.landmark, -p.similarity)), outcome.failed


def groups(asked: Sequence[Asked], *, crossed: bool) -> list[list[Asked]]:
    """Return what is asked at once: each place alone, or a landmark in all its pictures."""
    if crossed:
        return [[one] for one in asked]
    some: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        some[one.point.landmark].append(one)
    return list(some.values())


def place_in(
    found: Found,
    ready: Ready,
    cosines: Sequence[Tensor],
    cells: tuple[int, int],
    asked: Sequence[Asked],
    truth: Point | None,
    context: float,
) -> Place:
    """Return the place in one picture that is most similar to those asked for."""
    heats = [
        heat_of(some, one.point.shares(one.ready.image), cells, context)
        for some, one in zip(cosines, asked, strict=True)
    ]
    heat = torch.stack(heats).mean(0)
    peak = peak_of(heat)
    high, wide = ready.image.shape[1:]
    x, y = peak.across * wide - 0.5, peak.down * high - 0.5
    first = asked[0]
    back = peak_of(heat_of(cosines[0].T, (peak.down, peak.across), cells, context))
    sides = first.ready.image.shape[1:]
    point = first.point
    returned = np.hypot(
        back.across * sides[1] - 0.5 - point.x, back.down * sides[0] - 0.5 - point.y
    )
    error = copied = float("nan")
    if truth is not None:
        down, across = point.shares(first.ready.image)
        error = float(np.hypot(x - truth.x, y - truth.y))
        copied = float(np.hypot(across * wide - 0.5 - truth.x, down * high - 0.5 - truth.y))
    return Place(
        found.name, found.path, point.landmark, x, y, peak.similarity, float(returned),
        point.image, "", max(high, wide), None if truth is None else (truth.x, truth.y), error,
        copied, heat.cpu().numpy().astype(np.float16),
    )  # fmt: skip
