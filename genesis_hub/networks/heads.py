"""Heads that turn features into answers: linear or the published MLP, and dense outputs."""

from typing import Literal

from torch import Tensor, nn

from genesis_hub.errors import BadInput

Head = Literal["linear", "mlp"]

MLP_UNITS = 1024


def classification_head(kind: Head, features: int, num_classes: int) -> nn.Module:
    """Return a fresh head on pooled features; "mlp" is the one the Genesis authors publish."""
    if num_classes == 0:
        return nn.Identity()
    if kind == "linear":
        return nn.Linear(features, num_classes)
    if kind == "mlp":
        return nn.Sequential(
            nn.Linear(features, MLP_UNITS), nn.ReLU(), nn.Linear(MLP_UNITS, num_classes)
        )
    raise BadInput(f"head={kind!r} is not known; choose 'linear' or 'mlp'")


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
