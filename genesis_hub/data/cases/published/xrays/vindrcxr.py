"""VinDr-CXR: six labels of the whole picture, given by radiologists."""

import re
from collections import defaultdict
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.published.xrays.pictures import (
    Line,
    around,
    base_of,
    labels_of,
    listed,
    lists_in,
    pictures_below,
    refuse_missing,
)
from genesis_hub.data.cases.table import read_table
from genesis_hub.errors import BadInput

SAYS = (
    "image_labels_train.csv and image_labels_test.csv (in annotations/ or beside train/ and "
    "test/), or lists with a picture's name and six labels of 0 or 1 a line"
)
LABELS = (
    "Pleural effusion", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding",
)  # fmt: skip
ALSO = {"Other diseases": "Other disease"}  # As the table for testing has it.
LINE = re.compile(r"[0-9a-f]{32}(\.\w+)?(\s+[01])+")
TABLES = {"train": "image_labels_train.csv", "test": "image_labels_test.csv"}


def seen(path: Path) -> bool:
    """Say whether the publishers' tables, or such lists, lie in or beside a folder."""
    return bool(tables(path)) or bool(lists_in(path, LINE))


def tables(path: Path) -> dict[str, Path]:
    """Return the publishers' tables by split."""
    if path.is_file() and path.name not in TABLES.values():
        return {}
    for folder in around(path):
        found = {split: folder / name for split, name in TABLES.items()}
        if (folder / TABLES["train"]).is_file():
            return {split: file for split, file in found.items() if file.is_file()}
    return {}


def read_vindrcxr(path: Path, columns: Columns) -> Draft:
    """Return every picture with its six labels; of several radiologists, what most of them say."""
    lists, found = lists_in(path, LINE), tables(path)
    pictures = pictures_below(base_of(path))
    if lists:

        def row_of(line: Line, picture: Path, split: str | None) -> Row:
            return row(picture, labels_of(line, len(LABELS)), split)

        rows = listed(lists, pictures, row_of)
        note = f"by {', '.join(file.name for file in lists.values())}"
    elif found:
        rows = []
        for split, file in found.items():
            labels = voted(file)
            places = {name: pictures.find(name) for name in labels}
            missing = [name for name, one in places.items() if one is None]
            refuse_missing(file, missing, len(labels), pictures.folder)
            rows += [row(one, labels[name], split) for name, one in places.items() if one]
        note = "a label is what most radiologists of a picture say; who validates is drawn"
    else:
        raise BadInput(f"{path}: not VinDr-CXR as it is published: {SAYS} are expected")
    notes = (f"VinDr-CXR, {note}; whose pictures these are is not published",)
    return Draft(rows=tuple(rows), several=LABELS, notes=notes)


def row(picture: Path, labels: tuple[int, ...], split: str | None) -> Row:
    """Return a picture with its labels."""
    return Row(picture.stem, (picture,), label=labels, split=split, modality="xray")


def voted(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the labels of each picture: those that more than half of its radiologists gave."""
    table = read_table(file)
    places = []
    for name in LABELS:
        known = [one for one in (name, ALSO.get(name, name)) if one in table.columns]
        if "image_id" not in table.columns or not known:
            lacks = name if not known else "image_id"
            raise BadInput(
                f"{file}: it has no column {lacks!r}; the publishers' table is expected, with "
                f"image_id, {', '.join(LABELS)}"
            )
        places.append(table.columns.index(known[0]))
    image = table.columns.index("image_id")
    votes: dict[str, list[tuple[bool, ...]]] = defaultdict(list)
    for line, fields in table.rows:
        words = [fields[place].removesuffix(".0") for place in places]
        if set(words) - {"0", "1"}:
            raise BadInput(f"{file}: line {line}: {', '.join(words)}, but 0 or 1 is expected")
        votes[fields[image]].append(tuple(word == "1" for word in words))
    return {
        name: tuple(int(2 * sum(said) > len(given)) for said in zip(*given, strict=True))
        for name, given in votes.items()
    }
