"""The verb `show`: a model and images in, pictures of what it sees out."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genesis_hub.atomic import new_file
from genesis_hub.data.finding import Found
from genesis_hub.errors import BadInput
from genesis_hub.gallery.answers import answers_of, check_answers
from genesis_hub.gallery.arranged import arranged
from genesis_hub.gallery.asked import TELLING, Asked, whole
from genesis_hub.gallery.heat import channels_of, heat_of
from genesis_hub.gallery.stages import stages_of
from genesis_hub.gallery.told import Marked, labels_told, masks_told
from genesis_hub.infer.embed import featured
from genesis_hub.infer.predict import read
from genesis_hub.infer.prepare import Ready
from genesis_hub.infer.run import Outcome, Work, run
from genesis_hub.infer.settings import Settings, device_of
from genesis_hub.infer.sources import Source, find, loaded
from genesis_hub.infer.tables import FAILURES, write_csv
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel, Pretext
from genesis_hub.show import channels, overlay, png
from genesis_hub.show.style import quoted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("gradcam", "activations", "stages", "answers", "tsne")
LABELLED = ("tsne", "answers")
Picture = Callable[[Ready], "Figure"]


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
    classification or segmentation, or a published network that tells lesions); "activations", the
    channels of a layer that answer most; "stages", how strongly each stage of the encoder answers,
    over the image; "answers", what is outlined and restored, beside the truth; "tsne", the features
    of all images in a plane, with the places as a table beside.
    layer: by name (`model.named_modules()`); None: the last feature stage, for "stages" all of
    them, for "tsne" the embedding. target: the class for "gradcam", by number or name; None: the
    one predicted.
    labels: for "tsne", a CSV or a folder per class that says the label of each image, or masks,
    which say whether it is marked (of volumes seen by a 2D model, each slice); for "answers",
    masks: a folder with images and masks, or with masks alone that are called as the images are.
    The other arguments are those of `predict`. A case that fails is told and the rest go on.
    """
    if kind not in KINDS:
        raise BadInput(
            f"kind={kind!r}; choose from {', '.join(KINDS)}; `genesis-hub show` knows anatomy, too"
        )
    if labels is not None and kind not in LABELLED:
        raise BadInput(
            f"labels colour a t-SNE and lie beside answers; kind={kind!r} has no use for them"
        )
    where, folder = device_of(device), Path(out)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; a folder is expected")
    settings = Settings(batch_size=batch_size, device=device, check=check, layer=layer)
    if kind == "tsne":
        network = featured(model, layer, modality=modality, range=range).to(where).eval()
        found = find(images, uneven=uneven)
        told = None if labels is None else labels_told(labels, found).check(found)
        told = replace(told, placed=check) if told else None
        outcome = arranged(
            network, found, told, folder, settings=settings, device=where, seed=seed, quiet=quiet
        )
        return failures_told(folder, replace(outcome, out=folder))
    if kind in ("gradcam", "answers"):
        network = whole(model, modality=modality, range=range).to(where).eval()
    else:
        network = loaded(model, modality=modality, range=range).to(where).eval()
    found = find(images, uneven=uneven)
    truths = None
    if kind == "answers":
        check_answers(network)
        truths = None if labels is None else masks_told(labels, found).check(found)
        truths = replace(truths, placed=check) if truths else None
    picture = drawn_by(kind, network, where, layer=layer, target=target)

    def prepared(one: Found) -> Ready:
        ready = read(one, model=network, settings=settings)
        return ready if truths is None else truths.marked(one, ready)

    def keep(one: Found, ready: Ready, figure: "Figure") -> tuple[list[str], Any]:
        file = f"{one.name}_{kind}.png"
        with new_file(folder / file) as aside:
            aside.write_bytes(png(figure, dots=300))
        return [file], None

    work = Work(prepared, lambda some: [picture(ready) for ready in some], keep)
    return failures_told(folder, run(found, work, None, out=folder, quiet=quiet))


def drawn_by(
    kind: str, model: HubModel, device: torch.device, *, layer: str | None, target: int | str | None
) -> Picture:
    """Return what makes an image's picture of a kind."""
    if kind == "gradcam":
        telling = Asked(model, TELLING) if isinstance(model, Pretext) else model
        chosen = class_of(telling, target)
        return lambda ready: cam(telling, ready, device, chosen, layer)
    if kind == "stages":
        return lambda ready: staged(model, ready, device, layer)
    if kind == "answers":
        return lambda ready: answered(model, ready, device)

    def one_layer(ready: Ready) -> "Figure":
        one = channels_of(model, ready, device, layer=layer)
        title = f"{one.layer}: {len(one.maps)} channels"
        return channels(one.grey, one.maps, title=title, name=one.name, letters=one.letters)

    return one_layer


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


def staged(model: HubModel, ready: Ready, device: torch.device, layer: str | None) -> "Figure":
    """Return an image beside how strongly the stages of the encoder answer over it."""
    view, heats = stages_of(model, ready, device, layer=layer)
    lines = ["How strongly each stage answers: the mean of its channels", view.said]
    return overlay(view.scan(heats=heats), title="\n".join(filter(None, lines)))


def answered(model: HubModel, ready: Ready, device: torch.device) -> "Figure":
    """Return an image beside what is marked in it, outlined and restored."""
    truth = ready.truth if isinstance(ready, Marked) else None
    scan, classes, said = answers_of(model, ready, device, truth)
    return overlay(scan, classes=classes, title=said)


def class_of(model: HubModel, target: int | str | None) -> int | None:
    """Return the number of a class given by number or name, or refuse a model without classes."""
    spec, names = model.spec, model.answers.classes
    if spec.task not in ("classification", "segmentation"):
        raise BadInput(
            f"{spec.name!r} has no classes, so nothing can speak for one; give a folder with a "
            "fine-tuned model, or choose from kind='activations', 'stages', 'tsne'"
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
