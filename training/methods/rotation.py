"""Rotation (Gidaris et al. 2018; in 3D Taleb et al. 2020): by which turn an image was turned."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from genesis_hub.entry import InputFacts
from genesis_hub.models import HubModel
from training.methods.base import Batch, Method
from training.proxy.encoding import encoded, length_of
from training.proxy.heads import top_of
from training.proxy.recipe import TellingRecipe, loading_of
from training.proxy.telling import Telling
from training.views.draws import Draws
from training.views.turns import TURNS, draw_turns, turned
from training.views.whole import loaded


@dataclass(frozen=True)
class RotationRecipe(TellingRecipe):
    """The keys of rotation in 3D."""


@dataclass(frozen=True)
class Rotation2DRecipe(RotationRecipe):
    """The same in 2D."""

    ndim: ClassVar[Literal[2, 3]] = 2
    data_dim: int = 224


class Rotation(Telling, Method):
    """Tell by which of 4 turns a picture, of 10 a volume was turned.

    S. Gidaris, P. Singh, N. Komodakis: Unsupervised Representation Learning by Predicting Image
    Rotations. ICLR 2018, arXiv 1803.07728. A. Taleb et al.: 3D Self-Supervised Methods for Medical
    Imaging. NeurIPS 2020, arXiv 2006.03829. One turn of each image in an epoch.
    """

    recipe: RotationRecipe
    seen = "image"

    def __init__(self, network: HubModel, recipe: RotationRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        self.recipe = recipe
        features = length_of(network, recipe.data_dim, recipe.pooling)
        classes = len(TURNS[recipe.ndim])
        self.head = top_of(
            recipe.top_architecture, features, classes, recipe.dropout_rate, recipe.norm_momentum
        )

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        x = loaded(batch["image"], draws, loading_of(self.recipe, training=self.training))
        label = draw_turns(draws, self.recipe.ndim)
        return {"image": turned(x, label), "label": label}

    def features(self, views: dict[str, Tensor]) -> Tensor:
        """Return the features of each image, its one patch: (N, 1, F)."""
        return encoded(self.network, views["image"], self.recipe.pooling)[:, None]
