"""What memory a step needs, weighed before anything is read, and refused where it is not there."""

import os

import torch

from genesis_hub import api
from genesis_hub.engine.fabric import Fabric
from genesis_hub.engine.memory import SHARE, free, needed
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from training.kinds import WholeRecipe
from training.network import name_of, parts_of
from training.recipe import Recipe


def forecast(recipe: Recipe, facts: InputFacts, fabric: Fabric, *, task: str) -> str:
    """Return in a line what a step needs; raise `BadInput`, with what would fit, if it cannot fit.

    The network is built on torch's "meta" device, where nothing is held and nothing computed.
    """
    room = free(fabric.device)
    if room is None:
        return ""
    room //= sharing(recipe, fabric.device)
    parts = fabric.world_size * recipe.accumulate
    one, fixed = weighed(recipe, facts, task)
    held = -(-recipe.batch_size // parts)  # Cubes of one process, at once.
    need = fixed + held * one
    if need <= room:
        return (
            f"forecast: a step takes about {said(need)} of the {said(room)} that are free on "
            f"{fabric.device}"
        )
    fits = int((room * SHARE - fixed) / one)
    raise BadInput(
        f"batch_size={recipe.batch_size}: a step takes about {said(need)}, but {said(room)} are "
        f"free on {fabric.device} for each process; {remedy(recipe, fabric, fits)}"
    )


def weighed(recipe: Recipe, facts: InputFacts, task: str) -> tuple[int, int]:
    """Return the bytes of a step for each cube, and those beside them."""
    with torch.device("meta"):
        network = api.create_model(name_of(recipe), task=task, **parts_of(recipe))
    count, sides = 1, facts.size
    if isinstance(recipe, WholeRecipe):
        count, side = recipe.inputs
        sides = (side,) * recipe.ndim
    one, fixed = needed(network, (network.in_channels, *sides))
    one *= count
    # Under autocast the norms and the losses still keep fp32: 0.67 was measured.
    return one if recipe.precision == "fp32" else one * 2 // 3, fixed


def sharing(recipe: Recipe, device: torch.device) -> int:
    """Return how many processes the memory of a device is for."""
    if device.type == "cuda":
        return 1
    return int(os.environ.get("LOCAL_WORLD_SIZE", recipe.devices))


def remedy(recipe: Recipe, fabric: Fabric, fits: int) -> str:
    """Return what to ask for, where so many cubes of a process fit at once."""
    if fits < 1:
        return (
            "smaller images (data_dim; input_rows, input_cols, input_deps) or a smaller width "
            "would do"
        )
    most = fits * fabric.world_size * recipe.accumulate
    each, rest = divmod(recipe.batch_size, fabric.world_size)
    parts = next((n for n in range(2, each + 1) if each % n == 0 and each // n <= fits), 0)
    same = f", or accumulate={parts} for the same step in parts" if parts and not rest else ""
    return f"batch_size={most} fits{same}"


def said(count: int) -> str:
    """Return bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
