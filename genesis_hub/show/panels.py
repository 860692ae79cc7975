"""One slice of a scan as it is drawn: greys, outlines, heat, the patient's sides, a ruler."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.extras import require
from genesis_hub.show.planes import Plane
from genesis_hub.show.scans import Scan, cut
from genesis_hub.show.style import COLOURS, LINES, MAP, SCREEN, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
CLEAR = 0.72  # How much of a scan the hottest colour covers.
MOST_PIXELS = 512  # Along a side; a larger one is thinned out.


def panel(axes: Any, scan: Scan, name: str, plane: Plane, ends: tuple[float, float]) -> None:
    """Draw one slice, with its mask or its heat."""
    image = cut(scan.beside.get(name, scan.image), plane)
    high, wide = plane.sides or (1.0, 1.0)
    extent = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
    look = {"aspect": high / wide, "extent": extent, "interpolation": "nearest"}
    axes.imshow(thinned(image), cmap="gray", vmin=ends[0], vmax=ends[1], **look)
    if name in scan.masks:
        outlines(axes, cut(scan.masks[name], plane))
    elif name in scan.heats:
        heat = cut(scan.heats[name], plane)
        most = float(scan.heats[name].max()) or 1.0
        share = np.clip(heat / most, 0, 1)
        axes.imshow(thinned(coloured(share)), **look)
        for mask in scan.masks.values():
            outlines(axes, cut(mask, plane), filled=False)
    axes.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
    axes.spines[:].set_visible(False)
    marks(axes, plane)
    if name == "image":
        ruler(axes, image.shape[1], plane.sides)


def coloured(share: Array) -> Array:
    """Return heat from 0 to 1 as colours that cover more the hotter they are."""
    colours = require("matplotlib", "show").colormaps[MAP](share)
    colours[..., 3] = CLEAR * np.clip(share * 1.6, 0, 1)
    return np.asarray(colours)


def outlines(axes: Any, mask: Array, *, filled: bool = True) -> None:
    """Draw each class of a mask as an outline, lightly filled or not at all."""
    for number in np.unique(mask):
        if number == 0:
            continue
        colour, line = look_of(int(number))
        here = (mask == number).astype(float)
        padded = np.pad(here, 1)
        x, y = np.arange(-1, here.shape[1] + 1), np.arange(-1, here.shape[0] + 1)
        if filled:
            axes.contourf(x, y, padded, levels=[0.5, 2], colors=[colour], alpha=0.2)
        axes.contour(x, y, padded, levels=[0.5], colors=[colour], linewidths=1.1, linestyles=[line])


def look_of(number: int) -> tuple[str, Any]:
    """Return a class's colour and line on black: bright ones first."""
    bright = (COLOURS[4], COLOURS[5], COLOURS[3], COLOURS[2], COLOURS[1], COLOURS[0])
    return bright[(number - 1) % len(bright)], LINES[(number - 1) % len(LINES)]


def marks(axes: Any, plane: Plane) -> None:
    """Write the patient's sides at the edges."""
    places = ((0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.02))
    sides = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y), (across, up) in zip(plane.letters, places, sides, strict=False):
        axes.text(
            x, y, letter, transform=axes.transAxes, ha=across, va=up, fontsize=6.5, color="#ffffff",
            bbox={"facecolor": "#000000", "alpha": 0.45, "pad": 0.8, "linewidth": 0},
        )  # fmt: skip


def ruler(axes: Any, across: int, sides: tuple[float, float] | None) -> None:
    """Draw a bar of a round length at the bottom, in mm, or in pixels where sizes are unknown."""
    step = sides[1] if sides else 1.0
    wish = 0.35 * across * step
    size = max((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if n <= wish), default=0)
    if not size:
        return
    length = size / step / across
    axes.plot(
        [0.04, 0.04 + length], [0.045, 0.045], transform=axes.transAxes, color="#ffffff",
        linewidth=1.6, solid_capstyle="butt",
    )  # fmt: skip
    axes.text(
        0.04, 0.06, f"{size} {'mm' if sides else 'px'}", transform=axes.transAxes, fontsize=6,
        color="#ffffff", va="bottom",
        bbox={"facecolor": "#000000", "alpha": 0.45, "pad": 0.6, "linewidth": 0},
    )  # fmt: skip


def key(figure: "Figure", scan: Scan, classes: Sequence[str]) -> None:
    """Say below what the outlines and colours mean."""
    if scan.heats:
        cm, colors = require("matplotlib.cm", "show"), require("matplotlib.colors", "show")
        shades = cm.ScalarMappable(colors.Normalize(0, 1), MAP)
        bar = figure.colorbar(
            shades,
            ax=figure.axes,
            orientation="horizontal",
            aspect=45,
            shrink=0.8,
            ticks=[0, 0.5, 1],
        )
        bar.set_label("heat: share of the greatest in this image", fontsize=7)
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=SCREEN.soft, labelcolor=SCREEN.ink, labelsize=6.5)
    there = sorted({int(n) for mask in scan.masks.values() for n in np.unique(mask)} - {0})
    if there:
        lines = require("matplotlib.lines", "show")
        handles, names = [], []
        for number in there:
            colour, line = look_of(number)
            handles.append(lines.Line2D([], [], color=colour, linestyle=line, linewidth=1.6))
            names.append(said(classes[number] if number < len(classes) else f"class {number}", 22))
        figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=7)


def thinned(pixels: Array) -> Array:
    """Return fewer pixels of a large picture."""
    step = max(1, -(-max(pixels.shape[:2]) // MOST_PIXELS))
    return pixels[::step, ::step]
