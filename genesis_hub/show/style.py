"""How pictures look: colours the colour-blind tell apart, light or dark, as SVG, PNG or WebP."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genesis_hub.extras import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008, without black and yellow, which vanish on one ground or the other.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = "osD^vPX*"
MAP = "viridis"
WIDTH, HEIGHT = 3.6, 2.7  # Inches: at a phone's width letters of 8 points stay readable.
DOTS = 200


@dataclass(frozen=True)
class Theme:
    """The colours of paper and ink; blue: the first colour of curves, as it is seen there."""

    paper: str
    ink: str
    soft: str
    line: str
    blue: str = "#0072b2"


LIGHT = Theme("#ffffff", "#1c2024", "#5f6670", "#d5dae1")
DARK = Theme("#15181c", "#e9ecef", "#a3abb5", "#3a4048", "#2e8fd0")
SCREEN = Theme("#000000", "#f2f2f2", "#b8b8b8", "#4a4a4a")  # Scans are looked at on black.


@contextmanager
def drawing(
    width: float = WIDTH, height: float = HEIGHT, *, theme: Theme = LIGHT
) -> Iterator["Figure"]:
    """Give an empty figure, drawn without pyplot and without the user's own settings."""
    matplotlib = require("matplotlib", "show")
    figures = require("matplotlib.figure", "show")
    agg = require("matplotlib.backends.backend_agg", "show")
    plain = {key: kept for key, kept in matplotlib.rcParamsDefault.items() if key != "backend"}
    settings = {
        **plain,
        "font.size": 8.5, "axes.titlesize": 9, "axes.labelsize": 8.5, "legend.fontsize": 8,
        "xtick.labelsize": 8, "ytick.labelsize": 8, "axes.linewidth": 0.7,
        "xtick.major.width": 0.7, "ytick.major.width": 0.7, "lines.linewidth": 1.6,
        "xtick.major.size": 3, "ytick.major.size": 3, "hatch.linewidth": 0.6,
        "figure.facecolor": theme.paper, "axes.facecolor": theme.paper,
        "savefig.facecolor": theme.paper, "text.color": theme.ink, "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink, "axes.edgecolor": theme.soft, "xtick.color": theme.soft,
        "ytick.color": theme.soft, "xtick.labelcolor": theme.ink, "ytick.labelcolor": theme.ink,
        "grid.color": theme.line, "grid.linewidth": 0.6, "axes.grid": False,
        "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
        "legend.frameon": False, "legend.handlelength": 2.4,
        # Names of classes and cases are no formulas, whatever is in them.
        "text.parse_math": False, "axes.unicode_minus": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        figure = figures.Figure(figsize=(width, height), layout="constrained")
        agg.FigureCanvasAgg(figure)
        yield figure


def axes_of(figure: "Figure", theme: Theme, place: Any = 111, *, grid: str = "both") -> Any:
    """Return axes in the theme's colours; grid: "both", "x", "y" or "" for none."""
    axes = figure.add_subplot(place)
    axes.tick_params(color=theme.soft, labelcolor=theme.ink, labelsize=8, width=0.7, length=3)
    if grid:
        which: Any = grid
        axes.grid(True, axis=which, color=theme.line, linewidth=0.6)
    return axes


def theme_of(dark: bool) -> Theme:
    """Return the theme for light or dark surroundings."""
    return DARK if dark else LIGHT


def said(name: object, most: int = 28) -> str:
    """Return a name as a legend can show it: on one line, not too long."""
    text = " ".join(str(name).split())
    text = text if len(text) <= most else f"{text[: most - 1]}…"
    return f" {text}" if text.startswith("_") else text  # matplotlib hides such a label.


def quoted(name: str) -> str:
    """Return a class's name, in quotes where it is a number that would be read as a count."""
    return f"'{name}'" if name.lstrip("-").replace(".", "", 1).isdigit() else name


def svg(figure: "Figure", *, follow: bool = True) -> bytes:
    """Return a figure as SVG whose letters are text in the reader's own font.

    follow: a light figure turns dark by itself where the reader's surroundings are.
    """
    matplotlib = require("matplotlib", "show")
    target = io.BytesIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": "genesis_hub", "text.parse_math": False}
    with matplotlib.rc_context(settings):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = target.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"('DejaVu Sans'[^;\"]*)", "system-ui, sans-serif", text)
    if follow:
        text = following(text)
    return text.encode("utf-8")


def following(text: str) -> str:
    """Return a light SVG with its plain colours as variables that follow the surroundings."""
    names = ("paper", "ink", "soft", "line", "blue")
    for name in names:
        text = text.replace(getattr(LIGHT, name), f"var(--{name})")

    def values(theme: Theme) -> str:
        return ";".join(f"--{name}:{getattr(theme, name)}" for name in names)

    style = (
        f"<style>:root{{{values(LIGHT)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{values(DARK)}}}}}"
        f"@media print{{:root{{{values(LIGHT)}}}}}</style>"
    )
    end = text.index(">") + 1
    return text[:end] + style + text[end:]


def png(figure: "Figure", *, dots: int = DOTS) -> bytes:
    """Return a figure as PNG; dots: per inch."""
    return raster(figure, "png", dots)


def webp(figure: "Figure", *, dots: int = DOTS, quality: int = 80) -> bytes:
    """Return a figure as WebP: a third of the size where it shows scans."""
    return raster(figure, "webp", dots, pil_kwargs={"quality": quality, "method": 4})


def raster(figure: "Figure", kind: str, dots: int, **more: Any) -> bytes:
    """Return a figure as pixels."""
    matplotlib = require("matplotlib", "show")
    target = io.BytesIO()
    with matplotlib.rc_context({"text.parse_math": False}):
        figure.savefig(target, format=kind, dpi=dots, **more)
    return target.getvalue()
