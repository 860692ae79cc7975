"""Trials on one self-contained page: what can be said, curves over the labels, all numbers."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_hub import show
from genesis_hub.atomic import new_file
from genesis_hub.data.cases import CaseList
from genesis_hub.page import (
    Markup,
    element,
    facts,
    figure,
    figures,
    joined,
    note,
    section,
    table,
    write_page,
)
from genesis_hub.show.style import quoted
from genesis_hub.trials.asked import FinetuneConfig
from genesis_hub.trials.summary import Results

PAGE = "report.html"
DRAWN = 4  # Scores that are drawn; the table has all.
SAID = {
    "frozen": "frozen encoder", "initialized": "pre-trained weights", "random": "from scratch",
}  # fmt: skip
BARS = "Points: the mean over repetitions. Bars: 95 % intervals over patients."
CHOSEN = {
    "last": "those of the last epoch",
    "score": "those of the epoch that did best in validation, by AUC, or Dice",
    "log_loss": "those of the epoch that did best in validation, by log loss",
}
NOTHING = "-"


def write_trials(
    folder: Path,
    config: FinetuneConfig,
    results: Results,
    summary: Mapping[str, Any],
    cases: CaseList,
) -> Path:
    """Write the page and return where it lies."""
    parts = [
        curves(summary, results),
        *verdict(summary, results),
        numbers(summary, results),
        *each_case(summary, results),
        how(config, results, cases),
    ]
    labels = ", ".join(map(quoted, cases.classes))
    text = write_page(
        f"Trials: {config.method} on {config.dataset_name or 'your data'}",
        *parts,
        lead=f"{len(cases.of('test')):,} test cases in a repetition; labels: {labels}. For "
        "research; not for clinical use.",
        narrow=True,
    )
    target = folder / PAGE
    with new_file(target) as aside:
        aside.write_text(text, encoding="utf-8")
    return target


def verdict(summary: Mapping[str, Any], results: Results) -> list[Markup]:
    """Return what may be said of weights beside none, and the comparison in numbers."""
    rows = [
        [
            SAID[variant],
            f"{percent} %",
            score,
            one["said"],
            joined(
                number(one["difference"], "+.3f"),
                element("small", between(one["interval"], "+.3f")),
            ),
            joined(chance(one["adjusted_p"]), element("small", f"alone {chance(one['p'])}")),
        ]
        for percent, own in summary.items()
        for variant, scores in own.get("against_random", {}).items()
        for score, one in scores.items()
    ]
    if not rows:
        only = ", ".join(SAID[variant] for variant in results.variants)
        return [
            note(
                f"Only one side was run ({only}): with weights and without (epochs_random) beside "
                "each other, a config tells whether the weights help."
            )
        ]
    header = ["variant", "labels", "score", "said", "difference", "p (Holm)"]
    lead = "Against runs from scratch, on the same cases; below a difference its 95 % interval."
    return [section("What can be said", table(header, rows, words=4), lead=lead)]


def curves(summary: Mapping[str, Any], results: Results) -> Markup:
    """Return each score over the share of the labels."""
    cases = {percent / 100: float(many) for percent, many in results.cases.items()}
    drawn = []
    for score in results.scores[:DRAWN]:
        lines = {}
        for variant in results.variants:
            points = [point(summary, percent, variant, score) for percent in results.counted]
            known = sorted(one for one in points if not math.isnan(one[1]))
            if known:
                lines[SAID[variant]] = known
        if lines:
            picture = show.svg(show.fractions(lines, y=score, cases=cases))
            alt = f"{score} over the share of labels, with 95 % intervals: {', '.join(lines)}."
            drawn.append(figure(picture, alt, BARS))
    body = figures(*drawn) if drawn else note("No score is a number in any run.")
    return section("With how few labels", body)


def point(
    summary: Mapping[str, Any], percent: float, variant: str, score: str
) -> tuple[float, float, float, float]:
    """Return a point of a curve: the share, the score, its interval."""
    one = summary[f"{percent:g}"][variant][score]
    low, high = one.get("interval") or (None, None)
    ends = (math.nan if value is None else value for value in (one["mean"], low, high))
    value, low, high = ends
    return percent / 100, value, low, high


def numbers(summary: Mapping[str, Any], results: Results) -> Markup:
    """Return every score of every share and variant."""
    body = []
    for percent in results.counted:
        for variant in results.variants:
            cells = []
            for score in results.scores:
                one = summary[f"{percent:g}"][variant][score]
                ends = between([one["min"], one["max"]])
                cells.append(
                    joined(
                        number(one["mean"]),
                        element("small", between(one.get("interval"))),
                        element("small", ends),
                    )
                )
            body.append([f"{percent:g} % ({results.cases[percent]})", SAID[variant], *cells])
    header = ["labels (cases)", "variant", *results.scores]
    lead = (
        f"Each the mean over {results.repetitions} repetition(s); below it its 95 % interval over "
        "patients, then the least and the most of a repetition. A score is of all test cases "
        "together."
    )
    return section("Numbers", table(header, body, words=2), lead=lead)


def each_case(summary: Mapping[str, Any], results: Results) -> list[Markup]:
    """Return the means over cases, which published scores do not have."""
    first = next(iter(summary.values()))[results.variants[0]]["per_case"]
    names = [name for name in first if "/" not in name]
    if not names:
        return []
    body = []
    for percent in results.counted:
        for variant in results.variants:
            own = summary[f"{percent:g}"][variant]["per_case"]
            cells = [
                joined(
                    number(own.get(name, {}).get("mean")),
                    element("small", between(own.get(name, {}).get("interval"))),
                )
                for name in names
            ]
            body.append([f"{percent:g} %", SAID[variant], *cells])
    header = ["labels", "variant", *(name.replace("_", " ") for name in names)]
    lead = "As the product's own reports have them; of masks the mean over cases."
    return [section("Beside the pooled scores", table(header, body, words=2), lead=lead)]


def how(config: FinetuneConfig, results: Results, cases: CaseList) -> Markup:
    """Return how it was made."""
    epochs = ", ".join(f"{SAID[name]}: {count}" for name, count in config.variants.items())
    told = {
        "proxy task": config.algorithm,
        "encoder": config.encoder or f"built-in U-Net, {config.filters} filters",
        "answers by": config.prediction_architecture or "dense layers and one number",
        "loss": config.loss,
        "epochs": epochs,
        "warm-up": f"{config.warm_up} epochs" if "initialized" in config.variants else NOTHING,
        "batch, rate": f"{config.batch_size}, {config.rate:g}, Adam",
        "repetitions": (
            f"{config.repetitions} folds" if config.do_cross_val else f"{config.repetitions}"
        ),
        "validation": f"{100 * (config.val_split or 0):g} % of the cases that are not for testing",
        "weights that are scored": CHOSEN[config.select],
        "training cases": ", ".join(
            f"{percent:g} %: {many}" for percent, many in results.cases.items()
        ),
    }
    notes = [note(line) for line in (*config.notes(), *cases.notes)]
    return section("How it was made", facts(told), *notes)


def number(value: Any, kind: str = ".3f") -> str:
    """Return a number, or a dash where there is none."""
    return NOTHING if value is None or math.isnan(value) else f"{value:{kind}}"


def between(ends: Sequence[float | None] | None, kind: str = ".3f") -> str:
    """Return an interval in words."""
    if not ends or any(end is None or math.isnan(end) for end in ends):
        return NOTHING
    return f"{ends[0]:{kind}} to {ends[1]:{kind}}"


def chance(p: float | None) -> str:
    """Return a p-value as papers give it."""
    if p is None or math.isnan(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
