"""From a recipe whose choices are made to the network, the items and the objective of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from genesis_hub import api
from genesis_hub.data.cases import CaseList
from genesis_hub.engine.fabric import Fabric
from genesis_hub.engine.feed import Order, stacked
from genesis_hub.engine.objective import Items
from genesis_hub.entry import Entry
from genesis_hub.errors import WeightsUnavailable
from genesis_hub.infer.settings import Settings
from genesis_hub.models import HubModel
from genesis_hub.networks.proxy import paced
from genesis_hub.tuning.adapters import adapt
from genesis_hub.tuning.augment import Augment, for_benchmark, for_pictures, for_proxy, for_volumes
from genesis_hub.tuning.items import PatchItems, Samples, WholeItems
from genesis_hub.tuning.objectives import Classification, Segmentation
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.slices import SlabItems, SliceItems
from genesis_hub.tuning.supervised import Supervised
from genesis_hub.tuning.viewed import Viewed
from genesis_hub.tuning.wishes import wishes_of

MOMENTUM = 0.1  # Of the proxy tasks' norms: at the published .01 short runs are judged too early.


def built(source: str | Path, entry: Entry, recipe: Recipe, cases: CaseList) -> HubModel:
    """Return the network with its weights, or without for a run from scratch."""
    wishes = wishes_of(entry, recipe, cases)
    if recipe.scratch:
        network = api.create_model(entry.name, **wishes)
    else:
        try:
            # However its numbers are kept: `precision` says what is computed in.
            network = api.from_pretrained(source, **wishes).float()
        except WeightsUnavailable as error:
            raise WeightsUnavailable(
                f"{error}; scratch=true (--scratch) trains without weights"
            ) from error
    assert recipe.size is not None
    sized(network, recipe.size, recipe.spacing)
    paced(network, recipe.block_dropout, MOMENTUM)
    if recipe.lora:
        assert recipe.lora_alpha is not None
        adapt(network, rank=recipe.lora, alpha=recipe.lora_alpha)
    return network


def sized(network: HubModel, size: tuple[int, ...], spacing: tuple[float, ...] | None) -> None:
    """Let a network expect images of a size; a volume network of slices takes any depth."""
    facts = network.inputs.facts
    if spacing is not None:
        facts = replace(facts, spacing=spacing)
    flat = replace(facts, size=size[: network.entry.ndim])
    facts = replace(facts, size=(*flat.size, 1)) if network.spec.operator else flat
    network.inputs = replace(network.inputs, facts=facts)
    # The multiples of the encoder alone: another task's network has its own.
    flat = replace(flat, multiple=network.entry.inputs.multiple)
    network.entry = replace(network.entry, inputs=flat)


def items_of(model: HubModel, samples: Samples, recipe: Recipe) -> Items:
    """Return what the run learns from."""
    assert recipe.size is not None
    size = recipe.size
    if recipe.operator == "lstm":
        return SliceItems(samples, size)
    if recipe.operator == "conv3d":
        return SlabItems(samples, size, foreground=recipe.foreground)
    if recipe.task == "classification":
        return WholeItems(samples, (recipe.held,) * 2 if recipe.held else size)
    return PatchItems(samples, size, by_slices=model.entry.ndim == 2, foreground=recipe.foreground)


def objective_of(
    model: HubModel,
    items: Items,
    samples: Mapping[str, Samples],
    recipe: Recipe,
    cases: CaseList,
    fabric: Fabric,
) -> Supervised:
    """Return what the run minimises."""
    augment: Augment | None = None
    if recipe.augment == "benchmark":
        augment = for_benchmark(str(recipe.task), mirror=bool(recipe.mirror))
    elif recipe.augment in ("proxy", "zoom"):
        # Slices of a volume are pictures.
        augment = for_proxy(model.entry.ndim, zoom_only=recipe.augment == "zoom")
    elif recipe.augment == "default":
        preset = for_volumes if model.entry.ndim == 3 else for_pictures  # Slices are pictures.
        modality = model.inputs.facts.modality
        augment = preset(modality, mirror=bool(recipe.mirror))
    assert recipe.batch_size is not None
    order = Order(len(items), recipe.batch_size, recipe.seed, shuffle=recipe.shuffle)
    seen = [
        stacked([items.item(index, seed) for index, seed in order.keys(step)])
        for step in range(0 if recipe.freeze else recipe.recalibrate)
    ]
    kind = Classification if recipe.task == "classification" else Segmentation
    made: Classification | Segmentation = kind(
        model,
        augment=augment,
        validation=samples["val"],
        settings=Settings(
            precision=recipe.precision, multilabel=cases.multilabel, batch_size=recipe.batch_size
        ),
        device=fabric.device,
        classes=cases.classes,
        multilabel=cases.multilabel,
        freeze=recipe.freeze,
        cache=recipe.cache,
        layer_decay=recipe.layer_decay,
        unfreeze=recipe.unfreeze,
        class_weights=weights_of(cases).to(fabric.device) if recipe.class_weights else None,
        label_smoothing=recipe.label_smoothing,
        seen=seen,
        size=recipe.size if recipe.held and recipe.size else (),
        loss=recipe.loss,
        loss_weights=recipe.loss_weights,
    )
    made.metrics = recipe.metrics
    if recipe.metrics and len(samples["val"]):
        made.looks = items_of(model, samples["val"], recipe)
    if isinstance(made, Classification):
        made.uncertain, made.tested = recipe.uncertain, recipe.tested
        made.select, made.ten_crop = recipe.select, recipe.ten_crop
    return made


def viewed(network: HubModel, recipe: Recipe, split: str) -> Viewed | None:
    """Return how the images of a split are augmented before they are looked at, if at all."""
    named = {"val": recipe.val_augment, "test": recipe.test_augment}.get(split, "none")
    if named == "none":
        return None
    augment = for_proxy(network.entry.ndim, zoom_only=named == "zoom")
    return Viewed(augment, network.inputs)


def weights_of(cases: CaseList) -> torch.Tensor:
    """Return how much each class counts: more the fewer training cases have it, 1 on average.

    For labels that come together, how many negatives there are for a positive.
    """
    train = cases.of("train")
    if cases.multilabel:
        labels = torch.tensor([case.label for case in train])
        positive, negative = (labels == 1).sum(0), (labels == 0).sum(0)
        return negative.clamp_min(1) / positive.clamp_min(1)
    counts = torch.zeros(len(cases.classes))
    for case in train:
        for number in case.present or () if cases.task == "segmentation" else (case.label,):
            counts[number] += 1
    weights = 1 / counts.clamp_min(1)
    return weights / weights.mean()


def rarity(cases: CaseList) -> tuple[float, ...]:
    """Return for each training case how rare its class is."""
    labels = [str(case.label) for case in cases.of("train")]
    counts = Counter(labels)
    return tuple(1 / counts[label] for label in labels)
