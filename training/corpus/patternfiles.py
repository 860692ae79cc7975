"""The files that discovered patterns lie in: one with a table beside it, or the authors' many."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from training.corpus.bat import UNIT
from training.corpus.cubefiles import mapped

Labels = NDArray[np.int64]

VERSION = 1
CUBES, TABLE, FACTS = "patterns.npy", "patterns.csv", "discovered.json"
NEEDED = ("split", "class", "name", "patient")  # Columns of the table that are read.
SEED = re.compile(r"(train|val)_(data|label)(\d+)_vwGen_ex_ref_fold(\d+(?:\.\d+)?)\.npy")
AGAIN = "python -m training.discover makes it"


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one file: which they are, and the class of each. ends: what becomes 0 and 1."""

    path: Path
    split: str
    rows: Labels
    labels: Labels
    ends: tuple[float, float] = UNIT


class Scan(NamedTuple):
    """A scan that patterns were cut from."""

    name: str
    patient: str
    split: str


def holds_patterns(folder: Path) -> bool:
    """Say whether discovered patterns lie in a folder, in either form, or in folders of it."""
    return bool(discoveries(folder))


def discoveries(folder: Path) -> list[Path]:
    """Return the folders of patterns: this one, or those in it, whose classes follow one another.

    So patterns of several kinds of scan, which share no frame, are learned together.
    """
    if not folder.is_dir():
        return []
    if holds_some(folder):
        return [folder]
    return sorted(path for path in folder.iterdir() if path.is_dir() and holds_some(path))


def holds_some(folder: Path) -> bool:
    """Say whether discovered patterns lie in a folder itself."""
    return (folder / CUBES).is_file() or any(map(SEED.fullmatch, names_in(folder)))


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def compact(folder: Path, facts: dict[str, Any]) -> list[Part]:
    """Return the rows of patterns.npy by split; none where that is not there."""
    path = folder / CUBES
    if not path.is_file():
        return []
    table, count = table_in(folder), len(mapped(path))
    if len(table.get("split", ())) != count:
        raise BadInput(
            f"{folder}: {CUBES} holds {count} cubes, but {TABLE} tells of "
            f"{len(table.get('split', ()))}; {AGAIN} again"
        )
    labels = whole_labels(folder / TABLE, table["class"])
    low, high = facts.get("ends", UNIT)
    splits = np.array(table["split"])
    found = []
    for split in ("train", "val"):
        rows = np.flatnonzero(splits == split)
        if len(rows):
            found.append(Part(path, split, rows, labels[rows], (float(low), float(high))))
    return found


def seeds(folder: Path) -> list[Part]:
    """Return the authors' files, each with the labels beside it."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder of patterns; {AGAIN}")
    found = []
    for match in filter(None, map(SEED.fullmatch, names_in(folder))):
        split, kind, number, fold = match.groups()
        other = "label" if kind == "data" else "data"
        beside = folder / f"{split}_{other}{number}_vwGen_ex_ref_fold{fold}.npy"
        if not beside.is_file():
            raise BadInput(f"{folder / match[0]}: {beside.name} is missing beside it; bring it too")
        if kind == "label":
            continue
        path, values = folder / match[0], mapped(beside)
        count = len(mapped(path))
        if values.size != count or values.shape not in ((count, 1), (count,)):
            raise BadInput(
                f"{path} holds {count} cubes, but {beside.name} is {values.shape}; the labels of "
                f"as many cubes, ({count}, 1), are expected: copy both again"
            )
        labels = whole_labels(beside, values.ravel())
        found.append(Part(path, split, np.arange(count), labels))
    return found


def whole_labels(path: Path, values: "Sequence[str] | NDArray[Any]") -> Labels:
    """Return classes as whole numbers, or raise `BadInput` where one is none."""
    try:
        given = np.asarray(values).astype(np.float64)
    except ValueError as error:
        raise BadInput(f"{path}: a class is no number ({error}); {AGAIN} again") from error
    wrong = np.flatnonzero((given < 0) | (given % 1 != 0) | ~np.isfinite(given))
    if len(wrong):
        raise BadInput(
            f"{path}: row {wrong[0]} has the class {given[wrong[0]]:g}, but whole numbers from 0 "
            f"are expected; {AGAIN} again"
        )
    return given.astype(np.int64)


def scans_in(folder: Path, parts: Sequence[Part]) -> tuple[Scan, ...]:
    """Return the scans that were cut from, each once."""
    table = table_in(folder)
    if table:
        told = zip(table["name"], table["patient"], table["split"], strict=True)
        return tuple(Scan(*one) for one in dict.fromkeys(told))
    stems = {part.path.stem: part.split for part in parts}
    return tuple(Scan(stem, stem, split) for stem, split in stems.items())


def facts_in(folder: Path) -> dict[str, Any]:
    """Return what was written down of a discovery; nothing where the authors' files lie alone."""
    path = folder / FACTS
    if not path.is_file():
        if (folder / CUBES).is_file():
            raise BadInput(
                f"{folder}: {CUBES} is there, but no {FACTS}, which is written last: the discovery "
                "did not end; the command it was begun with goes on"
            )
        return {}
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, hashes = facts["format_version"], facts.get("hashes", {})
        if not all(isinstance(look, str) for look in hashes.values()):
            raise TypeError("hashes are text")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: it is not what is written beside patterns ({error!r}); {AGAIN} again"
        ) from error
    if version > VERSION:
        raise BadInput(f"{path}: written by a later version of genesis_hub; update this one")
    return facts


def table_in(folder: Path) -> dict[str, list[str]]:
    """Return the columns of the table that are read; nothing where there is none."""
    path = folder / TABLE
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        if missing := [name for name in NEEDED if name not in header]:
            raise BadInput(f"{path}: the column {missing[0]!r} is missing; {AGAIN} again")
        places = [header.index(name) for name in NEEDED]
        rows = list(lines)
    torn = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if torn:
        raise BadInput(f"{path}: line {torn[0]} is torn; {AGAIN} again")
    return {name: [row[at] for row in rows] for name, at in zip(NEEDED, places, strict=True)}
