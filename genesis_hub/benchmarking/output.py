"""What a benchmark leaves: table.csv for programs, summary.json with everything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file
from genesis_hub.benchmarking.standings import Standing
from genesis_hub.infer.tables import write_csv
from genesis_hub.tuning.results import told

TABLE, SUMMARY = "table.csv", "summary.json"
HEADER = (
    "model", "label_fraction", "training_cases", "measure", "value", "low", "high", "draws",
    "least_draw", "greatest_draw", "reference", "difference", "difference_low", "difference_high",
    "p", "adjusted_p", "said",
)  # fmt: skip


def write_table(folder: Path, rows: Sequence[Standing], reference: str, measure: str) -> None:
    """Write a line for each model, label fraction and measure; the compared one says more."""
    lines = []
    for row in rows:
        for name, one in row.numbers.items():
            if "/" in name:
                continue
            line: list[Any] = [row.model, f"{row.fraction:g}", f"{row.cases:g}", name]
            line += [number(value) for value in (one.value, one.low, one.high)]
            line += spread(row) if name == measure else ["", "", ""]
            other = row.against
            if other is not None and other.measure == name:
                line += [reference, *map(number, (other.difference, other.low, other.high))]
                line += [number(other.p), number(other.adjusted), other.said]
            lines.append(line + [""] * (len(HEADER) - len(line)))
    write_csv(folder / TABLE, list(HEADER), lines)


def spread(row: Standing) -> list[str]:
    """Return how many draws of random weights there were, and the least and greatest of them."""
    if not row.draws:
        return ["", "", ""]
    return [str(len(row.draws)), number(min(row.draws)), number(max(row.draws))]


def number(value: float) -> str:
    """Return a number as the table has it; nothing where there is none."""
    return "" if value != value else f"{value:.6g}"  # noqa: PLR0124 - NaN alone differs from itself


def write_summary(
    folder: Path,
    rows: Sequence[Standing],
    *,
    facts: Mapping[str, Any],
    reference: str,
    measure: str,
    failed: Mapping[str, str],
    same: Mapping[float, float],
) -> dict[str, Any]:
    """Write everything as JSON; return it. same: fractions that are the same cases as another."""
    summary = {
        "mode": facts["mode"],
        "measure": measure,
        "reference": reference,
        "fractions": facts["fractions"],
        "folds": facts["folds"],
        "draws": facts["draws"],
        "same_cases": {f"{less:g}": more for less, more in same.items()},
        "failed": dict(failed),
        "standings": [
            {
                "model": row.model,
                "label_fraction": row.fraction,
                "training_cases": row.cases,
                "folds": list(row.folds),
                "draws": list(row.draws),
                "numbers": {name: asdict(one) for name, one in row.numbers.items()},
                "against": None if row.against is None else compared(row),
            }
            for row in rows
        ],
    }
    plain: dict[str, Any] = told(summary)
    with new_file(folder / SUMMARY) as aside:
        aside.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return plain


def compared(row: Standing) -> dict[str, Any]:
    """Return a comparison as JSON has it."""
    assert row.against is not None
    return {**asdict(row.against), "said": row.against.said}
