"""Scans with what was drawn on them: masks as outlines, heat as colour; channels side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.show.panels import key, marks, panel, thinned
from genesis_hub.show.planes import Plane
from genesis_hub.show.scans import Scan, greys, held_in, ratio_of, slices_of
from genesis_hub.show.style import MAP, SCREEN, WIDTH, drawing, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
MOST, ABREAST = 4, 3  # Pictures in one row; in each row where there are more.


def overlay(scan: Scan, *, classes: Sequence[str] = (), title: str = "", many: int = 3) -> "Figure":
    """Return the plain image, its masks, heat maps and others beside it, or below for volumes.

    classes: the names of all, the background's first; for the legend.
    many: slices of a volume that has few or thick ones.
    """
    scan = scan.checked()
    planes = slices_of(scan, many)
    titles = ["image", *scan.masks, *scan.beside, *scan.heats]
    flat = scan.image.ndim == 2
    # Pictures lie in a row, or in several where they would become too small to see.
    columns = (min(len(titles), ABREAST) if len(titles) > MOST else len(titles)) if flat else 0
    if flat:
        pairs = [(title, planes[0]) for title in titles]
        cells = [pairs[at : at + columns] for at in range(0, len(pairs), columns)]
    else:
        columns = len(planes)
        cells = [[(title, plane) for plane in planes] for title in titles]
    rows = len(cells)
    ends = scan.grey or greys(scan.image)
    ratios = [ratio_of(scan, plane) for plane in planes]
    widths = [1.0] * columns if flat else [1 / ratio for ratio in ratios]
    high = (WIDTH - 0.2) / sum(widths) * (max(ratios) if flat else 1) * rows + (
        0.25 + 0.2 * rows if flat else 0.3
    )
    with drawing(
        height=high
        + 0.22 * bool(scan.masks)
        + 0.45 * bool(scan.heats)
        + 0.2 * len(title.splitlines()),
        theme=SCREEN,
    ) as f:
        if title:
            f.suptitle("\n".join(said(line, 64) for line in title.splitlines()), fontsize=8)
        grid = f.subplots(rows, columns, squeeze=False, width_ratios=widths)
        for axes in grid.ravel()[len(titles) if flat else grid.size :]:
            axes.set_axis_off()
        for row, line in enumerate(cells):
            for column, (name, plane) in enumerate(line):
                axes = grid[row][column]
                panel(axes, scan, name, plane, ends)
                if flat or column == 0:
                    where = axes.set_title if flat else axes.set_ylabel
                    # Along a row of a volume there is little room: after a comma on a new line.
                    parts = [name] if flat else name.split(", ", 1)
                    small = (flat and rows > 1) or len(parts) > 1
                    shown = "\n".join(said(part, 26) for part in parts)
                    where(shown, fontsize=6.5 if small else 7.5, color=SCREEN.ink)
                if not flat and row == 0:
                    alone = scan.image.shape[plane.axis] == 1  # Its number is not known here.
                    number = "" if alone else f" {scan.numbers[plane.axis][plane.index]}"
                    axes.set_title(f"{plane.name}{number}", fontsize=7.5)
        key(f, scan, classes)
        tight: Any = f.get_layout_engine()
        tight.set(w_pad=0.03, h_pad=0.05, wspace=0.01, hspace=0.01)
    return f


def channels(
    image: Array,
    maps: Array,
    *,
    title: str = "",
    many: int = 11,
    order: Sequence[int] | None = None,
    name: str = "image",
    letters: Sequence[str] = (),
) -> "Figure":
    """Return an image (X, Y) and the channels of a layer (C, x, y) that answer most, each alone.

    name: of the image, such as "axial, slice 40 of 80". letters: the patient's sides at its left,
    right, top and bottom.
    order: which channels to show; None: those that vary most over the image.
    """
    if maps.ndim != 3 or image.ndim != 2:
        raise BadInput(f"the image is {image.shape} and maps {maps.shape}: (X, Y) and (C, x, y)")
    chosen = list(order) if order is not None else list(np.argsort(-maps.std((1, 2)))[:many])
    columns = 4
    rows = -(-(1 + len(chosen)) // columns)
    high = WIDTH / columns * held_in(image.shape[0] / image.shape[1]) * rows
    with drawing(height=high + 0.2 * rows + 0.45, theme=SCREEN) as figure:
        if title:
            figure.suptitle(said(title, 60), fontsize=8.5)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        grid[0].imshow(thinned(image), cmap="gray", vmin=greys(image)[0], vmax=greys(image)[1])
        grid[0].set_title(said(name, 30), fontsize=6 if len(name) > 14 else 7)
        marks(grid[0], Plane(-1, 0, name, tuple(letters), None))
        shown = None
        for axes, channel in zip(grid[1:], chosen, strict=False):
            low, high_value = float(maps[channel].min()), float(maps[channel].max())
            scaled = (maps[channel] - low) / ((high_value - low) or 1.0)
            shown = axes.imshow(scaled, cmap=MAP, vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(f"{channel}: {low:.2g} to {high_value:.2g}", fontsize=6)
        for axes in grid:
            axes.set_axis_off()
        if shown is not None:
            bar = figure.colorbar(shown, ax=list(grid), orientation="horizontal", aspect=40)
            bar.set_label("each channel from its least to its greatest", fontsize=7)
            bar.outline.set_visible(False)
            bar.ax.tick_params(color=SCREEN.soft, labelcolor=SCREEN.ink, labelsize=6.5)
    return figure
