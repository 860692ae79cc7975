"""The cases of a run as pictures: image, truth and prediction, and what spoke for the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub import show
from genesis_hub.data.cases import Case, CaseList, class_indices
from genesis_hub.data.image import turned
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from genesis_hub.gallery.heat import heat_of
from genesis_hub.gallery.stages import stages_of
from genesis_hub.gallery.views import telling, view_of
from genesis_hub.infer.prepare import Ready, prepare
from genesis_hub.infer.segment import by_slices, segment
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.sources import open_case
from genesis_hub.infer.windows import plan_windows
from genesis_hub.models import HubModel
from genesis_hub.page import Markup, element, figure, figures, joined, note, section
from genesis_hub.reporting.numbers import shown
from genesis_hub.reporting.picking import between, picked
from genesis_hub.reporting.reading import Reading
from genesis_hub.show.style import quoted

Array = NDArray[Any]
MANY_WINDOWS = 64  # A larger volume is shown by one window instead of being predicted whole again.


@dataclass(frozen=True, eq=False)
class Gallery:
    """What pictures of cases are made with."""

    reading: Reading
    cases: CaseList
    model: HubModel
    device: torch.device

    def case(self, row: int) -> Case:
        """Return a case of predictions.csv."""
        name = self.reading.names[row]
        return next(case for case in self.cases if case.name == name)

    def ready(self, row: int) -> Ready:
        """Return a case as the model takes it."""
        return prepare(open_case(self.case(row)), self.model.inputs, check=False)


def looks(gallery: Gallery) -> list[Markup]:
    """Return the sections of pictures."""
    worst, best = picked(gallery.reading)
    if gallery.reading.segmentation:
        return [
            pictured(
                "Best and worst cases", gallery, [("Worst", worst), ("Best", best)], outlined,
                "By Dice, the mean over classes. The slices are those with most in them.",
            ),
            pictured(
                "What speaks for a class (Grad-CAM)", gallery, [("", between(gallery.reading))],
                seen_by_segmenter,
                "Where the encoder's coarsest map speaks for the class with most voxels, in a "
                "poor, a middling and a good case, with the prediction's outline. It is coarse, "
                "and a hint, not a proof.",
            ),
            staged(gallery),
        ]  # fmt: skip
    return [
        pictured(
            "Best and worst cases, and what spoke for the answer (Grad-CAM)", gallery,
            [("Worst", worst), ("Best", best)], seen_by_classifier,
            "By the share that the truth was given. Grad-CAM is coarse by nature, and a hint, not "
            "a proof: look whether it lies on the patient and on the finding.",
        ),
        staged(gallery),
    ]  # fmt: skip


def staged(gallery: Gallery) -> Markup:
    """Return the section of activation maps."""
    return pictured(
        "What each stage of the encoder answers to (activation maps)",
        gallery,
        [("", between(gallery.reading))],
        seen_by_stages,
        "How strongly each stage answers, whatever the class: the mean of its channels' "
        "magnitudes, from the least to the greatest in the image, in a poor, a middling and a good "
        "case.",
    )


def pictured(
    title: str, gallery: Gallery, groups: Sequence[tuple[str, Sequence[int]]], draw: Any, lead: str
) -> Markup:
    """Return a section of pictures; a case that cannot be drawn says why."""
    parts: list[Markup] = []
    for name, rows in groups:
        drawn = []
        for row in rows:
            try:
                drawn.append(draw(gallery, row))
            except Exception as error:  # one picture less, whatever is wrong with its case
                case = gallery.reading.names[row]
                parts.append(note(f"{case} could not be drawn: {error or type(error).__name__}"))
        if drawn:
            parts += [element("h3", name)] if name else []
            parts.append(figures(*drawn, wide=True))
    return section(title, *parts, lead=lead)


def seen_by_classifier(gallery: Gallery, row: int) -> Markup:
    """Return an image, what spoke for its answer and, where that was wrong, for the truth."""
    reading, model = gallery.reading, gallery.model
    shares, truths = reading.shares[row], reading.truths[row]
    classes = reading.classes
    answer = int(shares.argmax())
    true = [k for k in range(len(classes)) if truths[k] == 1]
    ready = gallery.ready(row)
    seen = heat_of(model, ready, gallery.device, target=answer)
    heats = {f"for {quoted(classes[answer])}": seen.heat}
    if answer not in true and true:
        other = heat_of(model, ready, gallery.device, target=true[0], view=seen.view)
        heats[f"for {quoted(classes[true[0]])}"] = other.heat
    picture = show.webp(show.overlay(seen.view.scan(heats=heats)))
    names = ", ".join(quoted(classes[k]) for k in true) or "none"
    given = [(answer, shares[answer])]
    if reading.multilabel:
        given = [(k, share) for k, share in enumerate(shares) if share >= 0.5]
    said = ", ".join(f"{quoted(classes[k])} ({share:.0%})" for k, share in given)
    caption = joined(
        element("strong", reading.names[row]), f". Truth: {names}. Answer: {said or 'none'}.",
        f" At {seen.layer}" + (f", {seen.view.said}." if seen.view.said else "."),
        f" For {quoted(classes[answer])}, {seen.silent}." if seen.silent else None,
    )  # fmt: skip
    alt = f"{reading.names[row]}: image and Grad-CAM; truth {names}, answer {said}."
    return figure(picture, alt, caption)


def outlined(gallery: Gallery, row: int) -> Markup:
    """Return an image with the outlines of truth and prediction."""
    reading = gallery.reading
    ready, truth = gallery.ready(row), truth_of(gallery, row)
    sides = tuple(int(side) for side in ready.pixels.shape[1:])
    more = ""
    large = not by_slices(gallery.model) and (
        plan_windows(sides, gallery.model.inputs.facts.size).count > MANY_WINDOWS
    )
    if large and not ready.resampled:
        scan, more = in_window(gallery, ready, truth)
    else:
        settings = Settings(multilabel=gallery.cases.multilabel)
        answer = segment(gallery.model, ready, settings, gallery.device).labels
        image = ready.image
        scan = show.Scan(
            grey_of(image.array), {"truth": truth, "prediction": answer}, spacing=image.spacing,
            codes=image.orientation if image.ndim == 3 else "", grey=image.grey,
        )  # fmt: skip
    dice = {name: values[row] for name, values in reading.measured("dice").items()}
    said = ", ".join(f"{name} {shown(float(value))}" for name, value in dice.items())
    caption = joined(element("strong", reading.names[row]), f". Dice: {said}.", more)
    alt = f"{reading.names[row]}: image, outlines of truth and of prediction; Dice: {said}."
    return figure(show.webp(show.overlay(scan, classes=reading.classes)), alt, caption)


def in_window(gallery: Gallery, ready: Ready, truth: Array) -> tuple[show.Scan, str]:
    """Return one window of a large volume, around what is to be found, with its answer."""
    image = ready.image
    framed = truth
    if image.affine is not None:
        framed = turned(truth[None], image.orientation, ready.frame)[0]
    where = np.argwhere(framed > 0)
    view = view_of(gallery.model, ready, where[len(where) // 2] if len(where) else None)
    with torch.inference_mode():
        logits = gallery.model(view.x.to(gallery.device)).float().cpu()[0]
    labels = (logits[0] > 0).long() if len(logits) == 1 else logits.argmax(0)
    masks = {"truth": framed[view.place], "prediction": view.back(labels).astype(np.uint8)}
    return view.scan(masks=masks), f" Shown: {view.said}."


def seen_by_segmenter(gallery: Gallery, row: int) -> Markup:
    """Return what spoke for the class with most voxels."""
    reading = gallery.reading
    seen = heat_of(gallery.model, gallery.ready(row), gallery.device)
    name = reading.classes[seen.target] if seen.target < len(reading.classes) else "class"
    scan = seen.view.scan(heats={f"for {quoted(name)}": seen.heat}, masks=seen.masks)
    picture = show.webp(show.overlay(scan, classes=reading.classes))
    caption = joined(
        element("strong", reading.names[row]),
        f". Dice {shown(float(reading.goodness[row]))}. At {seen.layer}",
        f", {seen.view.said}." if seen.view.said else ".",
        f" For {quoted(name)}, {seen.silent}." if seen.silent else None,
    )
    return figure(picture, f"{reading.names[row]}: Grad-CAM of {name}.", caption)


def seen_by_stages(gallery: Gallery, row: int) -> Markup:
    """Return how strongly each stage of the encoder answers over an image."""
    name, model = gallery.reading.names[row], gallery.model
    ready = gallery.ready(row)
    around = telling(model, ready, None, gallery.device)
    view, heats = stages_of(model, ready, gallery.device, view=view_of(model, ready, around))
    picture = show.webp(show.overlay(view.scan(heats=heats)))
    caption = joined(element("strong", name), f". Shown: {view.said}." if view.said else ".")
    return figure(picture, f"{name}: activation maps of {len(heats)} stages.", caption)


def truth_of(gallery: Gallery, row: int) -> Array:
    """Return the class of each voxel, in the image's own axes."""
    case = gallery.case(row)
    if case.mask is None:
        raise BadInput("it has no mask")
    return class_indices(read(case.mask), gallery.cases.values)


def grey_of(array: Array) -> Array:
    """Return one channel of an image: the mean of a picture's colours, the first of a volume's."""
    return np.asarray(array.mean(0) if array.ndim == 3 else array[0], np.float32)
