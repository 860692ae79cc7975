"""Every name with every task it can serve, small enough to run on two cores."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import genesis_hub
from genesis_hub.entry import Entry
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.registry import ENTRIES

# The smallest volume and image whose deepest map keeps more than one position.
SMALL = {"genesis-nnunet": (32, 32, 32), 3: (32, 32, 16), 2: (64, 64)}
NARROW = 0.125


@dataclass(frozen=True)
class Case:
    """One model to build, and an input for it."""

    name: str
    label: str
    wishes: dict[str, Any] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        return ENTRIES[self.name]

    def __str__(self) -> str:
        return f"{self.name}:{self.label}"

    def build(self, **more: Any) -> Any:
        """Build it, narrow where it can be."""
        row = ARCHITECTURES[self.entry.architecture]
        width = {"width": NARROW} if row.scalable and "encoder" not in self.wishes else {}
        return genesis_hub.create_model(self.name, **width, **{**self.wishes, **more})

    def input(self, batch: int = 2, in_channels: int | None = None) -> Tensor:
        """Return a random input of the smallest useful size."""
        entry = self.entry
        size = SMALL.get(entry.architecture, SMALL[entry.ndim])
        if "Inception" in self.wishes.get("encoder", ""):
            size = (96, 96)
        if "operator" in self.wishes:
            size = (*size, 3)
        return torch.rand(batch, in_channels or entry.in_channels, *size)


def cases() -> list[Case]:
    """Return every name with every task."""
    found = []
    for entry in ENTRIES.values():
        tasks: dict[str, dict[str, Any]] = {
            "features": {},
            "pyramid": {"features_only": True},
            "linear": {"num_classes": 3},
            "mlp": {"num_classes": 3, "head": "mlp"},
            "segmentation": {"task": "segmentation", "num_classes": 2},
        }
        if ARCHITECTURES[entry.architecture].branches:
            tasks["pretext"] = {"task": "pretext"}
        if entry.ndim == 2:
            tasks["lstm"] = {"operator": "lstm", "num_classes": 2}
            tasks["conv3d"] = {"operator": "conv3d", "num_classes": 2}
        found += [Case(entry.name, label, wishes) for label, wishes in tasks.items()]
    found += [
        Case("rotation-2d", f"{encoder}-{label}", {"encoder": encoder, **wishes})
        for encoder, _ in ENTRIES["rotation-2d"].encoders
        for label, wishes in (
            ("features", {}),
            ("segmentation", {"task": "segmentation", "num_classes": 2}),
        )
    ]
    return found


def answers(output: Any) -> list[Tensor]:
    """Return the tensors of whatever a model gives."""
    if isinstance(output, Tensor):
        return [output]
    return list(output.values() if isinstance(output, dict) else output)
