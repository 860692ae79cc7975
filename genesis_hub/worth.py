"""What weights were measured to be worth, as their card says it: the claim, then every set."""

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = "## What it is worth"
SEEN = "\\*"  # Behind a set whose labels the weights saw.


def worth(measured: Mapping[str, Any]) -> list[str]:
    """Return the section of a card about what was measured, from a results file's rows.

    measured: `made`, `claims` and `rows` of one set of weights, as `training.results` reads them.
    """
    made, rows = measured["made"], measured["rows"]
    told = [claim(one) for one in measured["claims"]]
    if rows:
        told.append("\n".join(table(rows)))
    if any(row["seen"] for row in rows):
        told.append(f"{SEEN} It saw labels of this set while it was pre-trained: no evidence.")
    told.append(
        "Intervals are of 95 %, over patients; p is adjusted by Holm over all comparisons with "
        "random weights of the same network. Measured with "
        f"torch {made['torch']}, Python {made['python']} ({made['machine']}), at commit "
        f"{made['commit'][:12]}."
    )
    return [HEADER, *told]


def claim(one: Mapping[str, Any]) -> str:
    """Say what was claimed before a test, and whether it held."""
    found = "; ".join(
        f"pre-training seed {seed['pretraining_seed']}: {apart(seed)}, p {seed['adjusted']:.2g}"
        for seed in one["differences"]
    )
    ended = "**It held.**" if one["held"] else "**It failed.**"
    return (
        f"Claimed on {one['committed']}, before its test cases were looked at: *{one['said']}* "
        f"{ended} Difference of {one['measure']} on {one['set']} with {one['labelled']:,} labelled "
        f"cases ({one['fraction']:.3g} of all), {one['seeds']} fine-tuning seeds: {found}."
        + (f" {one['why']}" if one["why"] else "")
    )


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table, a row for each set, way and number of labels."""
    lines = [
        "| set | how | labelled | measure | value | over random weights | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        against = row["against"]
        over, said = ("", "") if against is None else (apart(against), against["said"])
        title = row["title"] + (f" {SEEN}" if row["seen"] else "")
        lines.append(
            f"| {title} | {row['mode']} | {row['labelled']:,} | {row['measure']} "
            f"| {value(row)} | {over} | {said} |"
        )
    return lines


def value(row: Mapping[str, Any]) -> str:
    """Return a value with its interval."""
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def apart(found: Mapping[str, Any]) -> str:
    """Return a difference with its interval."""
    return f"{found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
