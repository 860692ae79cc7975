"""Semantic Genesis and TransVW (Haghighi et al. 2020, 2021): tell patterns apart, restore them."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.models import HubModel, Pretext
from training.examined import Examined
from training.kinds import VolumeRecipe
from training.methods.base import Batch, Method
from training.views.draws import Draws
from training.views.restorations import RESTORATIONS

UNTRAINED = "untrained"  # Parts that are there, but learned nothing; `from_pretrained` knows.


STAGES = ("en", "en_de")


@dataclass(frozen=True)
class SemanticRecipe(VolumeRecipe):
    """views: any restoration's, by name ("sg", "mg", "inpainting" and others).

    lambda_rec, lambda_cls: what restoring and telling classes apart count in the loss. stage:
    "en_de" learns both; "en" the encoder and its classes alone, to begin "en_de" with as `weights`.
    """

    views: str = "sg"
    lambda_rec: float = 1.0
    lambda_cls: float = 0.01
    stage: str = "en_de"

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.one_of("views", RESTORATIONS)
        self.one_of("stage", STAGES)
        self.within("lambda_rec", -1e-9, 1e6)
        self.within("lambda_cls", -1e-9, 1e6)


class SemanticGenesis(Method):
    """Restore a distorted pattern as it was, and say which of the discovered classes it is of.

    F. Haghighi et al.: Learning Semantics-enriched Representation via Self-discovery,
    Self-classification, and Self-restoration. MICCAI 2020, arXiv 2007.06959. Transferable Visual
    Words. IEEE Transactions on Medical Imaging (2021), arXiv 2102.10680.
    views: any restoration's, by name: what the second paper calls its add-on. lambda_rec,
    lambda_cls: of the mean squared error and of the cross-entropy. stage: "en" leaves the decoder
    as it is and learns the classes alone.
    """

    def __init__(
        self,
        network: HubModel,
        *,
        views: str,
        lambda_rec: float = 1.0,
        lambda_cls: float = 0.01,
        stage: str = "en_de",
    ) -> None:
        super().__init__(network)
        assert isinstance(network, Pretext)
        self.restoration = RESTORATIONS[views]
        self.lambda_rec, self.lambda_cls = lambda_rec, lambda_cls
        self.restores = stage == "en_de"
        for part in self.decoding():
            part.requires_grad_(self.restores)

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        view, target = self.restoration(batch["image"], draws)
        return {"view": view, "target": target, "label": batch["label"]}

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        return self.losses(views, *self.answers(views["view"])[1:])

    def examine(self, views: dict[str, Tensor]) -> Examined:
        network: Any = self.network
        deepest, logits, answer = self.answers(views["view"])
        right = (logits.argmax(1) == views["label"]).float().mean()
        return Examined(
            losses=self.losses(views, logits, answer),
            embedding=network.encoder.embed([deepest]).float(),
            view=views["view"],
            answer=answer,
            target=views["target"],
            scores={"accuracy": right},
        )

    def answers(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the deepest map, the classes' logits, and the restored cube where one is made."""
        network: Any = self.network
        maps = network.encoder(view)
        logits = network.head["classification"](maps[-1]).float()
        if not self.restores:
            return maps[-1], logits, None
        restored = network.head["restoration"](network.decoder(maps))
        return maps[-1], logits, torch.sigmoid(restored.float())

    def losses(
        self, views: dict[str, Tensor], logits: Tensor, answer: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the losses; those of the probabilities are infinite where one is 0."""
        told = F.cross_entropy(logits, views["label"])
        if answer is None:
            return {"total": told, "classification": told}
        restored = F.mse_loss(answer, views["target"].float())
        total = self.lambda_rec * restored + self.lambda_cls * told
        return {"total": total, "restoration": restored, "classification": told}

    def decoding(self) -> tuple[nn.Module, nn.Module]:
        """Return what restores."""
        network: Any = self.network
        return network.decoder, network.head["restoration"]

    def groups(self) -> list[dict[str, Any]]:
        learning = [one for one in self.parameters() if one.requires_grad]
        return [{"params": learning, "share": 1.0}]

    def deliverable(self) -> HubModel:
        told = {key: said for key, said in self.network.provenance.items() if key != UNTRAINED}
        # Nobody shall take a decoder that learned nothing for a trained one.
        self.network.provenance = told if self.restores else {**told, UNTRAINED: ["decoder"]}
        return self.network
