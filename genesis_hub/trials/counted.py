"""From what a run left of its test cases to the counts that scores follow from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.evaluate.resampling import numbered
from genesis_hub.trials.scores import Scored
from genesis_hub.tuning.confusions import read_confusions
from genesis_hub.tuning.predictions import read_table

Array = NDArray[Any]
# How a grade is written: as one class, as K - 1 bits, or as the published code has it, by K bits of
# which the first is always set.
CODINGS = ("one", "bits", "reference")


def scored(folder: Path, scores: Sequence[str], *, task: str, coding: str = "one") -> "Counted":
    """Return the test cases of a finished run; coding: how its labels say a grade."""
    if task == "segmentation":
        found = read_confusions(folder)
        met = found.taken.astype(np.float64)
        return Counted(found.patients, met, np.zeros((len(met), 2)), tuple(scores))
    table = read_table(folder)
    met, asked = graded(*table.answers(), coding)
    return Counted(table.patients, met, asked, tuple(scores))


class Counted:
    """Cases and their counts, before it is known among which patients they are drawn."""

    def __init__(
        self, patients: tuple[str, ...], met: Array, asked: Array, names: tuple[str, ...]
    ) -> None:
        self.patients, self.met, self.asked, self.names = patients, met, asked, names

    def among(self, everyone: Sequence[str] = ()) -> Scored:
        """Return the counts by patient; everyone: all of them, in order."""
        codes, number = numbered(self.patients, everyone)
        met, asked = (np.zeros((number, *part.shape[1:])) for part in (self.met, self.asked))
        np.add.at(met, codes, self.met)
        np.add.at(asked, codes, self.asked)
        return Scored(met, asked, self.names)


def graded(shares: Array, labels: Array, coding: str) -> tuple[Array, Array]:
    """Return of each case which grade was taken for which (N, K, K), and right bits of all (N, 2).

    shares: (N, K), or of bits as many as the coding has. labels: (N,) classes, or (N, bits).
    """
    bits = labels if coding != "one" else np.eye(shares.shape[1])[labels]
    true, said = (grades(part, coding) for part in (bits, shares))
    classes = shares.shape[1] + (coding == "bits")
    met = np.zeros((len(shares), classes, classes))
    met[np.arange(len(shares)), true, said] = 1
    right = ((shares > 0.5) == (bits > 0.5)).sum(1)
    return met, np.stack([right, np.full(len(right), shares.shape[1])], 1).astype(np.float64)


def grades(shares: Array, coding: str) -> NDArray[np.int64]:
    """Return the grade that each row of shares says.

    Bits are counted; of the published K bits one less, but never less than 0, where the published
    code drops such a case from its kappa.
    """
    found: NDArray[np.int64]
    if coding == "one":
        found = shares.argmax(1)
        return found
    count: NDArray[np.int64] = (shares > 0.5).sum(1)
    return count if coding == "bits" else np.maximum(count - 1, 0)
