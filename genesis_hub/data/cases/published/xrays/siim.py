"""SIIM-ACR: where a pneumothorax is, as runs in a table; most pictures have none."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.published.xrays.pictures import (
    base_of,
    pictures_below,
    refuse_missing,
    split_in,
    texts_in,
)
from genesis_hub.data.readers.outlines import EMPTY, mask_of, stamp, table_of
from genesis_hub.errors import BadInput

SAYS = (
    "train-rle.csv or stage_2_train.csv with columns ImageId and EncodedPixels, and the pictures "
    "(DICOM or PNG, in any folders below) that are called so"
)
COLUMNS = ("ImageId", "EncodedPixels")
MASKS = ("mask", "masks", "mask_png")
NEWEST = "stage_2"
# Ships and steel were published with these columns, too, and with runs counted otherwise.
OWN = re.compile(r"(train-rle|stage_\d_train)", re.I)


def seen(path: Path) -> bool:
    """Say whether such a table is given, or lies in a folder; others have its columns, too."""
    return any(OWN.match(file.name) for file in tables_in(path))


def tables_in(path: Path) -> list[Path]:
    """Return the tables of runs: the one given, or those of a folder."""
    if path.is_file():
        return [path] if headed(path) else []
    return [file for file in texts_in(path) if headed(file)] if path.is_dir() else []


def headed(file: Path) -> bool:
    """Say whether a table begins as the publishers' do."""
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            first = opened.readline(200).lstrip("\ufeff").strip().split(",")
    except OSError:
        return False
    return tuple(word.strip() for word in first[:2]) == COLUMNS


def read_siim(path: Path, columns: Columns) -> Draft:
    """Return every picture of the table with its mask, empty for those without a pneumothorax.

    Of several tables the one for training of the second stage is taken: it holds both stages.
    """
    found = [file for file in tables_in(path) if path.is_file() or split_in(file.stem) != "test"]
    found = [file for file in found if "sample" not in file.stem.lower()]
    if not found:
        raise BadInput(f"{path}: no table of runs lies here; {SAYS} are expected")
    table = sorted(found, key=lambda file: (not file.name.startswith(NEWEST), file.name))[0]
    pictures = pictures_below(base_of(path), without=MASKS)
    told = table_of(table, stamp(table))
    places = {name: pictures.find(name) for name in told}
    missing = [name for name, one in places.items() if one is None]
    refuse_missing(table, missing, len(told), pictures.folder)
    rows = [
        Row(name, (one,), mask=mask_of(table, "runs", of=name, on=one), modality="xray")
        for name, one in places.items()
        if one is not None
    ]
    empty = sum(set(runs) <= set(EMPTY) for runs in told.values())
    notes = (
        f"SIIM-ACR, by {table.name}: {empty} of {len(told)} pictures have no pneumothorax, so Dice "
        "of all pixels and of each picture say different things",
        "each picture is taken for a patient; the seed draws who tests",
    )
    return Draft(rows=tuple(rows), masks=((0, "background"), (1, "pneumothorax")), notes=notes)
