"""What a packed corpus holds: one row for each volume, in a table for each part that packs."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from genesis_hub.errors import BadInput
from training.corpus import Sides
from training.corpus.places import Place

TABLES = "index"
VOLUMES = "volumes"


@dataclass(frozen=True, slots=True)
class Row:
    """One packed volume.

    sides, spacing: along X, Y, Z in the corpus's frame; spacing is empty where it is not known.
    slope, intercept: stored * slope + intercept is what the reader gave.
    least, greatest: of its values, as the reader gave them.
    source: the file it was read from, seen from the folder or CSV that was given; source_bytes
    tells another file of that name.
    packed_bytes: what it takes.
    """

    name: str
    patient: str
    modality: str
    split: str
    sides: Sides
    spacing: tuple[float, ...]
    slope: float
    intercept: float
    least: float
    greatest: float
    hash: str
    source: str
    source_bytes: int
    packed_bytes: int

    @property
    def error(self) -> float:
        """The most that a stored value may be off; 0 where whole numbers were kept as they are."""
        return 0.0 if self.slope == 1 else self.slope / 2


COLUMNS = tuple(field.name for field in fields(Row))


def key_of(name: str) -> str:
    """Return where a volume lies: readable, safe in any store, spread over 256 folders."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[-40:].strip("_")
    return f"{VOLUMES}/{digest[:2]}/{plain or 'volume'}-{digest[:12]}"


def facts_of(row: Row) -> dict[str, Any]:
    """Return a row as the attributes of its volume, from which the table can be made again."""
    return asdict(row)


def row_of(facts: dict[str, Any]) -> Row:
    """Return the row that a volume's attributes hold."""
    x, y, z = facts["sides"]
    return Row(**{**facts, "sides": (x, y, z), "spacing": tuple(facts["spacing"])})


def table_name(part: tuple[int, int]) -> str:
    """Return where the table of a part lies."""
    return f"{TABLES}/{part[0]}-of-{part[1]}.csv"


def write_table(place: Place, path: str, rows: Iterable[Row]) -> None:
    """Write a table, by name; what was there is replaced whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=lambda row: row.name):
        writer.writerow([written(getattr(row, column)) for column in COLUMNS])
    place.put(path, text.getvalue().encode())


def written(value: object) -> str:
    """Return a cell; floats in full, sides with blanks between."""
    if isinstance(value, tuple):
        return " ".join(map(repr, value))
    return repr(value) if isinstance(value, float) else str(value)


def read_tables(place: Place) -> Iterator[Row]:
    """Give the rows of all tables of a place, in no order; one that two parts hold comes twice."""
    for name in place.names(TABLES):
        if re.fullmatch(r"\d+-of-\d+\.csv", name):
            yield from read_table(place, f"{TABLES}/{name}")


def read_table(place: Place, path: str) -> Iterator[Row]:
    """Give the rows of one table; none where it is not there yet."""
    content = place.get(path)
    if content is None:
        return
    lines = csv.reader(io.StringIO(content.decode(), newline=""))
    if tuple(next(lines, ())) != COLUMNS:
        raise BadInput(f"{place.address}/{path} is no table of training.pack: its header differs")
    for number, cells in enumerate(lines, 2):
        try:
            yield parsed(cells)
        except (ValueError, TypeError) as error:
            raise BadInput(f"{place.address}/{path}: line {number} is damaged: {error}") from error


def parsed(cells: list[str]) -> Row:
    """Return the row of a line."""
    name, patient, modality, split, sides, spacing, *numbers, digest, source, size, packed = cells
    x, y, z = map(int, sides.split())
    slope, intercept, least, greatest = map(float, numbers)
    return Row(
        name, patient, modality, split, (x, y, z), tuple(map(float, spacing.split())),
        slope, intercept, least, greatest, digest, source, int(size), int(packed),
    )  # fmt: skip
