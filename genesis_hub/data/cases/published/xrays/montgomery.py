"""Montgomery: chest X-rays with the left and the right lung, each a mask of its own."""

from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.readers.outlines import mask_of
from genesis_hub.errors import BadInput

SAYS = "CXR_png/MCUCXR_0001_0.png with ManualMask/leftMask/ and ManualMask/rightMask/ of that name"
PICTURES, MASKS = "CXR_png", ("ManualMask/leftMask", "ManualMask/rightMask")
REMEDY = "take it from the archive again, or take the picture out"


def seen(path: Path) -> bool:
    """Say whether such folders lie in a folder, or in one of those in it."""
    return path.is_dir() and home(path) is not None


def home(path: Path) -> Path | None:
    """Return the folder that holds pictures and masks."""
    for folder in (path, *sorted(path.glob("*/"))):
        if all((folder / name).is_dir() for name in (PICTURES, *MASKS)):
            return folder
    return None


def read_montgomery(path: Path, columns: Columns) -> Draft:
    """Return every picture with both lungs as one."""
    folder = home(path) if path.is_dir() else None
    if folder is None:
        raise BadInput(f"{path}: not Montgomery as it is published: {SAYS} are expected")
    rows, problems = [], []
    for picture in sorted((folder / PICTURES).glob("*.png")):
        masks = [folder / name / picture.name for name in MASKS]
        lacking = [mask for mask in masks if not mask.is_file()]
        if lacking:
            what = f"it has no {lacking[0].relative_to(folder).as_posix()}"
            problems.append(Problem(picture.stem, what, REMEDY, "missing pairs"))
        mask = None if lacking else mask_of(masks[0], "union", others=masks[1:])
        rows.append(Row(picture.stem, (picture,), mask=mask, modality="xray"))
    if not rows:
        raise BadInput(f"{folder / PICTURES}: no picture lies here; {SAYS} are expected")
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), (1, "lungs")),
        notes=("Montgomery: both lungs are one class; the seed draws who validates and tests",),
        problems=tuple(problems),
    )
