"""What a recipe wishes of `create_model` and `from_pretrained`."""

from typing import Any

import torch

from genesis_hub import api
from genesis_hub.data.cases import CaseList
from genesis_hub.data.readers import read
from genesis_hub.entry import Entry
from genesis_hub.networks.choices import one_size
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.tuning.recipe import Recipe


def weighed(entry: Entry, recipe: Recipe, cases: CaseList) -> tuple[torch.nn.Module, int]:
    """Return the network without memory, to weigh a step by, and the channels it takes."""
    wishes = wishes_of(entry, recipe, cases)
    with torch.device("meta"):
        return api.create_model(entry.name, **wishes), wishes["in_channels"]


def wishes_of(entry: Entry, recipe: Recipe, cases: CaseList) -> dict[str, Any]:
    """Return how the network is to be built."""
    segmentation = cases.task == "segmentation"
    decoder = recipe.decoder
    own = has_decoder(entry) and (entry.ndim == 3 or recipe.operator is not None)
    if decoder is None and segmentation and own:
        decoder = "pretrained" if recipe.transfer == "all" else "fresh"
    unet = recipe.encoder is None and ARCHITECTURES[entry.architecture].unet is not None
    fixed = one_size(cases.task, recipe.pooling, decoder, unet=unet)
    return {
        "task": cases.task,
        "num_classes": len(cases.classes),
        "in_channels": channels_of(cases, entry),
        "head": recipe.head,
        "decoder": decoder,
        "operator": recipe.operator,
        "norm": recipe.norm,
        "modality": recipe.modality,
        "range": recipe.range,
        "encoder": recipe.encoder,
        "dropout": recipe.dropout,
        "grade": graded(recipe, cases),
        "pooling": recipe.pooling,
        "size": recipe.size if fixed else None,
        "width": recipe.width or 1.0,  # 1 is that of the weights, or of the name.
    }


def graded(recipe: Recipe, cases: CaseList) -> bool:
    """Say whether the head gives one number: classes in an order, missed by their distance."""
    return recipe.loss == "mse" and cases.task == "classification" and not cases.multilabel


def has_decoder(entry: Entry) -> bool:
    """Say whether a decoder comes with a name's weights."""
    return ARCHITECTURES[entry.architecture].decoder is not None


def channels_of(cases: CaseList, entry: Entry) -> int:
    """Return how many channels the model must take; grey is repeated where it saw three."""
    case = cases.cases[0]
    channels = sum(read(path).channels for path in case.images)
    return 3 if channels == 1 and entry.in_channels == 3 else channels
