"""What a network made of spoiled images: original, perturbed and restored side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.show.style import SCREEN, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
TITLES = ("original", "perturbed", "restored")
INCH = 1.15  # Of a slice, drawn.


class Restored(NamedTuple):
    """One image in its three states, each (X, Y) or (X, Y, Z), in one range of values."""

    original: Array
    perturbed: Array
    restored: Array


def restoration(rows: Sequence[Restored], *, title: str = "", slices: int = 2) -> "Figure":
    """Return a sheet: a row for each image, its slices original, perturbed and restored.

    A row is drawn in the greys of its original, so that a constant looks like one, and an MRI
    whose brightest voxel is far from tissue is not black. slices: of a volume, evenly from its
    inner part, each with its number above.
    """
    if not rows:
        raise BadInput("there is nothing to draw: no image was given")
    places = [slices_of(row.original, slices) for row in rows]
    across = len(places[0]) * len(TITLES)
    size = (INCH * across + 0.1, INCH * len(rows) + 0.55)
    with drawing(*size, theme=SCREEN) as figure:
        grid = figure.subplots(len(rows), across, squeeze=False)
        for number, (row, planes) in enumerate(zip(rows, places, strict=True)):
            low, high = window(row.original)
            for at, place in enumerate(planes):
                for state, (name, image) in enumerate(zip(TITLES, row, strict=True)):
                    axes = grid[number][at * len(TITLES) + state]
                    shown = image if place is None else image[:, :, place]
                    # Rows of a volume run along X, left to right.
                    axes.imshow(shown.T if place is not None else shown, cmap="gray",
                                vmin=low, vmax=high, interpolation="nearest")  # fmt: skip
                    axes.set(xticks=[], yticks=[])
                    axes.spines[:].set(visible=True, color=SCREEN.soft, linewidth=0.4)
                    if number == 0:
                        axes.set_title(name, fontsize=7, color=SCREEN.ink)
                    if state == 0 and place is not None:
                        axes.set_ylabel(f"slice {place}", fontsize=6, color=SCREEN.soft)
        if title:
            figure.suptitle(title, fontsize=8.5, color=SCREEN.ink)
        return figure


def window(original: Array) -> tuple[float, float]:
    """Return what is drawn black and white: all of an original but a few of its voxels."""
    low, high = (float(one) for one in np.quantile(original, (0.005, 0.995)))
    return (low, high) if high > low else (0.0, 1.0)


def slices_of(image: Array, many: int) -> list[int | None]:
    """Return which slices of a volume are drawn; of a picture, itself."""
    if image.ndim == 2:
        return [None]
    depth = image.shape[2]
    return [int(at) for at in np.linspace(0, depth - 1, many + 2)[1:-1].round()]
