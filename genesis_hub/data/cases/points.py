"""Tables with points: each row is a place in a volume, and its case a box around that place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genesis_hub.data.cases.columns import plain
from genesis_hub.data.cases.draft import Row
from genesis_hub.data.cases.facts import Problem, relative
from genesis_hub.data.cases.table import Table
from genesis_hub.data.readers.boxes import box_words, numbers
from genesis_hub.errors import BadInput

# What people call the three columns; the first three that are there are taken.
NAMES = (
    ("coordx", "coordy", "coordz"), ("coord_x", "coord_y", "coord_z"), ("lps_x", "lps_y", "lps_z"),
    ("world_x", "world_y", "world_z"), ("x", "y", "z"),
)  # fmt: skip
BOX = ("box", "box_mm")
USUAL_BOX = (64.0, 64.0, 64.0)  # Millimetres: the cubes of 64 that embolism candidates were cut in.
REMEDY = "write millimetres to the patient's left, back and head (LPS), with a point for decimals"


@dataclass(frozen=True)
class Points:
    """The columns of a table that say where a case lies, and the one that says how large it is."""

    axes: tuple[str, str, str]
    box: str | None
    folder: Path

    def placed(
        self, row: Row, fields: dict[str, str], line: int, problems: list[Problem]
    ) -> Row | None:
        """Return a row whose images are boxes around its point; None after noting a problem."""
        words = [fields[column] for column in self.axes]
        point = [value for word in words for value in numbers(word)]
        sides = numbers(re.sub(r"[\s;x]+", ",", fields[self.box])) if self.box else USUAL_BOX
        sides = sides * 3 if len(sides) == 1 else sides
        what = ""
        if len(point) != 3:
            what = f"line {line}: its point is ({', '.join(map(repr, words))})"
        elif len(sides) != 3 or not all(side > 0 for side in sides):
            what = f"line {line}: its box is {fields[self.box or '']!r}, not one or three lengths"
        if what:
            problems.append(Problem(row.images[0].name, what, REMEDY, "broken rows"))
            return None
        part = box_words(point, sides)
        return replace(
            row,
            images=tuple(boxed(path, part) for path in row.images),
            mask=boxed(row.mask, part) if row.mask else None,
            # Two points of one scan are never parted, whoever was not named.
            patient=row.patient or relative(row.images[0], self.folder),
        )


def boxed(path: Path, part: str) -> Path:
    """Return a path with a box behind it."""
    return Path(f"{path}#{part}")


def points_of(table: Table, path: Path) -> Points:
    """Return where the points of a table stand, or raise `BadInput` where it has none."""
    known = {plain(column): column for column in reversed(table.columns)}
    for x, y, z in NAMES:
        if {x, y, z} <= known.keys():
            box = next((known[name] for name in BOX if name in known), None)
            return Points((known[x], known[y], known[z]), box, path.parent)
    raise BadInput(
        f"{path}: a table of candidates has a point in each row, but none of "
        f"{', '.join('/'.join(names) for names in NAMES)} are among its columns "
        f"({', '.join(table.columns)}); name them so"
    )


def says_points(columns: Sequence[str]) -> bool:
    """Say whether columns are surely points; x, y and z may be anything unless a box is there."""
    named = {plain(column) for column in columns}
    sure = NAMES if named & set(BOX) else NAMES[:-1]
    return any(set(names) <= named for names in sure)
