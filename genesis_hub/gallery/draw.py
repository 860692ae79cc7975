"""The verb `show`: a model and images in, pictures of what it sees out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import load_cases
from genesis_hub.data.finding import Found
from genesis_hub.errors import BadInput
from genesis_hub.gallery.heat import channels_of, heat_of
from genesis_hub.infer.embed import embedding, featured
from genesis_hub.infer.predict import read
from genesis_hub.infer.prepare import Ready
from genesis_hub.infer.run import Outcome, Work, run
from genesis_hub.infer.settings import Settings, device_of
from genesis_hub.infer.sources import Source, find, loaded
from genesis_hub.infer.tables import FAILURES, write_csv
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel
from genesis_hub.show import channels, overlay, plane, png, tsne
from genesis_hub.show.style import quoted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST = 4  # Images that t-SNE can arrange.
KINDS = ("gradcam", "activations", "tsne")


def draw(
    model: str | Path | HubModel,
    images: Source | Iterable[Source],
    out: str | Path,
    *,
    kind: str = "gradcam",
    layer: str | None = None,
    target: int | str | None = None,
    labels: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 4,
    device: str = "auto",
    modality: str | None = None,
    range: Range | None = None,
    check: bool = True,
    uneven: bool = False,
    quiet: bool = False,
) -> Outcome:
    """Draw what a model sees in images into a folder of PNG files.

    kind: "gradcam", what in each image speaks for a class (a model with classes, for
    classification or segmentation); "activations", the channels of a layer that answer most;
    "tsne", the features of all images in a plane, with the places as a table beside.
    layer: by name (`model.named_modules()`); None: the last feature stage; for "tsne" the
    embedding. target: the class for "gradcam", by number or name; None: the one predicted.
    labels: for "tsne", a CSV or a folder per class that says the label of each image.
    The other arguments are those of `predict`. A case that fails is told and the rest go on.
    """
    if kind not in KINDS:
        raise BadInput(
            f"kind={kind!r}; choose from {', '.join(KINDS)}; `genesis-hub show` knows anatomy, too"
        )
    if labels is not None and kind != "tsne":
        raise BadInput(f"labels colour a t-SNE; kind={kind!r} has no use for them")
    where, folder = device_of(device), Path(out)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; a folder is expected")
    settings = Settings(batch_size=batch_size, device=device, check=check, layer=layer)
    if kind == "tsne":
        network = featured(model, layer, modality=modality, range=range).to(where).eval()
    else:
        network = loaded(model, modality=modality, range=range).to(where).eval()
    found = find(images, uneven=uneven)
    if kind == "tsne" and len(found) < LEAST:
        raise BadInput(
            f"kind='tsne' arranges images by what they have in common, but there "
            f"{'is' if len(found) == 1 else 'are'} {len(found)}; give {LEAST} or more, or "
            "kind='gradcam'"
        )
    if kind == "tsne":
        results: dict[str, Any] = {}
        told = {} if labels is None else labels_of(labels)
        if told:
            known(found, told, labels)
        work = embedding(network, settings, where, None, results)
        outcome = run(found, work, None, out=None, quiet=quiet)
        scattered(folder, found, results, told, seed)
        return failures_told(folder, replace(outcome, out=folder))
    chosen = class_of(network, target) if kind == "gradcam" else None

    def picture(ready: Ready) -> "Figure":
        if kind == "gradcam":
            return cam(network, ready, where, chosen, layer)
        one = channels_of(network, ready, where, layer=layer)
        title = f"{one.layer}: {len(one.maps)} channels"
        return channels(one.grey, one.maps, title=title, name=one.name, letters=one.letters)

    def answer(some: Sequence[Ready]) -> list["Figure"]:
        return [picture(ready) for ready in some]

    def keep(one: Found, ready: Ready, figure: "Figure") -> tuple[list[str], Any]:
        file = f"{one.name}_{kind}.png"
        with new_file(folder / file) as aside:
            aside.write_bytes(png(figure, dots=300))
        return [file], None

    work = Work(partial(read, model=network, settings=settings), answer, keep)
    return failures_told(folder, run(found, work, None, out=folder, quiet=quiet))


def failures_told(folder: Path, outcome: Outcome) -> Outcome:
    """Write down which cases could not be drawn and why."""
    if outcome.failed:
        write_csv(folder / FAILURES, ["case", "reason"], list(outcome.failed.items()))
    return outcome


def cam(
    model: HubModel, ready: Ready, device: torch.device, target: int | None, layer: str | None
) -> "Figure":
    """Return an image beside its Grad-CAM."""
    seen = heat_of(model, ready, device, target=target, layer=layer)
    name = dict(enumerate(model.answers.classes)).get(seen.target, f"class {seen.target}")
    lines = [f"Grad-CAM at {seen.layer}", seen.view.said, seen.silent]
    if seen.share is not None:
        where = " here" if seen.view.said else ""
        lines.insert(0, f"{quoted(name)} is given {seen.share:.1%}{where}")
    heats = {f"for {quoted(name)}": seen.heat}
    scan = seen.view.scan(heats=heats, masks=seen.masks)
    title = "\n".join(filter(None, lines))
    return overlay(scan, classes=model.answers.classes, title=title)


def class_of(model: HubModel, target: int | str | None) -> int | None:
    """Return the number of a class given by number or name, or refuse a model without classes."""
    spec, names = model.spec, model.answers.classes
    if spec.task not in ("classification", "segmentation"):
        raise BadInput(
            f"{spec.name!r} has no classes, so nothing can speak for one; give a folder with a "
            "fine-tuned model, or kind='activations'"
        )
    if target is None:
        return None
    if isinstance(target, str) and target in names:
        return names.index(target)
    number = int(target) if str(target).isdigit() else -1
    if not 0 <= number < spec.num_classes:
        known = ", ".join(f"{k} ({name})" for k, name in enumerate(names)) or (
            f"0 to {spec.num_classes - 1}"
        )
        raise BadInput(f"target={target!r} is no class of this model; it has {known}")
    return number


def labels_of(labels: str | Path) -> dict[str, str]:
    """Return the label of each image by its path and, where names tell them apart, its name."""
    cases = load_cases(labels, task="classification", check=False)
    told: dict[str, str] = {}
    for case in cases:
        if case.label is None:
            continue
        if isinstance(case.label, tuple):
            held = [n for n, yes in zip(cases.classes, case.label, strict=True) if yes == 1]
            name = " + ".join(held) or "none"
        else:
            name = cases.classes[case.label]
        told[case.name] = told[str(case.images[0].resolve())] = name
    if not told:
        raise BadInput(f"{labels} says no label of any image; it takes a column of labels")
    return told


def known(found: Sequence[Found], told: dict[str, str], labels: str | Path | None) -> None:
    """Raise `BadInput` where the labels are of none of the images."""
    if not any(label_of(one, told) for one in found):
        raise BadInput(
            f"{labels} names none of the {len(found)} images, such as {found[0].path}; its rows "
            "must give the images' paths or names"
        )


def label_of(one: Found, told: dict[str, str]) -> str | None:
    """Return an image's label, or None."""
    return told.get(str(one.path.resolve()), told.get(one.name))


def scattered(
    folder: Path, found: Sequence[Found], results: dict[str, Any], told: dict[str, str], seed: int
) -> None:
    """Write features in a plane, as a picture and as a table."""
    if not results:
        return
    shown = [one for one in found if one.name in results]
    rows = np.stack([results[one.name] for one in shown])
    places = tsne(rows, seed=seed)
    names = [label_of(one, told) or "unknown" for one in shown] if told else None
    with new_file(folder / "tsne.png") as aside:
        aside.write_bytes(png(plane(places, names), dots=300))
    table = [
        [one.name, str(one.path), names[k] if names else "", f"{x:.6g}", f"{y:.6g}"]
        for k, (one, (x, y)) in enumerate(zip(shown, places, strict=True))
    ]
    write_csv(folder / "tsne.csv", ["case", "path", "label", "x", "y"], table)
