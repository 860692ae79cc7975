"""What an embedding understands of anatomy: how cosines spread, which places it takes for alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.show.panels import coloured, thinned
from genesis_hub.show.scans import greys
from genesis_hub.show.style import COLOURS, LINES, SCREEN, WIDTH, axes_of, drawing, said, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
STEPS = 401  # At which a density is computed, from -1 to 1.
NARROWEST = 0.008  # A density of values that are all the same would be a spike without width.
RIGHT, WRONG, ASKED = "#56B4E9", "#E69F00", "#f2f2f2"


@dataclass(frozen=True, eq=False)
class Near:
    """A place and those that lie nearest to it: small pictures (rows, columns), and their names.

    others: (picture, name, whether it is the same landmark), the nearest first.
    """

    picture: Array
    name: str
    others: Sequence[tuple[Array, str, bool]]


@dataclass(frozen=True, eq=False)
class Spot:
    """A place in an image (rows, columns), as (x, y) in pixels from the left and from the top.

    heat: how alike each place is, at any size, from `ends[0]` to `ends[1]`. truth: where it is.
    """

    image: Array
    place: tuple[float, float]
    heat: Array | None = None
    truth: tuple[float, float] | None = None
    title: str = ""


def cosines(
    rows: Mapping[str, Mapping[str, Sequence[float] | Array]], *, dark: bool = False
) -> "Figure":
    """Return densities of cosines, a panel for each row, one line for each name in it."""
    values = [np.asarray(one, float) for row in rows.values() for one in row.values()]
    if not values or not all(np.isfinite(one).all() and len(one) for one in values):
        raise BadInput("there is no density to draw: give finite cosines for each name")
    theme = theme_of(dark)
    low = max(-1.0, min(float(one.min()) for one in values) - 0.08)
    with drawing(height=0.6 + 1.15 * len(rows), theme=theme) as figure:
        every = None
        grid = figure.add_gridspec(len(rows), 1)
        for place, (title, row) in enumerate(rows.items()):
            axes = axes_of(figure, theme, grid[place], grid="x")
            for number, (name, cosine) in enumerate(row.items()):
                at, share = density(np.asarray(cosine, float))
                colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
                axes.plot(at, share, color=colour, linestyle=line, label=said(name, 40))
                axes.fill_between(at, share, color=colour, alpha=0.14, linewidth=0)
            axes.set_title(said(title, 60), loc="left", fontsize=8.5)
            axes.set(xlim=(low, 1.0), yticks=[])
            axes.set_ylim(bottom=0)
            axes.spines["left"].set_visible(False)
            every = axes
        assert every is not None
        every.set_xlabel("cosine")
        figure.supylabel("share of pairs", fontsize=8.5)
        handles, names = every.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=1)
    return figure


def density(values: Array) -> tuple[Array, Array]:
    """Return from -1 to 1 how densely values lie: Gaussians of Silverman's width, mirrored."""
    at = np.linspace(-1, 1, STEPS)
    spread = min(float(values.std()), float(np.subtract(*np.percentile(values, [75, 25]))) / 1.34)
    width = max(0.9 * (spread or float(values.std())) * len(values) ** -0.2, NARROWEST)
    counts, edges = np.histogram(np.clip(values, -1, 1), bins=STEPS - 1, range=(-1, 1))
    middles = (edges[1:] + edges[:-1]) / 2
    found = np.zeros(STEPS)
    # What lies beyond a bound of the cosine is folded back, or it would fall away at 1.
    for seen in (middles, 2 - middles, -2 - middles):
        found += np.exp(-0.5 * np.square((at[:, None] - seen) / width)) @ counts
    return at, found / (len(values) * width * np.sqrt(2 * np.pi))


def neighbours(rows: Sequence[Near], *, title: str = "") -> "Figure":
    """Return places beside those nearest to them; the same landmark has a whole frame."""
    if not rows or not all(row.others for row in rows):
        raise BadInput("there is nothing to draw: each place needs one neighbour at least")
    patches = require("matplotlib.patches", "show")
    columns = 1 + max(len(row.others) for row in rows)
    side = max(0.62, WIDTH / columns)
    with drawing(side * columns, (side + 0.17) * len(rows) + 0.5, theme=SCREEN) as figure:
        if title:
            figure.suptitle(said(title, 70), fontsize=8)
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for line, row in zip(grid, rows, strict=True):
            for axes in line:
                axes.set_axis_off()
            framed(line[0], row.picture, row.name, ASKED, "-")
            for axes, (picture, name, right) in zip(line[1:], row.others, strict=False):
                framed(axes, picture, name, RIGHT if right else WRONG, "-" if right else ":")
        key = [
            patches.Patch(fill=False, edgecolor=colour, linestyle=line, label=name, linewidth=1.6)
            for colour, line, name in (
                (ASKED, "-", "asked"), (RIGHT, "-", "same landmark"), (WRONG, ":", "another"),
            )
        ]  # fmt: skip
        figure.legend(handles=key, loc="outside lower center", ncols=3, fontsize=7)
    return figure


def framed(axes: Any, picture: Array, name: str, colour: str, line: str) -> None:
    """Draw a small picture in a frame, with its name above."""
    low, high = greys(picture)
    axes.set_axis_on()
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=colour, linewidth=1.8, linestyle=line)
    axes.set_title(said(name, 16), fontsize=5.5, pad=2.5, color=SCREEN.ink)


def spotted(spot: Spot, *, ends: tuple[float, float] = (0.0, 1.0), width: float = 1.8) -> "Figure":
    """Return an image with a place marked; heat as colour, the truth as a circle beside it.

    ends: the similarities that are drawn clear and full.
    """
    high, wide = spot.image.shape
    with drawing(width, width * high / wide + 0.24 * bool(spot.title), theme=SCREEN) as figure:
        axes = figure.add_subplot()
        low, top = greys(spot.image)
        look: dict[str, Any] = {
            "extent": (-0.5, wide - 0.5, high - 0.5, -0.5), "interpolation": "bilinear",
        }  # fmt: skip
        axes.imshow(thinned(spot.image), cmap="gray", vmin=low, vmax=top, **look)
        if spot.heat is not None:
            share = np.clip((spot.heat - ends[0]) / max(ends[1] - ends[0], 1e-9), 0, 1)
            axes.imshow(coloured(share), **look)
        if spot.truth is not None:
            axes.plot(
                *spot.truth, marker="o", markersize=9, fillstyle="none", color="#ffffff",
                markeredgewidth=1.3,
            )  # fmt: skip
        for colour, thick in (("#000000", 2.6), ("#ffffff", 1.2)):
            axes.plot(*spot.place, marker="+", markersize=11, color=colour, markeredgewidth=thick)
        axes.set(xticks=[], yticks=[], xlim=(-0.5, wide - 0.5), ylim=(high - 0.5, -0.5))
        axes.spines[:].set_visible(False)
        if spot.title:
            axes.set_title(said(spot.title, 34), fontsize=6.5, pad=3, color=SCREEN.ink)
        tight: Any = figure.get_layout_engine()
        tight.set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    return figure
