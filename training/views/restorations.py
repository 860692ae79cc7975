"""What a network can be asked to restore: by name, how a cube becomes a view and a target."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from training.views.draws import Draws
from training.views.genesis import models_genesis
from training.views.paint import paint_in
from training.views.presets import ONE_AT_LEAST, PRESETS, SEMANTIC
from training.views.rotate import rotate
from training.views.semantic import semantic_genesis
from training.views.shuffle import shuffle

Restore = Callable[[Tensor, Draws], tuple[Tensor, Tensor]]


def alone(view: Callable[[Tensor, Draws], Tensor]) -> Restore:
    """Return a view of one step, with the cube as it was for a target."""

    def restore(x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        return view(x, draws), x

    return restore


RESTORATIONS: dict[str, Restore] = {
    **{name: partial(semantic_genesis, preset=preset) for name, preset in SEMANTIC.items()},
    **{name: partial(models_genesis, preset=preset) for name, preset in PRESETS.items()},
    "inpainting": alone(partial(paint_in, share=1.0, painting=ONE_AT_LEAST)),
    "shuffling": alone(partial(shuffle, share=1.0)),
    "rotation": alone(rotate),
}
