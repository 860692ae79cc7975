"""Heads that turn features into answers: linear, the published ones, one number, dense outputs."""

import re

import torch
from torch import Tensor, nn

from genesis_hub.errors import BadInput

MLP_UNITS = 1024
# Dense layers of the proxy tasks' heads: units, with norm and dropout behind each.
PROXY_HEADS = {"big_fully": (2048, 1024), "simple_multiclass": (1024,)}
NAMES = ("linear", "mlp", *PROXY_HEADS, "dense-2x1024")
PLAIN = re.compile(r"dense-([1-9]\d?)x([1-9]\d{0,4})")
DROPOUT = 0.5
EPS, MOMENTUM = 1e-3, 0.01  # Of batch norm, as Keras has them.


def head_named(name: object) -> str:
    """Return a head's full name, or refuse it; "dense" is two layers of 1,024 units."""
    if name == "dense":
        return "dense-2x1024"
    if isinstance(name, str) and (name in NAMES or PLAIN.fullmatch(name)):
        return name
    raise BadInput(
        f"head={name!r} is not known; choose from {', '.join(map(repr, NAMES))} (layers x units)"
    )


def normed(name: str) -> bool:
    """Say whether a head has batch norm, so that one image alone cannot train it."""
    return name in PROXY_HEADS


def classification_head(
    kind: str,
    features: int,
    num_classes: int,
    *,
    dropout: float = DROPOUT,
    grade: bool = False,
) -> nn.Module:
    """Return a fresh head on a vector of features; it gives logits (N, num_classes).

    kind: "linear"; "mlp", the one the Genesis authors publish; "big_fully" and
    "simple_multiclass" of the proxy tasks, with batch norm and `dropout`; "dense-2x1024", layers
    and units of theirs without both.
    grade: the last layer gives one number, a grade among the classes in order, which `Grades`
    turns into logits.
    """
    if num_classes == 0:
        return nn.Identity()
    kind = head_named(kind)
    answers = 1 if grade else num_classes
    if kind in ("linear", "mlp"):
        layers = [*mlp(features), nn.Linear(MLP_UNITS, answers)]
        if kind == "linear":
            layers = [nn.Linear(features, answers)]
    else:
        layers = published(kind, features, answers, dropout)
    if grade:
        layers.append(Grades(num_classes))
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


def mlp(features: int) -> list[nn.Module]:
    """Return the hidden layer that the Genesis authors publish."""
    return [nn.Linear(features, MLP_UNITS), nn.ReLU()]


def published(
    kind: str, features: int, answers: int, dropout: float, momentum: float = MOMENTUM
) -> list[nn.Module]:
    """Return the layers of a head of the proxy tasks, begun as Keras' dense layers are."""
    layers: list[nn.Module] = []
    plain = PLAIN.fullmatch(kind)
    widths = (int(plain[2]),) * int(plain[1]) if plain else PROXY_HEADS[kind]
    for units in widths:
        layers += [nn.Linear(features, units), nn.ReLU()]
        if not plain:
            norm = nn.BatchNorm1d(units, eps=EPS, momentum=momentum)
            layers += [norm, nn.Dropout(dropout)]
        features = units
    layers.append(nn.Linear(features, answers))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return layers


class Grades(nn.Module):
    """Logits -(g - k)^2 of the classes k = 0, 1, ... from one number g: the nearest wins.

    So a regression is told, shown and measured as every classifier is; the grade is still in the
    logits l: g = (l1 - l0 + 1) / 2. Deviation: the published head ends in a rectifier, which
    learns nothing any more once it says 0 to every image; here g may fall below 0.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        return -((x - torch.arange(self.num_classes, device=x.device, dtype=x.dtype)) ** 2)


def dense_head(ndim: int, channels: int, num_classes: int) -> nn.Module:
    """Return a fresh 1x1 convolution that gives each position its logits."""
    conv = nn.Conv2d if ndim == 2 else nn.Conv3d
    return conv(channels, num_classes, kernel_size=1)


class SmartNetClassifier(nn.Module):
    """SMART-Net's slice classifier: mean over positions, dropout, one linear layer; logits."""

    def __init__(self, channels: int, num_classes: int = 1) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(channels, num_classes)
        nn.init.xavier_uniform_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.dropout(x.mean(dim=(2, 3))))
        return logits
