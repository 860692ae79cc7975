"""What a recipe leaves open, chosen from the model and the data, and written down."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from genesis_hub.data.cases import CaseList
from genesis_hub.data.readers import read
from genesis_hub.engine.memory import fitting, free
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.infer.segment import whole_size
from genesis_hub.inputs import Inputs
from genesis_hub.networks.choices import factor
from genesis_hub.networks.heads import normed
from genesis_hub.tuning.fitting import check_fit
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.wishes import weighed

# What a quarter of an hour on two cores, or a minute on a GPU, can do; `steps` makes it longer.
EPOCHS, LEAST_STEPS, MOST_STEPS = 40, 300, 20_000
# By whether there is a GPU, and by axes: the Genesis papers train on 16 cubes.
MOST = {(True, 3): 16, (True, 2): 32, (False, 3): 4, (False, 2): 16}
LOOKS = 10  # Validations in a run.
FRAME = Inputs.frame  # Of 3D models.
LARGEST = 96  # Volumes of up to this side are classified whole, larger ones by windows.
# Volumes of slices: 2 of 8 slices are as many pictures as the 16 that a 2D encoder learns from.
SLICES, VOLUMES = 8, 2
ADAPTED = 1e-3  # Adapters start from nothing and take the rate of what is fresh.
SERVES = {"lstm": "classification", "conv3d": "segmentation"}


def chosen(
    recipe: Recipe,
    entry: Entry,
    cases: CaseList,
    device: torch.device,
    *,
    processes: int = 1,
    begun: Mapping[str, Any] | None = None,
) -> Recipe:
    """Return a recipe in which every choice is made.

    begun: the recipe of a run that goes on: what was chosen by the memory at hand then stays.
    """
    if recipe.spacing is not None and recipe.operator is not None:
        raise BadInput(
            f"spacing={recipe.spacing} and operator={recipe.operator!r} were both given, but a "
            "network of slices sees them on their own grid; leave spacing away"
        )
    if recipe.spacing is not None and len(recipe.spacing) != entry.ndim:
        raise BadInput(f"spacing={recipe.spacing}, but {entry.ndim} lengths are expected")
    train = cases.of("train")
    if not train:
        raise BadInput("no case is for training; give some split=train, or leave the split away")
    if recipe.lora:
        require("peft", "lora")  # Said before a run is begun.
    check_operator(recipe, entry, cases)
    if recipe.cache and cases.task != "classification":
        raise BadInput(
            "cache=true keeps one answer of the encoder per case, but segmentation learns from "
            "another patch each time; leave cache away"
        )
    recipe = replace(recipe, task=cases.task, size=size_for(recipe, entry, cases))
    check_fit(recipe, entry, cases)
    batch = recipe.batch_size or (begun or {}).get("batch_size")
    batch = batch or batch_for(recipe, entry, cases, device, processes)
    parts = processes * recipe.accumulate
    if cases.task == "classification" and normed(recipe.head) and batch < 2 * parts:
        raise BadInput(
            f"head={recipe.head!r} has batch norm, which needs two cases or more at once, but a "
            f"step sees {batch} in {parts} part(s); give batch_size={2 * parts} or more, or "
            "another head"
        )
    per_epoch = -(-len(train) // batch)
    steps = recipe.steps
    if steps is None:
        steps = (
            recipe.epochs * per_epoch
            if recipe.epochs is not None
            else max(LEAST_STEPS, min(MOST_STEPS, EPOCHS * per_epoch))
        )
    # Published fine-tuning uses 1e-3 with Adam; for 2D encoders trained on many pictures less
    # keeps what they know. Without weights, the rate that a fresh network of this kind likes.
    rate = 1e-3 if entry.ndim == 3 or recipe.scratch else 3e-4
    if recipe.lora:
        rate = ADAPTED
    return replace(
        recipe,
        steps=steps,
        epochs=None,
        batch_size=batch,
        lr=recipe.lr or rate,
        warm_up=min(100, steps // 20) if recipe.warm_up is None else recipe.warm_up,
        validate_every=(
            max(1, steps // LOOKS) if recipe.validate_every is None else recipe.validate_every
        ),
        # A chest has a left and a right; volumes are mirrored because labels rarely depend on it.
        mirror=(
            entry.ndim == 3 or recipe.operator is not None
            if recipe.mirror is None
            else recipe.mirror
        ),
        lora_alpha=recipe.lora_alpha or (2.0 * recipe.lora if recipe.lora else None),
    )


def batch_for(
    recipe: Recipe, entry: Entry, cases: CaseList, device: torch.device, processes: int
) -> int:
    """Return how many cases a step sees: as published where memory allows, fewer on a CPU."""
    assert recipe.size is not None
    most = VOLUMES if recipe.operator else MOST[device.type == "cuda", entry.ndim]
    network, channels = weighed(entry, recipe, cases)
    parts = processes * recipe.accumulate
    held = fitting(network, (channels, *recipe.size), free(device), most) * parts
    return max(parts, min(most, held, len(cases.of("train"))) // parts * parts)


def size_for(recipe: Recipe, entry: Entry, cases: CaseList) -> tuple[int, ...]:
    """Return the size of patches, pictures or volumes."""
    multiple = (*entry.inputs.multiple, 1) if recipe.operator else entry.inputs.multiple
    if cases.task == "segmentation":
        multiple = tuple(side * factor(recipe.pooling, recipe.decoder) for side in multiple)
    if recipe.size is not None:
        wrong = len(recipe.size) != len(multiple) or any(
            n < 1 or n % m for n, m in zip(recipe.size, multiple, strict=False)
        )
        if wrong:
            raise BadInput(
                f"size={recipe.size}, but {len(multiple)} sides are expected, multiples of "
                f"{multiple}"
            )
        return recipe.size
    if recipe.operator:
        return (*entry.inputs.size, deepest(cases) if recipe.operator == "lstm" else SLICES)
    if entry.ndim == 2 or cases.task == "segmentation":
        return entry.inputs.size
    largest = [0, 0, 0]
    for case in cases.of("train")[:50]:
        image = read(case.images[0])
        have = image.framed_spacing(FRAME) or (1.0, 1.0, 1.0)
        want = recipe.spacing or entry.inputs.spacing or have
        for axis, side in enumerate(image.framed_sides(FRAME)):
            largest[axis] = max(largest[axis], round(side * have[axis] / want[axis]))
    if max(largest) > LARGEST:
        return entry.inputs.size
    return whole_size(tuple(largest), multiple)


def deepest(cases: CaseList) -> int:
    """Return the slices of the deepest training case: a recurrence sees all of each."""
    images = [read(case.images[0]) for case in cases.of("train")[:50]]
    return max(image.framed_sides(FRAME)[-1] for image in images if image.ndim == 3)


def check_operator(recipe: Recipe, entry: Entry, cases: CaseList) -> None:
    """Raise `BadInput` unless a volume network can be made and is what the data needs."""
    operator, first = recipe.operator, cases.of("train")[0]
    if operator is None:
        if (entry.ndim, cases.task) == (2, "classification") and read(first.images[0]).ndim == 3:
            raise BadInput(
                f"{first.name!r} is a volume and {entry.name!r} classifies pictures; give "
                "operator='lstm' to classify volumes by their slices, or a 3D model"
            )
        return
    if entry.ndim != 2:
        raise BadInput(
            f"operator={operator!r} makes a volume network of a 2D encoder, but {entry.name!r} is "
            "3D already; leave operator away"
        )
    if SERVES[operator] != cases.task:
        raise BadInput(
            f"operator={operator!r} serves {SERVES[operator]}, but the labels are for "
            f"{cases.task}: 'lstm' classifies volumes, 'conv3d' segments them"
        )
    image = read(first.images[0])
    if image.ndim != 3:
        raise BadInput(
            f"operator={operator!r} is for volumes, but {first.name!r} is a picture "
            f"{image.shape}; leave operator away"
        )
