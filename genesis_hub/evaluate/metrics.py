"""Numbers for classifiers, one question at a time: shares and truths in, floats out.

What cannot be computed (a question with positives only, say) is NaN, never 0 and never a warning;
`macro` leaves it out. Nothing here checks its input: `classification_metrics` has done so.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

Array = NDArray[Any]
Floats = NDArray[np.float64]
NAN = float("nan")


def auc(shares: Array, truth: Array) -> float:
    """Return the area under the ROC curve of (N,) scores for (N,) of 0 and 1; ties count half.

    NaN without positives or without negatives.
    """
    # By ranks: roc_auc_score gives the same and takes 25 times as long, which a bootstrap feels.
    positives = int(np.count_nonzero(truth))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return NAN
    ranks = rankdata(shares)[truth == 1].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(shares: Array, truth: Array) -> float:
    """Return the mean precision over the recall gained at each score; NaN without positives."""
    # scikit-learn says 0 without positives, which a mean over labels would take for a failure.
    return float(average_precision_score(truth, shares)) if (truth == 1).any() else NAN


def confusion(predicted: Array, truth: Array, number: int) -> Floats:
    """Return how many cases of each true class (rows) were given each class (columns), (K, K)."""
    table = np.bincount(truth * number + predicted, minlength=number**2)
    return table.reshape(number, number).astype(np.float64)


def accuracy(table: Floats) -> Floats:
    """Return the share of cases on the diagonal of a confusion matrix.

    This and what follows takes one matrix (K, K), or many at once, (K, K, B).
    """
    return ratio(right(table).sum(0), table.sum((0, 1)))


def sensitivity(table: Floats) -> Floats:
    """Return the share of each class's cases that were found, (K,); NaN for a class without."""
    return ratio(right(table), table.sum(1))


def specificity(table: Floats) -> Floats:
    """Return the share of all other cases that were not taken for each class, (K,)."""
    others = table.sum((0, 1)) - table.sum(1)
    return ratio(others - (table.sum(0) - right(table)), others)


def f1(table: Floats) -> Floats:
    """Return the F1 of each class, (K,); NaN for one that is neither true nor predicted anywhere.

    So the mean is scikit-learn's macro F1, which drops such a class where labels= is not given.
    """
    return ratio(2 * right(table), table.sum(0) + table.sum(1))


def quadratic_kappa(table: Floats) -> Floats:
    """Return Cohen's kappa, a mistake weighing the square of its distance in grades.

    It means something only where the order of the classes is that of the grades. NaN where truth
    and prediction both are one and the same class.
    """
    grades = np.arange(len(table))
    apart = np.square(grades[:, None] - grades).astype(np.float64)
    seen = np.einsum("ij,ij...->...", apart, table)
    paired = np.einsum("ij,i...,j...->...", apart, table.sum(1), table.sum(0))
    return 1 - ratio(seen * table.sum((0, 1)), paired)


def right(table: Floats) -> Floats:
    """Return the diagonal: how many of each class were given their class."""
    found: Floats = np.einsum("kk...->k...", table)
    return found


def brier(shares: Floats, truth: Array) -> Floats:
    """Return each case's squared distance of shares (N, K) from the truth (N,): 0 best.

    Summed over classes (0 to 2), but for two classes that of the second alone (0 to 1), as usual.
    """
    if shares.shape[1] == 2:
        return np.square(shares[:, 1] - truth)
    found: Floats = np.square(shares - np.eye(shares.shape[1])[truth]).sum(1)
    return found


def log_loss(shares: Floats, truth: Array) -> Floats:
    """Return each case's -log of the share that the truth was given; a share of 0 costs 36."""
    # Ours: log_loss of scikit-learn warns of sums off by float16's rounding.
    given = shares[np.arange(len(truth)), truth]
    return -np.log(np.clip(given, np.finfo(np.float64).eps, 1))


def macro(values: Floats) -> float:
    """Return the mean of the values that are not NaN, NaN if there are none."""
    return float(mean_known(values))


def mean_known(values: Floats) -> Floats:
    """Return the mean over the first axis of the values that are not NaN."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(0), known.sum(0))


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below, NaN where below is 0."""
    nothing: Floats = np.full(np.broadcast_shapes(np.shape(above), np.shape(below)), np.nan)
    return np.divide(above, below, out=nothing, where=below > 0)
