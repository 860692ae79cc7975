"""What a recipe leaves open, chosen from the model and the data, and written down."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from genesis_hub.data.cases import CaseList
from genesis_hub.data.readers import read
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.infer.segment import whole_size
from genesis_hub.inputs import Inputs
from genesis_hub.tuning.memory import fitting, free
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.wishes import weighed

# What a quarter of an hour on two cores, or a minute on a GPU, can do; `steps` makes it longer.
EPOCHS, LEAST_STEPS, MOST_STEPS = 40, 300, 20_000
# By whether there is a GPU, and by axes: the Genesis papers train on 16 cubes.
MOST = {(True, 3): 16, (True, 2): 32, (False, 3): 4, (False, 2): 16}
LOOKS = 10  # Validations in a run.
FRAME = Inputs.frame  # Of 3D models.
LARGEST = 96  # Volumes of up to this side are classified whole, larger ones by windows.


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
    if recipe.spacing is not None and len(recipe.spacing) != entry.ndim:
        raise BadInput(f"spacing={recipe.spacing}, but {entry.ndim} lengths are expected")
    train = cases.of("train")
    if not train:
        raise BadInput("no case is for training; give some split=train, or leave the split away")
    recipe = replace(recipe, task=cases.task, size=size_for(recipe, entry, cases))
    batch = recipe.batch_size or (begun or {}).get("batch_size")
    batch = batch or batch_for(recipe, entry, cases, device, processes)
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
        mirror=entry.ndim == 3 if recipe.mirror is None else recipe.mirror,
    )


def batch_for(
    recipe: Recipe, entry: Entry, cases: CaseList, device: torch.device, processes: int
) -> int:
    """Return how many cases a step sees: as published where memory allows, fewer on a CPU."""
    assert recipe.size is not None
    most = MOST[device.type == "cuda", entry.ndim]
    network, channels = weighed(entry, recipe, cases)
    parts = processes * recipe.accumulate
    held = fitting(network, (channels, *recipe.size), free(device), most) * parts
    return max(parts, min(most, held, len(cases.of("train"))) // parts * parts)


def size_for(recipe: Recipe, entry: Entry, cases: CaseList) -> tuple[int, ...]:
    """Return the size of patches, pictures or volumes."""
    multiple = entry.inputs.multiple
    if recipe.size is not None:
        wrong = len(recipe.size) != entry.ndim or any(
            n < 1 or n % m for n, m in zip(recipe.size, multiple, strict=False)
        )
        if wrong:
            raise BadInput(
                f"size={recipe.size}, but {entry.ndim} sides are expected, multiples of {multiple}"
            )
        return recipe.size
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
