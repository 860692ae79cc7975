"""How a classifier answers: ROC, precision-recall, confusion, and whether its shares are true."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from genesis_hub.errors import BadInput
from genesis_hub.show.style import COLOURS, LINES, MARKERS, axes_of, drawing, said, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
Question = tuple[Array, Array]  # shares (N,), truths (N,) of 0 and 1; -1 is unknown.
Band = tuple[Array, Array, Array]  # x, low, high
MOST = 6  # Curves in one picture.


def roc(
    questions: Mapping[str, Question],
    *,
    bands: Mapping[str, Band] | None = None,
    dark: bool = False,
) -> "Figure":
    """Return ROC curves by class: the share of positives found over that of false alarms.

    bands: an interval around a curve, such as one over patients.
    """
    lines = {}
    for name, (shares, truths) in usable(questions, both=True).items():
        false, found, _ = roc_curve(truths, shares)
        lines[name] = (false, found)
    said_of = ("1 - specificity (share of false alarms)", "sensitivity (share found)")
    return squared(lines, bands or {}, said_of, chance=True, dark=dark)


def precision_recall(
    questions: Mapping[str, Question],
    *,
    bands: Mapping[str, Band] | None = None,
    dark: bool = False,
) -> "Figure":
    """Return precision-recall curves by class; dotted, the share of cases that have it."""
    lines, shares_of = {}, []
    for name, (shares, truths) in usable(questions, both=False).items():
        precision, recall, _ = precision_recall_curve(truths, shares)
        lines[name] = (recall, precision)
        shares_of.append(float(np.mean(truths)))
    said_of = ("recall (share found)", "precision (share of alarms that are true)")
    return squared(lines, bands or {}, said_of, levels=shares_of, dark=dark)


def usable(questions: Mapping[str, Question], *, both: bool) -> dict[str, Question]:
    """Return the questions that have a curve: with positives and, for ROC, negatives."""
    found = {}
    for name, (shares, truths) in questions.items():
        shares, truths = np.asarray(shares, float), np.asarray(truths)
        if shares.shape != truths.shape or shares.ndim != 1:
            raise BadInput(
                f"{name!r}: shares are {shares.shape} and truths {truths.shape}, but (N,) of both "
                "are expected"
            )
        known = truths >= 0
        shares, truths = shares[known], truths[known]
        if (truths == 1).any() and ((truths == 0).any() or not both):
            found[name] = (shares, truths)
    if not found:
        raise BadInput(
            f"no curve can be drawn of {', '.join(questions) or 'nothing'}: it takes positives"
            + (" and negatives" if both else "")
        )
    return dict(list(found.items())[:MOST])


def squared(
    lines: Mapping[str, tuple[Array, Array]],
    bands: Mapping[str, Band],
    names: tuple[str, str],
    *,
    chance: bool = False,
    levels: Sequence[float] = (),
    dark: bool,
) -> "Figure":
    """Return curves of shares over shares, both from 0 to 1."""
    theme = theme_of(dark)
    with drawing(height=3.3, theme=theme) as figure:
        axes = axes_of(figure, theme)
        if chance:
            axes.plot(
                [0, 1], [0, 1], color=theme.soft, linewidth=0.9, linestyle=(0, (1, 2)),
                label="chance",
            )  # fmt: skip
        for place, level in enumerate(levels):
            colour = COLOURS[place % len(COLOURS)]
            axes.axhline(level, color=colour, linewidth=0.9, linestyle=(0, (1, 2)))
        for place, (name, (across, up)) in enumerate(lines.items()):
            colour = COLOURS[place % len(COLOURS)]
            if name in bands:
                at, low, high = bands[name]
                axes.fill_between(
                    at, low, high, color=colour, alpha=0.18, linewidth=0,
                    label="95 % over patients" if place == 0 else None,
                )  # fmt: skip
            axes.plot(
                across, up, color=colour, linestyle=LINES[place % len(LINES)], label=said(name),
                drawstyle="steps-post" if levels else "default",
            )  # fmt: skip
        axes.set(
            xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=names[0], ylabel=names[1],
            aspect="equal",
        )  # fmt: skip
        axes.legend(loc="lower left" if levels else "best")
    return figure


def confusion(table: Array, classes: Sequence[str], *, dark: bool = False) -> "Figure":
    """Return a confusion matrix: truth down, answer across, shares of each row shaded."""
    table = np.asarray(table)
    number = len(classes)
    if table.shape != (number, number):
        raise BadInput(f"table is {table.shape}, but ({number}, {number}) is expected")
    theme = theme_of(dark)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    with drawing(height=3.3, theme=theme) as figure:
        axes = axes_of(figure, theme, grid="")
        shown = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        if number <= 8:
            for row, column in np.ndindex(number, number):
                ink = "#fefefe" if shares[row, column] < 0.55 else "#000000"
                told = f"{int(table[row, column])}\n{shares[row, column]:.0%}"
                axes.text(column, row, told, ha="center", va="center", color=ink, fontsize=7.5)
        names = [said(name, 14) for name in classes]
        turn = 0 if max(map(len, names)) * number <= 26 else 40
        axes.set_xticks(
            range(number), names, rotation=turn, ha="right" if turn else "center",
            rotation_mode="anchor" if turn else "default",
        )  # fmt: skip
        axes.set_yticks(range(number), names)
        axes.set(xlabel="answer", ylabel="truth")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, label="share of the true class")
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=theme.soft, labelcolor=theme.ink, labelsize=7)
    return figure


def reliability(
    questions: Mapping[str, Question], *, bins: int = 10, dark: bool = False
) -> "Figure":
    """Return how often a class is true where a share is said; dots grow with the cases."""
    theme = theme_of(dark)
    with drawing(height=3.3, theme=theme) as figure:
        axes = axes_of(figure, theme)
        axes.plot(
            [0, 1], [0, 1], color=theme.soft, linewidth=0.9, linestyle=(0, (1, 2)),
            label="as often as said",
        )  # fmt: skip
        for place, (name, (shares, truths)) in enumerate(usable(questions, both=False).items()):
            bin_of = np.minimum((shares * bins).astype(int), bins - 1)
            counts = np.bincount(bin_of, minlength=bins)
            there = counts > 0
            x = np.bincount(bin_of, shares, bins)[there] / counts[there]
            y = np.bincount(bin_of, truths == 1, bins)[there] / counts[there]
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(
                x, y, color=colour, linestyle=LINES[place % len(LINES)], linewidth=1.2,
                marker=MARKERS[place % len(MARKERS)], markersize=3, label=said(name),
            )  # fmt: skip
            size = 140 * counts[there] / counts.max()
            axes.scatter(x, y, s=size, color=colour, alpha=0.25, linewidths=0)
        axes.set(
            xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xlabel="share said", ylabel="share true",
            aspect="equal",
        )  # fmt: skip
        axes.legend(loc="upper left")
    return figure
