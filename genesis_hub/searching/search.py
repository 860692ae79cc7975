"""The verb `search`: a place in one picture, or a table of places, found in many others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from genesis_hub.data.finding import Found, find_images
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import Interval
from genesis_hub.infer.journal import guard
from genesis_hub.infer.prepare import Ready
from genesis_hub.infer.settings import Settings, device_of
from genesis_hub.infer.sources import Source, find
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel
from genesis_hub.searching.asked import At, Point, matched, point_at, read_points
from genesis_hub.searching.maps import Mapper, mapper
from genesis_hub.searching.measured import Tolerance, measured
from genesis_hub.searching.output import write_search
from genesis_hub.searching.places import Asked, Place, compared

CONTEXT = 0.33
REFERENCES = 10


@dataclass(frozen=True, eq=False)
class Search:
    """What was found: a place for each picture and landmark, the most similar first.

    numbers: where truth was given, the mean error in pixels and the share within the tolerance,
    each beside what copying the place gives. page: where it was written.
    """

    places: tuple[Place, ...]
    failed: Mapping[str, str]
    numbers: Mapping[str, Interval]
    tolerance: Tolerance
    page: Path | None = None

    @property
    def status(self) -> int:
        """The exit status: 1 if a picture could not be searched."""
        return 1 if self.failed else 0


def search(
    model: str | Path | HubModel,
    data: Source | Iterable[Source],
    out: str | Path | None = None,
    *,
    image: str | Path | None = None,
    at: At | None = None,
    landmark: str | Path | None = None,
    points: str | Path | None = None,
    context: float = CONTEXT,
    side: int | None = None,
    within: float | None = None,
    references: int = REFERENCES,
    pictures: int = 12,
    cache: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 8,
    device: str = "auto",
    precision: str = "fp32",
    modality: str | None = None,
    range: Range | None = None,
    check: bool = True,
    quiet: bool = False,
) -> Search:
    """Find a place of one picture in others, by the features of a 2D model.

    model: a name, a folder, or timm:NAME. data: files, folders, CSV manifests of pictures.
    image, at: the picture and the place in it, "X,Y" in pixels from its left and its top. Or
    landmark: a table (image, x, y, landmark) of places; several pictures of one landmark are asked
    together. Each is found in all of `data`.
    points: a table of where landmarks are in `data`, to measure by. Without a place that is asked
    for, `references` pictures of it, drawn by `seed`, are each asked for in the others, those of
    other patients.
    out: a folder for found.csv, pictures, a page, and numbers.json where there is a truth.
    context: how much of the surroundings tells where a place is, a share of the picture's sides.
    side: of the square that the model is shown each picture as; None: its own, but 256 at least.
    within: pixels from the truth that are near enough; None: a tenth of the picture's longer side.
    pictures: drawn of each landmark. cache: a folder that keeps the features, by picture and model.
    The other arguments are those of `predict`.
    """
    if not 0 < context <= 1:
        raise BadInput(f"context={context!r}, but it is a share of a picture's sides: 0.05 to 1")
    tolerance = Tolerance(within)
    settings = Settings(
        batch_size=batch_size, device=device, precision=precision, check=check, view="whole"
    )
    folder = None if out is None else Path(out)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; a folder is expected")
    asked_for = asking(image, at, landmark, points)
    found = searched(data, folder)
    truths, owners = truths_of(points, found)
    maps = mapper(
        model, settings, device_of(device), cache, side=side, modality=modality, range=range
    )
    if asked_for is None:
        assert points is not None
        chosen = drawn(list(truths), references, seed)
        asked = opened(maps, {one.name: one for one in found}, truths, chosen)
    else:
        asked = named(maps, asked_for, landmark)
    places, failed = compared(maps, found, asked, truths, owners, context, quiet=quiet)
    if not places:
        case, reason = next(iter(failed.items()), ("", ""))
        raise BadInput(
            f"none of {len(found)} pictures could be searched; {case}: {reason}"
            if case
            else f"{points}: its places are of one patient, but a landmark is searched for in "
            "others; mark it in the pictures of two or more"
        )
    numbers = measured(places, tolerance, np.random.default_rng(seed))
    result = Search(tuple(places), failed, numbers, tolerance)
    if folder is None:
        return result
    facts = {
        "model": str(maps.model.spec.name), "side": maps.size[0], "context": context,
        "pictures": len(found),
        "references": len({one.point.image for one in asked}),
    }  # fmt: skip
    page = write_search(folder, result, asked, found, facts, pictures)
    return replace(result, page=page)


def asking(
    image: str | Path | None,
    at: At | None,
    landmark: str | Path | None,
    points: str | Path | None,
) -> list[Point] | None:
    """Return the places that are asked for; None where those of the truth are."""
    if (image is None) != (at is None):
        raise BadInput("image= and at= (--image, --at X,Y) belong together: a place in a picture")
    if image is not None and landmark is not None:
        raise BadInput("give either a place (--image, --at X,Y) or a table of them (--landmark)")
    if image is not None and at is not None:
        return [point_at(image, at)]
    if landmark is not None:
        return read_points(landmark)
    if points is None:
        raise BadInput(
            "no place was asked for: give --image FILE --at X,Y, a table with --landmark, or with "
            "--points where landmarks are, to measure how well each is found"
        )
    return None


def searched(data: Source | Iterable[Source], out: Path | None) -> list[Found]:
    """Return the pictures to search, without what an earlier search wrote."""
    found = find(data, uneven=False)
    if out is None:
        return found
    inside = out.resolve()
    others = [one for one in found if inside not in one.path.resolve().parents]
    guard(out, others)
    return others or found_nothing(out)


def found_nothing(out: Path) -> list[Found]:
    """Raise `BadInput`: all pictures are answers."""
    raise BadInput(f"all pictures lie in {out}, where answers are written; give another folder")


def truths_of(
    points: str | Path | None, found: Sequence[Found]
) -> tuple[dict[str, dict[str, Point]], dict[str, str]]:
    """Return the places that are known, by picture and landmark, and whose each picture is."""
    if points is None:
        return {}, {}
    table = read_points(points)
    known = matched(table, found, Path(points))
    truths: dict[str, dict[str, Point]] = defaultdict(dict)
    for point in table:
        if point.image in known:
            truths[known[point.image].name][point.landmark] = point
    return dict(truths), {name: next(iter(of.values())).patient for name, of in truths.items()}


def drawn(names: Sequence[str], number: int, seed: int) -> list[str]:
    """Return the pictures that are asked with."""
    if isinstance(number, bool) or number < 1:
        raise BadInput(f"references={number!r}, but they are counted from 1")
    order = np.random.default_rng(seed).permutation(len(names))[:number]
    return [names[at] for at in sorted(order)]


def opened(
    maps: Mapper,
    found: Mapping[str, Found],
    truths: Mapping[str, Mapping[str, Point]],
    chosen: Sequence[str],
) -> list[Asked]:
    """Return the known places of the chosen pictures, to be asked for in others."""
    asked = []
    for name in chosen:
        ready = maps.read(found[name])
        (own,) = maps.maps([ready])
        for point in truths[name].values():
            inside = replace(point.inside(ready.image, name), image=name)
            asked.append(Asked(inside, ready, own))
    return asked


def named(maps: Mapper, points: Sequence[Point], table: str | Path | None) -> list[Asked]:
    """Return places with the pictures they were named in; a table's lie beside it."""
    held: dict[str, tuple[Ready, Tensor]] = {}
    asked = []
    for point in points:
        path = Path(point.image).expanduser()
        if table is not None and not path.is_absolute():
            path = Path(table).expanduser().parent / path
        if point.image not in held:
            (one, *_) = find_images(path)
            ready = maps.read(one)
            held[point.image] = ready, maps.maps([ready])[0]
        ready, own = held[point.image]
        asked.append(Asked(point.inside(ready.image, point.landmark), ready, own))
    return asked
