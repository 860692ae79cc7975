"""Pictures beside what was made of them: a row for each, its views under one name each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.show.style import SCREEN, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
INCH = 1.3  # Of a picture, drawn.


def views(
    rows: Sequence[Mapping[str, Array]], *, title: str = "", labels: Sequence[str] = ()
) -> "Figure":
    """Return a sheet of pictures (X, Y) or (3, X, Y) in [0, 1], named above the first row.

    labels: what is written beside each row.
    """
    if not rows or not rows[0]:
        raise BadInput("there is nothing to draw: no picture was given")
    names = list(rows[0])
    with drawing(INCH * len(names) + 0.3, INCH * len(rows) + 0.45, theme=SCREEN) as figure:
        grid = figure.subplots(len(rows), len(names), squeeze=False)
        for number, row in enumerate(rows):
            for place, name in enumerate(names):
                axes, image = grid[number][place], np.asarray(row[name])
                shown = image.transpose(1, 2, 0) if image.ndim == 3 else image
                axes.imshow(shown.clip(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if number == 0:
                    axes.set_title(name, fontsize=7, color=SCREEN.ink)
            if number < len(labels):
                grid[number][0].set_ylabel(labels[number], fontsize=6, color=SCREEN.soft)
        if title:
            figure.suptitle(title, fontsize=8.5, color=SCREEN.ink)
        return figure
