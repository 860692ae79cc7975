"""How much is reached with how few labels: a curve with intervals for each model."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from genesis_hub.errors import BadInput
from genesis_hub.show.style import COLOURS, LINES, MARKERS, axes_of, drawing, said, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float, float, float]
APART = 0.05  # Of the distance between neighbouring fractions, so that intervals do not overlie.
WIDE, HIGH = 3.6, 2.9  # At a phone's width letters stay readable.


def fractions(
    lines: Mapping[str, Sequence[Point]],
    *,
    y: str,
    cases: Mapping[float, float] | None = None,
    dark: bool = False,
) -> "Figure":
    """Return curves of a measure over label fractions, with intervals, by model.

    lines: by name, points (fraction, value, low, high), a fraction above 1 being cases; what is no
    number is not drawn. cases: how many training cases a fraction is.
    """
    at = sorted({point[0] for points in lines.values() for point in points})
    if not at:
        raise BadInput("there is no curve to draw: no values were given")
    theme = theme_of(dark)
    places = np.log(at)
    step = float(np.diff(places).min()) if len(at) > 1 else 1.0
    with drawing(WIDE, HIGH + 0.14 * ((len(lines) + 1) // 2), theme=theme) as figure:
        axes = axes_of(figure, theme, grid="y")
        for number, (name, points) in enumerate(lines.items()):
            colour = COLOURS[number % len(COLOURS)]
            aside = (number - (len(lines) - 1) / 2) * APART * step
            x, values, low, high = (np.array(column, float) for column in zip(*points, strict=True))
            x = np.log(x) + aside
            axes.plot(
                x, values, color=colour, linestyle=LINES[number % len(LINES)], label=said(name),
                marker=MARKERS[number % len(MARKERS)], markersize=4.5,
            )  # fmt: skip
            axes.vlines(x, low, high, color=colour, linewidth=1.3)
        shots = max(at) > 1  # Numbers of cases, not shares of them.
        names = [f"{one:g}" if shots else f"{100 * one:.4g} %" for one in at]
        if cases is not None and not shots:
            names = [f"{name}\n{cases[one]:,.0f}" for name, one in zip(names, at, strict=True)]
        axes.set_xticks(places, names)
        axes.minorticks_off()
        axes.set_xlim(places[0] - 0.35 * step, places[-1] + 0.35 * step)
        kind = " (cases)" if shots else " (share, cases)" if cases else ""
        axes.set_xlabel(f"labels that are learnt from{kind}")
        axes.set_ylabel(y, labelpad=8)  # The reader's font may be wider than the one laid out.
        figure.legend(loc="outside upper left", ncols=2)
    return figure
