"""One answer of a published network, as a model of its own: what pictures ask a network for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from genesis_hub.entry import Answers
from genesis_hub.errors import BadInput
from genesis_hub.infer.sources import loaded
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel, Pretext
from genesis_hub.networks.table import ARCHITECTURES

# What answers of published networks are, in the words of our tasks.
TELLING, OUTLINING = "classification", "segmentation"
RESTORING = ("reconstruction", "restoration")
LESION = "lesion"  # What a published network that answers one question tells and outlines.


def whole(model: str | Path | HubModel, *, modality: str | None, range: Range | None) -> HubModel:
    """Return a model with its answers: that of a name or a folder of features with its heads."""
    network = loaded(model, modality=modality, range=range)
    if isinstance(model, HubModel) or network.spec.task != "features":
        return network
    if not ARCHITECTURES[network.spec.architecture].branches:
        return network
    return loaded(model, task="pretext", modality=modality, range=range)


class Asked(HubModel):
    """One answer of a published network, as logits: (N, K), or (N, K, X, ...) where it is dense.

    Its parts are those of the network, and so are their names.
    """

    def __init__(self, network: Pretext, answer: str) -> None:
        super().__init__()
        names: Any = network.head
        if answer not in names:
            raise BadInput(
                f"{network.spec.name!r} gives no {answer}, but {', '.join(names)}; "
                "kind='activations' and kind='stages' draw any network"
            )
        if answer in bare(network):
            raise BadInput(
                f"the {answer} of {network.spec.name!r} learned nothing: it was not among the "
                "tasks; kind='stages' draws what its encoder sees"
            )
        self.encoder, self.decoder, self.head = network.encoder, network.decoder, network.head
        self.answer, self.on_features = answer, answer in network.on_features
        task: Any = TELLING if self.on_features else OUTLINING
        classes = network.spec.num_classes if self.on_features else 1
        self.spec = replace(network.spec, task=task, num_classes=classes)
        self.entry, self.inputs = network.entry, network.inputs
        self.answers = Answers((LESION,) if classes == 1 else ())
        self.train(network.training)

    def forward(self, x: Tensor) -> Tensor:
        maps: Any = self.encoder(x)
        head: Any = self.head[self.answer]  # type: ignore[index]
        below = maps[-1] if self.on_features else below_head(self.decoder, self.answer, maps)
        logits: Tensor = head(below)
        return logits


def below_head(decoder: Any, answer: str, maps: Any) -> Any:
    """Return what a dense head stands on."""
    own = decoder[answer] if hasattr(decoder, "keys") else decoder
    return own(maps)


def bare(network: Pretext) -> set[str]:
    """Return the answers of a published network that learned nothing."""
    parts = network.provenance.get("untrained", ())
    if "decoder" in parts:  # A stage of its pre-training that trained the encoder alone.
        names: Any = network.head
        return set(names) - network.on_features
    return {str(part).removeprefix("head.") for part in parts if str(part).startswith("head.")}
