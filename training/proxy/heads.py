"""The heads of the proxy tasks: what tells classes from the encoder's flattened maps."""

from torch import Tensor, nn

from genesis_hub.errors import BadInput
from genesis_hub.networks.heads import MOMENTUM, published

PLAIN = "dense-2x1024"
TOPS = ("big_fully", "simple_multiclass", "none")


def top_of(
    architecture: str,
    features: int,
    classes: int,
    dropout: float = 0.5,
    momentum: float = MOMENTUM,
) -> nn.Sequential:
    """Return a head that gives logits (N, classes) of features (N, F).

    architecture: "big_fully", of 2048 and 1024 units; "simple_multiclass", of 1024; "none", twice
    1024 without norm or dropout.
    """
    if architecture not in TOPS:
        raise BadInput(f"top_architecture={architecture!r}; choose from {', '.join(TOPS)}")
    kind = PLAIN if architecture == "none" else architecture
    return nn.Sequential(*published(kind, features, classes, dropout, momentum))


def glorot(module: nn.Sequential) -> nn.Sequential:
    """Begin as Keras' dense layers do: Glorot uniform, without bias."""
    for layer in module:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return module


def logits_of(head: nn.Module, features: Tensor) -> Tensor:
    """Return logits in full precision."""
    logits: Tensor = head(features)
    return logits.float()
