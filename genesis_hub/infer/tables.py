"""The tables that stand beside the answers: written whole, from the journal."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file
from genesis_hub.data.finding import Found
from genesis_hub.infer.journal import Journal

FAILURES = "failures.csv"


def done_lines(journal: Journal, found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return the journal's lines of answered cases, those asked for now first and in their order.

    Beside it, write which cases failed and why; the file goes when none does.
    """
    asked = [one.name for one in found]
    known = set(asked)
    order = [*asked, *(case for case in journal.lines if case not in known)]
    lines = [journal.lines[case] for case in order if case in journal.lines]
    failed = [line for line in lines if line["state"] == "failed"]
    if failed:
        write_csv(
            journal.folder / FAILURES,
            ["case", "path", "reason"],
            [[line["case"], line["path"], line["reason"]] for line in failed],
        )
    else:
        (journal.folder / FAILURES).unlink(missing_ok=True)
    return [line for line in lines if line["state"] == "done"]


def write_csv(path: Path, header: list[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table whole."""
    with new_file(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
