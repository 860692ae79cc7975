"""Augmentation: strengths are chosen, numbers are drawn, and what was drawn is applied."""

from genesis_hub.tuning.augment.applying import apply
from genesis_hub.tuning.augment.drawing import Draw, Draws, draw
from genesis_hub.tuning.augment.limits import limits
from genesis_hub.tuning.augment.presets import for_benchmark, for_pictures, for_proxy, for_volumes
from genesis_hub.tuning.augment.strengths import Augment

__all__ = [
    "Augment", "Draw", "Draws", "apply", "draw", "for_benchmark", "for_pictures", "for_proxy",
    "for_volumes", "limits",
]  # fmt: skip
