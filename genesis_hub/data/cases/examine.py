"""One case looked into: whether its files open, read to their end, and lie on one grid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genesis_hub.data.cases.alignment import affine_mismatch, shape_mismatch
from genesis_hub.data.cases.facts import Case, Problem
from genesis_hub.data.cases.masks import is_lossy, mask_values
from genesis_hub.data.image import Image
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers import read
from genesis_hub.data.readers.boxes import is_box
from genesis_hub.data.readers.parts import is_there, parted
from genesis_hub.errors import BadInput

NUMBERS = "replace them, e.g. numpy.nan_to_num(image, nan=image_background)"
AGAIN = "do as is said there, or take the case out"


@dataclass
class Seen:
    """What was seen of a case.

    files: the files of each of its images; none for one that could not be opened.
    looks: what each of its images looks like; none where one could not be read, or nobody asked.
    values: those its mask holds; None where there is no mask, or it was not read.
    """

    problems: list[Problem] = field(default_factory=list)
    files: list[tuple[Path, ...]] = field(default_factory=list)
    looks: tuple[str, ...] = ()
    values: tuple[int, ...] | None = None
    modality: str = ""
    ndim: int | None = None
    channels: int | None = None


def examine(
    case: Case,
    *,
    values: bool,
    volumes: dict[Path, str],
    look: Callable[[Image], str] | None = None,
) -> Seen:
    """Return what is seen of a case; values: read its files to their end.

    look: tells what an image looks like, from its values.
    volumes: those that boxes of other cases were cut from; a volume is read once, its boxes never.
    """
    seen = Seen()
    images = [opened(case, path, seen, volumes if values else None) for path in case.images]
    seen.files = [() if image is None else image.sources or (image.path,) for image in images]
    sound = [image for image in images if image is not None]
    for other in sound[1:]:
        aligned(case, sound[0], other, other.title, seen)
    if sound:
        seen.modality = sound[0].modality
        seen.ndim, seen.channels = sound[0].ndim, sum(image.channels for image in sound)
    if look is not None and len(sound) == len(images):
        seen.looks = tuple(look(image) for image in sound)
    if case.mask is None:
        return seen
    mask = opened(case, case.mask, seen, None)
    if mask is None:
        return seen
    if sound:
        aligned(case, sound[0], mask, f"the mask {mask.title}", seen)
    if values:
        look_into(case, mask, seen)
    return seen


def opened(case: Case, path: Path, seen: Seen, volumes: dict[Path, str] | None) -> Image | None:
    """Return an image, or None after noting what is wrong with it; no volumes: by its header."""
    file, part = parted(path)
    if not part and not is_there(path):
        what = f"{path} is not there{near(path)}"
        seen.problems.append(Problem(case.name, what, "correct the name", "missing files"))
        return None
    try:
        image = read(path)
        if volumes is not None and not is_box(part):
            check_values(case, image, seen)
        elif volumes is not None and volumes.setdefault(file, case.name) == case.name:
            check_values(case, read(file), seen, boxes=True)
    except (BadInput, OSError, MemoryError) as error:
        seen.problems.append(Problem(case.name, str(error), AGAIN, "unreadable files"))
        return None
    return image


def check_values(case: Case, image: Image, seen: Seen, *, boxes: bool = False) -> None:
    """Read an image to its end, and note values that say nothing; boxes: parts of it are cases."""
    least, most = image.array.min(), image.array.max()
    if not np.isfinite(least) or not np.isfinite(most):
        odd = ~np.isfinite(image.array)
        place = tuple(int(i) for i in np.unravel_index(int(np.argmax(odd)), odd.shape))
        # In the words of `sampling.unfit_values`, by which predict, show and finetune refuse it.
        what = f"{image.title}: {int(odd.sum())} values are NaN or infinite, the first at {place}"
        # Of a volume that boxes are cut from, those that hold no such value are sound.
        note = boxes and not odd.all()
        seen.problems.append(Problem(case.name, what, NUMBERS, "values that are none", note))
    elif least == most:
        what = f"{image.title}: every value is {least}"
        seen.problems.append(Problem(case.name, what, "look at it", "odd values", note=True))


def aligned(case: Case, image: Image, other: Image, name: str, seen: Seen) -> None:
    """Note where two images of a case do not lie on one grid."""
    shape = shape_mismatch(image, other)
    if shape:
        remedy = "resample it onto the grid of the image, or export both again from one source"
        seen.problems.append(Problem(case.name, f"{name} {shape}", remedy, "shape mismatch"))
    affine = affine_mismatch(image, other)
    if affine:
        remedy = "resample it onto the grid of the image; if only its header is wrong, mend that"
        what = f"{name} does not lie where {image.title} does: {affine}"
        seen.problems.append(Problem(case.name, what, remedy, "affine mismatch"))


def look_into(case: Case, mask: Image, seen: Seen) -> None:
    """Read a mask to its end and note its values, or why they can be none of a mask."""
    try:
        _ = mask.array
    except (BadInput, OSError, MemoryError) as error:
        seen.problems.append(Problem(case.name, str(error), AGAIN, "unreadable files"))
        return
    try:
        seen.values = mask_values(mask)
    except BadInput as error:
        what = f"the mask {mask.title}: {error}"
        remedy = "save it with a whole number for each class, 0 for background"
        seen.problems.append(Problem(case.name, what, remedy, "unknown labels"))
        return
    if is_lossy(mask.path) and len(seen.values) > 2:
        what = f"the mask {mask.title} is JPEG, which smears: {len(seen.values)} values are in it"
        remedy = "save masks as PNG from where they were drawn; the JPEG has lost them"
        seen.problems.append(Problem(case.name, what, remedy, "unknown labels"))
    if seen.values == (0,):
        what = f"the mask {mask.title} is empty"
        remedy = "nothing, if there is nothing to be marked"
        seen.problems.append(Problem(case.name, what, remedy, "empty masks", note=True))


def near(path: Path) -> str:
    """Return files called nearly as one that is missing."""
    try:
        beside = [other.name for other in path.parent.iterdir()]
    except (OSError, ValueError):
        return f" (nor is the folder {path.parent})"
    return close_names(path.name, beside, alike=0.7)
