"""What weights were measured to be worth, as their card says it: the claim, then every set."""

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = "## What it is worth"
VERDICTS = {True: "**It held.**", False: "**It failed.**", None: "**It was not judged.**"}
SEEN = "\\*"  # Behind a set whose labels the weights saw.


def worth(measured: Mapping[str, Any]) -> list[str]:
    """Return the section of a card about what was measured, from a results file's rows.

    measured: `made`, `claims` and `rows` of one set of weights, as `training.results` reads them.
    """
    made, rows = measured["made"], measured["rows"]
    told = [claim(one) for one in measured["claims"]]
    if rows:
        told.append("\n".join(table(rows)))
    if any(row["labels_seen"] for row in rows):
        told.append(f"{SEEN} It saw labels of this set while it was pre-trained: no evidence.")
    told += [
        f"Of {title} it had seen {what}."
        for title, what in dict.fromkeys((row["title"], row["seen"]) for row in rows)
        if what
    ]
    told.append(
        "Intervals are of 95 %, over patients; p and the intervals of differences are adjusted by "
        "Holm over all comparisons with random weights of the same network, of all weights that "
        "ship (docs/results.md). Intervals are of the mean; a gain is one over each draw of random "
        f"weights, or in each run. Measured on {made['on']} with torch {made['torch']}, Python "
        f"{made['python']} ({made['machine']})."
    )
    return [HEADER, *told]


def claim(one: Mapping[str, Any]) -> str:
    """Say what was claimed before a test, and what came of it."""
    found = "; ".join(
        f"pre-training seed {seed['pretraining_seed']}: {apart(seed)}, p {seed['adjusted']:.2g}"
        for seed in one["differences"]
    )
    return (
        f"Claimed on {one['committed']}, before it was measured: *{one['said']}* "
        f"{VERDICTS[one['held']]} Difference of {one['measure']} on {one['set']} with "
        f"{one['fraction']:.3g} of its labels, {one['seeds']} draws of the training cases: "
        f"{found or 'none was measured'}."
        + (f" Why: {one['why']}." if one["why"] else "")
        + (f" {one['looked_at']}" if one.get("looked_at") else "")
    )


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table, a row for each set, way and number of labels."""
    lines = [
        "| set | how | labelled | measure | value | over random weights | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        against = row["against"]
        over, said = ("", "") if against is None else (apart(against), verdict(against))
        title = row["title"] + (f" {SEEN}" if row["labels_seen"] else "")
        lines.append(
            f"| {title} | {row['mode']} | {row['labelled']:,} | {row['measure']} "
            f"| {value(row)} | {over} | {said} |"
        )
    return lines


def verdict(against: Mapping[str, Any]) -> str:
    """Say what a comparison shows; a mean that is ahead is not yet ahead of each draw or run."""
    said = str(against["said"])
    off_zero = against["corrected_low"] > 0 or against["corrected_high"] < 0
    if off_zero and not said.startswith("significant"):
        return f"{said}: not over each"
    return said


def value(row: Mapping[str, Any]) -> str:
    """Return a value with its interval."""
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def apart(found: Mapping[str, Any]) -> str:
    """Return a difference with its interval, as wide as the number of comparisons asks for."""
    low, high = found["corrected_low"], found["corrected_high"]
    return f"{found['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
