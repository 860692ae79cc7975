"""VinDr-RibCXR: twenty ribs, each outlined by itself."""

import re
from pathlib import Path
from typing import Any

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import SPLIT_NAMES
from genesis_hub.data.cases.published.xrays.pictures import (
    Pictures,
    base_of,
    pictures_below,
    refuse_missing,
)
from genesis_hub.data.readers.outlines import RIBS, mask_of, outlines_of, stamp
from genesis_hub.errors import BadInput

SAYS = "Vindr_RibCXR_train_mask.json and Vindr_RibCXR_val_mask.json, in any folders, and img/"
FILE = re.compile(r"vindr_ribcxr_(?P<split>train|val|test)_mask\.json", re.I)


def seen(path: Path) -> bool:
    """Say whether such files lie in a folder, or one or two below."""
    return path.is_dir() and bool(files_in(path))


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files of outlines by split."""
    found: dict[str, Path] = {}
    for pattern in ("*.json", "*/*.json", "*/*/*.json"):
        for file in sorted(folder.glob(pattern)):
            match = FILE.fullmatch(file.name)
            if match:
                found.setdefault(SPLIT_NAMES[match["split"].lower()], file)
    return found


def read_vindrrib(path: Path, columns: Columns) -> Draft:
    """Return every picture with its ribs, R1 to R10 and L1 to L10, each a class.

    The publishers have pictures for training and for what they call validation. Where there are no
    others, the latter are for testing, as papers use them, and validation is drawn from training.
    """
    files = files_in(base_of(path))
    if not files:
        raise BadInput(f"{path}: no outlines of ribs lie here; {SAYS} are expected")
    pictures = pictures_below(base_of(path))
    rows: list[Row] = []
    for split, file in files.items():
        meant = "test" if split == "val" and "test" not in files else split
        rows += rows_of(file, meant, pictures)
    note = "VinDr-RibCXR: where two ribs overlap, the lower one counts"
    if "test" not in files:
        note += "; its validation pictures are for testing, and who validates is drawn"
    masks = ((0, "background"), *enumerate(RIBS, 1))
    return Draft(rows=tuple(rows), masks=masks, notes=(note,))


def rows_of(file: Path, split: str, pictures: Pictures) -> list[Row]:
    """Return the pictures of a file of outlines."""
    told: dict[str, Any] = outlines_of(file, stamp(file))
    rows, missing = [], []
    for number, words in told["img"].items():
        picture = pictures.find(str(words))
        if picture is None:
            missing.append(str(words))
            continue
        mask = mask_of(file, "ribs", of=number, on=picture)
        rows.append(Row(picture.stem, (picture,), mask=mask, split=split, modality="xray"))
    refuse_missing(file, missing, len(told["img"]), pictures.folder)
    return rows
