"""LUNA16: ten subsets of CT scans and a table of half a million places that may be nodules."""

import re
from collections import Counter
from pathlib import Path

from genesis_hub.data.cases.columns import Columns, plain
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.cases.points import REMEDY
from genesis_hub.data.cases.table import Table, read_table
from genesis_hub.data.readers.boxes import box_words, numbers
from genesis_hub.errors import BadInput

SAYS = "folders subset0 to subset9 of .mhd scans, and candidates_V2.csv or candidates.csv"
SUBSET = re.compile(r"subset(\d)", re.I)
TABLES = ("candidates_V2.csv", "candidates.csv")  # The second list is the first, mended.
COLUMNS = ("seriesuid", "coordx", "coordy", "coordz", "class")
# The authors' cubes (LUNA16_FPR) are not public, only their size: 64 x 64 x 32. In millimetres
# every scan shows a nodule at the same size, whatever its spacing.
BOX = (64.0, 64.0, 32.0)
FIRST_VAL, FIRST_TEST = 5, 7  # Subsets 0-4 train, 5-6 val, 7-9 test.
CLASSES = {"0": "no nodule", "1": "nodule"}


def seen(path: Path) -> bool:
    """Say whether a folder, or the one a table lies in, holds subsets and their candidates."""
    if path.is_file():
        return path.name in TABLES and bool(subsets(path.parent))
    return path.is_dir() and bool(subsets(path)) and bool(tables(path))


def subsets(folder: Path) -> dict[int, Path]:
    """Return the folders subset0 to subset9 that are there."""
    found = [(SUBSET.fullmatch(path.name), path) for path in sorted(folder.iterdir())]
    return {int(match[1]): path for match, path in found if match and path.is_dir()}


def tables(folder: Path) -> list[Path]:
    """Return the tables of candidates in a folder or one below, the mended one first."""
    return [path for name in TABLES for path in (*folder.glob(name), *folder.glob(f"*/{name}"))]


def read_luna16(path: Path, columns: Columns) -> Draft:
    """Return a case for each candidate: the box of 64 x 64 x 32 mm around it.

    Every candidate stays, also in training, where nodules are one in five hundred: balanced = true
    of a fine-tuning recipe draws both kinds alike. A table may be given in place of the folder.
    """
    found = [path] if path.is_file() else tables(path)
    folder = path.parent if path.is_file() else path
    parts = subsets(folder) if folder.is_dir() else {}
    if not found or not parts:
        raise BadInput(f"{path}: not LUNA16 as it is published: {SAYS} are expected")
    scans: dict[str, tuple[Path, int]] = {}
    for number, part in parts.items():
        for scan in sorted(part.rglob("*.mhd")):
            scans[scan.stem] = (scan, number)
    table = read_table(found[0])
    rows, problems, absent, repeated = rows_of(table, found[0], scans)
    if not rows and not problems:
        raise BadInput(f"{found[0]}: none of its scans lies in {', '.join(map(str, parts))}")
    counts = Counter(row.label for row in rows)
    notes = [
        f"{found[0].name}: {counts[CLASSES['1']]} nodules and {counts[CLASSES['0']]} other "
        "candidates; all stay, and balanced = true of a recipe draws both alike",
        "scans are checked, not each box; subsets 0-4 train, 5-6 val, 7-9 test",
    ]
    if repeated:
        notes.append(f"candidates that stand there twice, taken once: {repeated}")
    if absent:
        lacking = sorted(set(range(10)) - parts.keys())
        said = f" (no {', '.join(f'subset{number}' for number in lacking)})" if lacking else ""
        notes.append(
            f"left out: {sum(absent.values())} candidates of {len(absent)} scans that are not "
            f"here{said}, such as {next(iter(absent))}"
        )
    return Draft(rows=tuple(rows), notes=tuple(notes), problems=tuple(problems))


def rows_of(
    table: Table, path: Path, scans: dict[str, tuple[Path, int]]
) -> tuple[list[Row], list[Problem], Counter[str], int]:
    """Return the rows, what is wrong, how many each absent scan has, and how many stood twice."""
    known = [plain(column) for column in table.columns]
    missing = [column for column in COLUMNS if column not in known]
    if missing:
        raise BadInput(
            f"{path}: it has no column {', '.join(missing)}; its columns are "
            f"{', '.join(table.columns)}, but {', '.join(COLUMNS)} are expected"
        )
    places = [known.index(column) for column in COLUMNS]
    rows, problems, absent = [], list(table.problems), Counter[str]()
    held: set[tuple[str, ...]] = set()
    count = Counter[str]()
    for line, fields in table.rows:
        series, x, y, z, label = own = tuple(fields[place] for place in places)
        if series not in scans:
            absent[series] += 1
            continue
        point = numbers(f"{x},{y},{z}")
        if len(point) != 3 or label not in CLASSES:
            what = f"line {line}: its point is ({x}, {y}, {z}), its class {label!r}"
            problems.append(Problem(series, what, f"{REMEDY}, and 0 or 1", "broken rows"))
            continue
        if own in held:
            continue
        held.add(own)
        scan, subset = scans[series]
        rows.append(
            Row(
                name=f"{series}_{count[series]}",
                images=(Path(f"{scan}#{box_words(point, BOX)}"),),
                label=CLASSES[label],
                patient=series,
                split=split_of(subset),
                modality="ct",
            )
        )
        count[series] += 1
    repeated = len(table.rows) - len(rows) - sum(absent.values())
    return rows, problems, absent, repeated - (len(problems) - len(table.problems))


def split_of(subset: int) -> str:
    """Return the split of a subset."""
    return "train" if subset < FIRST_VAL else "val" if subset < FIRST_TEST else "test"
