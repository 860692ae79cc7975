"""The verb `embed`: images in, one feature vector of each out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis_hub.atomic import new_file, unwritable
from genesis_hub.data.finding import Found
from genesis_hub.errors import BadInput
from genesis_hub.infer.journal import Journal
from genesis_hub.infer.networks import Network, Tap, pooled
from genesis_hub.infer.predict import read
from genesis_hub.infer.prepare import Ready
from genesis_hub.infer.run import Outcome, Work, run
from genesis_hub.infer.settings import Settings, device_of
from genesis_hub.infer.sources import Source, facts_of, find, loaded
from genesis_hub.infer.tables import done_lines, write_csv
from genesis_hub.infer.vectors import vectors
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel
from genesis_hub.weights.tensorfile import write_tensors

FORMATS = ("safetensors", "csv")
STEM = "embeddings"
# Vectors lie here while a folder fills, one after the other in the order of the journal's rows.
HELD = ".vectors.f32"


def embed(
    model: str | Path | HubModel,
    images: Source | Iterable[Source],
    out: str | Path | None = None,
    *,
    layer: str | None = None,
    format: str = "safetensors",
    view: str | None = None,
    overlap: float | None = None,
    batch_size: int = 4,
    device: str = "auto",
    precision: str = "fp32",
    modality: str | None = None,
    range: Range | None = None,
    check: bool = True,
    uneven: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> Outcome:
    """Write one feature vector for each image.

    layer: any part of the model (`model.named_modules()`), averaged over space; None: the
    embedding, as `task="features"` gives it.
    out: a folder, for `embeddings.safetensors` (`embeddings` (cases, features); the cases' names
    in its header) or `embeddings.csv`. None: `results` of the outcome holds the vectors by case.
    view: "windows", whose vectors are averaged (default for 3D), or the "whole" image at once
    (default for 2D, resized to the size the weights saw).

    The other arguments are those of `predict`, and mean the same.
    """
    if format not in FORMATS:
        raise BadInput(f"format={format!r}; choose from {', '.join(FORMATS)}")
    settings = Settings(
        view=view, overlap=overlap, batch_size=batch_size, device=device, precision=precision,
        check=check, layer=layer, format=format,
    )  # fmt: skip
    where = device_of(device)
    network = featured(model, layer, modality=modality, range=range).to(where).eval()
    folder = None if out is None else Path(out)
    found = find(images, uneven=uneven, out=folder)
    results: dict[str, Any] = {}
    work = embedding(network, settings, where, folder, results)
    journal = None
    if folder is not None:
        facts = {"verb": "embed", **facts_of(network), **settings.that_matter()}
        journal = Journal.open(folder, facts, found, overwrite=overwrite)
    try:
        outcome = run(found, work, journal, out=folder, quiet=quiet)
    finally:
        if journal is not None:
            write_vectors(journal, found, format)
    return replace(outcome, results=results)


def featured(
    model: str | Path | HubModel, layer: str | None, *, modality: str | None, range: Range | None
) -> HubModel:
    """Return the model whose features are wanted: whole where a layer is named."""
    if isinstance(model, HubModel) or layer is not None:
        network = loaded(model, modality=modality, range=range)
    else:
        network = loaded(model, task="features", modality=modality, range=range)
    if layer is None and network.spec.task not in ("features",):
        raise BadInput(
            f"this model was built for task={network.spec.task!r}; give its folder or name, load "
            "it with task='features', or name a layer"
        )
    if layer is None and network.spec.features_only:
        raise BadInput("features_only=True gives many maps; name a layer, or load it without")
    return network


def embedding(
    model: HubModel,
    settings: Settings,
    device: torch.device,
    out: Path | None,
    results: dict[str, Any],
) -> Work:
    """Return how images become vectors."""
    network: Network = model if settings.layer is None else Tap(model, settings.layer)

    def answer(some: Sequence[Ready]) -> list[Tensor]:
        rows = vectors(model, network, pooled, some, settings, device)
        return [row.mean(0) for row in rows]  # Of a volume's slices, where a 2D model saw them.

    def keep(found: Found, ready: Ready, vector: Tensor) -> tuple[list[str], Any]:
        values = vector.numpy().astype("<f4")
        if out is None:
            results[found.name] = values
            return [], None
        return [HELD], hold(out / HELD, values)

    return Work(
        prepare=partial(read, model=model, settings=settings),
        answer=answer,
        keep=keep,
        at_once=settings.batch_size if model.entry.ndim == 2 else 1,
    )


def hold(path: Path, values: "np.ndarray[Any, np.dtype[np.float32]]") -> list[int]:
    """Append a vector; return where it lies, so that a torn one is never read."""
    try:
        size = path.stat().st_size if path.is_file() else 0
        with path.open("ab", buffering=0) as file:
            file.write(values.tobytes())
    except OSError as error:
        raise unwritable(path, error) from error
    return [size, len(values)]


def rows_of(
    journal: Journal, done: Sequence[Mapping[str, Any]]
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Return the vectors (cases, features) of a journal's lines."""
    content = (journal.folder / HELD).read_bytes()
    places = [line["row"] for line in done]
    return np.stack([np.frombuffer(content, "<f4", count=n, offset=at) for at, n in places])


def write_vectors(journal: Journal, found: Sequence[Found], format: str) -> None:
    """Write all vectors that the folder holds, those asked for now first."""
    done = done_lines(journal, found)
    if done:
        rows = rows_of(journal, done)
        if format == "csv":
            header = ["case", "path", *(f"f{number}" for number in range(rows.shape[1]))]
            write_csv(
                journal.folder / f"{STEM}.csv",
                header,
                (
                    [line["case"], line["path"], *(f"{value:.8g}" for value in row)]
                    for line, row in zip(done, rows, strict=True)
                ),
            )
        else:
            facts = {"cases": [line["case"] for line in done], "model": journal.facts["name"]}
            tensors = {"embeddings": torch.from_numpy(rows.astype(np.float32))}
            with new_file(journal.folder / f"{STEM}.safetensors") as aside:
                write_tensors(tensors, aside, facts)
            write_csv(
                journal.folder / f"{STEM}.cases.csv",
                ["case", "path"],
                [[line["case"], line["path"]] for line in done],
            )
