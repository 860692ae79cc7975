"""The network that a run trains: the published one, with the input and the classes asked for."""

from dataclasses import replace
from typing import Any

import torch

from genesis_hub import api, registry
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs, adjusted
from genesis_hub.models import HubModel
from genesis_hub.networks.proxy import paced
from training.kinds import ImageRecipe, SliceRecipe, VolumeRecipe, WholeRecipe
from training.recipe import Recipe

MRI = "image"  # An MRI's numbers mean nothing beside another's: each by its own ends.
FILTERS = 16  # Of the proxy tasks' built-in encoder at width 1.


def name_of(recipe: Recipe) -> str:
    """Return the catalog's or timm's name of the network that is trained."""
    asked = recipe.encoder if isinstance(recipe, ImageRecipe) else ""
    if isinstance(recipe, WholeRecipe) and not published_encoder(recipe):
        asked = recipe.encoder_architecture
    return f"timm:{asked.removeprefix('timm:')}" if asked else recipe.name


def published_encoder(recipe: WholeRecipe) -> str:
    """Return the published name of the encoder asked for; nothing where it is another."""
    asked = recipe.encoder_architecture.lower()
    named = registry.find(recipe.name).encoders
    return next((name for name, timm in named if asked in (name.lower(), timm)), "")


def parts_of(recipe: Recipe) -> dict[str, Any]:
    """Return what the network is built of, as `create_model` takes it."""
    if not isinstance(recipe, WholeRecipe):
        told: dict[str, Any] = {"width": recipe.width, "norm": recipe.norm}
        return {**told, "decoder": recipe.decoder} if isinstance(recipe, SliceRecipe) else told
    own = not recipe.encoder_architecture
    return {
        "width": recipe.width * recipe.enc_filters / FILTERS if own else recipe.width,
        "norm": recipe.norm,
        "in_channels": recipe.number_channels,
        "encoder": published_encoder(recipe) or None,
    }


def facts_of(recipe: Recipe) -> InputFacts:
    """Return what the network takes: as the catalog says, for the modality and size asked for."""
    facts = registry.find(recipe.name).inputs
    if isinstance(recipe, WholeRecipe):
        # Any side is learned from; what loads the weights may need a multiple.
        sides = zip(recipe.size, facts.multiple, strict=True)
        size = tuple(-(-side // step) * step for side, step in sides)
        return replace(facts, size=size, channels=recipe.number_channels)
    if isinstance(recipe, VolumeRecipe | SliceRecipe) and (
        recipe.range is not None or recipe.modality != facts.modality
    ):
        wide: Any = recipe.range or (MRI if recipe.modality == "mri" else None)
        facts = adjusted(facts, modality=recipe.modality, range=wide)
        if isinstance(recipe, VolumeRecipe) or recipe.range is None:
            facts = replace(facts, modality=recipe.modality)
    wrong = [n for n, m in zip(recipe.size, facts.multiple, strict=True) if n % m]
    if wrong:
        fitting = tuple(
            max(m, round(n / m) * m) for n, m in zip(recipe.size, facts.multiple, strict=True)
        )
        keys = "input_rows, input_cols, input_deps" if len(fitting) == 3 else "input_side"
        raise BadInput(
            f"{keys} are {recipe.size}, but {recipe.name} needs multiples of {facts.multiple}; "
            f"{fitting} would do"
        )
    return replace(facts, size=recipe.size)


def network_of(recipe: Recipe, facts: InputFacts, *, task: str) -> HubModel:
    """Return the network to be trained, fresh or with weights to begin with.

    task: "pretext" is the published network with all its heads, "features" the bare encoder.
    """
    name = name_of(recipe)
    entry = registry.find(name)
    parts = parts_of(recipe)
    width = parts["width"]
    classes = 0
    if isinstance(recipe, VolumeRecipe) and entry.pretext_classes:
        classes = recipe.classes
    if recipe.weights is None:
        network = api.create_model(name, task=task, num_classes=classes, **parts)
    else:
        wishes = {key: parts[key] for key in ("norm", "in_channels", "decoder") if key in parts}
        network = api.from_pretrained(recipe.weights, task=task, **wishes)
        encoder = parts.get("encoder")
        wanted = dict(entry.encoders)[encoder] if encoder else entry.architecture
        key = "encoder_architecture" if isinstance(recipe, WholeRecipe) else "encoder"
        other = "" if name == recipe.name and not encoder else f" ({key}=); leave {key} away"
        if network.spec.architecture != wanted:
            raise BadInput(
                f"weights={recipe.weights!r} are of {network.spec.architecture}, but "
                f"{encoder or name} is to be trained{other}; begin with weights of that, or afresh"
            )
        if classes and network.spec.num_classes != classes:
            raise BadInput(
                f"weights={recipe.weights!r} tell {network.spec.num_classes} classes apart, but "
                f"{classes} are to be learned; classes=N takes the first N, or begin afresh"
            )
        if network.spec.width != width:
            own = isinstance(recipe, WholeRecipe) and not recipe.encoder_architecture
            give = f"width={network.spec.width:g}"
            if own:
                give = f"enc_filters={FILTERS * network.spec.width / recipe.width:g}"
            raise BadInput(
                f"weights={recipe.weights!r} are {network.spec.width:g} wide, but {width:g} is "
                f"asked for; give {give}"
            )
    if isinstance(recipe, WholeRecipe):
        paced(network, recipe.dropout, recipe.norm_momentum)
    network.inputs = Inputs(facts, network.in_channels, network.inputs.frame)
    network.entry = replace(network.entry, inputs=facts)
    return network


def laid_out(network: HubModel) -> None:
    """Give a network's kernels the memory layout that convolutions are fastest in."""
    if network.ndim == 2:
        network.to(memory_format=torch.channels_last)
        return
    network.to(memory_format=torch.channels_last_3d)
    for kernel in network.parameters():
        if kernel.ndim > 2 and all(side == 1 for side in kernel.shape[2:]):
            # For a kernel of one voxel both layouts are the same bytes under other strides, and
            # gradients come in the plain ones: processes that share them would copy.
            kernel.data = kernel.data.clone(memory_format=torch.contiguous_format)
