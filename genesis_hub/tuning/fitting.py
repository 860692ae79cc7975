"""Whether what a recipe asks of labels and pictures fits the data at hand."""

from genesis_hub.data.cases import CaseList
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers import read
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.losses import weights_for
from genesis_hub.tuning.measures import check_metrics_fit
from genesis_hub.tuning.recipe import Recipe

# Losses by what a case's label is: several answers of yes and no, or one class.
TOGETHER = ("binary_crossentropy", "mse")
APART = ("categorical_crossentropy", "weighted_categorical_crossentropy", "mse")


def check_fit(recipe: Recipe, entry: Entry, cases: CaseList) -> None:
    """Raise `BadInput` for keys that mean nothing here; the recipe's size is chosen."""
    check_labels(recipe, cases)
    check_loss(recipe, cases)
    check_metrics_fit(recipe.metrics, cases)
    assert recipe.size is not None
    flat = entry.ndim == 2 and recipe.operator is None and cases.task == "classification"
    for name in ("ten_crop", "held"):
        side = getattr(recipe, name)
        if not side:
            continue
        if not flat or read(cases.cases[0].images[0]).ndim != 2:
            raise BadInput(
                f"{name}={side} is for pictures that are classified by a 2D encoder; leave it away"
            )
        if side < max(recipe.size):
            raise BadInput(
                f"{name}={side} is smaller than size={recipe.size}; give at least "
                f"{max(recipe.size)}"
            )
    if recipe.augment == "benchmark" and (entry.ndim != 2 or recipe.operator is not None):
        raise BadInput("augment='benchmark' is for pictures; volumes take augment='default'")
    for name in ("augment", "val_augment", "test_augment"):
        if getattr(recipe, name) == "zoom" and entry.ndim != 2:
            raise BadInput(f"{name}='zoom' is for pictures; volumes take {name}='proxy'")
    check_viewed(recipe, entry, cases)
    if recipe.select == "log_loss" and cases.task != "classification":
        raise BadInput("select='log_loss' is for classification; masks are chosen by Dice")


def check_viewed(recipe: Recipe, entry: Entry, cases: CaseList) -> None:
    """Raise `BadInput` where images that are looked at cannot be augmented."""
    for name in ("val_augment", "test_augment"):
        if getattr(recipe, name) == "none":
            continue
        if read(cases.cases[0].images[0]).ndim != entry.ndim or len(cases.cases[0].images) > 1:
            raise BadInput(
                f"{name}={getattr(recipe, name)!r} is for images with as many axes as the encoder "
                "sees; leave it away"
            )
        if recipe.spacing is not None:
            raise BadInput(
                f"{name}={getattr(recipe, name)!r} and spacing={recipe.spacing} were both given, "
                "but masks are scored on another grid than images are then seen on; leave one away"
            )


def check_loss(recipe: Recipe, cases: CaseList) -> None:
    """Raise `BadInput` where a loss by its published name does not fit the labels."""
    loss = recipe.loss
    if loss == "default":
        return
    weights_for(loss, len(cases.classes), recipe.loss_weights)
    if cases.task == "segmentation":
        return
    if cases.multilabel:
        if loss not in TOGETHER:
            raise BadInput(
                f"loss={loss!r} takes one class out of several, but labels come together here; "
                f"choose from {', '.join(TOGETHER)}, or leave loss away"
            )
    elif loss not in APART:
        why = "labels that come together" if loss in TOGETHER else "masks"
        raise BadInput(
            f"loss={loss!r} is for {why}, but each case here is one of "
            f"{', '.join(cases.classes)}; choose from {', '.join(APART)}, or leave loss away"
        )


def check_labels(recipe: Recipe, cases: CaseList) -> None:
    """Raise `BadInput` where keys of labels that come together meet others."""
    if cases.multilabel:
        for name in recipe.tested:
            if name not in cases.classes:
                raise BadInput(
                    f"tested={list(recipe.tested)}: no label is called {name!r}"
                    f"{close_names(name, cases.classes)}; they are {', '.join(cases.classes)}"
                )
        return
    for key, usual in (("tested", ()), ("uncertain", "unknown")):
        if getattr(recipe, key) != usual:
            raise BadInput(
                f"{key}={getattr(recipe, key)!r} is for labels that come together, but the classes "
                f"here are {', '.join(cases.classes)}; leave it away"
            )
