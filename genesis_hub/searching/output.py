"""What a search leaves: found.csv, a picture of each place shown, numbers, and the page."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.data.finding import Found
from genesis_hub.infer.tables import FAILURES, write_csv
from genesis_hub.searching.page import Drawn, write_page_of
from genesis_hub.show import png, spotted, webp
from genesis_hub.show.anatomy import Spot

if TYPE_CHECKING:
    from genesis_hub.searching.places import Asked, Place
    from genesis_hub.searching.search import Search

TABLE, NUMBERS, PICTURES = "found.csv", "numbers.json", "pictures"
HEADER = (
    "case", "path", "landmark", "x", "y", "similarity", "back", "reference", "true_x", "true_y",
    "error", "copied_error",
)  # fmt: skip


def write_search(
    folder: Path,
    result: "Search",
    asked: Sequence["Asked"],
    found: Sequence[Found],
    facts: Mapping[str, Any],
    pictures: int,
) -> Path:
    """Write everything; return where the page lies."""
    write_csv(folder / TABLE, list(HEADER), map(row_of, result.places))
    if result.failed:
        write_csv(folder / FAILURES, ["case", "reason"], list(result.failed.items()))
    else:
        (folder / FAILURES).unlink(missing_ok=True)
    if result.numbers:
        write_numbers(folder / NUMBERS, result)
    for old in (folder / PICTURES).glob("place_*"):  # Of another search.
        old.unlink()
    by_name = {one.name: one for one in found}
    drawn: dict[str, list[Drawn]] = {}
    for landmark in dict.fromkeys(place.landmark for place in result.places):
        one = next(one for one in asked if one.point.landmark == landmark)
        # Of several pictures that are asked with in turn, what was found for the first.
        places = [
            place
            for place in result.places
            if place.landmark == landmark and place.reference == one.point.image
        ]
        if not places:
            continue
        ends = heats_of(places)
        drawn[landmark] = [asked_of(one)]
        for at, place in enumerate(chosen(places, pictures)):
            drawn[landmark].append(drawn_of(folder, place, by_name[place.case], ends, at))
    return write_page_of(folder, result, drawn, facts)


def row_of(place: "Place") -> list[str]:
    """Return a place as a line of the table."""
    truth = place.truth or (math.nan, math.nan)
    numbers = (
        (place.x, 1), (place.y, 1), (place.similarity, 4), (place.back, 1),
        *((value, 1) for value in truth), (place.error, 1), (place.copied, 1),
    )  # fmt: skip
    told = ["" if math.isnan(value) else f"{value:.{digits}f}" for value, digits in numbers]
    return [place.case, str(place.path), place.landmark, *told[:4], place.reference, *told[4:]]


def write_numbers(path: Path, result: "Search") -> None:
    """Write the measures with their intervals as JSON."""
    known = [place for place in result.places if place.truth is not None]
    told = {
        "tolerance": str(result.tolerance),
        "places": len(known),
        "patients": len({place.patient for place in known}),
        "references": len({place.reference for place in known}),
        "median_error": round(float(np.median([place.error for place in known])), 2),
        "median_copied_error": round(float(np.median([place.copied for place in known])), 2),
        "numbers": {
            name: [None if math.isnan(v) else round(v, 4) for v in (one.value, one.low, one.high)]
            for name, one in result.numbers.items()
        },
    }
    with new_file(path) as aside:
        aside.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def chosen(places: Sequence["Place"], many: int) -> list["Place"]:
    """Return the places to be drawn: from the most similar to the least, evenly."""
    if len(places) <= many:
        return list(places)
    return [
        places[at]
        for at in np.unique(np.linspace(0, len(places) - 1, max(many, 1)).round().astype(int))
    ]


def heats_of(places: Sequence["Place"]) -> tuple[float, float]:
    """Return the similarities drawn clear and full, the same for all pictures of a landmark."""
    most = max(place.similarity for place in places)
    middle = float(np.median([float(np.median(place.heat)) for place in places]))
    return middle, max(most, middle + 1e-6)


def asked_of(one: "Asked") -> Drawn:
    """Return the picture in which a landmark was asked for."""
    spot = Spot(grey_of(one.ready.image.array), (one.point.x, one.point.y))
    said = f"x {one.point.x:g}, y {one.point.y:g}"
    return Drawn(webp(spotted(spot), dots=150), f"asked: {Path(one.point.image).name}", said)


def drawn_of(
    folder: Path, place: "Place", found: Found, ends: tuple[float, float], at: int
) -> Drawn:
    """Draw a place, write the picture, and return it for the page."""
    grey = grey_of(found.open().array)
    spot = Spot(grey, (place.x, place.y), place.heat.astype(np.float32), place.truth)
    figure = spotted(spot, ends=ends)
    safe = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in place.landmark)
    with new_file(folder / PICTURES / f"{safe}_{at + 1:02}.png") as aside:
        aside.write_bytes(png(figure, dots=200))
    said = f"x {place.x:.0f}, y {place.y:.0f}; similarity {place.similarity:.2f}"
    if place.truth is not None:
        said += f"; {place.error:.0f} px off"
    return Drawn(webp(figure, dots=150), place.case, said)


def grey_of(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return a picture (C, rows, columns) as (rows, columns): the mean of its colours."""
    return np.asarray(pixels.mean(0), np.float32)
