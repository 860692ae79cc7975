"""A model's layers: found by name, and watched while it runs."""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.errors import BadInput

# Told what a layer gave; what it returns, if anything, goes on in its place.
Watcher = Callable[[str, Any], Any]
LEAST_PLACES = 4  # Along the longest side: a coarser map does not say where something lies.


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return a part of a model by its name, or raise `BadInput` with the nearest names."""
    layers: dict[str, nn.Module] = dict(model.named_modules())
    layers.pop("", None)
    if name in layers:
        return layers[name]
    close = difflib.get_close_matches(name, layers, n=4, cutoff=0.4)
    shown = close or [known for known in layers if known.count(".") < 3][:12]
    raise BadInput(
        f"layer={name!r} is no part of this model; {'close' if close else 'some'} names: "
        f"{', '.join(shown)}; model.named_modules() lists all"
    )


@contextmanager
def watched(layers: Mapping[str, nn.Module], watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` what layers give while this lasts; afterwards no hook is left."""

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        return lambda module, given, answer: watcher(name, answer)

    hooks = [layer.register_forward_hook(hook_of(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold a model in evaluation; afterwards each part is in the mode it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def last_stage(model: nn.Module, x: Tensor) -> str:
    """Return the name of the layer that gives the coarsest map that still says where things are.

    It is looked for in the model's `encoder`, where it has one, by running `x` through it.
    """
    maps = maps_in(model, x)
    wide = [name for name in maps if max(maps[name]) >= LEAST_PLACES]
    sizes = {name: math.prod(maps[name]) for name in wide or maps}
    return stage_at(sizes, min(sizes.values()) if wide else max(sizes.values()))


def stages(model: nn.Module, x: Tensor) -> list[str]:
    """Return the layers that end the stages of a model's encoder, the finest map first.

    A stage is what works at one size; maps too coarse to say where something lies are left out.
    """
    maps = maps_in(model, x)
    sizes = {name: math.prod(sides) for name, sides in maps.items() if max(sides) >= LEAST_PLACES}
    return [stage_at(sizes, size) for size in sorted(set(sizes.values()), reverse=True)]


def maps_in(model: nn.Module, x: Tensor) -> dict[str, tuple[int, ...]]:
    """Return the sides of the maps that a model's layers give, its encoder's where it has one.

    They are in the order in which they were last run.
    """
    part = getattr(model, "encoder", None)
    prefix = "encoder." if isinstance(part, nn.Module) else ""
    inside = part if isinstance(part, nn.Module) else model
    layers = {prefix + name: layer for name, layer in inside.named_modules() if name}
    seen: dict[str, list[Any]] = {}

    def note(name: str, answer: Any) -> None:
        # The last to run comes last.
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else None
        seen[name] = [*seen.pop(name, []), shape]

    with evaluating(model), watched(layers, note):
        model(x)
    maps = {
        name: shapes[0][2:] for name, shapes in seen.items() if shapes[0] and one_map(shapes, x)
    }
    if not maps:
        raise BadInput(
            "no layer of this model gives one map for each image; name one: layer=NAME "
            "(model.named_modules() lists them)"
        )
    return maps


def stage_at(sizes: Mapping[str, int], size: int) -> str:
    """Return the layer that ends the stage of a size."""
    fitting = [name for name, own in sizes.items() if own == size]
    # A stage as a whole, not a part of a block that others bypass: the name with fewest dots.
    least = min(name.count(".") for name in fitting)
    return [name for name in fitting if name.count(".") == least][-1]


def one_map(shapes: Sequence[tuple[int, ...] | None], x: Tensor) -> bool:
    """Say whether what a layer gave is one map of a batch, or one of each slice of a volume."""
    first = shapes[0]
    if first is None or any(shape is None or shape[1:] != first[1:] for shape in shapes):
        return False
    if len(first) == x.ndim:
        return len(shapes) == 1 and first[0] == len(x)
    slices = sum(shape[0] for shape in shapes if shape is not None)
    return len(first) == 4 and x.ndim == 5 and len(x) == 1 and slices == x.shape[-1]


def whole(maps: Sequence[Tensor], x: Tensor) -> Tensor:
    """Return what a layer gave as one map with the axes of x, its slices stacked behind."""
    if maps[0].ndim == x.ndim:
        return maps[0]
    return torch.cat(list(maps)).movedim(0, -1)[None]
