"""Relative patch location (Doersch et al. 2015): where a patch lies beside the middle one."""

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
from training.views.relative import pairs
from training.views.whole import loaded


@dataclass(frozen=True)
class RelativeRecipe(GridRecipe):
    """The keys of relative patch location in 3D."""

    @property
    def inputs(self) -> tuple[int, int]:
        return 2, self.grid.patch


@dataclass(frozen=True)
class Relative2DRecipe(RelativeRecipe):
    """The same in 2D."""

    ndim: ClassVar[Literal[2, 3]] = 2
    data_dim: int = 224


class Relative(Telling, Method):
    """Tell where a patch lies beside the middle one: P^2 - 1 or P^3 - 1 places.

    C. Doersch, A. Gupta, A. A. Efros: Unsupervised Visual Representation Learning by Context
    Prediction. ICCV 2015, arXiv 1505.05192. A. Taleb et al.: 3D Self-Supervised Methods for Medical
    Imaging. NeurIPS 2020, arXiv 2006.03829. One pair of each image in an epoch, the middle first.
    """

    recipe: RelativeRecipe

    def __init__(self, network: HubModel, recipe: RelativeRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        self.recipe = recipe
        features = 2 * length_of(network, recipe.grid.patch, recipe.pooling)
        classes = recipe.grid.count - 1
        self.head = top_of(
            recipe.top_architecture, features, classes, recipe.dropout_rate, recipe.norm_momentum
        )

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        x = loaded(batch["image"], draws, loading_of(self.recipe, training=self.training))
        patches, label = pairs(x, draws, self.recipe.grid)
        return {"patches": patches, "label": label}
