"""`show --kind anatomy`: how well a model understands anatomy, in numbers and in pictures."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_hub.atomic import new_file
from genesis_hub.data.finding import Found
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import Composition, Interval, Locality, composition, intervals, locality
from genesis_hub.infer.embed import featured
from genesis_hub.infer.predict import read
from genesis_hub.infer.prepare import Ready, fitted
from genesis_hub.infer.run import Outcome, Work, run
from genesis_hub.infer.settings import Settings, device_of
from genesis_hub.infer.sources import Source
from genesis_hub.infer.tables import FAILURES, write_csv
from genesis_hub.inputs import Range, as_tensor
from genesis_hub.models import HubModel
from genesis_hub.searching.asked import Point
from genesis_hub.searching.maps import flat
from genesis_hub.searching.search import searched, truths_of
from genesis_hub.show import Near, cosines, neighbours, plane, png, tsne

# The whole is cut into so many parts, as rows and columns.
PARTS = {2: (1, 2), 3: (3, 1), 4: (2, 2)}
PATCH = 1 / 3  # Of the shorter side: what is embedded around a landmark.
NAMES = tuple(f"{down} {across}" for down in ("upper", "middle", "lower")
              for across in ("left", "middle", "right"))  # fmt: skip
SHOWN = 6  # Landmarks, and neighbours of each, that are drawn.
LEAST = 4
Array = NDArray[Any]
Box = tuple[int, int, int, int]  # From row and column, height and width.


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What was measured: what became of the pictures, and each number with its interval."""

    outcome: Outcome
    locality: Locality
    composition: Composition
    numbers: Mapping[str, Interval]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model says of one picture: of patches around landmarks, of a whole and its parts."""

    names: tuple[str, ...]
    patches: tuple[Array, ...]
    landmarks: Array
    whole: Array
    parts: Mapping[int, Array]


def measure_anatomy(
    model: str | Path | HubModel,
    images: Source | Iterable[Source],
    out: str | Path,
    *,
    points: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 16,
    device: str = "auto",
    modality: str | None = None,
    range: Range | None = None,
    check: bool = True,
    quiet: bool = False,
) -> Anatomy:
    """Measure locality and compositionality of a 2D model's embedding on pictures.

    points: a table (image, x, y, landmark, patient) of landmarks; None: nine places of each
    picture, which are landmarks as far as the pictures were taken alike. Patches of a third of the
    shorter side are embedded around each. Of each picture a part drawn from `seed` is embedded
    whole and in 2, 3 and 4 parts. out: a folder for anatomy.json, cosines.png, neighbours.png and
    landmarks.png. The other arguments are those of `predict`.
    """
    where, folder = device_of(device), Path(out)
    settings = Settings(batch_size=batch_size, device=device, check=check)
    network = featured(model, None, modality=modality, range=range).to(where).eval()
    flat(network.ndim, network.spec.name)
    found = searched(images, folder)
    truths, owners = truths_of(points, found)
    some = [one for one in found if one.name in truths] if points is not None else found
    seen: dict[str, Seen] = {}

    def prepared(one: Found) -> Ready:
        ready = read(one, model=network, settings=settings)
        if ready.image.ndim == 3:
            raise BadInput(f"{ready.image.path} is a volume; anatomy is measured in pictures")
        return ready

    def keep(one: Found, ready: Ready, _: None) -> tuple[list[str], Any]:
        draw = np.random.default_rng([seed, some.index(one)])
        own = truths.get(one.name, {})
        seen[one.name] = seen_in(network, ready, own, settings, where, draw)
        return [], None

    work = Work(prepared, lambda few: [None] * len(few), keep)
    outcome = run(some, work, None, out=folder, quiet=quiet)
    if len(seen) < LEAST:
        case, why = next(iter(outcome.failed.items()), ("", "add some"))
        raise BadInput(
            f"{len(seen)} pictures could be used, but {LEAST} or more are needed; {case} {why}"
        )
    owned = [owners.get(name, name) for name in seen for _ in seen[name].names]
    titles = [name for one in seen.values() for name in one.names]
    near = locality(np.concatenate([one.landmarks for one in seen.values()]), titles, owned)
    draw = partial(np.random.default_rng, seed)
    summed = composition(
        np.stack([one.whole for one in seen.values()]),
        {n: np.stack([one.parts[n] for one in seen.values()]) for n in PARTS},
        [owners.get(name, name) for name in seen],
        draw=draw(),
    )
    numbers = {
        **intervals(near.sample, draw=draw()), **intervals(summed.sample, draw=draw()),
    }  # fmt: skip
    write(folder, list(seen.values()), titles, near, summed, numbers, seed)
    if outcome.failed:
        write_csv(folder / FAILURES, ["case", "reason"], list(outcome.failed.items()))
    return Anatomy(replace(outcome, out=folder), near, summed, numbers)


def seen_in(
    model: HubModel,
    ready: Ready,
    truth: Mapping[str, Point],
    settings: Settings,
    device: torch.device,
    draw: np.random.Generator,
) -> Seen:
    """Return what a model says of one picture."""
    sides = tuple(int(side) for side in ready.pixels.shape[1:])
    if min(sides) < 16:
        raise BadInput(f"{ready.image.title} is {sides}; parts of it would be a few pixels")
    marks = truth or {
        name: Point("", (column + 0.5) / 3 * sides[1], (row + 0.5) / 3 * sides[0], name)
        for name, (row, column) in zip(NAMES, np.ndindex(3, 3), strict=True)
    }
    boxes = [around(point.inside(ready.image, point.landmark), sides) for point in marks.values()]
    high, wide = (int(draw.uniform(0.5, 1) * side) for side in sides)
    row, column = (
        int(draw.integers(0, a - b + 1)) for a, b in zip(sides, (high, wide), strict=True)
    )
    whole = (row, column, high, wide)
    pieces = [box for grid in PARTS.values() for box in cells_of(whole, grid)]
    rows = embedded(model, ready, [*boxes, whole, *pieces], settings, device)
    marked, rest = rows[: len(boxes)], rows[len(boxes) + 1 :]
    parts, at = {}, 0
    for number in PARTS:
        parts[number] = rest[at : at + number]
        at += number
    grey = np.asarray(ready.image.array.mean(0), np.float32)
    patches = tuple(grey[a : a + h, b : b + w] for a, b, h, w in boxes)
    return Seen(tuple(marks), patches, marked, rows[len(boxes)], parts)


def embedded(
    model: HubModel, ready: Ready, boxes: Sequence[Box], settings: Settings, device: torch.device
) -> Array:
    """Return the embeddings (N, F) of parts of a picture, each at the size the weights saw."""
    size = model.inputs.facts.size[:2]
    pixels = as_tensor(ready.pixels)
    found: list[Tensor] = []
    for some in few_of(boxes, settings.batch_size):
        parts = [
            fitted(ready.convert(pixels[:, a : a + h, b : b + w])[None], size)
            for a, b, h, w in some
        ]
        with torch.inference_mode():
            found.append(model(torch.cat(parts).to(device)).float().cpu())
    return torch.cat(found).numpy()


def few_of(boxes: Sequence[Box], number: int) -> Iterable[Sequence[Box]]:
    """Give boxes a few at a time."""
    for start in range(0, len(boxes), number):
        yield boxes[start : start + number]


def around(point: Point, sides: tuple[int, ...]) -> Box:
    """Return the patch around a landmark, moved into the picture where it would leave it."""
    side = max(4, round(PATCH * min(sides)))
    row = min(max(round(point.y - side / 2), 0), sides[0] - side)
    column = min(max(round(point.x - side / 2), 0), sides[1] - side)
    return row, column, side, side


def cells_of(whole: Box, grid: tuple[int, int]) -> list[Box]:
    """Return the parts of a box, row by row."""
    row, column, high, wide = whole
    down, across = (np.linspace(0, n, k + 1).astype(int) for n, k in zip((high, wide), grid,
                                                                          strict=True))  # fmt: skip
    return [
        (row + int(down[i]), column + int(across[j]), int(down[i + 1] - down[i]),
         int(across[j + 1] - across[j]))
        for i, j in np.ndindex(*grid)
    ]  # fmt: skip


def write(
    folder: Path,
    seen: Sequence[Seen],
    titles: Sequence[str],
    near: Locality,
    summed: Composition,
    numbers: Mapping[str, Interval],
    seed: int,
) -> None:
    """Write the numbers and the figures."""
    told = {
        name: [None if math.isnan(v) else round(v, 4) for v in (one.value, one.low, one.high)]
        for name, one in numbers.items()
    }
    facts = {"pictures": len(seen), "patches": len(titles), "numbers": told}
    with new_file(folder / "anatomy.json") as aside:
        aside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    own, others = "a whole and its own parts", "a whole and another's parts"

    def every(columns: Mapping[int, Array]) -> Array:
        return np.concatenate(list(columns.values()))

    rows = {
        "as they are": {own: every(summed.cosine), others: every(summed.unrelated)},
        "less their mean": {own: every(summed.centred), others: every(summed.centred_unrelated)},
    }
    patches = [patch for one in seen for patch in one.patches]
    firsts = [titles.index(name) for name in dict.fromkeys(titles)][:SHOWN]
    alike = [
        Near(
            patches[row], titles[row],
            [(patches[n], titles[n], titles[n] == titles[row]) for n in near.neighbours[row]],
        )
        for row in firsts
    ]  # fmt: skip
    places = tsne(np.concatenate([one.landmarks for one in seen]), seed=seed)
    figures = {
        "cosines": cosines(rows),
        "neighbours": neighbours(alike, title="nearest in other patients"),
        "landmarks": plane(places, titles),
    }
    for name, figure in figures.items():
        with new_file(folder / f"{name}.png") as aside:
            aside.write_bytes(png(figure, dots=300))
