"""Whether the keys of a recipe can be used, alone and together, told before anything is made."""

from typing import TYPE_CHECKING

from genesis_hub.engine.fabric import PRECISIONS
from genesis_hub.engine.pace import check_optimizer
from genesis_hub.engine.schedule import check_schedule
from genesis_hub.errors import BadInput
from genesis_hub.losses import LOSSES, WEIGHTED
from genesis_hub.tuning.measures import check_metrics
from genesis_hub.tuning.uncertain import POLICIES

if TYPE_CHECKING:
    from genesis_hub.tuning.recipe import Recipe

TRANSFERS = ("encoder", "all")
OPERATORS = ("lstm", "conv3d")
VIEWS = ("none", "proxy", "zoom")
AUGMENTS = ("default", "benchmark", "proxy", "zoom", "none")
SELECTED = ("score", "log_loss", "last")


def check(recipe: "Recipe") -> None:
    """Raise `BadInput` where a key cannot be used."""
    check_schedule(recipe.schedule)
    check_optimizer(recipe.optimizer)
    if recipe.transfer not in TRANSFERS:
        raise BadInput(f"transfer={recipe.transfer!r}; choose from {', '.join(TRANSFERS)}")
    if recipe.augment not in AUGMENTS:
        raise BadInput(f"augment={recipe.augment!r}; choose from {', '.join(AUGMENTS)}")
    for name in ("val_augment", "test_augment"):
        if getattr(recipe, name) not in VIEWS:
            raise BadInput(f"{name}={getattr(recipe, name)!r}; choose from {', '.join(VIEWS)}")
    if recipe.uncertain not in POLICIES:
        raise BadInput(f"uncertain={recipe.uncertain!r}; choose from {', '.join(POLICIES)}")
    if recipe.select not in SELECTED:
        raise BadInput(f"select={recipe.select!r}; choose from {', '.join(SELECTED)}")
    if recipe.precision not in PRECISIONS:
        raise BadInput(f"precision={recipe.precision!r}; choose from {', '.join(PRECISIONS)}")
    if recipe.task not in (None, "classification", "segmentation"):
        raise BadInput(f"task={recipe.task!r}; choose 'classification' or 'segmentation'")
    for name in ("steps", "epochs", "batch_size", "accumulate", "save_every", "shots", "plateau"):
        value = getattr(recipe, name)
        if value is not None and value < 1:
            raise BadInput(f"{name}={value!r}, but it must be 1 or more")
    for name in (
        "workers", "patience", "recalibrate", "warm_up", "validate_every", "lora", "ten_crop",
        "held",
    ):  # fmt: skip
        value = getattr(recipe, name)
        if value is not None and value < 0:
            raise BadInput(f"{name}={value!r}, but it must be 0 or more")
    for name, low, high in (
        ("lr", 0, 10), ("weight_decay", -1e-9, 10), ("layer_decay", 0, 1.0000001),
        ("foreground", -1e-9, 1.0000001), ("average", -1e-9, 1), ("clip", -1e-9, 1e6),
        ("clip_each", -1e-9, 1e6), ("clip_value", -1e-9, 1e6),
        ("label_smoothing", -1e-9, 1), ("lora_alpha", 0, 1e6),
    ):  # fmt: skip
        value = getattr(recipe, name)
        if value is not None and not low < value < high:
            raise BadInput(f"{name}={value!r} is out of its range")
    if recipe.freeze and recipe.unfreeze:
        raise BadInput("freeze and unfreeze were both given; give one")
    if list(recipe.restart) != sorted(set(recipe.restart)) or any(n < 1 for n in recipe.restart):
        raise BadInput(f"restart={recipe.restart}, but epochs from 1 up, rising, are expected")
    if list(recipe.unfreeze) != sorted(recipe.unfreeze) or any(n < 0 for n in recipe.unfreeze):
        raise BadInput(f"unfreeze={recipe.unfreeze}, but epochs from 0 up, rising, are expected")
    if recipe.steps is not None and recipe.epochs is not None:
        raise BadInput("steps and epochs were both given; give one")
    if recipe.shots is not None and recipe.label_fraction is not None:
        raise BadInput("shots and label_fraction were both given; give one")
    if recipe.plateau is not None and recipe.schedule != "plateau":
        raise BadInput(
            f"plateau={recipe.plateau} with schedule={recipe.schedule!r}, which never halves the "
            "rate; give schedule='plateau', too"
        )
    if recipe.held and recipe.augment == "none":
        raise BadInput(
            f"held={recipe.held} keeps pictures large for augmentation to cut parts out of, but "
            "augment='none'; leave one away"
        )
    if recipe.operator not in (None, *OPERATORS):
        raise BadInput(f"operator={recipe.operator!r}; choose from {', '.join(OPERATORS)}")
    if recipe.range not in (None, "image") and len(recipe.range or ()) != 2:
        raise BadInput(f"range={recipe.range!r}; give two numbers, low and high, or 'image'")
    if recipe.spacing is not None and not all(0 < side < float("inf") for side in recipe.spacing):
        raise BadInput(f"spacing={recipe.spacing}, but millimetres above 0 are expected")
    check_loss(recipe)
    check_metrics(recipe.metrics)
    check_lora(recipe)
    check_cache(recipe)


def check_loss(recipe: "Recipe") -> None:
    """Raise `BadInput` where a loss is none, or does not have what else was asked for."""
    if recipe.loss == "default":
        if recipe.loss_weights:
            raise BadInput(
                f"loss_weights={recipe.loss_weights} without loss, whose classes all count alike; "
                f"give loss, one of {', '.join(WEIGHTED)}, or class_weights=true"
            )
        return
    if recipe.loss not in LOSSES:
        raise BadInput(f"loss={recipe.loss!r}; choose from default, {', '.join(LOSSES)}")
    for name in ("class_weights", "label_smoothing"):
        if getattr(recipe, name):
            raise BadInput(
                f"{name}={getattr(recipe, name)!r} belongs to loss='default', but "
                f"loss={recipe.loss!r}; leave one away"
            )
    if any(not 0 <= weight < float("inf") for weight in recipe.loss_weights) or (
        recipe.loss_weights and not any(recipe.loss_weights)
    ):
        raise BadInput(
            f"loss_weights={recipe.loss_weights}, but numbers from 0 up, not all 0, are expected"
        )


def check_lora(recipe: "Recipe") -> None:
    """Raise `BadInput` where adapters cannot go with the rest."""
    if not recipe.lora:
        if recipe.lora_alpha is not None:
            raise BadInput(f"lora_alpha={recipe.lora_alpha!r} without lora; give the rank, too")
        return
    for name in ("freeze", "unfreeze", "scratch"):
        if getattr(recipe, name):
            raise BadInput(
                f"lora={recipe.lora} and {name}={getattr(recipe, name)!r} were both given, but "
                "adapters learn in place of pretrained weights that stand still; give one"
            )


def check_cache(recipe: "Recipe") -> None:
    """Raise `BadInput` where features cannot be kept."""
    if not recipe.cache:
        return
    if not recipe.freeze and not (recipe.unfreeze and min(recipe.unfreeze) > 0):
        raise BadInput(
            "cache=true keeps what a frozen encoder says, but this one learns from the first epoch "
            "on; give freeze=true, or unfreeze with later epochs, too, or leave cache away"
        )
    if recipe.augment != "none":
        raise BadInput(
            f"cache=true computes each case once, so augment={recipe.augment!r} could never be "
            "seen; give augment='none', or leave cache away"
        )
    if recipe.norm == "original":
        raise BadInput(
            "cache=true computes each case by itself, but norm='original' makes it depend on "
            "its batch; give norm='running', or leave cache away"
        )
