"""A table of pictures and their grades: column 0 is a file's stem, column 1 a whole number."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.draft import Row, whole_number
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Graded:
    """A picture with its grade, as a table has them."""

    stem: str
    image: Path
    grade: int


def read_grades(table: Path, folder: Path, suffix: str) -> list[Graded]:
    """Return the rows of a table with a header, in their order; columns count by their place.

    folder: where the pictures lie. suffix: what follows the stem in their names.
    """
    path = existing(table)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is no CSV that can be read: {error}") from error
    if len(rows) < 2 or min(map(len, rows)) < 2:
        raise BadInput(
            f"{path}: a header and rows of two columns at least are expected, the stem of a file "
            "and its grade, such as id_code,diagnosis"
        )
    if whole_number(rows[0][1].strip()) is not None:
        raise BadInput(
            f"{path}: its first row, {','.join(rows[0][:2])!r}, is no header; put one above it, "
            "such as id_code,diagnosis"
        )
    existing(folder)
    found = [one_row(path, number, row, folder, suffix) for number, row in enumerate(rows[1:], 2)]
    missing = [one for one in found if not one.image.is_file()]
    if missing:
        raise BadInput(
            f"{path}: {len(missing)} of {len(found)} pictures are not there, such as "
            f"{missing[0].image}; {what_ends(folder, suffix)}"
        )
    return found


def one_row(path: Path, number: int, row: Sequence[str], folder: Path, suffix: str) -> Graded:
    """Return one row of a table."""
    stem, said = row[0].strip(), row[1].strip()
    grade = whole_number(said)
    if grade is None or grade < 0 or not stem:
        raise BadInput(
            f"{path}: line {number} says {stem!r}, {said!r}; a file's stem and a grade, 0, 1, 2, "
            "..., are expected"
        )
    # An id may hold dots; only what is the ending itself is taken for it.
    bare = stem.removesuffix(suffix) if suffix else stem
    return Graded(bare, folder / f"{bare}{suffix}", grade)


def what_ends(folder: Path, suffix: str) -> str:
    """Return how the files of a folder end, for who gave another suffix."""
    ends = sorted({path.suffix for path in folder.iterdir() if path.is_file() and path.suffix})
    if ends and suffix not in ends:
        return f"suffix is {suffix!r}, but files there end on {', '.join(ends[:5])}"
    return "look at data_dir, and at the first column"


def coded(rows: Sequence[Graded], grades: int, coding: str) -> list[Row]:
    """Return rows as labels are learned from; coding: "one" class, "bits" or "reference".

    Of K grades, grade g has its first g of K - 1 bits set, or its first g + 1 of K.
    """
    wide = {"bits": grades - 1, "reference": grades}.get(coding, 0)
    more = int(coding == "reference")
    return [
        Row(
            row.stem,
            (row.image,),
            label=(
                tuple(int(bit < row.grade + more) for bit in range(wide))
                if wide
                else str(row.grade)
            ),
        )
        for row in rows
    ]


def bits_of(grades: int, coding: str) -> tuple[str, ...]:
    """Return what each bit says; none where a grade is one class."""
    first = {"bits": 1, "reference": 0}.get(coding)
    if first is None:
        return ()
    return tuple(f"at least {grade}" for grade in range(first, grades))
