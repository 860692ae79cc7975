"""The decathlon's pancreas, and tasks laid out like it: CT as cubes, or as slices."""

from collections.abc import Iterator
from pathlib import Path

from genesis_hub.data import load_cases
from genesis_hub.errors import BadInput
from training.converting.arrays import box_of, centred, cut, nearest, resized, scaled, sides_for
from training.converting.masks import FRAME, mask_of, volume_of
from training.converting.parting import items_of
from training.converting.wish import Item, Layout, Piece, Wish

SAYS = "imagesTr/ with labelsTr/, and imagesTs/ if it is there (.nii.gz)"
AIR = 0.05  # Of a scan's range, from its least value: what is below lies around the patient.


def listed(source: Path, wish: Wish) -> tuple[Item, ...]:
    """Return the scans of a task."""
    if not (source / "imagesTr").is_dir():
        raise BadInput(f"{source}: there is no folder imagesTr; {SAYS} are expected")
    return items_of(load_cases(source, task="segmentation", check=False), wish)


def pieces(item: Item, wish: Wish) -> Iterator[Piece]:
    """Give a scan without the air around it: (side, side, side), or its slices (side, side).

    Values go from the scan's least, 0, to its greatest, 1.
    """
    image = volume_of(item)
    labels = mask_of(item, image)
    x = scaled(image.framed(FRAME), item.images)
    box = box_of(x[0] > AIR, item.images[0])
    x = cut(x, box)
    labels = None if labels is None else cut(labels, box)
    spacing = image.framed_spacing(FRAME)
    shape, cube = x.shape[1:], (wish.side,) * 3
    if wish.flat:
        inner = sides_for(shape[:2], wish.side, spacing and spacing[:2], pad=wish.pad)
        sides, cube = (*inner, shape[2]), (wish.side, wish.side, shape[2])
    else:
        sides = sides_for(shape, wish.side, spacing, pad=wish.pad)
    volume = centred(resized(x, sides), cube)[0]
    mask = None if labels is None else centred(nearest(labels, sides), cube)
    if not wish.flat:
        yield Piece(item.name, volume, mask)
        return
    for z in range(cube[2]):
        yield Piece(
            f"{item.name}_{z:04d}", volume[:, :, z], None if mask is None else mask[:, :, z]
        )


PANCREAS = Layout(SAYS, 128, ".npy", ("flat",), listed, pieces)
