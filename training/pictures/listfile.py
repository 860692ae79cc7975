"""List files: a picture a line, with labels behind it or without, as ChestX-ray14's are written."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases import columns as by
from genesis_hub.data.cases.lookup import named_as_image
from genesis_hub.data.cases.table import Table, decoded, read_table
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput

TABLES = (".csv", ".tsv")
NUMBER = r"[+-]?\d+(?:\.\d*)?"
# Names may hold spaces; what stands behind them is numbers alone.
LINE = re.compile(rf"(?P<name>\S.*?)(?P<labels>(?:\s+{NUMBER})*)\s*")
NIH = re.compile(r"(\d{8})_\d{3}")  # Patient 00000013, its picture number 026.


@dataclass(frozen=True)
class Line:
    """One picture of a list: its path as it is written, its labels, whose it is, and where."""

    name: str
    labels: tuple[float, ...]
    patient: str
    line: int


def read_list(path: str | Path) -> tuple[Line, ...]:
    """Return the pictures of a list file, each once, or raise `BadInput` with the line.

    A name and its labels with spaces between, as in ChestX-ray14's lists; a name a line; or CSV,
    with a header or without. Empty lines and lines that begin with "#" are passed over.
    """
    file = existing(path)
    if file.is_dir():
        raise BadInput(f"{file} is a folder; give the list, a file with a picture a line")
    lines = list(told(decoded(file)))
    if not lines:
        raise BadInput(f"{file}: it names no picture; write one a line")
    found = list(fields_of(file, lines) or spaced(lines))
    checked(file, found)
    return tuple({line.name: line for line in reversed(found)}.values())[::-1]


def told(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def spaced(lines: Iterable[tuple[int, str]]) -> Iterator[Line]:
    """Yield lines of a name and labels with spaces between."""
    for number, line in lines:
        found = LINE.fullmatch(line)
        assert found is not None, line
        name = found["name"]
        yield Line(name, tuple(map(float, found["labels"].split())), patient_of(name), number)


def fields_of(file: Path, lines: list[tuple[int, str]]) -> list[Line] | None:
    """Return lines of fields with commas between; None where a file is not written so."""
    first = lines[0][1]
    suffix = file.suffix.lower() in TABLES
    sign = next((sign for sign in ",;\t" if sign in first), "")
    if not suffix and (not sign or named_as_image(first)):
        return None
    fields = next(csv.reader([first], delimiter=sign or ","))
    if suffix and not any(named_as_image(field.strip()) for field in fields):
        return headed(file)
    text = io.StringIO("\n".join(line for _, line in lines))
    rows = csv.reader(text, delimiter=sign or ",")
    return [
        Line(row[0].strip(), numbers(file, at, row[1:]), patient_of(row[0].strip()), at)
        for (at, _), row in zip(lines, rows, strict=True)
    ]


def headed(file: Path) -> list[Line]:
    """Return the rows of a table with a header."""
    table = read_table(file)
    image = column(table, file, by.IMAGE) or column(table, file, by.NAME)
    if not image:
        raise BadInput(
            f"{file}: none of its columns ({', '.join(table.columns)}) is called as image files "
            f"are ({', '.join(by.IMAGE[:4])}); rename one"
        )
    whose = column(table, file, by.PATIENT)
    labels = by.binary(table, [image, whose])
    found = []
    for at, row in table.rows:
        fields = dict(zip(table.columns, row, strict=True))
        marks = tuple(float(by.BINARY[fields[label].lower()]) for label in labels)
        name = fields[image]
        who = fields[whose] if whose else ""
        found.append(Line(name, marks, who or patient_of(name), at))
    return found


def column(table: Table, file: Path, names: tuple[str, ...]) -> str:
    """Return the first column called as one of the names; nothing where none is."""
    return next(iter(by.by_names(table, names)), "")


def numbers(file: Path, line: int, fields: list[str]) -> tuple[float, ...]:
    """Return labels that stand in fields."""
    try:
        return tuple(float(field) for field in fields if field.strip())
    except ValueError as error:
        raise BadInput(
            f"{file}: line {line}: {', '.join(fields)} are no labels; behind the name stand "
            "numbers alone, or give the file a header with the columns' names"
        ) from error


def checked(file: Path, lines: list[Line]) -> None:
    """Raise `BadInput` where the lines have not all as many labels."""
    usual = len(lines[0].labels)
    odd = next((line for line in lines if len(line.labels) != usual), None)
    if odd is not None:
        raise BadInput(
            f"{file}: line {odd.line} ({odd.name}) has {len(odd.labels)} labels, but line "
            f"{lines[0].line} has {usual}; give each as many, or none"
        )


def patient_of(name: str) -> str:
    """Return whose a picture is by its name, where it is called as NIH's are; else nothing."""
    found = NIH.fullmatch(Path(name.replace("\\", "/")).stem)
    return found[1] if found else ""


def refuse_missing(file: Path, missing: list[Line], count: int, folder: Path) -> None:
    """Raise `BadInput` with how many pictures of a list are not there."""
    if missing:
        some = ", ".join(line.name for line in missing[:3])
        raise BadInput(
            f"{file}: {len(missing)} of its {count} pictures are not in {folder} or below it, such "
            f"as {some}; paths in a list begin at the folder that is given as data"
        )
