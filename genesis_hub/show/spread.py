"""How cases spread: a measure of each, by class, and features of each, in a plane."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from genesis_hub.errors import BadInput
from genesis_hub.show.style import (
    COLOURS,
    MAP,
    MARKERS,
    WIDTH,
    axes_of,
    drawing,
    said,
    theme_of,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
COMPONENTS = 50  # What PCA leaves before t-SNE, as its authors advise.
PERPLEXITY = 30.0
LEAST = 4


def strip(
    values: Mapping[str, Sequence[float] | Array],
    *,
    y: str,
    limits: tuple[float, float] | None = (0.0, 1.0),
    seed: int = 0,
    dark: bool = False,
) -> "Figure":
    """Return each case's measure as a dot, by class, with the median as a line.

    What is no number is not drawn, and is counted under the class's name.
    """
    if not values:
        raise BadInput("there is nothing to draw: no class was given")
    theme = theme_of(dark)
    draw = np.random.Generator(np.random.PCG64(seed))
    with drawing(width=max(WIDTH, 0.55 * len(values)), theme=theme) as figure:
        axes = axes_of(figure, theme, grid="y")
        names = []
        for place, (name, given) in enumerate(values.items()):
            measured = np.asarray(given, float)
            shown = measured[np.isfinite(measured)]
            beside = place + draw.uniform(-0.18, 0.18, len(shown))
            axes.scatter(
                beside, shown, s=16, marker=MARKERS[place % len(MARKERS)], linewidths=0, alpha=0.75,
                color=COLOURS[place % len(COLOURS)], label="one case" if place == 0 else None,
            )  # fmt: skip
            if len(shown):
                middle = float(np.median(shown))
                axes.plot(
                    [place - 0.3, place + 0.3], [middle, middle], color=theme.ink, linewidth=1.6,
                    label="median" if place == 0 else None,
                )  # fmt: skip
                axes.annotate(
                    f"{middle:.2f}", (place + 0.32, middle), fontsize=7, va="center",
                    color=theme.ink,
                )  # fmt: skip
            left_out = len(measured) - len(shown)
            names.append(said(name, 14) + (f"\n({left_out} without)" if left_out else ""))
        turn = 0 if len(names) <= 5 else 40
        axes.set_xticks(range(len(names)), names, rotation=turn, ha="right" if turn else "center")
        axes.set(ylabel=y, xlim=(-0.6, len(names) - 0.2))
        if limits is not None:
            axes.set_ylim(limits[0] - 0.02, limits[1] + 0.02)
        handles, said_of = axes.get_legend_handles_labels()
        figure.legend(handles, said_of, loc="outside upper right", ncols=2)
    return figure


def tsne(features: Array, *, seed: int = 0) -> Array:
    """Return a place in the plane for each row of features (N, F), near where they are alike.

    PCA to 50 comes first; the perplexity is 30, or a third of the cases where they are few.
    Of fewer than four cases, their principal components.
    """
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        raise BadInput(
            f"features are {rows.shape}, but (cases, features) of finite numbers are expected"
        )
    largest = float(np.abs(rows).max())
    rows = rows - rows.mean(0)
    if len(rows) < LEAST:
        flat = np.zeros((len(rows), 2))
        parts = np.linalg.svd(rows, full_matrices=False)
        kept = (parts[0] * parts[1])[:, :2]
        flat[:, : kept.shape[1]] = kept
        return flat
    most = min(COMPONENTS, *rows.shape)
    if most < rows.shape[1]:
        rows = PCA(most, svd_solver="full", random_state=seed).fit_transform(rows)
    spread = float(rows.std())
    if spread <= 1e-9 * largest:
        return np.zeros((len(rows), 2))  # All alike: scikit-learn would divide by 0 and crash.
    rows = (rows / spread).astype(np.float32)
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    start = begun(rows, np.random.Generator(np.random.PCG64(seed)))
    found = TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(rows)
    return np.asarray(found, np.float64)


def begun(rows: Array, draw: np.random.Generator) -> Array:
    """Return where t-SNE begins: the first two components, those that are alike set apart."""
    start = np.zeros((len(rows), 2))
    wide = PCA(min(2, *rows.shape), svd_solver="full").fit_transform(rows)
    start[:, : wide.shape[1]] = wide / (float(wide[:, 0].std()) or 1.0)
    return np.asarray(1e-4 * (start + 1e-2 * draw.standard_normal(start.shape)), np.float32)


def plane(
    places: Array,
    labels: Sequence[str] | None = None,
    *,
    measure: tuple[str, Sequence[float]] | None = None,
    dark: bool = False,
) -> "Figure":
    """Return cases at their places (N, 2), by label in colour and shape, or by a measure."""
    places = np.asarray(places, float)
    if places.ndim != 2 or places.shape[1] != 2:
        raise BadInput(f"places are {places.shape}, but (cases, 2) is expected")
    theme = theme_of(dark)
    with drawing(height=3.1, theme=theme) as figure:
        axes = axes_of(figure, theme, grid="")
        small = 22 if len(places) < 100 else 12
        if measure is not None:
            name, values = measure
            shown = axes.scatter(*places.T, c=np.asarray(values, float), cmap=MAP, s=small)
            bar = figure.colorbar(shown, ax=axes, label=said(name), shrink=0.85)
            bar.outline.set_visible(False)
            bar.ax.tick_params(color=theme.soft, labelcolor=theme.ink, labelsize=7)
        else:
            given = list(labels) if labels is not None else ["case"] * len(places)
            for place, name in enumerate(dict.fromkeys(sorted(given))):
                own = [one == name for one in given]
                axes.scatter(
                    *places[own].T, s=small, marker=MARKERS[place % len(MARKERS)], alpha=0.8,
                    color=COLOURS[place % len(COLOURS)], linewidths=0,
                    label=f"{said(name)} ({sum(own)})",
                )  # fmt: skip
            figure.legend(loc="outside upper left", ncols=2)
        axes.set(xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)", xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=theme.line)
        axes.margins(0.08)
    return figure
