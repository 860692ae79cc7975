"""The heads of the proxy tasks: what tells classes from the encoder's flattened maps."""

from torch import Tensor, nn

from genesis_hub.errors import BadInput

EPS, MOMENTUM = 1e-3, 0.01  # Of batch norm, as Keras has them.
UNITS = 1024
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
    if architecture == "big_fully":
        layers = [
            *dense(features, 2 * UNITS, dropout, momentum),
            *dense(2 * UNITS, UNITS, dropout, momentum),
        ]
    elif architecture == "simple_multiclass":
        layers = dense(features, UNITS, dropout, momentum)
    elif architecture == "none":
        layers = [nn.Linear(features, UNITS), nn.ReLU(), nn.Linear(UNITS, UNITS), nn.ReLU()]
    else:
        raise BadInput(f"top_architecture={architecture!r}; choose from {', '.join(TOPS)}")
    return glorot(nn.Sequential(*layers, nn.Linear(UNITS, classes)))


def dense(before: int, units: int, dropout: float, momentum: float) -> list[nn.Module]:
    """Return a layer with what follows it."""
    return [
        nn.Linear(before, units),
        nn.ReLU(),
        nn.BatchNorm1d(units, eps=EPS, momentum=momentum),
        nn.Dropout(dropout),
    ]


def glorot(module: nn.Sequential) -> nn.Sequential:
    """Begin as Keras' dense layers do: Glorot uniform, without bias."""
    for layer in module:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return module


def normed(head: nn.Module) -> bool:
    """Say whether a head needs two samples or more to be trained."""
    return any(isinstance(layer, nn.BatchNorm1d) for layer in head.modules())


def logits_of(head: nn.Module, features: Tensor) -> Tensor:
    """Return logits in full precision."""
    logits: Tensor = head(features)
    return logits.float()
