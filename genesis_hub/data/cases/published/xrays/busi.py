"""BUSI: ultrasound of the breast, with lesions outlined: benign, malignant, or none."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.readers.outlines import mask_of
from genesis_hub.errors import BadInput

SAYS = "benign/benign (1).png with benign/benign (1)_mask.png, malignant/ and normal/ likewise"
KINDS = ("benign", "malignant", "normal")
# Several lesions of a picture are masks of their own: _mask, _mask_1, _mask_2.
MASK = re.compile(r"(?P<name>.+)_mask(_\d+)?", re.I)
REMEDY = "take it from the archive again, or take the picture out"


def seen(path: Path) -> bool:
    """Say whether pictures with their masks lie in benign/ and malignant/."""
    return path.is_dir() and home(path) is not None


def home(path: Path) -> Path | None:
    """Return the folder of the three kinds."""
    for folder in (path, *sorted(path.glob("*/"))):
        inside = [folder / kind for kind in KINDS[:2]]
        if all(one.is_dir() and any(one.glob("*_mask.png")) for one in inside):
            return folder
    return None


def read_busi(path: Path, columns: Columns) -> Draft:
    """Return every picture with all its lesions as one class, and its kind as a label.

    task="classification" of `load_cases` takes the kinds.
    """
    folder = home(path) if path.is_dir() else None
    if folder is None:
        raise BadInput(f"{path}: not BUSI as it is published: {SAYS} are expected")
    rows, problems = [], []
    for kind in KINDS:
        masks: dict[str, list[Path]] = {}
        pictures = []
        for file in sorted((folder / kind).glob("*.png")):
            match = MASK.fullmatch(file.stem)
            if match:
                masks.setdefault(match["name"], []).append(file)
            else:
                pictures.append(file)
        for picture in pictures:
            own = masks.get(picture.stem, [])
            if not own:
                what = f"it has no {picture.stem}_mask.png"
                problems.append(Problem(picture.stem, what, REMEDY, "missing pairs"))
            mask = mask_of(own[0], "union", on=picture, others=own[1:]) if own else None
            rows.append(Row(picture.stem, (picture,), label=kind, mask=mask, modality="us"))
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), (1, "lesion")),
        notes=(
            "BUSI: several lesions of a picture are one mask; whose the pictures are is not "
            "published, and some show one lesion twice",
        ),
        problems=tuple(problems),
    )
