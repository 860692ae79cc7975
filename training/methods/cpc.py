"""Contrastive predictive coding (van den Oord et al. 2018): patches predicted from those above."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from training.examined import Examined
from training.methods.base import Batch, Method, full_precision
from training.proxy.coding import (
    Predictor,
    binary_hits,
    binary_loss,
    info_nce_of,
    true_or_false,
)
from training.proxy.encoding import encoded, length_of
from training.proxy.heads import glorot
from training.proxy.recipe import PatchRecipe, loading_of
from training.views.contexts import NOTHING, contexts, cropped, others, patches_of, targets_of
from training.views.draws import Draws
from training.views.patches import Patches
from training.views.whole import loaded

LOSSES = ("bce", "infonce")
LEAST = {2: 3, 3: 2}  # Patches a side below which nothing is predicted.
LEAKS = 4  # In 3D, fewer rows than these are all there is above a context, mirrored.


@dataclass(frozen=True)
class CPCRecipe(PatchRecipe):
    """The keys of CPC in 3D.

    crop_size: of the image, drawn and laid amid zeros first; 0: 95 % of data_dim; data_dim: none.
    patch_jitter: as for the other tasks; nothing: as published, half overlapping in 2D, side by
    side in 3D. code_size: of a patch's code. cpc_loss: "bce", own columns told from one other each,
    or "infonce", found among all of a batch. score_scale: what a score is multiplied by; as
    published, 1, it is a mean over all of a code and begins near 0.
    """

    patches_per_side: int = 4
    crop_size: int = 0
    code_size: int = 1024
    cpc_loss: str = "bce"
    score_scale: float = 1.0

    @property
    def crop(self) -> int:
        """The side of the crop."""
        return self.crop_size or int(0.95 * self.data_dim)

    def grid_at(self, side: int, per_side: int) -> Patches:
        jitter = self.patch_jitter
        if jitter is None:
            jitter = -(side // (per_side + 1)) if self.ndim == 2 else 0
        return Patches(side, per_side, self.ndim, jitter)

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        if self.patches_per_side < LEAST[self.ndim]:
            raise BadInput(
                f"patches_per_side={self.patches_per_side} leaves no row to predict in "
                f"{self.ndim}D; give {LEAST[self.ndim]} or more"
            )
        super().check()
        self.one_of("cpc_loss", LOSSES)
        self.at_least(1, "code_size")
        self.within("score_scale", 0, 1e6)
        if not 0 <= self.crop_size <= self.data_dim:
            raise BadInput(
                f"crop_size={self.crop_size} does not fit into data_dim={self.data_dim}; give 1 to "
                f"{self.data_dim}, or 0 for {int(0.95 * self.data_dim)}"
            )

    def notes(self) -> tuple[str, ...]:
        if self.ndim == 2 or self.patches_per_side >= LEAKS:
            return super().notes()
        above = (
            "as published the grid mirrored, so that the context shows the rows to be predicted"
            if self.faithful
            else "zeros, as the published mirroring would show the rows to be predicted"
        )
        return (
            *super().notes(),
            f"patches_per_side={self.patches_per_side}: no row lies above the context; there are "
            f"{above}; patches_per_side={LEAKS} has one",
        )


@dataclass(frozen=True)
class CPC2DRecipe(CPCRecipe):
    """The same in 2D."""

    ndim: ClassVar[Literal[2, 3]] = 2
    data_dim: int = 224
    patches_per_side: int = 7


class CPC(Method):
    """Predict the codes of patches from those above them.

    A. van den Oord, Y. Li, O. Vinyals: Representation Learning with Contrastive Predictive Coding.
    2018, arXiv 1807.03748. A. Taleb et al.: 3D Self-Supervised Methods for Medical Imaging. NeurIPS
    2020, arXiv 2006.03829. Every patch is encoded once and taken for all contexts and targets that
    it is in; the released code encodes it anew for each: in 3D 384 times for 64 patches.
    """

    context: Tensor
    target: Tensor

    def __init__(self, network: HubModel, recipe: CPCRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        self.recipe, self.grid = recipe, recipe.grid
        features = length_of(network, self.grid.patch, recipe.pooling)
        self.code = glorot(nn.Sequential(nn.Linear(features, recipe.code_size)))
        rows = targets_of(recipe.patches_per_side, recipe.ndim)
        self.predictor = Predictor(recipe.code_size, rows)
        made = contexts(recipe.patches_per_side, recipe.ndim, mirrored=recipe.faithful)
        self.empty = bool((made.context == NOTHING).any())
        # Where nothing is, the zeros behind the last patch are taken.
        context = torch.where(made.context == NOTHING, self.grid.count, made.context)
        self.register_buffer("context", context, persistent=False)
        self.register_buffer("target", made.target, persistent=False)

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        x = loaded(batch["image"], draws, loading_of(self.recipe, training=self.training))
        patches = patches_of(cropped(x, draws, self.recipe.crop), draws, self.grid)
        return {"patches": patches, "other": others(draws, len(self.target))}

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        codes, _ = self.codes(views["patches"])
        return self.losses(codes, views["other"])

    def codes(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes (N, n, code) and features (N, n, F) of patches, each encoded once.

        Where contexts reach beyond the grid, the code of zeros comes last: (N, n + 1, code).
        """
        flat = patches.flatten(0, 1)
        if self.empty:
            flat = torch.cat([flat, torch.zeros_like(flat[:1])])
        features = encoded(self.network, flat, self.recipe.pooling)
        codes = self.code(features)
        count = len(patches) * self.grid.count
        found = codes[:count].view(len(patches), self.grid.count, -1)
        if self.empty:
            found = torch.cat([found, codes[count:].expand(len(patches), 1, -1)], 1)
        return found, features[:count].view(len(patches), self.grid.count, -1)

    def losses(self, codes: Tensor, other: Tensor) -> dict[str, Tensor]:
        """Return the loss and how often it was told right. other: whose targets are the others."""
        predicted = self.predictor(codes[:, self.context].flatten(0, 1))
        wanted = codes[:, self.target].flatten(0, 1)
        scale = self.recipe.score_scale
        with full_precision(codes):
            if self.recipe.cpc_loss == "infonce":
                loss, right = info_nce_of(predicted, wanted, scale)
                chance = math.log(len(wanted))
            else:
                logits = true_or_false(predicted, wanted, other, scale)
                loss, right, chance = binary_loss(logits), binary_hits(logits), math.log(2)
        return {"total": loss, "accuracy": right, "chance": torch.full_like(right, chance)}

    def examine(self, views: dict[str, Tensor]) -> Examined:
        codes, features = self.codes(views["patches"])
        told = self.losses(codes, views["other"])
        return Examined(
            losses={"total": told.pop("total")},
            embedding=features.mean(1).float(),
            view=views["patches"],
            scores=told,
        )
