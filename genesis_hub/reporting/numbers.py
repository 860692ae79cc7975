"""The numbers of a run: the few that matter large, all others in a table."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from genesis_hub.page import Markup, details, element, joined, note, section, stat, stats, table
from genesis_hub.reporting.reading import Reading

FEW = 30  # Cases below which a number says little.
LARGE = {
    "auc": "AUC", "average_precision": "Average precision", "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy", "sensitivity": "Sensitivity",
    "specificity": "Specificity", "f1": "F1", "tested_auc": "AUC of the labels tested",
    "dice": "Dice, mean over classes", "pooled_dice": "Dice of all cases' pixels together",
}  # fmt: skip
BY_CLASS = {
    "dice": "Dice", "iou": "IoU", "surface_dice": "Surface Dice", "hd95": "HD95",
    "missed": "Missed", "invented": "Invented",
}  # fmt: skip
OF_CLASS = {
    "auc": "AUC", "average_precision": "Average precision", "sensitivity": "Sensitivity",
    "specificity": "Specificity", "f1": "F1",
}  # fmt: skip
EXPLAINED = (
    "Missed: cases that have the class, in which nothing of it was found. Invented: cases without "
    "it, in which something was found. HD95: how far the outlines are apart, but for the worst 5 %."
)
OTHER = ("classes", "validation", "intervals")
SAID = {"test": "test cases", "val": "validation cases", "train": "training cases"}


def numbers(reading: Reading) -> Markup:
    """Return the section of a run's numbers."""
    metrics = reading.metrics
    intervals = metrics.get("intervals") or {}
    large = [
        stat(title, shown(metrics[name]), interval(intervals.get(name)))
        for name, title in LARGE.items()
        if isinstance(metrics.get(name), int | float)
    ]
    lead = f"On {metrics['cases']} {SAID.get(str(metrics['split']), str(metrics['split']))}"
    people = len(set(reading.patients))
    lead += f" of {people} patients" if people < len(reading.rows) else ""
    times = (metrics.get("resampling") or {}).get("resamples")
    drawn = f" ({times:,} resamples of patients)" if times else ""
    lead += f"; below each number its 95 % interval{drawn}." if intervals else "."
    return section(
        "Numbers",
        *(note(line) for line in cautions(reading)),
        stats(*large) if large else None,
        by_class(reading),
        element("p", EXPLAINED, class_="lead") if reading.segmentation else None,
        details("Every number", everything(metrics)),
        lead=lead,
    )


def cautions(reading: Reading) -> Iterator[str]:
    """Give what a reader must keep in mind."""
    metrics = reading.metrics
    if metrics["split"] == "val":
        yield (
            "There were no test cases: these are the validation cases, by which the best step was "
            "chosen, so the numbers flatter."
        )
    elif metrics["split"] == "train":
        yield (
            "There were neither test nor validation cases: these are the cases it learned from. "
            "The numbers say nothing about others."
        )
    if len(reading.rows) < FEW:
        count = len(reading.rows)
        yield (
            f"{count} {'case is' if count == 1 else 'cases are'} few: another draw of patients "
            "could give quite other numbers."
        )
    if "collapsed" in str(metrics.get("finished")) or "nothing is found" in str(
        metrics.get("finished")
    ):
        yield f"The run was stopped: {metrics['finished']}"


def by_class(reading: Reading) -> Markup | None:
    """Return the numbers of each class."""
    metrics, intervals = reading.metrics, reading.metrics.get("intervals") or {}
    if reading.segmentation:
        found = metrics.get("classes") or {}
        keys = [key for key in BY_CLASS if any(key in scores for scores in found.values())]
        rows = [
            [name, *(cell(scores.get(key), intervals, f"{key}/{name}") for key in keys)]
            for name, scores in found.items()
        ]
        units = {"hd95": f"HD95 ({reading.unit})"}
        titles = [units.get(key, BY_CLASS[key]) for key in keys]
    else:
        if len(reading.classes) <= 2 and not reading.multilabel:
            return None
        keys = [key for key in OF_CLASS if f"{key}/{reading.classes[0]}" in metrics]
        rows = [
            [
                name,
                *(cell(metrics.get(f"{key}/{name}"), intervals, f"{key}/{name}") for key in keys),
            ]
            for name in reading.classes
        ]
        titles = [OF_CLASS[key] for key in keys]
    return table(["Class", *titles], rows, caption="By class") if rows else None


def cell(value: Any, intervals: Mapping[str, Any], name: str) -> Markup:
    """Return a number with its interval below."""
    said = interval(intervals.get(name))
    return joined(shown(value), element("small", said) if said else None)


def everything(metrics: Mapping[str, Any]) -> Markup:
    """Return all that metrics.json holds, number by number."""
    intervals = metrics.get("intervals") or {}
    rows = [
        [name, shown(value), interval(intervals.get(name))]
        for name, value in flat({key: metrics[key] for key in metrics if key != "intervals"})
    ]
    return table(["Name in metrics.json", "Value", "95 % interval"], rows)


def flat(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Give every value of nested mappings by its path."""
    for key, value in found.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}/")
        else:
            yield name, value


def shown(value: Any) -> str:
    """Return a number as it is read: three decimals, none for counts."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"


def interval(ends: Any) -> str:
    """Return an interval's ends, or nothing."""
    if not isinstance(ends, list | tuple) or len(ends) != 2 or None in ends:
        return ""
    return f"{shown(float(ends[0]))} to {shown(float(ends[1]))}"
