"""Fundus photographs with a table of grades, as APTOS 2019 and Kaggle's 2015 set have them."""

import csv
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageOps

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import report
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.cases.listing import images_below, name_of, usable
from genesis_hub.data.cases.table import read_table
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from training.converting.parting import graded
from training.converting.wish import TESTED, Item, Layout, Piece, Wish
from training.pictures.reading import pixels_of

SAYS = "photographs in any folders below, and a CSV: a name in its first column, a grade next"
EYE = re.compile(r"[_-](left|right)$", re.I)  # Of one patient, in the set of 2015.
GRADE = re.compile(r"\d{1,2}")
TABLE = "labels_shuffled"
LANCZOS = PIL.Image.Resampling.LANCZOS


def listed(source: Path, wish: Wish) -> tuple[Item, ...]:
    """Return the photographs that a table names, or raise `BadInput` with all that is wrong."""
    table = table_in(source, wish)
    files: dict[str, list[Path]] = {}
    for path in images_below(source):
        files.setdefault(name_of(path), []).append(path)
    rows = read_table(table)
    if len(rows.columns) < 2:
        raise BadInput(f"{table}: it has one column; {SAYS} is expected")
    problems = [problem for problem in rows.problems if not problem.note]
    names = [row[0] for _, row in rows.rows]
    often = Counter(map(stem, names))
    items = []
    for line, row in rows.rows:
        name, grade = stem(row[0]), row[1]
        found = files.get(name, [])
        if not usable(name):
            problems.append(wrong(line, f"{row[0]!r} is no name of a picture", "names"))
        elif often[name] > 1:
            problems.append(wrong(line, f"{row[0]!r} is there {often[name]} times", "doubles"))
        elif not GRADE.fullmatch(grade):
            problems.append(wrong(line, f"{row[0]!r} has the grade {grade!r}", "grades"))
        elif len(found) != 1:
            many = f"{len(found)} pictures are" if found else "no picture is"
            problems.append(wrong(line, f"{many} called {row[0]!r}", "missing pictures"))
        else:
            items.append(Item(name, (found[0],), grade=str(int(grade))))
    if problems:
        raise BadInput(report(f"{table}, {len(rows.rows)} rows", problems))
    tested = graded(table, items, [EYE.sub("", item.name) for item in items], wish)
    return tuple(replace(item, part=TESTED) if item.name in tested else item for item in items)


def table_in(source: Path, wish: Wish) -> Path:
    """Return the table of grades: the one that is named, or the only one."""
    if wish.table:
        return Path(wish.table).expanduser()
    there = sorted(source.glob("*.csv"))
    if len(there) != 1:
        names = ", ".join(path.name for path in there) or "none"
        raise BadInput(
            f"{source}: one CSV is expected here, but there are: {names}; give table=FILE"
        )
    return there[0]


def stem(word: str) -> str:
    """Return a name without the ending of a picture, if it has one."""
    return name_of(Path(word)) if word.strip() else ""


def wrong(line: int, what: str, kind: str) -> Problem:
    """Return what is wrong with a line of a table."""
    return Problem(f"line {line}", what, "mend the row, or take it away", kind)


def pieces(item: Item, wish: Wish) -> Iterator[Piece]:
    """Give a photograph as a square, (side, side, 3) bytes, by Lanczos' filter."""
    pixels, _ = pixels_of(read(item.images[0]), colour=True)
    picture = PIL.Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    sides = (wish.side, wish.side)
    way = ImageOps.pad if wish.pad else PIL.Image.Image.resize
    yield Piece(item.name, np.asarray(way(picture, sides, LANCZOS)))


def finish(items: Sequence[Item], folder: Path, wish: Wish) -> Sequence[Path]:
    """Write the table in an order that the seed draws, and its rows to learn from and to test on.

    The published configurations take rows in the order of the file, so it has to be a drawn one.
    """
    rows = sorted(items, key=lambda item: item.name)
    random.Random(wish.seed).shuffle(rows)  # noqa: S311 - an order, no secret
    parts = {
        TABLE: rows,
        f"{TABLE}_train": [item for item in rows if item.part != TESTED],
        f"{TABLE}_test": [item for item in rows if item.part == TESTED],
    }
    made = []
    for name, own in parts.items():
        if own:
            with new_file(folder / f"{name}.csv") as aside, aside.open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("id_code", "diagnosis"))
                writer.writerows((item.name, item.grade) for item in own)
            made.append(folder / f"{name}.csv")
    return made


RETINA = Layout(SAYS, 224, ".png", ("table",), listed, pieces, False, finish)
