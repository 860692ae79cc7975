"""A classifier's answers as a sample: the numbers of `classification_metrics`, resampled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from scipy.stats import rankdata

from genesis_hub.errors import BadInput
from genesis_hub.evaluate import metrics
from genesis_hub.evaluate.classification import UNKNOWN, answers, checked, named, names_of
from genesis_hub.evaluate.curves import Curve
from genesis_hub.evaluate.resampling import numbered

Array = NDArray[Any]
Floats = NDArray[np.float64]
UNBOUNDED = ("quadratic_kappa", "brier", "log_loss")
WHOLE = ("accuracy", "balanced_accuracy", "macro_f1")


def classified(
    shares: Array,
    labels: Array,
    *,
    patients: Sequence[str],
    among: Sequence[str] = (),
    multilabel: bool = False,
    classes: Sequence[str] = (),
    threshold: float = 0.5,
) -> "Classified":
    """Return a classifier's answers as `intervals` and `compare` take them.

    patients: (N,), whose each case is. among: all patients in order, for samples to be averaged.
    The rest is as `classification_metrics` takes it.
    """
    shares, labels = checked(shares, labels, multilabel)
    if len(patients) != len(shares):
        raise BadInput(f"{len(patients)} patients for {len(shares)} cases; give one for each")
    names = names_of(classes, shares.shape[1], threshold, multilabel)
    codes, number = numbered(patients, among)
    scores = np.column_stack([rankdata(column) for column in shares.T])
    return Classified(number, codes, shares, scores, labels, names, multilabel, threshold)


@dataclass(frozen=True, eq=False)
class Classified:
    """Cases of a classifier; `measured` gives what `classification_metrics` says of a resample.

    codes: (N,) numbers of patients. scores: (N, K) ranks of the shares, which orders them as they
    are; of two models exchanged, ranks alone can be mixed (Bandos, Rockette and Gur, 2005).
    wanted: numbers that are measured; all if none is named.
    """

    patients: int
    codes: Array
    shares: Floats
    scores: Floats
    labels: Array
    names: tuple[str, ...]
    multilabel: bool
    threshold: float
    wanted: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return max(len(self.codes), int(self.sums.shape[0]))

    def narrowed(self, measures: Sequence[str]) -> "Classified":
        return replace(self, wanted=tuple(measures))

    def measured(self, counts: Floats) -> dict[str, Floats]:
        if self.wanted == ("auc",):
            # What benchmarks compare by, ten thousand times: nothing else is computed beside it.
            return {"auc": metrics.mean_known(np.stack([c.auc(counts) for c in self.headlines]))}
        found = self.everything(counts)
        return {name: found[name] for name in self.wanted} if self.wanted else found

    def everything(self, counts: Floats) -> dict[str, Floats]:
        """Return all numbers."""
        areas = [curve.areas(counts) for curve in self.curves]
        auc, precision = (np.stack(column) for column in zip(*areas, strict=True))
        curves = {"auc": auc, "average_precision": precision}
        rows: Floats = self.sums @ counts
        each, whole = (self.of_labels if self.multilabel else self.of_classes)(rows)
        return named({**curves, **each}, whole, self.names, self.multilabel)

    def of_classes(self, rows: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return the numbers of each class, and of all together, from sums over the cases."""
        number = len(self.names)
        table = rows[:-2].reshape(number, number, -1)
        total = table.sum((0, 1))
        found = metrics.sensitivity(table)
        each = {
            "sensitivity": found,
            "specificity": metrics.specificity(table),
            "f1": metrics.f1(table),
        }
        whole = {
            "accuracy": metrics.accuracy(table),
            "balanced_accuracy": metrics.mean_known(found),
            "macro_f1": metrics.mean_known(each["f1"]),
            "quadratic_kappa": metrics.quadratic_kappa(table),
            "brier": metrics.ratio(rows[-2], total),
            "log_loss": metrics.ratio(rows[-1], total),
        }
        return each, whole

    def of_labels(self, rows: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return the numbers of each label, and of all together, from sums over the cases."""
        by_label: list[dict[str, Floats]] = []
        for mine in rows.reshape(len(self.names), 6, -1):
            table = mine[:4].reshape(2, 2, -1)
            found, total = metrics.sensitivity(table), table.sum((0, 1))
            row = {
                "sensitivity": found[1],
                "specificity": found[0],
                "f1": metrics.f1(table)[1],
                "accuracy": metrics.accuracy(table),
                "balanced_accuracy": found.mean(0),
                "brier": metrics.ratio(mine[4], total),
                "log_loss": metrics.ratio(mine[5], total),
            }
            by_label.append(row)
        each = {key: np.stack([row[key] for row in by_label]) for key in by_label[0]}
        return each, {"macro_f1": metrics.mean_known(each["f1"])}

    @cached_property
    def curves(self) -> list[Curve]:
        """Each class or label, its cases sorted."""
        made = []
        for k in range(len(self.names)):
            labels = self.labels[:, k] if self.multilabel else self.labels
            known = labels != UNKNOWN
            truth = labels[known] == (1 if self.multilabel else k)
            made.append(Curve(self.scores[known, k], truth, self.codes[known]))
        return made

    @property
    def headlines(self) -> list[Curve]:
        """The curves whose mean stands for all: of two classes the second's."""
        return self.curves[1:] if len(self.names) == 2 and not self.multilabel else self.curves

    @cached_property
    def sums(self) -> csr_array:
        """What each patient adds to each sum (sums, patients): confusions, Brier, log loss."""
        if not self.multilabel:
            return self.added(self.labels, answers(self.shares, self.threshold), self.shares)
        parts = []
        for labels, share in zip(self.labels.T, self.shares.T, strict=True):
            given = (share >= self.threshold).astype(np.int64)
            parts.append(self.added(labels, given, np.stack([1 - share, share], 1)))
        return vstack(parts, format="csr")

    def added(self, labels: Array, given: Array, shares: Floats) -> csr_array:
        """Return what patients add to the sums of one question: its confusions, then losses."""
        known = labels != UNKNOWN
        labels, given, shares, codes = (x[known] for x in (labels, given, shares, self.codes))
        number = shares.shape[1]
        sums = np.concatenate(
            [np.ones(len(labels)), metrics.brier(shares, labels), metrics.log_loss(shares, labels)]
        )
        losses = np.repeat([number**2, number**2 + 1], len(labels))
        place = np.concatenate([labels * number + given, losses]), np.tile(codes, 3)
        return csr_array((sums, place), shape=(number**2 + 2, self.patients))

    def bearing(self) -> dict[str, int]:
        one = len(self.names) == 2 and not self.multilabel
        found = {}
        for name in self.measured(np.ones((self.patients, 1))):
            measure, _, which = name.partition("/")
            classes = [self.names.index(which)] if which else range(len(self.names))
            if one and not which and measure not in WHOLE:
                classes = [1]
            found[name] = min(filter(None, (self.rests(measure, k) for k in classes)), default=0)
        return found

    def rests(self, measure: str, k: int) -> int:
        """Return how many patients one class's number rests on."""
        labels = self.labels[:, k] if self.multilabel else self.labels
        truth = labels == (1 if self.multilabel else k)
        known = labels != UNKNOWN
        have, lack, all_here = (
            len(np.unique(self.codes[those])) for those in (truth, known & ~truth, known)
        )
        if measure in UNBOUNDED:
            return 0
        by_measure = {"accuracy": all_here, "specificity": lack, "auc": min(have, lack)}
        return by_measure.get(measure, have)

    def beside(self, other: "Classified") -> "Classified":
        same = (
            np.array_equal(self.labels, other.labels)
            and np.array_equal(self.codes, other.codes)
            and (self.names, self.patients) == (other.names, other.patients)
            and (self.multilabel, self.threshold) == (other.multilabel, other.threshold)
        )
        if not same:
            raise BadInput(
                f"two models' answers differ in their cases ({len(self.labels)} and "
                f"{len(other.labels)}), patients, labels, classes or threshold; give both models' "
                "answers for the same cases in the same order"
            )
        return replace(
            self,
            patients=2 * self.patients,
            codes=np.concatenate([self.codes, other.codes + self.patients]),
            shares=np.concatenate([self.shares, other.shares]),
            scores=np.concatenate([self.scores, other.scores]),
            labels=np.concatenate([self.labels, other.labels]),
        )
