"""What a network outlines and restores of one image: input, truth, answer, restoration."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.gallery.asked import LESION, OUTLINING, RESTORING, TELLING, Asked, bare
from genesis_hub.gallery.views import View, telling, view_of
from genesis_hub.infer.prepare import Ready
from genesis_hub.models import HubModel, Pretext
from genesis_hub.show import Scan

Array = NDArray[Any]
TRUTH = "truth"  # Pictures go through its middle, whatever was answered.


def check_answers(model: HubModel) -> None:
    """Raise `BadInput` unless a model outlines or restores something."""
    if isinstance(model, Pretext) or model.spec.task == "segmentation":
        return
    others = "gradcam, activations" if model.spec.task == "classification" else "activations"
    raise BadInput(
        f"kind='answers' draws what is outlined or restored, but {model.spec.name!r} was loaded "
        f"for task={model.spec.task!r}; choose from {others}, stages, tsne"
    )


def answers_of(
    model: HubModel, ready: Ready, device: torch.device, truth: Array | None = None
) -> tuple[Scan, tuple[str, ...], str]:
    """Return an image with what a network answers, the names of its classes, and what to know.

    truth: the classes of the image's places, in the model's frame; where there is one, the part
    that holds most of it is shown, else the part that has most to say.
    """
    pretext = isinstance(model, Pretext)
    asked = most_telling(model) if isinstance(model, Pretext) else model
    around = None if truth is None else middle_of(truth, model)
    if around is None and asked is not None:
        around = telling(asked, ready, None, device)
    view = view_of(model, ready, around)
    masks = {} if truth is None else {TRUTH: np.asarray(truth[view.place], np.uint8)}
    with torch.inference_mode():
        given: Any = model(view.x.to(device))
    if not isinstance(model, Pretext):
        masks["answer"] = labels_of(given[0].float().cpu(), view)
        return view.scan(masks=masks, through=TRUTH), model.answers.classes, view.said
    learned = {name: answer for name, answer in given.items() if name not in bare(model)}
    said, beside = [view.said], {}
    for name, answer in learned.items():
        first = answer[-1] if isinstance(answer, list | tuple) else answer
        one = first[0].float().cpu()
        if name == OUTLINING:
            masks["answer"] = labels_of(one, view)
        elif name in RESTORING:
            beside["restored"] = view.back(one[0])
        elif name == TELLING and len(one) == 1:
            said.insert(0, f"{LESION}: {float(torch.sigmoid(one[0])):.0%}")
        elif name == TELLING:
            said.insert(0, f"pattern {int(one.argmax())}: {float(one.max()):.0%}")
    if not masks and not beside:
        raise BadInput(
            f"{model.spec.name!r} neither outlines nor restores: it learned "
            f"{', '.join(learned) or 'nothing'} alone; choose from gradcam, activations, stages"
        )
    scan = view.scan(taken=pretext, through=TRUTH, masks=masks, beside=beside)
    marks = LESION if OUTLINING in learned else "marked"
    return scan, ("background", marks), "\n".join(filter(None, said))


def most_telling(model: Pretext) -> Asked | None:
    """Return the answer that says where most is to be seen; None where none does."""
    names: Any = model.head
    for answer in (OUTLINING, TELLING):
        if answer in names and answer not in bare(model):
            return Asked(model, answer).eval()
    return None


def middle_of(truth: Array, model: HubModel) -> tuple[int, ...] | None:
    """Return the middle of what is marked: of slices, in that with most; None of nothing."""
    if not truth.any():
        return None
    if truth.ndim == 3 and model.entry.ndim == 2:
        most = int((truth > 0).sum((0, 1)).argmax())
        return (truth.shape[0] // 2, truth.shape[1] // 2, most)
    return tuple(int(n) for n in np.argwhere(truth > 0).mean(0).round())


def labels_of(logits: torch.Tensor, view: View) -> Array:
    """Return the classes of the places shown."""
    labels = (logits[0] > 0) if len(logits) == 1 else logits.argmax(0)
    return np.asarray(view.back(labels.float()).round(), np.uint8)
