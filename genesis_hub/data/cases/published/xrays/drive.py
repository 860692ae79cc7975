"""DRIVE: the vessels of the eye's ground, twenty pictures to learn from and twenty to test on."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.readers.outlines import mask_of
from genesis_hub.errors import BadInput

SAYS = "training/images/21_training.tif with training/1st_manual/21_manual1.gif, and test/ likewise"
FILE = re.compile(r"(?P<number>\d+)_(training|test)\.\w+")
SPLITS = {"training": "train", "test": "test"}
IMAGES, MANUAL = "images", "1st_manual"
REMEDY = "take it from the archive again"


def seen(path: Path) -> bool:
    """Say whether pictures and the first observer's vessels lie in training/."""
    return path.is_dir() and home(path) is not None


def home(path: Path) -> Path | None:
    """Return the folder of training/ and test/."""
    for folder in (path, *sorted(path.glob("*/"))):
        if all((folder / "training" / name).is_dir() for name in (IMAGES, MANUAL)):
            return folder
    return None


def read_drive(path: Path, columns: Columns) -> Draft:
    """Return every picture with the vessels of the first observer; validation is drawn."""
    folder = home(path) if path.is_dir() else None
    if folder is None:
        raise BadInput(f"{path}: not DRIVE as it is published: {SAYS} are expected")
    rows, problems = [], []
    notes = ["DRIVE: who validates is drawn from training/, and nothing outside the eye is cut off"]
    for part, split in SPLITS.items():
        inside = folder / part
        files = sorted((inside / IMAGES).glob("*.*")) if (inside / IMAGES).is_dir() else []
        pictures = [(FILE.fullmatch(file.name), file) for file in files]
        if split == "test" and pictures and not (inside / MANUAL).is_dir():
            notes.append(
                f"{part}/ has no {MANUAL}/, so its {len(pictures)} pictures cannot be scored and "
                "are left out"
            )
            continue
        for match, picture in pictures:
            if match is None:
                continue
            drawn = sorted((inside / MANUAL).glob(f"{match['number']}_manual1.*"))
            if not drawn:
                what = f"it has no {part}/{MANUAL}/{match['number']}_manual1.gif"
                problems.append(Problem(picture.stem, what, REMEDY, "missing pairs"))
            mask = mask_of(drawn[0], "union") if drawn else None
            rows.append(Row(picture.stem, (picture,), mask=mask, split=split))
    if not rows:
        raise BadInput(f"{folder}: no picture of DRIVE lies here; {SAYS} are expected")
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), (1, "vessel")),
        notes=tuple(notes),
        problems=tuple(problems),
    )
