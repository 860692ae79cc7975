"""A model's layers: found by name, and watched while it runs."""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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
    part = getattr(model, "encoder", None)
    prefix = "encoder." if isinstance(part, nn.Module) else ""
    inside = part if isinstance(part, nn.Module) else model
    layers = {prefix + name: layer for name, layer in inside.named_modules() if name}
    maps: dict[str, tuple[int, ...]] = {}
    calls: dict[str, int] = {}

    def note(name: str, answer: Any) -> None:
        calls[name] = calls.get(name, 0) + 1
        if isinstance(answer, Tensor) and answer.ndim == x.ndim and len(answer) == len(x):
            maps.pop(name, None)  # The last to run comes last.
            maps[name] = tuple(answer.shape[2:])

    with evaluating(model), watched(layers, note):
        model(x)
    once = [name for name in maps if calls[name] == 1]
    wide = [name for name in once if max(maps[name]) >= LEAST_PLACES]
    if not once:
        raise BadInput(
            "no layer of this model gives one map for each image; name one: layer=NAME "
            "(model.named_modules() lists them)"
        )
    sizes = {name: math.prod(maps[name]) for name in wide or once}
    wanted = min(sizes.values()) if wide else max(sizes.values())
    fitting = [name for name, size in sizes.items() if size == wanted]
    # A stage as a whole, not a part of a block that others bypass: the name with fewest dots.
    least = min(name.count(".") for name in fitting)
    return [name for name in fitting if name.count(".") == least][-1]
