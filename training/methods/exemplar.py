"""Exemplar (Dosovitskiy et al. 2014, as triplets): an image is closer to its copy than others."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from training.examined import Examined
from training.kinds import WholeRecipe
from training.methods.base import Batch, Method
from training.proxy.encoding import encoded, length_of
from training.proxy.heads import glorot
from training.proxy.recipe import loading_of
from training.proxy.triplets import distance, triplet_loss, triplet_measures
from training.views.draws import Draws
from training.views.triplets import copies, deranged
from training.views.whole import loaded

SOURCES = ("dataset", "batch")


@dataclass(frozen=True)
class ExemplarRecipe(WholeRecipe):
    """The keys of exemplar in 3D.

    code_size: of the vector that images are compared by. sample_neg_examples_from: where the other
    image of a triplet comes from, "dataset" or "batch". margin: by how much an image must be closer
    to its copy than to the other; distances are at most 1.
    """

    code_size: int = 1024
    sample_neg_examples_from: str = "dataset"
    margin: float = 1.0

    @property
    def inputs(self) -> tuple[int, int]:
        return 3, self.data_dim

    @property
    def pairs(self) -> bool:
        return self.sample_neg_examples_from == "dataset"

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.at_least(1, "code_size")
        self.one_of("sample_neg_examples_from", SOURCES)
        self.within("margin", 0, 100)
        share = self.batch_size // (self.accumulate * self.devices)
        if not self.pairs and share < 2:
            raise BadInput(
                f'sample_neg_examples_from="batch", but batch_size={self.batch_size} in '
                f"{self.accumulate * self.devices} part(s) holds one image; give batch_size="
                f'{2 * self.accumulate * self.devices} or more, or "dataset"'
            )


@dataclass(frozen=True)
class Exemplar2DRecipe(ExemplarRecipe):
    """The same in 2D."""

    ndim: ClassVar[Literal[2, 3]] = 2
    data_dim: int = 224


class Exemplar(Method):
    """Triplets: an image lies closer to its own changed copy than to another image.

    A. Dosovitskiy et al.: Discriminative Unsupervised Feature Learning with Convolutional Neural
    Networks. NeurIPS 2014, arXiv 1406.6909. A. Taleb et al.: 3D Self-Supervised Methods for Medical
    Imaging. NeurIPS 2020, arXiv 2006.03829. One layer makes the codes of all three; the released
    code has one each, which can answer without looking at the images.
    """

    def __init__(self, network: HubModel, recipe: ExemplarRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        self.recipe = recipe
        features = length_of(network, recipe.data_dim, recipe.pooling)
        self.head = glorot(nn.Sequential(nn.Linear(features, recipe.code_size), nn.Sigmoid()))

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        x = loaded(batch["image"], draws, loading_of(self.recipe, training=self.training))
        copy = copies(x, draws)
        if "other" in batch:
            how = loading_of(self.recipe, training=self.training)
            return {"copy": copy, "image": x, "other": loaded(batch["other"], draws.each(1), how)}
        if not self.training and len(x) < 2:
            # What is validated on may leave one over: it is held against itself, which costs
            # the margin and tells nothing.
            return {"copy": copy, "image": x, "other": x}
        return {"copy": copy, "image": x, "other": x[deranged(draws)]}

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        near, far, _ = self.distances(views)
        margin = self.recipe.margin
        measures = triplet_measures(near, far, margin)
        return {"total": triplet_loss(near, far, margin), **measures}

    def distances(self, views: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return how far copies lie from their images and from the others, and features."""
        three = torch.cat([views["copy"], views["image"], views["other"]])
        features = encoded(self.network, three, self.recipe.pooling)
        copy, image, other = self.head(features).chunk(3)
        return distance(copy, image), distance(copy, other), features.chunk(3)[1]

    def examine(self, views: dict[str, Tensor]) -> Examined:
        near, far, features = self.distances(views)
        return Examined(
            losses={"total": triplet_loss(near, far, self.recipe.margin)},
            embedding=features.float(),
            view=views["copy"],
            scores=triplet_measures(near, far, self.recipe.margin),
        )
