"""How a training went: losses and measures over steps."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.show.style import COLOURS, LINES, MARKERS, axes_of, drawing, said, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = tuple[Sequence[float], Sequence[float]]
LETTERS, KEY = 58, 7  # What a legend has room for, and what the line before a name takes.
MANY = 150  # Points from which on a curve is smoothed, the raw one faint behind it.


def read_log(path: str | Path) -> dict[str, dict[str, Curve]]:
    """Return a run's log.csv: kind ("train", "validation") -> name -> (steps, values)."""
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                steps, values = found.setdefault(row["kind"], {}).setdefault(row["name"], ([], []))
                steps.append(int(row["step"]))
                values.append(float(row["value"]))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is no log of a run: step,kind,name,value is expected") from error
    return {kind: dict(names) for kind, names in found.items()}


def curves(
    lines: Mapping[str, Curve],
    *,
    y: str,
    x: str = "step",
    best: tuple[float, str] | None = None,
    title: str = "",
    dark: bool = False,
) -> "Figure":
    """Return curves by name. best: a step to be marked, and what is said of it."""
    if not lines or not any(len(steps) for steps, _ in lines.values()):
        raise BadInput("there is no curve to draw: no values were given")
    theme = theme_of(dark)
    with drawing(theme=theme) as figure:
        axes = axes_of(figure, theme, grid="y")
        for place, (name, (steps, values)) in enumerate(lines.items()):
            colour, style = COLOURS[place % len(COLOURS)], LINES[place % len(LINES)]
            at, smooth = np.asarray(steps, float), np.asarray(values, float)
            if len(at) > MANY:
                axes.plot(at, smooth, color=colour, linewidth=0.5, alpha=0.3)
                smooth = running_mean(smooth, max(3, len(at) // 40))
            few = len(at) <= 15
            axes.plot(
                at, smooth, color=colour, linestyle=style, label=said(name),
                marker=MARKERS[place % len(MARKERS)] if few else None, markersize=3.5,
            )  # fmt: skip
        if best is not None:
            axes.axvline(best[0], color=theme.soft, linewidth=0.9, linestyle=(0, (2, 2)))
            every = np.concatenate([np.asarray(steps, float) for steps, _ in lines.values()])
            # Beside the line, inside the picture: an early step has the axis at its left.
            early = best[0] < every.min() + 0.15 * np.ptp(every)
            axes.annotate(
                best[1], (best[0], 0.02), xytext=(2 if early else -2, 0), color=theme.soft,
                textcoords="offset points", xycoords=("data", "axes fraction"), fontsize=7,
                rotation=90, ha="left" if early else "right", va="bottom",
            )  # fmt: skip
        shown = np.concatenate([np.asarray(values, float) for _, values in lines.values()])
        focus(axes, shown[np.isfinite(shown)])
        axes.set_xlabel(x)
        if x == "step":
            axes.xaxis.get_major_locator().set_params(integer=True)
        if title:
            figure.suptitle(title, fontsize=8.5, color=theme.ink)
        axes.set_ylabel(y)
        axes.margins(x=0.02)
        # Above the picture: inside it any corner may hold a curve. As many names abreast as
        # there is room for: a broader legend would press the curves into what it leaves.
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=abreast(lines), borderaxespad=0.2
        )
    return figure


def abreast(names: Iterable[str]) -> int:
    """Return how many names of a legend fit side by side above the curves, three at most."""
    longest = max(len(said(name)) for name in names)
    return max(1, min(3, LETTERS // (longest + KEY)))


def running_mean(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return the mean over `reach` values around each, fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    low = np.maximum(np.arange(len(values)) - reach // 2, 0)
    high = np.minimum(low + reach, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def focus(axes: Any, values: NDArray[np.float64]) -> None:
    """Leave single spikes out of the picture: they would press the rest flat."""
    if len(values) < 20:
        return
    low, high = np.percentile(values, [0, 99])
    if values.max() > high + 2 * (high - low) and high > low:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.1 * (high - low))
