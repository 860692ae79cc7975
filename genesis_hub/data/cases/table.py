"""Tables as spreadsheets and scripts write them: separators, quotes, accents, line ends."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.facts import Problem
from genesis_hub.errors import BadInput

SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Table:
    """The header of a table and its rows, each with its line in the file."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    problems: tuple[Problem, ...]

    def values(self, column: str) -> list[str]:
        """Return a column from top to bottom."""
        place = self.columns.index(column)
        return [row[place] for _, row in self.rows]


def read_table(path: Path) -> Table:
    """Return a table with a header; a row with too few or too many fields is a problem."""
    text = decoded(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        lines = [(reader.line_num, tuple(field.strip() for field in row)) for row in reader]
    except csv.Error as error:
        raise BadInput(
            f"{path}: line {reader.line_num} is not one of a table ({error}); a quote may be open; "
            "write the file again with a spreadsheet or with Python's csv"
        ) from error
    lines = [(line, row) for line, row in lines if any(row)]
    if len(lines) < 2:
        raise BadInput(
            f"{path}: it has {len(lines)} lines with something in them; a header and a row for "
            "each image are expected"
        )
    columns = lines[0][1]
    named = [column.lower() for column in columns if column]
    double = sorted({column for column in named if named.count(column) > 1})
    if double:
        raise BadInput(f"{path}: its header has {', '.join(double)} twice; name each column once")
    rows, problems = [], []
    for line, row in lines[1:]:
        if len(row) != len(columns) and any(row[len(columns) :]) | (len(row) < len(columns)):
            what = f"it has {len(row)} fields, but the header has {len(columns)}"
            remedy = "put values that hold the separator in quotes, and fill in what is missing"
            problems.append(Problem(f"line {line}", what, remedy, "broken rows"))
            continue
        rows.append((line, row[: len(columns)]))
    return Table(columns, tuple(rows), tuple(problems))


def decoded(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with its mark."""
    try:
        raw = path.read_bytes()
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadInput(
            f"{path}: line {line} is not UTF-8 text (byte {raw[error.start : error.start + 1]!r}); "
            "save the table as 'CSV UTF-8'"
        ) from error
