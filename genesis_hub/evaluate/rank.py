"""How many directions features use: a quality that needs no label."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput


def effective_rank(features: NDArray[Any]) -> float:
    """Return the effective rank of features (N, F): 1 where all lie on a line, at most N - 1.

    The exponential of the entropy of the singular values' shares (Roy and Vetterli 2007), of
    features less their mean; 0 where all are the same.
    """
    if features.ndim != 2 or len(features) < 2:
        raise BadInput(f"features are {features.shape}; (N, F) with N of at least 2 are expected")
    values = np.linalg.svd(features - features.mean(0), compute_uv=False).astype(np.float64)
    scale = float(np.abs(features).max()) * np.sqrt(features.size)
    if values.sum() <= 1e-6 * scale:  # What is left of float32 after the mean is taken off.
        return 0.0
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))
