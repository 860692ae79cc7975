"""Jigsaw (Noroozi and Favaro 2016): in which order the patches of an image were laid."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from genesis_hub.entry import InputFacts
from genesis_hub.models import HubModel
from training.methods.base import Batch, Method
from training.proxy.encoding import length_of
from training.proxy.heads import top_of
from training.proxy.recipe import GridRecipe, loading_of
from training.proxy.telling import Telling
from training.views.draws import Draws
from training.views.orders import laid, orders
from training.views.patches import cut
from training.views.whole import loaded


@dataclass(frozen=True)
class JigsawRecipe(GridRecipe):
    """The keys of jigsaw in 3D.

    n_permutations: how many orders are told apart; drawn from `seed`, kept in the checkpoint.
    """

    n_permutations: int = 100

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        orders(self.patches_per_side**self.ndim, self.n_permutations, self.seed)


@dataclass(frozen=True)
class Jigsaw2DRecipe(JigsawRecipe):
    """The same in 2D."""

    ndim: ClassVar[Literal[2, 3]] = 2
    data_dim: int = 224


class Jigsaw(Telling, Method):
    """Tell in which of some orders the patches of an image were laid.

    M. Noroozi, P. Favaro: Unsupervised Learning of Visual Representations by Solving Jigsaw
    Puzzles. ECCV 2016, arXiv 1603.09246. A. Taleb et al.: 3D Self-Supervised Methods for Medical
    Imaging. NeurIPS 2020, arXiv 2006.03829. Their 2D orders lie far apart only on average, and
    those in 3D are plain draws; ours are chosen far apart in both.
    """

    recipe: JigsawRecipe
    order: Tensor

    def __init__(self, network: HubModel, recipe: JigsawRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        self.recipe, grid = recipe, recipe.grid
        features = grid.count * length_of(network, grid.patch, recipe.pooling)
        classes = recipe.n_permutations
        self.head = top_of(
            recipe.top_architecture, features, classes, recipe.dropout_rate, recipe.norm_momentum
        )
        self.register_buffer("order", orders(grid.count, classes, recipe.seed))

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        grid = self.recipe.grid
        x = loaded(batch["image"], draws, loading_of(self.recipe, training=self.training))
        label = draws.integers("order", 0, len(self.order) - 1)
        corners = grid.drawn(draws)
        if not self.training:
            corners = grid.middle().to(corners.device).expand_as(corners)
        return {"patches": cut(x, laid(corners, self.order[label]), grid.patch), "label": label}
