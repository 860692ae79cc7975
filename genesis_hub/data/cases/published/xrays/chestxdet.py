"""ChestX-Det: thirteen diseases, outlined, on chest X-rays of NIH."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import SPLIT_NAMES
from genesis_hub.data.cases.published.xrays.pictures import (
    base_of,
    pictures_below,
    refuse_missing,
)
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers.outlines import mask_of, outlines_of, stamp
from genesis_hub.errors import BadInput

SAYS = "ChestX_Det_train.json and ChestX_Det_test.json, and the pictures in any folders below"
FILE = re.compile(r"ChestX_Det_(?P<split>train|val|test)\.json", re.I)
DISEASES = (
    "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "Diffuse Nodule", "Effusion",
    "Emphysema", "Fibrosis", "Fracture", "Mass", "Nodule", "Pleural Thickening", "Pneumothorax",
)  # fmt: skip
ANY = "disease"
MASKS = ("mask", "masks")


def seen(path: Path) -> bool:
    """Say whether such files lie in a folder."""
    return path.is_dir() and bool(files_in(path))


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files of outlines by split."""
    found = [(FILE.fullmatch(file.name), file) for file in sorted(folder.glob("*.json"))]
    return {SPLIT_NAMES[match["split"].lower()]: file for match, file in found if match}


def read_chestxdet(path: Path, columns: Columns) -> Draft:
    """Return every picture with all that is outlined as one class, or what columns.mask names."""
    files = files_in(base_of(path))
    if not files:
        raise BadInput(f"{path}: no outlines of ChestX-Det lie here; {SAYS} are expected")
    only = chosen(columns)
    pictures = pictures_below(base_of(path), without=MASKS)
    rows = []
    for split, file in files.items():
        told = outlines_of(file, stamp(file))
        places = {name: pictures.find(name) for name in told}
        missing = [name for name, one in places.items() if one is None]
        refuse_missing(file, missing, len(told), pictures.folder)
        for name, picture in places.items():
            assert picture is not None
            mask = mask_of(file, "findings", of=name, only=only, on=picture)
            stem = Path(name).stem
            rows.append(Row(stem, (picture,), mask=mask, split=split, modality="xray"))
    note = f"ChestX-Det: {only or 'all diseases'} as one class; patients are not published with it"
    return Draft(
        rows=tuple(rows), masks=((0, "background"), (1, only or ANY)), notes=(note,)
    )  # fmt: skip


def chosen(columns: Columns) -> str:
    """Return the one disease that is asked for; nothing for all of them."""
    given = columns.mask or ANY
    known = {name.lower(): name for name in DISEASES}
    if given.lower() == ANY:
        return ""
    if given.lower() not in known:
        raise BadInput(
            f"mask={given!r}: ChestX-Det has no such disease{close_names(given, DISEASES)}; choose "
            f"from {ANY} (all as one), {', '.join(DISEASES)}"
        )
    return known[given.lower()]
