"""What a folder or a table says of images: the label of each, or what is marked in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.cases import CaseList, class_indices, load_cases
from genesis_hub.data.cases.masks import is_lossy, marks_of, mask_on
from genesis_hub.data.cases.pairs import CHANNEL, by_name, fitted
from genesis_hub.data.finding import Found
from genesis_hub.data.image import Image, turned
from genesis_hub.errors import BadInput
from genesis_hub.infer.prepare import Ready

Array = NDArray[Any]
MARKED, UNMARKED = "marked", "not marked"


@dataclass(frozen=True, eq=False)
class Marked(Ready):
    """An image as a model takes it, with the classes of its places; None: nobody says."""

    truth: Array | None = None


@dataclass(frozen=True)
class Told:
    """Labels and masks by an image's path and, where names tell them apart, its name.

    values: what numbers of the masks are which classes; empty where nobody says: as they are.
    placed: masks that lie elsewhere than their images are refused.
    """

    source: str | Path
    labels: dict[str, str] = field(default_factory=dict)
    masks: dict[str, Path] = field(default_factory=dict)
    values: tuple[tuple[int, int], ...] = ()
    placed: bool = True

    def label(self, one: Found) -> str | None:
        """Return an image's label, or None."""
        return self.labels.get(str(one.path.resolve()), self.labels.get(one.name))

    def mask(self, one: Found) -> Path | None:
        """Return where an image's mask lies, or None."""
        return self.masks.get(str(one.path.resolve()), self.masks.get(one.name))

    def truth(self, one: Found, ready: Ready) -> Array | None:
        """Return the classes of an image's places in the model's frame; None without a mask."""
        path = self.mask(one)
        if path is None:
            return None
        mask = mask_on(ready.image, path, placed=self.placed)
        classes = class_indices(mask, self.values) if self.values else numbers_in(mask)
        if ready.image.ndim == 3 and ready.image.affine is not None:
            codes = mask.orientation or ready.image.orientation
            classes = turned(classes[None], codes, ready.frame)[0]
        if tuple(classes.shape) != tuple(ready.pixels.shape[1:]):
            raise BadInput("it is resampled for this model, and its mask is not; leave masks away")
        return np.asarray(classes)

    def marked(self, one: Found, ready: Ready) -> Marked:
        """Return an image with what is marked in it."""
        return Marked(**vars(ready), truth=self.truth(one, ready))

    def check(self, found: Sequence[Found]) -> "Told":
        """Return this, or raise `BadInput` where it is of none of the images."""
        if not any(self.label(one) or self.mask(one) for one in found):
            raise BadInput(
                f"{self.source} names none of the {len(found)} images, such as {found[0].path}; "
                "its rows must give the images' paths or names"
            )
        return self


def labels_told(source: str | Path, found: Sequence[Found] = ()) -> Told:
    """Return the labels of images; where there are masks alone, those."""
    try:
        cases = load_cases(source, task="classification", check=False)
    except BadInput:
        return masks_told(source, found)
    labels: dict[str, str] = {}
    for case in cases:
        if case.label is None:
            continue
        if isinstance(case.label, tuple):
            held = [n for n, yes in zip(cases.classes, case.label, strict=True) if yes == 1]
            name = " + ".join(held) or "none"
        else:
            name = cases.classes[case.label]
        labels[case.name] = labels[str(case.images[0].resolve())] = name
    if not labels:
        raise BadInput(f"{source} says no label of any image; it takes a column of labels")
    return Told(source, labels)


def masks_told(source: str | Path, found: Sequence[Found] = ()) -> Told:
    """Return the masks of images; found: the images, whose names masks alone in a folder bear."""
    try:
        cases: CaseList = load_cases(source, task="segmentation", check=False)
    except BadInput:
        masks = masks_alone(Path(source), found)
        if not masks:
            raise
        return Told(source, masks=masks)
    masks = {
        key: case.mask
        for case in cases
        if case.mask is not None
        for key in (case.name, str(case.images[0].resolve()))
    }
    if not masks:
        raise BadInput(f"{source} has no mask of any image; give images/ with masks/, or a table")
    return Told(source, masks=masks, values=cases.values)


def masks_alone(folder: Path, found: Sequence[Found]) -> dict[str, Path]:
    """Return the masks that lie in a folder itself under the names of images."""
    if not folder.is_dir():
        return {}
    images = {one.path.resolve() for one in found}
    files = {name: path for name, path in by_name(folder).items() if path.resolve() not in images}
    named = fitted(files, {one.name: (one.path,) for one in found}, [])
    masks = {}
    for one in found:
        channel = CHANNEL.match(one.name)  # nnU-Net's: case_0000 is outlined by case.
        mask = named.get(one.name) or (named.get(channel[1]) if channel else None)
        if mask is not None:
            masks[one.name] = mask
    return masks


def numbers_in(mask: Image) -> Array:
    """Return the classes of a mask whose numbers nobody named: as they are, or 0 and 1.

    A mask of 0 and one other number, such as 255, marks one thing.
    """
    values = mask.array.max(0)
    several = not is_lossy(mask.path) and len(np.unique(values[values > 0])) > 1
    return np.asarray(values if several else marks_of(mask), np.uint8)
