"""Models Genesis (Zhou et al. 2019, 2021): a cube is perturbed, the network restores it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from genesis_hub.entry import InputFacts
from genesis_hub.models import HubModel, Pretext
from training.examined import Examined
from training.kinds import VolumeRecipe
from training.methods.base import Batch, Method
from training.views.draws import Draws
from training.views.genesis import models_genesis
from training.views.presets import PRESETS


@dataclass(frozen=True)
class ModelsGenesisRecipe(VolumeRecipe):
    """preset: of the views, by name."""

    preset: str = "mg"

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.one_of("preset", PRESETS)


class ModelsGenesis(Method):
    """Restore cubes that were shuffled, re-coloured and painted over.

    Z. Zhou et al.: Models Genesis. Medical Image Analysis 67 (2021), arXiv 2004.07882.
    preset: of the views, by name. facts: what the network takes; views are made in [0, 1], and
    brought to the network's own numbers where those are others (the nnU-Net form).
    """

    def __init__(self, network: HubModel, *, preset: str, facts: InputFacts) -> None:
        super().__init__(network)
        assert isinstance(network, Pretext)
        self.preset = PRESETS[preset]
        self.facts = facts
        # Where the published network answers with a probability, its own forward gives it.
        self.squash = network.activations["restoration"] == "none"

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        view, target = models_genesis(batch["image"], draws, self.preset)
        return {"view": as_seen(view, self.facts), "target": target}

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        answer = self.restored(self.network(views["view"])["restoration"])
        loss = self.loss(answer, views["target"])
        return {"total": loss, "restoration": loss}

    def examine(self, views: dict[str, Tensor]) -> Examined:
        network = self.network
        assert isinstance(network, Pretext)
        maps = network.encoder(views["view"])
        logits = network.head["restoration"](network.decoder(maps))  # type: ignore[index]
        answer = torch.sigmoid(logits).float()
        loss = self.loss(answer, views["target"])
        return Examined(
            losses={"total": loss, "restoration": loss},
            embedding=network.encoder.embed([maps[-1]]).float(),  # type: ignore[operator]
            view=views["view"],
            answer=answer[:, :1],
            target=views["target"],
        )

    def restored(self, answer: Tensor) -> Tensor:
        """Return an answer as intensities in [0, 1]."""
        return torch.sigmoid(answer) if self.squash else answer

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Return the mean squared error; the nnU-Net form answers twice, and is asked twice."""
        return F.mse_loss(answer.float(), target.expand_as(answer).float())


def as_seen(view: Tensor, facts: InputFacts) -> Tensor:
    """Return a view in [0, 1] in the numbers that the network takes."""
    if not facts.mean:
        return view
    assert facts.clip is not None
    low, high = facts.clip
    if not facts.scale:  # The mean is one of values in their own unit.
        view = view * (high - low) + low
    mean, std = (view.new_tensor(v).view(-1, 1, 1, 1) for v in (facts.mean, facts.std))
    return (view - mean) / std
