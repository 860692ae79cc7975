"""JSRT with the outlines of SCR: lungs, heart and clavicles on the same 247 chest X-rays."""

import re
from collections.abc import Mapping
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.published.xrays.pictures import (
    Pictures,
    base_of,
    lines_of,
    lists_in,
    pictures_below,
    refuse_missing,
)
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers.outlines import mask_of
from genesis_hub.errors import BadInput

SAYS = (
    "JPCLN001.IMG or JPCLN001.IMG.png, and fold1/masks/heart/JPCLN001.gif, fold2/masks/ ... (or "
    "masks/heart/ ...), lists of their names for training, validation and testing beside them or "
    "not"
)
NAME = re.compile(r"JPC(LN|NN)\d{3}", re.I)
LINE = re.compile(rf"{NAME.pattern}(\.\w+)*", re.I)
SIDES = ("left lung", "right lung", "left clavicle", "right clavicle")
PARTS: Mapping[str, tuple[str, ...]] = {
    "heart": ("heart",),
    "lungs": SIDES[:2],
    "clavicles": SIDES[2:],
    **{side: (side,) for side in SIDES},
}
ALSO = {"lung": "lungs", "clavicle": "clavicles"}
FOLDS = {"fold1": "train", "fold2": "test"}  # SCR's own halves: one learns, the other tests.
MASKS = ("masks", "mask")


def seen(path: Path) -> bool:
    """Say whether a folder of SCR's masks lies in a folder, or one or two below."""
    if not path.is_dir():
        return bool(lists_in(path, LINE))
    return bool(masks_in(path))


def masks_in(folder: Path) -> dict[str, dict[str, tuple[Path, str | None]]]:
    """Return of each structure the masks by name, and in which half of SCR they are."""
    found: dict[str, dict[str, tuple[Path, str | None]]] = {}
    for depth in ("", "*/", "*/*/"):
        for masks in sorted(folder.glob(f"{depth}masks")):
            half = FOLDS.get(masks.parent.name.lower())
            for name in {one for parts in PARTS.values() for one in parts}:
                for file in sorted((masks / name).glob("JPC*")):
                    if NAME.fullmatch(file.name.split(".")[0]):
                        own = found.setdefault(name, {})
                        own.setdefault(file.name.split(".")[0].upper(), (file, half))
    return found


def read_jsrt(path: Path, columns: Columns) -> Draft:
    """Return every picture with one structure, which columns.mask names.

    Lists say who learns, validates and tests; without them SCR's first half learns and its second
    tests, as its authors have it, and validation is drawn from the first.
    """
    folder = base_of(path)
    masks, parts = masks_in(folder), parts_of(path, columns)
    if not masks:
        raise BadInput(f"{path}: no masks of SCR lie here; {SAYS} are expected")
    pictures = pictures_below(folder, without=MASKS)
    lacking = [part for part in parts if part not in masks]
    if lacking:
        raise BadInput(f"{path}: no masks/{lacking[0]}/ is there, but {', '.join(sorted(masks))}")
    lists = lists_in(path, LINE)
    own = masks[parts[0]]
    splits: dict[str, str | None] = {name: half for name, (_, half) in own.items()}
    if lists:
        splits = {
            line.name.split(".")[0].upper(): split
            for split, file in lists.items()
            for line in lines_of(file)
        }
    rows, missing = [], []
    for name, split in sorted(splits.items()):
        picture = found(pictures, name)
        files = [masks[part][name][0] for part in parts if name in masks[part]]
        if picture is None or len(files) < len(parts):
            missing.append(name if picture is None else f"the mask of {name}")
            continue
        mask = mask_of(files[0], "union", on=picture, others=files[1:])
        rows.append(Row(name, (picture,), mask=mask, split=split, modality="xray"))
    refuse_missing(next(iter(lists.values()), folder), missing, len(splits), folder)
    by = ", ".join(file.name for file in lists.values()) or "SCR's halves where there are two"
    word = ALSO.get(str(columns.mask).lower(), str(columns.mask).lower())
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), (1, word)),
        notes=(f"JSRT with SCR's masks of {' and '.join(parts)}, by {by}",),
    )


def found(pictures: Pictures, name: str) -> Path | None:
    """Return a picture as it is published, or made a PNG of."""
    for ending in (".IMG.png", ".png", ".IMG"):
        for word in (f"{name}{ending}", f"{name.lower()}{ending}"):
            picture = pictures.find(word)
            if picture is not None:
                return picture
    return pictures.find(name)


def parts_of(path: Path, columns: Columns) -> tuple[str, ...]:
    """Return the folders of the structure that is asked for."""
    word = str(columns.mask or "").lower()
    word = ALSO.get(word, word)
    if word not in PARTS:
        said = f"mask={columns.mask!r} is no structure of SCR{close_names(word, PARTS)}"
        what = said if columns.mask else "several structures are outlined"
        raise BadInput(
            f"{path}: {what}; choose by mask= (--mask) from {', '.join(PARTS)}; {SAYS} are expected"
        )
    return PARTS[word]
