"""Scans with what was drawn on them: masks as outlines, heat as colour; channels side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.show.planes import Plane, planes_of, spacing_upright, upright
from genesis_hub.show.style import COLOURS, LINES, MAP, SCREEN, WIDTH, drawing, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
CLEAR = 0.72  # How much of a scan the hottest colour covers.
MOST_PIXELS = 512  # Along a side; a larger one is thinned out.


@dataclass(frozen=True, eq=False)
class Scan:
    """An image to be drawn on, and what is drawn: all of one shape, (X, Y) or (X, Y, Z).

    masks, heats: by title; of masks the numbers of classes, 0 being nothing.
    spacing: millimetres along each axis. codes: which way a volume's axes run, such as "LPS".
    grey: the values that are black and white; None: by the image itself.
    """

    image: Array
    masks: Mapping[str, Array] = field(default_factory=dict)
    heats: Mapping[str, Array] = field(default_factory=dict)
    spacing: Sequence[float] | None = None
    codes: str = ""
    grey: tuple[float, float] | None = None

    def checked(self) -> "Scan":
        """Return this, its volumes turned as they are looked at; `BadInput` where shapes differ."""
        shape = self.image.shape
        if len(shape) not in (2, 3) or 0 in shape:
            raise BadInput(f"the image is {shape}, but (X, Y) or (X, Y, Z) is expected")
        for title, drawn in {**self.masks, **self.heats}.items():
            if drawn.shape != shape:
                raise BadInput(f"{title!r} is {drawn.shape}, but the image is {shape}")
        if len(shape) == 2:
            return self
        return Scan(
            upright(self.image, self.codes),
            {title: upright(mask, self.codes) for title, mask in self.masks.items()},
            {title: upright(heat, self.codes) for title, heat in self.heats.items()},
            None if self.spacing is None else spacing_upright(self.spacing, self.codes),
            self.codes,
            self.grey,
        )

    @property
    def weight(self) -> Array | None:
        """What is to be seen: the masks where something is marked, else heat on what is bright."""
        marked = [mask > 0 for mask in self.masks.values() if mask.any()]
        if marked:
            return np.asarray(np.sum(marked, axis=0))
        if not self.heats:
            return None
        heats = [heat / (float(heat.max()) or 1.0) for heat in self.heats.values()]
        low, high = greys(self.image)
        heat = np.asarray(np.sum(heats, axis=0))
        bright = heat * np.clip((self.image - low) / (high - low), 0, 1)
        return bright if bright.any() else heat


def overlay(scan: Scan, *, classes: Sequence[str] = (), title: str = "", many: int = 3) -> "Figure":
    """Return the plain image with its masks and heat maps beside it, or below it for volumes.

    classes: the names of all, the background's first; for the legend.
    many: slices of a volume that has few or thick ones.
    """
    scan = scan.checked()
    planes = slices_of(scan, many)
    titles = ["image", *scan.masks, *scan.heats]
    flat = scan.image.ndim == 2
    rows, columns = (1, len(titles)) if flat else (len(titles), len(planes))
    cells = [[(title, planes[0]) for title in titles]]
    if not flat:
        cells = [[(title, plane) for plane in planes] for title in titles]
    ends = scan.grey or greys(scan.image)
    ratios = [ratio_of(scan, plane) for plane in planes]
    widths = [1.0] * columns if flat else [1 / ratio for ratio in ratios]
    high = (WIDTH - 0.2) / sum(widths) * (max(ratios) if flat else 1) * rows + (
        0.45 if flat else 0.3
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
        for row, line in enumerate(cells):
            for column, (name, plane) in enumerate(line):
                axes = grid[row][column]
                panel(axes, scan, name, plane, ends)
                if flat or column == 0:
                    where = axes.set_title if flat else axes.set_ylabel
                    where(said(name, 26), fontsize=7.5, color=SCREEN.ink)
                if not flat and row == 0:
                    axes.set_title(f"{plane.name} {plane.index + 1}", fontsize=7.5)
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
) -> "Figure":
    """Return an image (X, Y) and the channels of a layer (C, x, y) that answer most, each alone.

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
        grid[0].set_title("image", fontsize=7)
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


def slices_of(scan: Scan, many: int) -> list[Plane]:
    """Return the slices to be shown; of a picture, itself."""
    if scan.image.ndim == 2:
        spacing = scan.spacing
        return [Plane(-1, 0, "", (), (spacing[0], spacing[1]) if spacing else None)]
    return planes_of(
        scan.image, scan.weight, spacing=scan.spacing, known=bool(scan.codes), many=many
    )


def cut(array: Array, plane: Plane) -> Array:
    """Return a slice of a volume, or a picture as it is."""
    return array if plane.axis < 0 else plane.of(array)


def ratio_of(scan: Scan, plane: Plane) -> float:
    """Return how high a slice is over how wide, in millimetres where they are known."""
    down, across = cut(scan.image, plane).shape
    high, wide = plane.sides or (1.0, 1.0)
    return held_in(down * high / (across * wide))


def held_in(ratio: float) -> float:
    """Return a ratio that leaves room for others."""
    return float(min(max(ratio, 0.35), 2.5))


def panel(axes: Any, scan: Scan, name: str, plane: Plane, ends: tuple[float, float]) -> None:
    """Draw one slice, with its mask or its heat."""
    image = cut(scan.image, plane)
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


def outlines(axes: Any, mask: Array) -> None:
    """Draw each class of a mask as an outline, lightly filled."""
    for number in np.unique(mask):
        if number == 0:
            continue
        colour, line = look_of(int(number))
        here = (mask == number).astype(float)
        padded = np.pad(here, 1)
        x, y = np.arange(-1, here.shape[1] + 1), np.arange(-1, here.shape[0] + 1)
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


def greys(image: Array) -> tuple[float, float]:
    """Return the values that are black and white: all but the last half percent at either end."""
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, [0.5, 99.5]))
    return (low, high) if high > low else (low, low + 1.0)


def thinned(pixels: Array) -> Array:
    """Return fewer pixels of a large picture."""
    step = max(1, -(-max(pixels.shape[:2]) // MOST_PIXELS))
    return pixels[::step, ::step]
