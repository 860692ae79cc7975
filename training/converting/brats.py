"""BraTS: four sequences of a brain as the channels of one cube, the tumour's parts as classes."""

from collections.abc import Iterator
from pathlib import Path

from genesis_hub.data import load_cases
from training.converting.arrays import (
    Values,
    box_of,
    centred,
    cut,
    nearest,
    resized,
    scaled,
    sides_for,
    window_of,
)
from training.converting.masks import FRAME, mask_of, volume_of
from training.converting.parting import items_of
from training.converting.wish import WINDOW, Item, Layout, Piece, Wish

SAYS = "a folder for each patient with PATIENT_t1ce, _flair, _t1, _t2 and _seg.nii.gz"
ORDER = ("t1ce", "flair", "t1", "t2")  # Of the channels, as published.
# The enhancing tumour is 4 up to 2021, and 3 since.
RENAMED = {4: 3}


def listed(source: Path, wish: Wish) -> tuple[Item, ...]:
    """Return the patients of a folder."""
    return items_of(load_cases(source, reader="brats", image=ORDER, check=False), wish)


def pieces(item: Item, wish: Wish) -> Iterator[Piece]:
    """Give a patient's brain: (side, side, side, 4), or a window of it, each channel in [0, 1].

    The brain is where the first sequence is not zero: BraTS has no skull and no air.
    """
    image = volume_of(item)
    labels = mask_of(item, image, RENAMED)
    values = image.framed(FRAME)
    box = box_of(values[0] != 0, item.images[0])
    if wish.window:
        box = window_of(box, values.shape[1:], WINDOW)
    x: Values = scaled(cut(values, box), item.images)
    part = None if labels is None else cut(labels, box)
    if not wish.window:
        spacing = image.framed_spacing(FRAME)
        sides = sides_for(x.shape[1:], wish.side, spacing, pad=wish.pad)
        cube = (wish.side,) * 3
        x = centred(resized(x, sides), cube)
        part = None if part is None else centred(nearest(part, sides), cube)
    yield Piece(item.name, x.transpose(1, 2, 3, 0), part)


BRATS = Layout(SAYS, 128, ".npy", ("window",), listed, pieces)
