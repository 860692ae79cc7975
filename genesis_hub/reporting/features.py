"""The features of a run's cases in a plane, by label or by how well they went."""

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub import api, show
from genesis_hub.data.cases import Case
from genesis_hub.errors import GenesisHubError
from genesis_hub.infer.networks import pooled
from genesis_hub.infer.prepare import prepare
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.sources import open_case
from genesis_hub.infer.vectors import vectors
from genesis_hub.models import HubModel
from genesis_hub.page import Markup, figure, figures, section
from genesis_hub.reporting.looks import Gallery

Array = NDArray[Any]
MOST = 300
SECONDS = 6.0
LEAST = 5


def features(gallery: Gallery) -> Markup | None:
    """Return the section that shows the features of the cases that were measured."""
    reading = gallery.reading
    model = api.from_pretrained(reading.folder / "model", task="features").to(gallery.device).eval()
    draw = np.random.Generator(np.random.PCG64(0))
    order = [int(k) for k in draw.permutation(len(reading.rows))][:MOST]
    kept, rows = seen(model, [gallery.case(k) for k in order], gallery.device)
    if len(rows) < LEAST:
        return None
    chosen = [order[place] for place in kept]
    places = show.tsne(np.stack(rows))
    if reading.segmentation:
        measure = ("Dice", [float(reading.goodness[k]) for k in chosen])
        picture, by = show.plane(places, measure=measure), "by the case's Dice"
    else:
        labels = [label_of(reading.truths[k], reading.classes) for k in chosen]
        picture, by = show.plane(places, labels), "by true label"
    every = len(reading.rows)
    some = f"{len(chosen)} of {every} cases, drawn at random" if len(chosen) < every else ""
    caption = (
        f"{some or f'{every} cases'}; {rows[0].size} features each, to 50 by PCA, then t-SNE. "
        "Near means alike; distances between groups and their sizes mean nothing."
    )
    return section(
        "Features",
        figures(figure(show.svg(picture), f"t-SNE of {len(chosen)} cases, {by}.", caption,
                       title=f"t-SNE, {by}")),
        lead="How the fine-tuned encoder arranges the cases it did not learn from."
        if reading.metrics["split"] != "train" else None,
    )  # fmt: skip


def seen(model: HubModel, cases: list[Case], device: torch.device) -> tuple[list[int], list[Array]]:
    """Return which cases were embedded before time was up, and their features."""
    settings = Settings(batch_size=8)
    begin = time.monotonic()
    kept: list[int] = []
    rows: list[Array] = []
    for place, case in enumerate(cases):
        if time.monotonic() - begin > SECONDS:
            break
        try:
            ready = prepare(open_case(case), model.inputs, check=False)
        except GenesisHubError:
            continue  # Said with the case's picture, or counted: fewer of so many.
        (vector,) = vectors(model, model, pooled, [ready], settings, device)
        kept.append(place)
        rows.append(vector.mean(0).numpy())
    return kept, rows


def label_of(truths: Array, classes: list[str]) -> str:
    """Return a case's label in words."""
    held = [name for name, yes in zip(classes, truths, strict=True) if yes == 1]
    return " + ".join(held) or "none"
