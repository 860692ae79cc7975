"""What a recipe leaves open, chosen from the model and the data, and written down."""

from dataclasses import replace

from genesis_hub.data.cases import CaseList
from genesis_hub.data.image import Image, steps
from genesis_hub.data.readers import read
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.infer.segment import whole_size
from genesis_hub.infer.sources import open_case
from genesis_hub.tuning.recipe import Recipe

# What a quarter of an hour on two cores, or a minute on a GPU, can do; `steps` makes it longer.
EPOCHS, LEAST_STEPS, MOST_STEPS = 40, 300, 20_000
LOOKS = 10  # Validations in a run.
LARGEST = 96  # Volumes of up to this side are classified whole, larger ones by windows.
# Volumes of slices: 2 of 8 slices are as many pictures as the 16 that a 2D encoder learns from.
SLICES, VOLUMES = 8, 2
ADAPTED = 1e-3  # Adapters start from nothing and take the rate of what is fresh.
SERVES = {"lstm": "classification", "conv3d": "segmentation"}


def chosen(recipe: Recipe, entry: Entry, cases: CaseList) -> Recipe:
    """Return a recipe in which every choice is made."""
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
    usual = VOLUMES if recipe.operator else 16 if entry.ndim == 2 else 4
    batch = recipe.batch_size or min(usual, len(train))
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
        task=cases.task,
        steps=steps,
        epochs=None,
        batch_size=batch,
        lr=recipe.lr or rate,
        warm_up=min(100, steps // 20) if recipe.warm_up is None else recipe.warm_up,
        validate_every=(
            max(1, steps // LOOKS) if recipe.validate_every is None else recipe.validate_every
        ),
        size=size_for(recipe, entry, cases),
        # A chest has a left and a right; volumes are mirrored because labels rarely depend on it.
        mirror=(
            entry.ndim == 3 or recipe.operator is not None
            if recipe.mirror is None
            else recipe.mirror
        ),
        lora_alpha=recipe.lora_alpha or (2.0 * recipe.lora if recipe.lora else None),
    )


def size_for(recipe: Recipe, entry: Entry, cases: CaseList) -> tuple[int, ...]:
    """Return the size of patches, pictures or volumes."""
    multiple = (*entry.inputs.multiple, 1) if recipe.operator else entry.inputs.multiple
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
    shapes = [read(case.images[0]).shape[1:] for case in cases.of("train")[:50]]
    largest = [max(shape[axis] for shape in shapes) for axis in range(3)]
    if max(largest) > LARGEST:
        return entry.inputs.size
    return whole_size(tuple(largest), multiple)


def deepest(cases: CaseList) -> int:
    """Return the slices of the deepest training case: a recurrence sees all of each."""
    images = [open_case(case) for case in cases.of("train")[:50]]
    return max(slices_of(image) for image in images if image.ndim == 3)


def slices_of(image: Image) -> int:
    """Return how many slices lie from the feet to the head, without reading values."""
    axis = steps(image.orientation, "LPS")[-1][0] if image.orientation else 2
    return image.shape[1 + axis]


def check_operator(recipe: Recipe, entry: Entry, cases: CaseList) -> None:
    """Raise `BadInput` unless a volume network can be made and is what the data needs."""
    operator, first = recipe.operator, cases.of("train")[0]
    if operator is None:
        if (entry.ndim, cases.task) == (2, "classification") and open_case(first).ndim == 3:
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
    image = open_case(first)
    if image.ndim != 3:
        raise BadInput(
            f"operator={operator!r} is for volumes, but {first.name!r} is a picture "
            f"{image.shape}; leave operator away"
        )


def channels_of(cases: CaseList, entry: Entry) -> int:
    """Return how many channels the model must take; grey is repeated where it saw three."""
    case = cases.cases[0]
    channels = sum(read(path).channels for path in case.images)
    return 3 if channels == 1 and entry.in_channels == 3 else channels
