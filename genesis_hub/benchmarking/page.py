"""A benchmark on one self-contained page: what can be said, the curves, the numbers, the way."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_hub import show
from genesis_hub.atomic import new_file
from genesis_hub.benchmarking.amounts import share
from genesis_hub.benchmarking.standings import Standing
from genesis_hub.benchmarking.way import covered, way
from genesis_hub.benchmarking.words import (
    between,
    called,
    cell,
    chance,
    equal,
    number_of,
    plain,
)  # fmt: skip
from genesis_hub.data.cases import CaseList
from genesis_hub.evaluate.comparison import LOWER_IS_BETTER
from genesis_hub.page import (
    Markup,
    details,
    element,
    figure,
    joined,
    note,
    section,
    table,
    write_page,
)
from genesis_hub.show.style import quoted

PAGE = "benchmark.html"
MOST_LINES = 6  # As many as there are colours.


def write_benchmark(
    folder: Path,
    rows: Sequence[Standing],
    cases: CaseList,
    *,
    data: Path,
    begun: Mapping[str, Any],
    reference: str,
    measure: str,
    failed: Mapping[str, str],
    same: Mapping[float, float],
) -> Path:
    """Write the page and return where it lies; same: fractions of the same cases as another."""
    name = called(measure)
    parts = [
        section("What can be said", *verdict(rows, reference, name, failed)),
        *([drawn(rows, name, reference), numbers(rows, name)] if rows else []),
        *([compared(rows, reference, name, begun)] if any(row.against for row in rows) else []),
        section("How it was measured", *way(begun, cases, same), *others(rows)),
    ]
    text = write_page(
        f"Benchmark: {data.name}",
        *parts,
        lead=f"{len(cases):,} cases of {len({case.patient for case in cases}):,} patients; "
        f"classes: {', '.join(map(quoted, cases.classes))}; mode {begun['mode']}. "
        "For research; not for clinical use.",
        narrow=True,
    )
    target = folder / PAGE
    with new_file(target) as aside:
        aside.write_text(text, encoding="utf-8")
    return target


def verdict(
    rows: Sequence[Standing], reference: str, name: str, failed: Mapping[str, str]
) -> list[Markup]:
    """Return what the tests allow to be said, model by model, and who failed."""
    told: list[Markup] = []
    for model in dict.fromkeys(row.model for row in rows):
        if model == reference:
            continue
        said = [(row.fraction, row.against) for row in rows if row.model == model]
        known = [(fraction, one) for fraction, one in said if one is not None]
        marked: dict[str, list[str]] = {}
        for fraction, one in known:
            if one.said in ("significant gain", "significant loss"):
                told_of = f"{share(fraction)} ({one.difference:+.3f}, p {equal(one.adjusted)})"
                marked.setdefault(one.said, []).append(told_of)
        words = "; ".join(f"{what} at {', '.join(where)}" for what, where in marked.items())
        words = words or ("no significant gain" if known else "not compared")
        told.append(element("li", element("strong", model), f": {words}."))
    head = joined(f"{name} against ", element("strong", reference), ":")
    parts = [joined(element("p", head), element("ul", *told))] if told else []
    parts += [
        note(element("strong", model), f" is not here: {reason}")
        for model, reason in failed.items()
    ]
    alone = "One model alone: there is nothing to compare it with."
    nobody = "No model could take part, so nothing was measured."
    return parts if told else [element("p", alone if rows else nobody), *parts]


def drawn(rows: Sequence[Standing], name: str, reference: str) -> Markup:
    """Return the label-fraction plot."""
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    chosen = few(rows, reference, name)
    for row in rows:
        if row.model not in chosen:
            continue
        one = number_of(row, name)
        lines.setdefault(row.model, []).append((row.fraction, one.value, one.low, one.high))
    cases = {row.fraction: row.cases for row in rows}
    picture = show.svg(show.fractions(lines, y=name, cases=cases))
    alt = f"{name} over the share of labels, with 95 % intervals, of {', '.join(lines)}."
    caption = (
        "Points: the mean over folds. Bars: 95 % intervals over patients. Models stand a little "
        "beside each other, so that their bars can be told apart."
    )
    every = len({row.model for row in rows})
    if len(lines) < every:
        caption += (
            f" Drawn are {reference} and the {len(lines) - 1} that reach most with all labels; the "
            f"table has all {every}."
        )
    shown = element("div", figure(picture, alt, caption), style="max-width: 34rem")
    return section("With how few labels", shown)


def few(rows: Sequence[Standing], reference: str, name: str) -> list[str]:
    """Return the models whose lines can be told apart: the reference and the best."""
    most = max(row.fraction for row in rows)
    last = [row for row in rows if row.fraction == most]
    lower = name.replace(" ", "_").partition("_of_")[0] in LOWER_IS_BETTER
    last.sort(key=lambda row: number_of(row, name).value * (1 if lower else -1))
    last.sort(key=lambda row: row.model != reference)
    return [row.model for row in last][:MOST_LINES]


def numbers(rows: Sequence[Standing], name: str) -> Markup:
    """Return the measure of each model at each label fraction."""
    at = sorted({row.fraction for row in rows})
    found = {(row.model, row.fraction): row for row in rows}
    body = [
        [model, *(cell(found.get((model, fraction)), name) for fraction in at)]
        for model in dict.fromkeys(row.model for row in rows)
    ]
    caption = f"{name}, the mean over folds, and its 95 % interval over patients"
    if any(row.draws for row in rows):
        caption += "; of random weights the mean over draws, too, and the least and greatest draw"
    header = ["model", *(share(fraction) for fraction in at)]
    return section("Numbers", table(header, body, caption=caption))


def compared(
    rows: Sequence[Standing], reference: str, name: str, begun: Mapping[str, Any]
) -> Markup:
    """Return how far each model is from the reference, and how easily by chance."""
    body = [
        [
            row.model,
            share(row.fraction),
            row.against.said,
            f"{row.against.difference:+.3f}",
            between(row.against.low, row.against.high, "+.3f"),
            chance(row.against.p),
            chance(row.against.adjusted),
        ]
        for row in rows
        if row.against is not None
    ]
    header = ["model", "labels", "said", "difference", "95 % interval", "p", "p (Holm)"]
    return section(
        f"Against {reference}",
        table(header, body, caption=f"difference in {name} on the same cases", words=3),
        lead=covered(begun, len(body)),
    )


def others(rows: Sequence[Standing]) -> list[Markup]:
    """Return the other measures, folded away."""
    names = list(dict.fromkeys(name for row in rows for name in row.numbers if "/" not in name))
    if not names:
        return []
    body = [
        [row.model, share(row.fraction), *(plain(row.numbers.get(name)) for name in names)]
        for row in rows
    ]
    header = ["model", "labels", *(called(name) for name in names)]
    return [details("All measures", table(header, body, words=2))]
