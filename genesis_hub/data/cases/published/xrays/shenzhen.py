"""Shenzhen: chest X-rays with tuberculosis or without, told by the end of their names."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.published.xrays.pictures import (
    Line,
    base_of,
    labels_of,
    listed,
    lists_in,
    pictures_below,
)
from genesis_hub.errors import BadInput

SAYS = "CHNCXR_0001_0.png (without tuberculosis), CHNCXR_0327_1.png (with it), lists of names and "
SAYS += "labels for training, validation and testing beside them or not"
NAME = re.compile(r"CHNCXR_\d{4}_(?P<label>[01])")
LINE = re.compile(rf"{NAME.pattern}\.png\s*[,\s]\s*\S+")
CLASSES = ("normal", "tuberculosis")
MASKS = ("mask", "masks", "ManualMask")


def seen(path: Path) -> bool:
    """Say whether such pictures lie in a folder, or one or two below, or a list names them."""
    if path.is_dir():
        depths = ("", "*/", "*/*/")
        return any(any(path.glob(f"{depth}CHNCXR_[0-9]*_[01].png")) for depth in depths)
    return bool(lists_in(path, LINE))


def read_shenzhen(path: Path, columns: Columns) -> Draft:
    """Return every picture; those of the lists where there are lists, in their splits."""
    pictures = pictures_below(base_of(path), without=MASKS)
    lists = lists_in(path, LINE)

    def row_of(line: Line, picture: Path, split: str | None) -> Row:
        found, label = NAME.fullmatch(Path(line.name).stem), labels_of(line, 1)[0]
        if found is None or int(found["label"]) != label:
            raise BadInput(
                f"{line.place}: {line.name} has the label {label}, but its name says "
                f"{found['label'] if found else 'none'}; correct the list"
            )
        return row(picture, split)

    if lists:
        rows = listed(lists, pictures, row_of)
        note = f"by {', '.join(file.name for file in lists.values())}"
    else:
        stems = sorted(name for name in pictures.by_name if NAME.fullmatch(name))
        rows = [row(one, None) for stem in stems if (one := pictures.find(stem)) is not None]
        note = "no lists lie here, so all are taken and patients drawn by the seed"
    if not rows:
        raise BadInput(f"{path}: no picture of Shenzhen lies here; {SAYS} are expected")
    return Draft(rows=tuple(rows), notes=(f"Shenzhen, {note}; each picture is a patient",))


def row(picture: Path, split: str | None) -> Row:
    """Return a picture, its label from its name."""
    found = NAME.fullmatch(picture.stem)
    assert found is not None
    label = CLASSES[int(found["label"])]
    return Row(picture.stem, (picture,), label=label, split=split, modality="xray")
