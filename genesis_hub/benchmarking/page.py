"""A benchmark on one self-contained page: what can be said, the curves, the numbers, the way."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_hub import show
from genesis_hub.atomic import new_file
from genesis_hub.benchmarking.standings import Standing
from genesis_hub.data.cases import CaseList
from genesis_hub.evaluate import METHOD, RESAMPLES, Interval
from genesis_hub.evaluate.comparison import PERMUTATIONS
from genesis_hub.page import (
    Markup,
    command,
    details,
    element,
    facts,
    figure,
    joined,
    note,
    section,
    table,
    write_page,
)

PAGE = "benchmark.html"
NOTHING = "-"
NAMES = {"auc": "AUC", "dice": "Dice", "f1": "F1"}
HOW = {
    "probe": "A logistic regression on features of the frozen encoder; its penalty is chosen by "
    "the log loss in three folds within the training cases.",
    "knn": "The nearest training cases by cosine of the frozen encoder's features; how many is "
    "chosen by the log loss in three folds within the training cases.",
    "finetune": "The whole network is trained; the validation cases, of which the same share is "
    "used, choose which weights are kept.",
}


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
) -> Path:
    """Write the page and return where it lies."""
    name = called(measure)
    parts = [
        section("What can be said", *verdict(rows, reference, name, failed)),
        *([drawn(rows, name), numbers(rows, name)] if rows else []),
        *([compared(rows, reference, name)] if any(row.against for row in rows) else []),
        section("How it was measured", *way(begun, cases), *others(rows)),
    ]
    text = write_page(
        f"Benchmark: {data.name}",
        *parts,
        lead=f"{len(cases):,} cases of {len({case.patient for case in cases}):,} patients; "
        f"classes: {', '.join(cases.classes)}; mode {begun['mode']}. "
        "For research; not for clinical use.",
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
    return parts or [element("p", "One model alone: there is nothing to compare it with.")]


def drawn(rows: Sequence[Standing], name: str) -> Markup:
    """Return the label-fraction plot."""
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for row in rows:
        one = number_of(row, name)
        lines.setdefault(row.model, []).append((row.fraction, one.value, one.low, one.high))
    cases = {row.fraction: row.cases for row in rows}
    picture = show.svg(show.fractions(lines, y=name, cases=cases))
    alt = f"{name} over the share of labels, with 95 % intervals, of {', '.join(lines)}."
    caption = (
        "Points: the mean over folds. Bars: 95 % intervals over patients. Models stand a little "
        "beside each other, so that their bars can be told apart."
    )
    shown = element("div", figure(picture, alt, caption), style="max-width: 42rem")
    return section("With how few labels", shown)


def numbers(rows: Sequence[Standing], name: str) -> Markup:
    """Return the measure of each model at each label fraction."""
    at = sorted({row.fraction for row in rows})
    found = {(row.model, row.fraction): number_of(row, name) for row in rows}
    body = [
        [model, *(cell(found.get((model, fraction))) for fraction in at)]
        for model in dict.fromkeys(row.model for row in rows)
    ]
    caption = f"{name}, the mean over folds, and its 95 % interval"
    header = ["model", *(share(fraction) for fraction in at)]
    return section("Numbers", table(header, body, caption=caption))


def compared(rows: Sequence[Standing], reference: str, name: str) -> Markup:
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
        lead=f"A paired permutation test over patients, {PERMUTATIONS:,} exchanges; p is adjusted "
        f"for all {len(body)} comparisons. Significant: below 0.05.",
    )


def way(begun: Mapping[str, Any], cases: CaseList) -> list[Markup]:
    """Return how the benchmark was made."""
    given = bool([case for case in cases if case.split == "test"])
    number = begun["folds"]
    tested = (
        f"The data's own test cases are tested in every fold; the {number} folds learn from "
        "different patients."
        if given
        else "Each fold is tested on its own part of the patients, so that each is tested once."
    )
    if number == 1:
        tested = "One split, without folds."
    versions = begun.get("versions", {})
    pairs = {
        "folds": number,
        "label fractions": ", ".join(share(fraction) for fraction in begun["fractions"]),
        "seed": begun["recipe"]["seed"],
        "interval": f"{RESAMPLES:,} resamples, {METHOD}",
        "genesis_hub": versions.get("genesis_hub", ""),
        "torch": versions.get("torch", ""),
    }
    said = (
        f"{HOW[begun['mode']]} {tested} All models see the same splits; patients stay together, "
        "and smaller shares of labels are part of larger ones. Random weights are drawn once, "
        "from the seed."
    )
    made = command(shlex.join(map(str, begun.get("command", []))), "Begun by")
    return [element("p", said), facts(pairs), made]


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


def number_of(row: Standing, name: str) -> Interval:
    """Return the number that the page is about."""
    return next(one for key, one in row.numbers.items() if called(key) == name)


def called(measure: str) -> str:
    """Return a measure's name as a reader knows it."""
    head, slash, rest = measure.partition("/")
    return NAMES.get(head, head.replace("_", " ")) + (f" of {rest}" if slash else "")


def share(fraction: float) -> str:
    """Return a label fraction in words."""
    return f"{100 * fraction:.4g} %"


def cell(one: Interval | None) -> Markup | str:
    """Return a number with its interval below it."""
    if one is None or math.isnan(one.value):
        return NOTHING
    return joined(f"{one.value:.3f}", element("small", between(one.low, one.high)))


def plain(one: Interval | None) -> str:
    """Return a number alone."""
    return NOTHING if one is None or math.isnan(one.value) else f"{one.value:.3f}"


def between(low: float, high: float, kind: str = ".3f") -> str:
    """Return an interval in words."""
    return NOTHING if math.isnan(low) or math.isnan(high) else f"{low:{kind}} to {high:{kind}}"


def equal(p: float) -> str:
    """Return a p-value as it stands in a sentence."""
    said = chance(p)
    return said if said.startswith("<") else f"= {said}"


def chance(p: float) -> str:
    """Return a p-value as papers give it."""
    if math.isnan(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
