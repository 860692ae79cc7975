"""How good a model is: numbers in, numbers out."""

from genesis_hub.evaluate.classification import classification_metrics, notes
from genesis_hub.evaluate.segmentation import (
    ClassScores,
    PooledScores,
    pooled,
    segmentation_metrics,
)

__all__ = [
    "ClassScores", "PooledScores", "classification_metrics", "notes", "pooled",
    "segmentation_metrics",
]  # fmt: skip
