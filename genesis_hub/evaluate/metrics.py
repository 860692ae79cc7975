"""Numbers for classifiers, one question at a time: shares and truths in, floats out.

What cannot be computed (a question with positives only, say) is NaN, never 0 and never a warning;
`macro` leaves it out. Nothing here checks its input: `classification_metrics` has done so.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, cohen_kappa_score

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


def accuracy(table: Floats) -> float:
    """Return the share of cases on the diagonal of a confusion matrix."""
    return float(np.trace(table) / table.sum())


def sensitivity(table: Floats) -> Floats:
    """Return the share of each class's cases that were found, (K,); NaN for a class without."""
    return ratio(np.diag(table), table.sum(1))


def specificity(table: Floats) -> Floats:
    """Return the share of all other cases that were not taken for each class, (K,)."""
    others = table.sum() - table.sum(1)
    return ratio(others - (table.sum(0) - np.diag(table)), others)


def f1(table: Floats) -> Floats:
    """Return the F1 of each class, (K,); NaN for one that is neither true nor predicted anywhere.

    So the mean is scikit-learn's macro F1, which drops such a class where labels= is not given.
    """
    return ratio(2 * np.diag(table), table.sum(0) + table.sum(1))


def quadratic_kappa(predicted: Array, truth: Array, number: int) -> float:
    """Return Cohen's kappa, a mistake weighing the square of its distance in grades.

    It means something only where the order of the classes is that of the grades. NaN where truth
    and prediction both are one and the same class.
    """
    if len({*np.unique(truth).tolist(), *np.unique(predicted).tolist()}) < 2:
        return NAN
    # Without labels= scikit-learn drops grades nobody has and the distances shrink.
    labels = list(range(number))
    return float(cohen_kappa_score(truth, predicted, labels=labels, weights="quadratic"))


def brier(shares: Floats, truth: Array) -> float:
    """Return the mean squared distance of shares (N, K) from the truth (N,): 0 best.

    Summed over classes (0 to 2), but for two classes that of the second alone (0 to 1), as usual.
    """
    if shares.shape[1] == 2:
        return float(np.square(shares[:, 1] - truth).mean())
    wanted = np.eye(shares.shape[1])[truth]
    return float(np.square(shares - wanted).sum(1).mean())


def log_loss(shares: Floats, truth: Array) -> float:
    """Return the mean of -log of the share that the truth was given; a share of 0 costs 36."""
    # Ours: log_loss of scikit-learn warns of sums off by float16's rounding.
    given = shares[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(given, np.finfo(np.float64).eps, 1)).mean())


def macro(values: Floats) -> float:
    """Return the mean of the values that are not NaN, NaN if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else NAN


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below, NaN where below is 0."""
    nothing: Floats = np.full(np.shape(below), np.nan)
    return np.divide(above, below, out=nothing, where=below > 0)
