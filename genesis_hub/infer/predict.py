"""The verb `predict`: images in, label maps or class probabilities out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis_hub import api
from genesis_hub.data.dicomseg import write_dicom_seg
from genesis_hub.data.finding import Found
from genesis_hub.data.image import Array
from genesis_hub.data.writers import write_nifti, write_picture
from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.infer.journal import Journal
from genesis_hub.infer.networks import probabilities as shares_of
from genesis_hub.infer.prepare import Ready, prepare
from genesis_hub.infer.run import Outcome, Work, run
from genesis_hub.infer.segment import Segmented, segment
from genesis_hub.infer.settings import Settings, device_of
from genesis_hub.infer.sources import Source, facts_of, find, loaded
from genesis_hub.infer.tables import done_lines, write_csv
from genesis_hub.infer.vectors import vectors
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel

FORMATS = ("auto", "nifti", "png", "dicom-seg")
TABLE = "predictions.csv"
CM3 = 1000.0


def predict(
    model: str | Path | HubModel,
    images: Source | Iterable[Source],
    out: str | Path | None = None,
    *,
    probabilities: bool = False,
    classes: Sequence[str] = (),
    multilabel: bool | None = None,
    format: str = "auto",
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
    """Run a model over images and write what it says of each.

    model: a name, a folder, or a model; one with classes, for classification or segmentation.
    images: files, folders (DICOM series too), CSV manifests, or several of them.
    out: a folder. Segmentation writes a label map per image in the image's own space (NIfTI; PNG
    for pictures; format= "nifti", "png" or "dicom-seg" to choose) and a table of volumes;
    classification writes a table of probabilities. A second call goes on where the first stopped.
    None: nothing is written and `results` of the outcome holds the answers.
    probabilities: write or keep the probabilities of a segmentation, too.
    classes: their names. multilabel: each class is a question of its own. A fine-tuned folder
    knows both.
    view, overlap, batch_size, device, precision: see `Settings`.
    modality, range: see `from_pretrained`. check: False skips the search for mistakes.
    uneven: DICOM series with gaps are taken as evenly spaced.
    overwrite: answer everything anew.

    A case that fails is recorded with its reason and the rest go on.
    """
    if format not in FORMATS:
        raise BadInput(f"format={format!r}; choose from {', '.join(FORMATS)}")
    if format == "dicom-seg":
        require("highdicom", "seg")
    where = device_of(device)
    answering(model)
    network = loaded(model, modality=modality, range=range).to(where).eval()
    if multilabel is None:
        multilabel = network.answers.multilabel
    settings = Settings(
        view=view, overlap=overlap, batch_size=batch_size, device=device, precision=precision,
        check=check, multilabel=multilabel, classes=tuple(classes) or network.answers.classes,
        probabilities=probabilities, format=format,
    )  # fmt: skip
    names = class_names(network, settings)
    folder = None if out is None else Path(out)
    found = find(images, uneven=uneven, out=folder)
    results: dict[str, Any] = {}
    dense = network.spec.task == "segmentation"
    if dense:
        work = segmenting(network, settings, where, folder, names, results)
    else:
        work = classifying(network, settings, where, names, results, keep=folder is None)
    journal = None
    if folder is not None:
        facts = {"verb": "predict", **facts_of(network), **settings.that_matter()}
        journal = Journal.open(folder, facts, found, overwrite=overwrite)
    try:
        outcome = run(found, work, journal, out=folder, quiet=quiet)
    finally:  # Stopped or not: the tables tell what stands in the folder.
        if journal is not None:
            write_table(journal, found, names, dense=dense, multilabel=multilabel)
    return replace(outcome, results=results)


def answering(model: str | Path | HubModel) -> None:
    """Refuse a name of the catalog before its weights are looked for: it has no classes."""
    if not isinstance(model, HubModel) and api.folder_of(model) is None:
        raise BadInput(
            f"{model!r} are pretrained weights without classes of yours; fine-tune them and give "
            "the folder that results; `genesis-hub embed` (genesis_hub.embed) writes features"
        )


def class_names(model: HubModel, settings: Settings) -> list[str]:
    """Return the names of a model's classes, or refuse a model that has none."""
    spec = model.spec
    if spec.task not in ("classification", "segmentation"):
        raise BadInput(
            f"{spec.name!r} was loaded for task={spec.task!r} and has no classes to predict; give "
            "a folder with a fine-tuned classifier or segmenter; `genesis-hub embed` "
            "(genesis_hub.embed) writes features"
        )
    if settings.classes and len(settings.classes) != spec.num_classes:
        raise BadInput(
            f"{len(settings.classes)} class names ({', '.join(settings.classes)}) for a model of "
            f"{spec.num_classes} classes; give one each"
        )
    return list(settings.classes) or [f"class_{number}" for number in range(spec.num_classes)]


def segmenting(
    model: HubModel,
    settings: Settings,
    device: torch.device,
    out: Path | None,
    names: list[str],
    results: dict[str, Any],
) -> Work:
    """Return how images are segmented."""

    def keep(found: Found, ready: Ready, answer: Segmented) -> tuple[list[str], Any]:
        if out is None:
            results[found.name] = answer
            return [], None
        files = write_labels(out, found.name, answer, ready, settings, names)
        return files, amounts(answer.labels, ready, names, overlap=settings.multilabel)

    return Work(
        prepare=partial(read, model=model, settings=settings),
        answer=lambda some: [segment(model, ready, settings, device) for ready in some],
        keep=keep,
    )


def classifying(
    model: HubModel,
    settings: Settings,
    device: torch.device,
    names: list[str],
    results: dict[str, Any],
    *,
    keep: bool,
) -> Work:
    """Return how images are classified."""

    def noted(found: Found, ready: Ready, shares: torch.Tensor) -> tuple[list[str], Any]:
        if keep:
            results[found.name] = shares.numpy()
        return [], [[round(float(p), 6) for p in row] for row in shares]

    def answer(some: Sequence[Ready]) -> list[torch.Tensor]:
        finish = partial(shares_of, multilabel=settings.multilabel)
        return vectors(model, model, finish, some, settings, device)

    return Work(
        prepare=partial(read, model=model, settings=settings),
        answer=answer,
        keep=noted,
        at_once=settings.batch_size if model.entry.ndim == 2 else 1,
    )


def read(found: Found, *, model: HubModel, settings: Settings) -> Ready:
    """Read one case and check it, and that its answer can be written as was asked."""
    image = found.open()
    if settings.format == "png" and image.ndim == 3:
        raise BadInput(f"{image.path} is a volume, which PNG cannot hold; format='nifti' can")
    if settings.format == "dicom-seg" and (image.kind != "dicom" or image.ndim != 3):
        raise BadInput(f"{image.path}: DICOM-SEG needs a DICOM series, and this is {image.kind}")
    return prepare(image, model.inputs, check=settings.check)


def write_labels(
    out: Path, name: str, answer: Segmented, ready: Ready, settings: Settings, names: list[str]
) -> list[str]:
    """Write a label map, and its probabilities where they were asked for; return the files."""
    image = ready.image
    kind = settings.format
    if kind == "auto":
        kind = "png" if image.ndim == 2 else "nifti"
    several = answer.labels.ndim > image.ndim
    files: list[str] = []

    def write(stem: str, suffix: str, writer: Any, *values: Any) -> None:
        writer(out / f"{stem}{suffix}", *values)
        files.append(f"{stem}{suffix}")

    if kind == "nifti":
        write(name, ".nii.gz", write_nifti, answer.labels, image)
    elif kind == "png" and several:
        for title, labels in zip(names, answer.labels, strict=True):
            write(f"{name}_{title}", ".png", write_picture, labels)
    elif kind == "png":
        write(name, ".png", write_picture, answer.labels)
    elif several:
        raise BadInput("DICOM-SEG is written for label maps, not for classes that overlap")
    else:
        titles = dict(enumerate(names if len(names) > 1 else ["background", *names]))
        titles.pop(0, None)
        write(name, ".dcm", write_dicom_seg, answer.labels, image, titles)
    if answer.shares is not None:
        write(f"{name}_probabilities", ".nii.gz", write_nifti, answer.shares, image)
    return files


def amounts(labels: Array, ready: Ready, names: list[str], *, overlap: bool) -> list[Any]:
    """Return a unit and how much of each class there is: ml, or voxels where no size is known."""
    spacing = ready.image.spacing
    sized = spacing is not None and len(spacing) == 3
    unit = float(np.prod(spacing or ())) / CM3 if sized else 1.0
    said = "ml" if sized else ("pixels" if ready.image.ndim == 2 else "voxels")
    if overlap and labels.ndim > ready.image.ndim:
        counts = [int(np.count_nonzero(one)) for one in labels]
    else:
        least = 2 if len(names) == 1 else len(names)
        counts = np.bincount(labels.ravel(order="K"), minlength=least).tolist()
        counts = counts[1:] if len(names) == 1 else counts
    return [said, *(round(count * unit, 4) for count in counts)]


def write_table(
    journal: Journal, found: Sequence[Found], names: list[str], *, dense: bool, multilabel: bool
) -> None:
    """Write what stands in the folder: a row for each case done, and those that failed."""
    done = done_lines(journal, found)
    if dense:
        header = ["case", "path", "file", "unit", *(f"amount_{name}" for name in names)]
        rows = [[line["case"], line["path"], line["files"][0], *line["row"]] for line in done]
    else:
        slices = any(len(line["row"]) > 1 for line in done)
        header = ["case", "path", *(["slice"] if slices else []), "prediction", *names]
        rows = [
            [
                line["case"],
                line["path"],
                *([z] if slices else []),
                decision(row, names, multilabel=multilabel),
                *row,
            ]
            for line in done
            for z, row in enumerate(line["row"])
        ]
    write_csv(journal.folder / TABLE, header, rows)


def decision(shares: list[float], names: list[str], *, multilabel: bool) -> str:
    """Return the likeliest class, or every class above one half where each is its own question."""
    if multilabel or len(shares) == 1:
        return ";".join(name for name, p in zip(names, shares, strict=True) if p > 0.5)
    return names[int(np.argmax(shares))]
