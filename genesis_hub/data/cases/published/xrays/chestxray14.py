"""ChestX-ray14: NIH's chest X-rays with 14 findings that may come together."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.published.xrays.pictures import (
    Line,
    around,
    base_of,
    labels_of,
    lines_of,
    listed,
    lists_in,
    pictures_below,
    refuse_missing,
)
from genesis_hub.data.cases.table import read_table
from genesis_hub.errors import BadInput

SAYS = (
    "images/ (or images_001/images/, ...) with Xray14_train_official.txt, _val_ and _test_, or "
    "with NIH's own train_val_list.txt, test_list.txt and Data_Entry_2017*.csv"
)
# In the order of the authors' lists.
FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip
LINE = re.compile(r"\d{8}_\d{3}\.png(\s+\S+)+")
NONE = "No Finding"
IMAGE, LABELS = "Image Index", "Finding Labels"  # Columns of NIH's table.
TRAIN_VAL, TEST, ENTRIES = "train_val_list.txt", "test_list.txt", "Data_Entry_2017*.csv"
OWN = {"train": TRAIN_VAL, "test": TEST}


def seen(path: Path) -> bool:
    """Say whether the authors' lists, or NIH's list and table, lie in or beside a folder."""
    return bool(lists_in(path, LINE)) or nih(path) is not None


def nih(path: Path) -> Path | None:
    """Return the folder of NIH's own list and table."""
    if path.is_file() and path.name not in OWN.values():
        return None
    for folder in around(path):
        if (folder / TRAIN_VAL).is_file() and any(folder.glob(ENTRIES)):
            return folder
    return None


def read_chestxray14(path: Path, columns: Columns) -> Draft:
    """Return every picture of the lists with its 14 labels.

    The authors' lists say who validates; of NIH's, validation patients are drawn by the seed.
    """
    lists, folder = lists_in(path, LINE), nih(path)
    pictures = pictures_below(base_of(path))
    if lists:

        def row_of(line: Line, picture: Path, split: str | None) -> Row:
            return row(line.name, picture, labels_of(line, len(FINDINGS)), split)

        rows = listed(lists, pictures, row_of)
        note = f"by {', '.join(file.name for file in lists.values())}"
    elif folder is not None:
        entries = entries_of(sorted(folder.glob(ENTRIES))[-1])
        here = {split: folder / name for split, name in OWN.items() if (folder / name).is_file()}
        rows = []
        for split, file in here.items():
            names = [line.name for line in lines_of(file)]
            found = {name: pictures.find(name) for name in names if name in entries}
            missing = [name for name in names if not found.get(name)]
            refuse_missing(file, missing, len(names), pictures.folder)
            rows += [row(name, one, entries[name], split) for name, one in found.items() if one]
        note = f"by NIH's {', '.join(file.name for file in here.values())}; validation is drawn"
    else:
        raise BadInput(f"{path}: not ChestX-ray14 as it is published: {SAYS} are expected")
    return Draft(rows=tuple(rows), several=FINDINGS, notes=(f"ChestX-ray14, {note}",))


def row(name: str, picture: Path, labels: tuple[int, ...], split: str | None) -> Row:
    """Return a picture; its name begins with the patient's number."""
    stem = Path(name).stem
    return Row(
        name=stem,
        images=(picture,),
        label=labels,
        patient=stem.partition("_")[0],
        split=split,
        modality="xray",
    )


def entries_of(file: Path) -> dict[str, tuple[int, ...]]:
    """Return which of the 14 findings each picture has, by NIH's table."""
    table = read_table(file)
    for column in (IMAGE, LABELS):
        if column not in table.columns:
            raise BadInput(
                f"{file}: it has no column {column!r}, but {', '.join(table.columns)}; give NIH's "
                "Data_Entry_2017.csv"
            )
    found: dict[str, tuple[int, ...]] = {}
    for name, words in zip(table.values(IMAGE), table.values(LABELS), strict=True):
        told = {word.strip() for word in words.split("|")} - {NONE, ""}
        if unknown := told - set(FINDINGS):
            raise BadInput(
                f"{file}: {name} has {min(unknown)!r}, which is none of the 14 findings: "
                f"{', '.join(FINDINGS)}"
            )
        found[name] = tuple(int(finding in told) for finding in FINDINGS)
    return found
