"""A search on one self-contained page: what was asked, what was found, how well, and how."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis_hub.atomic import new_file
from genesis_hub.evaluate import Interval
from genesis_hub.page import (
    Markup,
    details,
    element,
    facts,
    figure,
    figures,
    note,
    section,
    stat,
    stats,
    table,
    write_page,
)  # fmt: skip
from genesis_hub.searching.measured import WORDS

if TYPE_CHECKING:
    from genesis_hub.searching.places import Place
    from genesis_hub.searching.search import Search

PAGE = "search.html"
MOST_ROWS = 1000  # Of the table on the page; found.csv has all.


@dataclass(frozen=True)
class Drawn:
    """A picture for the page, whose it is, and what is said of it."""

    content: bytes
    name: str
    said: str


def write_page_of(
    folder: Path,
    result: "Search",
    drawn: Mapping[str, Sequence[Drawn]],
    told: Mapping[str, Any],
) -> Path:
    """Write the page and return where it lies."""
    sections = [shown(name, some, result) for name, some in drawn.items()]
    parts = [
        *measures(result),
        *sections,
        listed(result.places),
        *missing(result),
        how(told),
    ]
    cases = len({place.case for place in result.places})
    landmarks = len(drawn)
    what = f"{landmarks} landmarks" if landmarks > 1 else "One place"
    text = write_page(
        f"Search: {told['model']}",
        *parts,
        lead=f"{what}, searched for in {cases:,} pictures. For research; not for clinical use.",
    )
    target = folder / PAGE
    with new_file(target) as aside:
        aside.write_text(text, encoding="utf-8")
    return target


def measures(result: "Search") -> list[Markup]:
    """Return how far from the truth places were found, where it is known."""
    if not result.numbers:
        return []
    known = [place for place in result.places if place.truth is not None]
    whole = [
        stat(WORDS[name], value_of(name, one), between(name, one))
        for name, one in result.numbers.items()
        if name in WORDS
    ]
    names = sorted({name.partition("/")[2] for name in result.numbers} - {""})
    header = ["landmark", *WORDS.values()]
    rows = [[name, *(cell(of, result.numbers[f"{of}/{name}"]) for of in WORDS)] for name in names]
    patients = len({place.patient for place in known})
    lead = (
        f"{len(known):,} places in pictures of {patients:,} patients; near enough is "
        f"{result.tolerance}. Intervals: 95 %, over patients. Copied: the same place of the "
        "picture, without a model; where pictures are taken alike, that is hard to beat."
    )
    parts = [stats(*whole)]
    if rows:
        parts.append(table(header, rows, caption="by landmark, with 95 % intervals"))
    return [section("How well", *parts, lead=lead)]


def shown(name: str, some: Sequence[Drawn], result: "Search") -> Markup:
    """Return the pictures of one landmark: the asked one, then from most to least similar."""
    cards = [
        figure(one.content, f"{one.name}: {one.said}", element("strong", one.name), " ", one.said)
        for one in some
    ]
    circle = " The circle is the truth." if any(p.truth for p in result.places) else ""
    shown, all_of = len(some) - 1, len({place.case for place in result.places})
    which = f"all {shown} pictures" if shown >= all_of else f"{shown} of {all_of} pictures, evenly"
    lead = (
        f"First where it was asked for, then the most similar place (+) of {which} from the most "
        f"similar to the least; brighter is more similar.{circle}"
    )
    return section(name, figures(*cards), lead=lead)


def listed(places: Sequence["Place"]) -> Markup:
    """Return every place, folded away."""
    rows = [
        [
            place.case, place.landmark, f"{place.x:.0f}", f"{place.y:.0f}",
            f"{place.similarity:.3f}", f"{place.back:.0f}",
            "" if math.isnan(place.error) else f"{place.error:.0f}",
        ]
        for place in places[:MOST_ROWS]
    ]  # fmt: skip
    header = ["case", "landmark", "x", "y", "similarity", "back (px)", "error (px)"]
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    more = f", the first {MOST_ROWS:,} of {len(places):,}" if len(places) > MOST_ROWS else ""
    caption = (
        "back: pixels between the place asked for and the one found when searching back; a place "
        "found by both is surer"
    )
    inside = table(header, rows, caption=caption, words=2)
    return section("Places", details(f"All places{more}; found.csv has them too", inside))


def missing(result: "Search") -> list[Markup]:
    """Return the pictures that could not be searched, and why."""
    if not result.failed:
        return []
    notes = [note(element("strong", case), f": {reason}") for case, reason in result.failed.items()]
    return [section("Not searched", *notes[:20])]


def how(told: Mapping[str, Any]) -> Markup:
    """Return how it was done."""
    pairs = {
        "model": str(told["model"]),
        "pictures searched": f"{told['pictures']:,}",
        "pictures asked with": f"{told['references']:,}",
        "surroundings": f"Gaussian of {told['context']:.0%} of the sides",
    }
    text = (
        "Of each picture the model's last two feature maps are taken, less their mean over the "
        "picture. Two places are as similar as their surroundings are, cell by cell: the mean of "
        "the cosines, weighed by a Gaussian around the place."
    )
    return section("How", element("p", text), facts(pairs))


def value_of(name: str, one: Interval) -> str:
    """Return a measure as a reader takes it."""
    if name.endswith("error"):
        return f"{one.value:.1f}"
    return f"{one.value:+.0%}" if name == "gain" else f"{one.value:.0%}"


def between(name: str, one: Interval) -> str:
    """Return an interval as a reader takes it, or nothing where there is none."""
    if math.isnan(one.low):
        return ""
    if name.endswith("error"):
        return f"{one.low:.1f} to {one.high:.1f}"
    if name == "gain":
        return f"{one.low:+.0%} to {one.high:+.0%}"
    return f"{one.low:.0%} to {one.high:.0%}"


def cell(name: str, one: Interval) -> Markup:
    """Return a measure and its interval for a table."""
    return element("span", value_of(name, one), element("small", f" {between(name, one)}"))
