"""Heads on frozen features: a linear probe and nearest neighbours, their one number chosen."""

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from genesis_hub.benchmarking.design import Places

Floats = NDArray[np.float64]
Truths = NDArray[np.int64]
LEAST = 1e-12


class Readout(Protocol):
    """A head with one number to choose. usual: what it is where too few cases could choose."""

    @property
    def name(self) -> str: ...
    @property
    def grid(self) -> tuple[float, ...]: ...
    @property
    def usual(self) -> float: ...

    def shares(
        self,
        known: Floats,
        truths: Truths,
        asked: Floats,
        strengths: Sequence[float],
        several: bool,
    ) -> list[Floats]:
        """Return shares (M, K) of the cases asked for, for each strength.

        known: (N, F) standardised features of training cases, truths: (N, K) of 1, 0 and -1 where
        nothing is known. several: labels may come together.
        """
        ...


class Probe:
    """Logistic regression; C is the inverse of its penalty."""

    name = "C"
    grid = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    usual = 1e-2

    def shares(
        self,
        known: Floats,
        truths: Truths,
        asked: Floats,
        strengths: Sequence[float],
        several: bool,
    ) -> list[Floats]:
        if len(known) < known.shape[1]:
            known, asked = turned(known, asked)
        # Half the bytes are read in each step of a fit; shares change in the fifth digit.
        known, asked = known.astype(np.float32), asked.astype(np.float32)
        if not several:
            return along(known, truths.argmax(1), asked, strengths, truths.shape[1])
        columns = []
        for truth in truths.T:
            there = truth >= 0
            columns.append(along(known[there], truth[there], asked, strengths, 2))
        return [np.stack([one[at][:, 1] for one in columns], 1) for at in range(len(strengths))]


def turned(known: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Return both in the N directions, at most, that N known cases span.

    The penalty does not see a rotation. By the products of cases, which are fewer than features:
    a third of the time that singular values of the features themselves take.
    """
    values, places = np.linalg.eigh(known @ known.T)
    spanned = values > 1e-10 * values[-1]
    spanned[-1] = True  # Of features that never vary one is kept, which says nothing.
    lengths = np.sqrt(np.maximum(values[spanned], LEAST))
    known_there: Floats = places[:, spanned] * lengths
    asked_there: Floats = asked @ known.T @ (places[:, spanned] / lengths)
    return known_there, asked_there


def along(
    known: NDArray[Any],
    labels: Truths,
    asked: NDArray[Any],
    strengths: Sequence[float],
    number: int,
) -> list[Floats]:
    """Return shares (M, K) for each C; each fit begins where that of the one before ended."""
    if len(np.unique(labels)) < 2:
        # Nothing to tell apart: the answer is how often each class was seen, one more of each.
        counts = np.bincount(labels, minlength=number) + 1.0
        return [np.tile(counts / counts.sum(), (len(asked), 1)) for _ in strengths]
    model = LogisticRegression(warm_start=True, max_iter=300, tol=1e-3)
    found: dict[float, Floats] = {}
    for strength in sorted(strengths):
        model.set_params(C=strength)
        with warnings.catch_warnings():
            # A weak penalty on cases that a plane parts has no end; its ranks are settled long
            # before, and the choice among strengths sees the answers as they are.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(known, labels)
        shares = np.zeros((len(asked), number))
        shares[:, model.classes_] = model.predict_proba(asked)
        found[strength] = shares
    return [found[strength] for strength in strengths]


class Neighbours:
    """The k nearest training cases by cosine; what is common counts as one neighbour more."""

    name = "k"
    grid = (1.0, 3.0, 5.0, 10.0, 20.0, 50.0)
    usual = 5.0

    def shares(
        self,
        known: Floats,
        truths: Truths,
        asked: Floats,
        strengths: Sequence[float],
        several: bool,
    ) -> list[Floats]:
        most = min(len(known), int(max(strengths)))
        near = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(unit(known))
        order = near.kneighbors(unit(asked), return_distance=False)
        there = truths >= 0
        hits = np.where(there, truths, 0).astype(np.float64)
        usual = (hits.sum(0) + 0.5) / (there.sum(0) + 1) if several else hits.mean(0)
        have, of = hits[order].cumsum(1), there[order].cumsum(1)
        ends = [min(most, int(k)) - 1 for k in strengths]
        return [(have[:, end] + usual) / (of[:, end] + 1) for end in ends]


def unit(rows: Floats) -> Floats:
    """Return rows of length 1."""
    length: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, LEAST)


def read_out(
    readout: Readout,
    known: NDArray[Any],
    truths: Truths,
    asked: NDArray[Any],
    inner: Sequence[tuple[Places, Places]],
    several: bool,
) -> tuple[Floats, float]:
    """Return the shares of the cases asked for, and the strength that was chosen.

    inner: (learnt from, looked at) among the known cases; the strength whose mean log loss on those
    looked at is least is taken.
    """
    strength = readout.usual
    if inner:
        losses = []
        for learn, look in inner:
            some, others = standardised(known[learn], known[look])
            tried = readout.shares(some, truths[learn], others, readout.grid, several)
            losses.append([log_loss(shares, truths[look], several) for shares in tried])
        strength = readout.grid[int(np.argmin(np.nanmean(losses, axis=0)))]
    some, others = standardised(known, asked)
    (shares,) = readout.shares(some, truths, others, [strength], several)
    return shares, strength


def standardised(known: NDArray[Any], asked: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return both with the known ones' mean 0 and deviation 1; what never varies is 0."""
    known, asked = known.astype(np.float64), asked.astype(np.float64)
    mean, spread = known.mean(0), known.std(0)
    varies = spread > 1e-6 * (np.abs(mean) + LEAST)
    scale = np.where(varies, 1 / np.where(varies, spread, 1), 0.0)
    return (known - mean) * scale, (asked - mean) * scale


def log_loss(shares: Floats, truths: Truths, several: bool) -> float:
    """Return the mean log loss of shares (N, K); NaN where nothing is known."""
    shares = np.clip(shares, LEAST, 1)
    if not several:
        return float(-np.log(shares[truths == 1]).mean()) if len(truths) else float("nan")
    there = truths >= 0
    given = np.where(truths == 1, shares, np.clip(1 - shares, LEAST, 1))[there]
    return float(-np.log(given).mean()) if given.size else float("nan")
