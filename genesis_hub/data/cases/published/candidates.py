"""Candidates: a table with a point in each row, for anybody who has places in volumes to judge."""

from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft
from genesis_hub.data.cases.manifest import read_manifest
from genesis_hub.data.cases.points import says_points
from genesis_hub.data.cases.table import read_table
from genesis_hub.errors import BadInput

SAYS = (
    "a table with columns image, x, y, z (millimetres to the patient's left, back and head) and "
    "label; box (in millimetres), patient and split are read too"
)
TABLES = (".csv", ".tsv")


def seen(path: Path) -> bool:
    """Say whether a table's columns are surely points; plain x, y, z may be anything."""
    if path.suffix.lower() not in TABLES or not path.is_file():
        return False
    try:
        return says_points(read_table(path).columns)
    except BadInput:
        return False  # Whoever reads the table for good says what is wrong with it.


def read_candidates(path: Path, columns: Columns) -> Draft:
    """Return a case for each row: the box around its point."""
    if not path.is_file():
        raise BadInput(f"{path}: {SAYS} is expected; give the table itself")
    return read_manifest(path, columns, None, points=True)
