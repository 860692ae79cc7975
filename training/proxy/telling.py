"""Classes told apart: what methods share that do so, the loss, and what is measured beside it."""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.models import HubModel
from training.examined import Examined
from training.proxy.encoding import encoded_each
from training.proxy.heads import logits_of
from training.proxy.recipe import TellingRecipe


class Telling:
    """Of methods that tell classes of patches apart, each patch encoded once, one head over all.

    seen: what of the views the encoder sees. The features of the first patch are the embedding.
    """

    network: HubModel
    head: nn.Module
    recipe: TellingRecipe
    seen: ClassVar[str] = "patches"

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss, and how many classes were told."""
        return told_apart(self.logits(self.features(views)), views["label"])

    def features(self, views: dict[str, Tensor]) -> Tensor:
        """Return the features of each patch: (N, n, F)."""
        return encoded_each(self.network, views[self.seen], self.recipe.pooling)

    def logits(self, features: Tensor) -> Tensor:
        """Return what the head says of all patches' features: (N, K)."""
        return logits_of(self.head, features.flatten(1))

    def examine(self, views: dict[str, Tensor]) -> Examined:
        """Return the loss beside that of telling nothing, and how many classes were told."""
        features = self.features(views)
        logits = self.logits(features)
        told = told_apart(logits, views["label"])
        return Examined(
            losses={"total": told["total"]},
            embedding=features[:, 0].float(),
            view=views[self.seen],
            scores={"accuracy": told["accuracy"], "chance": chance_of(logits)},
        )


def told_apart(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the cross-entropy of logits (N, K), and the share of labels (N,) that were told."""
    with torch.autocast(logits.device.type, enabled=False):
        loss = F.cross_entropy(logits.float(), labels)
    return {"total": loss, "accuracy": hits(logits, labels)}


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of labels that come first."""
    return (logits.argmax(1) == labels).float().mean().detach()


def chance_of(logits: Tensor) -> Tensor:
    """Return the loss of telling nothing."""
    return torch.tensor(math.log(logits.shape[1]), device=logits.device)
