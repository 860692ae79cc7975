"""results.csv: a row for each share of the labels, the least, mean and most of each score."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from genesis_hub.atomic import new_file

TABLE = "results.csv"
HEAD = "Train Split"
# Scores by share, by variant, one of each repetition.
Reached = Mapping[float, Mapping[str, Mapping[str, Sequence[float]]]]


def write_table(folder: Path, reached: Reached, variants: Sequence[str]) -> None:
    """Write the table of all shares that are done, in the order they were run."""
    rows = [row_of(percent, own, variants) for percent, own in reached.items()]
    names = [key for key in rows[0] if key != HEAD] if rows else []
    with new_file(folder / TABLE) as aside:
        text = io.StringIO()
        table = csv.DictWriter(text, [HEAD, *names], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        aside.write_text(text.getvalue(), encoding="utf-8")


def row_of(
    percent: float, own: Mapping[str, Mapping[str, Sequence[float]]], variants: Sequence[str]
) -> dict[str, str]:
    """Return the row of one share."""
    row = {HEAD: f"{percent:g}%"}
    for variant in variants:
        for score, values in own[variant].items():
            known = [value for value in values if not math.isnan(value)]
            ends = {
                "min": min(known, default=math.nan),
                "avg": sum(known) / len(known) if known else math.nan,
                "max": max(known, default=math.nan),
            }
            for end, value in ends.items():
                row[f"Weights_{variant}_{score}_{end}"] = f"{value:.9g}"
    return row
