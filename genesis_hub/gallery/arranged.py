"""The features of many images in a plane, by label: t-SNE as a picture and as a table."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.data.finding import Found
from genesis_hub.errors import BadInput
from genesis_hub.gallery.told import MARKED, UNMARKED, Told
from genesis_hub.infer.networks import Network, Tap, pooled
from genesis_hub.infer.predict import read
from genesis_hub.infer.prepare import Ready
from genesis_hub.infer.run import Outcome, Work, run
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.tables import write_csv
from genesis_hub.infer.vectors import vectors
from genesis_hub.models import HubModel
from genesis_hub.show import plane, png, tsne

Array = NDArray[Any]
LEAST = 4  # Images that t-SNE can arrange.
# A point of the plane: the image, which slice of it (None: all of it), its label.
Point = tuple[Found, int | None, str | None]


def arranged(
    network: HubModel,
    found: Sequence[Found],
    told: Told | None,
    folder: Path,
    *,
    settings: Settings,
    device: torch.device,
    seed: int,
    quiet: bool,
) -> Outcome:
    """Embed images and write where they lie in a plane.

    Where masks say what is marked, each slice of a volume that a 2D network sees is a point.
    """
    if len(found) < LEAST and not (told and told.masks):
        raise BadInput(
            f"kind='tsne' arranges images by what they have in common, but there "
            f"{'is' if len(found) == 1 else 'are'} {len(found)}; give {LEAST} or more, or "
            "kind='gradcam'"
        )
    points: list[Point] = []
    rows: list[Array] = []
    tapped: Network = network if settings.layer is None else Tap(network, settings.layer)

    def answer(some: Sequence[Ready]) -> list[Array]:
        given = vectors(network, tapped, pooled, some, settings, device)
        return [one.numpy() for one in given]

    def keep(one: Found, ready: Ready, features: Array) -> tuple[list[str], Any]:
        truth = told.truth(one, ready) if told is not None else None
        if truth is not None and truth.ndim == 3 and len(features) == truth.shape[2]:
            marked = [bool((truth[..., z] > 0).any()) for z in range(truth.shape[2])]
            points.extend((one, z, MARKED if yes else UNMARKED) for z, yes in enumerate(marked))
            rows.extend(features)
            return [], None
        label = told.label(one) if told is not None else None
        if truth is not None:
            label = MARKED if truth.any() else UNMARKED
        points.append((one, None, label))
        rows.append(features.mean(0))
        return [], None

    work = Work(
        partial(read, model=network, settings=settings), answer, keep,
        at_once=settings.batch_size if network.entry.ndim == 2 else 1,
    )  # fmt: skip
    outcome = run(found, work, None, out=None, quiet=quiet)
    if rows:
        scattered(folder, points, tsne(np.stack(rows), seed=seed), labelled=told is not None)
    return outcome


def scattered(folder: Path, points: Sequence[Point], places: Array, *, labelled: bool) -> None:
    """Write points in a plane, as a picture and as a table."""
    names = [label or "unknown" for _, _, label in points] if labelled else None
    with new_file(folder / "tsne.png") as aside:
        aside.write_bytes(png(plane(places, names), dots=300))
    sliced = any(z is not None for _, z, _ in points)
    table = [
        [
            one.name, str(one.path), *([z] if sliced else []), names[k] if names else "",
            f"{x:.6g}", f"{y:.6g}",
        ]
        for k, ((one, z, _), (x, y)) in enumerate(zip(points, places, strict=True))
    ]  # fmt: skip
    header = ["case", "path", *(["slice"] if sliced else []), "label", "x", "y"]
    write_csv(folder / "tsne.csv", header, table)
