"""How good a classifier is: all its numbers, by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.evaluate import metrics

Array = NDArray[Any]
UNKNOWN = -1
NEEDS = {
    "auc": "it takes positives and negatives",
    "average_precision": "it takes positives",
    "sensitivity": "it takes positives",
    "specificity": "it takes negatives",
    "balanced_accuracy": "it takes positives and negatives",
    "f1": "neither true nor predicted anywhere",
}
OFF = 0.02  # How far shares may be from a sum of 1: those of bfloat16 are.


def classification_metrics(
    shares: Array,
    labels: Array,
    *,
    multilabel: bool = False,
    classes: Sequence[str] = (),
    threshold: float = 0.5,
) -> dict[str, float]:
    """Return the numbers of a classifier by name; NaN where one cannot be computed.

    shares: (N, K), probabilities; those of a case sum to 1 unless `multilabel`.
    labels: (N,) of class numbers, or (N, K) of 0 and 1 if `multilabel`; -1 is unknown, left out.
    classes: their names, K; "0", "1", ... if not given.
    threshold: the share from which on a label, or the second of two classes, is predicted; of three
    classes or more the greatest share is.

    auc, average_precision, sensitivity, specificity and f1 are the second's of two classes (one
    number, as a paper on "disease or not" gives them), else the mean over classes or labels for
    which they exist: for auc those with positives and negatives, of which `auc_classes` says the
    number. Each stands by class too, as "auc/nodule". macro_f1 and balanced_accuracy are means over
    classes always; quadratic_kappa takes their order for grades. With `multilabel` these are
    means over labels, and quadratic_kappa is not there. cases counts those with a known label,
    unknown the labels left out.
    """
    shares, labels = checked(shares, labels, multilabel)
    number = shares.shape[1]
    names = names_of(classes, number, threshold, multilabel)
    known = labels != UNKNOWN
    counts = {"cases": int((known.any(1) if multilabel else known).sum())}
    counts["unknown"] = int((~known).sum())
    single = of_labels if multilabel else of_classes
    each, whole = single(shares, labels, known, threshold)
    found = {key: float(value) for key, value in named(each, whole, names, multilabel).items()}
    auc_classes = int((~np.isnan(each["auc"])).sum())
    return {**counts, **found, "auc_classes": auc_classes}


def named(
    each: Mapping[str, Array], whole: Mapping[str, Any], names: Sequence[str], multilabel: bool
) -> dict[str, Any]:
    """Return the numbers of all together, the headlines, and those by class, by name.

    each: (K,), or (K, B) of B samples at once.
    """
    one = len(names) == 2 and not multilabel
    headlines = {key: v[1] if one else metrics.mean_known(v) for key, v in each.items()}
    by_class = {
        f"{key}/{name}": value
        for key, values in each.items()
        for name, value in zip(names, values, strict=True)
    }
    return {**whole, **headlines, **by_class}


def notes(scores: Mapping[str, float]) -> tuple[str, ...]:
    """Return a sentence for each number of `classification_metrics` that left classes out."""
    missing: dict[str, list[str]] = {}
    for key, value in scores.items():
        name, _, which = key.partition("/")
        if np.isnan(value) and which:
            missing.setdefault(name, []).append(which)
    return tuple(
        f"{name} is not there for {', '.join(which)}: {NEEDS.get(name, 'no label is known')}"
        for name, which in missing.items()
    )


def of_classes(
    shares: Array, labels: Array, known: Array, threshold: float
) -> tuple[dict[str, Array], dict[str, float]]:
    """Return the numbers of each class, and of all together, where one class is true."""
    shares, labels, number = shares[known], labels[known], shares.shape[1]
    table = metrics.confusion(answers(shares, threshold), labels, number)
    alone = [(shares[:, k], labels == k) for k in range(number)]
    each = {
        "auc": np.array([metrics.auc(*pair) for pair in alone]),
        "average_precision": np.array([metrics.average_precision(*pair) for pair in alone]),
        "sensitivity": metrics.sensitivity(table),
        "specificity": metrics.specificity(table),
        "f1": metrics.f1(table),
    }
    whole = {
        "accuracy": float(metrics.accuracy(table)),
        "balanced_accuracy": metrics.macro(each["sensitivity"]),
        "macro_f1": metrics.macro(each["f1"]),
        "quadratic_kappa": float(metrics.quadratic_kappa(table)),
        "brier": float(metrics.brier(shares, labels).mean()),
        "log_loss": float(metrics.log_loss(shares, labels).mean()),
    }
    return each, whole


def of_labels(
    shares: Array, labels: Array, known: Array, threshold: float
) -> tuple[dict[str, Array], dict[str, float]]:
    """Return the numbers of each label, and of all together, where several may be true."""
    rows: list[dict[str, float]] = []
    for k in range(shares.shape[1]):
        if not known[:, k].any():
            rows.append({})
            continue
        share, truth = shares[known[:, k], k], labels[known[:, k], k]
        table = metrics.confusion((share >= threshold).astype(np.int64), truth, 2)
        found, both = metrics.sensitivity(table), np.stack([1 - share, share], 1)
        row = {
            "auc": metrics.auc(share, truth),
            "average_precision": metrics.average_precision(share, truth),
            "sensitivity": found[1],
            "specificity": found[0],
            "f1": metrics.f1(table)[1],
            "accuracy": float(metrics.accuracy(table)),
            "balanced_accuracy": found.mean(),
            "brier": float(metrics.brier(both, truth).mean()),
            "log_loss": float(metrics.log_loss(both, truth).mean()),
        }
        rows.append(row)
    keys = next(row for row in rows if row)
    each = {key: np.array([row.get(key, np.nan) for row in rows]) for key in keys}
    return each, {"macro_f1": metrics.macro(each["f1"])}


def names_of(
    classes: Sequence[str], number: int, threshold: float, multilabel: bool
) -> tuple[str, ...]:
    """Return the names of the classes, or raise `BadInput` for them or the threshold."""
    names = tuple(classes) or tuple(map(str, range(number)))
    if len(names) != number or len(set(names)) != number:
        raise BadInput(f"classes are {names}, but {number} different names are expected")
    if not 0 <= threshold <= 1 or (threshold != 0.5 and number > 2 and not multilabel):
        raise BadInput(
            f"threshold is {threshold}, but it lies in [0, 1]; and where one of {number} classes "
            "is true there is none: the greatest share wins"
        )
    return names


def answers(shares: Array, threshold: float) -> NDArray[np.int64]:
    """Return the class that each case is given, where one is true."""
    greatest: Array = shares.argmax(1) if shares.shape[1] > 2 else shares[:, 1] >= threshold
    return greatest.astype(np.int64)


def checked(shares: Array, labels: Array, multilabel: bool) -> tuple[Array, Array]:
    """Return shares as float64 and labels as int64, or raise `BadInput` with what is wrong."""
    shares, labels = np.asarray(shares, dtype=np.float64), np.asarray(labels)
    fitting = shares.shape if multilabel else shares.shape[:1]
    if shares.ndim != 2 or labels.shape != fitting or not shares.size:
        raise BadInput(
            f"shares are {shares.shape} and labels {labels.shape}, but (N, K) and "
            f"{'(N, K)' if multilabel else '(N,)'} are expected"
        )
    if not multilabel and shares.shape[1] < 2:
        raise BadInput("shares have one column; two classes have two, one question is multilabel")
    if not np.isfinite(shares).all() or shares.min() < 0 or shares.max() > 1 + OFF:
        raise BadInput(
            f"shares run from {shares.min()} to {shares.max()}, but probabilities in [0, 1] are "
            "expected, none of them NaN; pass logits through a softmax or sigmoid"
        )
    sums = shares.sum(1)
    if not multilabel and np.abs(sums - 1).max() > OFF:
        raise BadInput(
            f"the shares of a case sum to {sums[np.abs(sums - 1).argmax()]:.4g}, but to 1 where "
            "classes exclude each other; for labels that may come together pass multilabel=True"
        )
    highest = 1 if multilabel else shares.shape[1] - 1
    strange = [v for v in np.unique(labels).tolist() if v not in range(UNKNOWN, highest + 1)]
    if strange:
        raise BadInput(f"labels hold {strange[:5]}, but 0 to {highest} and -1 are expected")
    if not (labels != UNKNOWN).any():
        raise BadInput("no label is known: all are -1")
    return shares, labels.astype(np.int64)
