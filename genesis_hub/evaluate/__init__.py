"""How good a model is: numbers in, numbers out."""

from genesis_hub.evaluate.anatomy import Composition, Locality, composition, locality
from genesis_hub.evaluate.classification import classification_metrics, notes
from genesis_hub.evaluate.classified import classified
from genesis_hub.evaluate.comparison import Comparison, adjusted, compare, holm, permutation_test
from genesis_hub.evaluate.draws import compare_draws
from genesis_hub.evaluate.intervals import METHOD, RESAMPLES, Interval, intervals
from genesis_hub.evaluate.ratios import means, segmented
from genesis_hub.evaluate.resampling import Sample
from genesis_hub.evaluate.segmentation import (
    ClassScores,
    PooledScores,
    pooled,
    segmentation_metrics,
)
from genesis_hub.evaluate.together import Together, over_runs

__all__ = [
    "METHOD", "RESAMPLES",
    "ClassScores", "Comparison", "Composition", "Interval", "Locality", "PooledScores", "Sample",
    "Together", "adjusted", "classification_metrics", "classified", "compare", "compare_draws",
    "composition", "holm", "intervals", "locality", "means", "notes", "over_runs",
    "permutation_test", "pooled", "segmentation_metrics", "segmented",
]  # fmt: skip
