"""The nearest patients by their features: a million of them for a thousand references in seconds.

Products of single precision, chunk by chunk of features that may lie on a disk, say who may be
near; who is, is said by distances in double precision of those few. A row passes from one to the
other by a bound on what single precision can be wrong by, so that none is missed.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput

CHUNK = 16_384  # Rows of a product: 64 MB of answers for 1,000 references.
QUERIES = 1024  # References at once.
HELD = 4_000_000  # Candidates at which those that fell behind are dropped.
REFINED = 16_384  # Rows whose distances are computed again at once.
EPS = float(np.finfo(np.float32).eps)

Rows = NDArray[np.float32]
Indices = NDArray[np.int64]
Distances = NDArray[np.float64]


def nearest(features: Rows, queries: NDArray[np.floating], k: int) -> tuple[Indices, Distances]:
    """Return which rows of features are nearest to each query, and how far, nearest first.

    features: (N, D), may be mapped from a file. queries: (Q, D). Both answers are (Q, k), the
    distances Euclidean in double precision; of rows equally far the first comes first.
    """
    count = len(features)
    if features.ndim != 2 or queries.ndim != 2 or queries.shape[1] != features.shape[1]:
        raise BadInput(
            f"features are {features.shape} and queries {queries.shape}; (N, D) and (Q, D) are "
            "expected"
        )
    if not 1 <= k <= count:
        raise BadInput(f"{k} neighbours of {count} patients; ask for 1 to {count}")
    centre = centre_of(features)
    found = [
        searched(features, queries[at : at + QUERIES], k, centre)
        for at in range(0, len(queries), QUERIES)
    ]
    if not found:
        return np.empty((0, k), np.int64), np.empty((0, k))
    return np.concatenate([one for one, _ in found]), np.concatenate([far for _, far in found])


def centre_of(features: Rows) -> Rows:
    """Return about where features lie: products of what is near zero lose fewer digits."""
    some = features[:: max(1, len(features) // 4096)]
    if not np.isfinite(some).all():
        raise BadInput("some features are no finite numbers; train the auto-encoder anew")
    return np.asarray(some.mean(0, dtype=np.float64), dtype=np.float32)


def searched(
    features: Rows, queries: NDArray[np.floating], k: int, centre: Rows
) -> tuple[Indices, Distances]:
    """Return the neighbours of as many queries as fit into memory."""
    dims = features.shape[1]
    asked = queries.astype(np.float32) - centre
    # One column more adds each row's squared length, so that a product alone orders the rows.
    wide = np.concatenate([-2 * asked, np.ones((len(asked), 1), np.float32)], axis=1)
    lengths = np.sqrt(np.einsum("ij,ij->i", asked, asked, dtype=np.float64))
    held = Candidates(features, np.asarray(queries, np.float64), k)
    rows = np.empty((min(CHUNK, len(features)), dims + 1), np.float32)
    scores = np.empty((len(asked), len(rows)), np.float32)
    for first in range(0, len(features), CHUNK):
        some = features[first : first + CHUNK]
        part = rows[: len(some)]
        np.subtract(some, centre, out=part[:, :dims])
        squared = np.einsum("ij,ij->i", part[:, :dims], part[:, :dims])
        part[:, dims] = squared
        longest = float(np.sqrt(squared.max()))
        if not np.isfinite(longest):
            raise BadInput("some features are no finite numbers; train the auto-encoder anew")
        # A sum of n products in single precision is off by at most n eps times its absolute terms;
        # what was lost when the centre was taken off counts the same way.
        off = (dims + 8) * EPS * ((longest + lengths) ** 2 + longest * float(np.abs(centre).max()))
        out = scores.reshape(-1)[: len(asked) * len(some)].reshape(len(asked), len(some))
        np.matmul(wide, part.T, out=out)
        held.add(out, first, off)
    return held.settled()


@dataclass(eq=False)
class Candidates:
    """Rows that may be among the nearest, and how near a row must be to be one."""

    features: Rows
    queries: NDArray[np.float64]
    k: int
    owners: list[Indices] = field(default_factory=list)
    rows: list[Indices] = field(default_factory=list)
    scores: list[Rows] = field(default_factory=list)
    many: int = 0

    def __post_init__(self) -> None:
        self.limit = np.full(len(self.queries), np.inf)
        self.off = np.zeros(len(self.queries))

    def add(self, scores: Rows, first: int, off: NDArray[np.float64]) -> None:
        """Take up the rows of a chunk that are near enough; scores may be wrong by `off`."""
        self.off = np.maximum(self.off, off)
        if np.isinf(self.limit).any() and scores.shape[1] > self.k:
            kth = np.partition(scores, self.k - 1, axis=1)[:, self.k - 1]
            self.limit = np.minimum(self.limit, kth + 2 * off)
        limit = (self.limit + off).astype(np.float32)
        flat = np.flatnonzero(scores <= np.nextafter(limit, np.float32(np.inf))[:, None])
        owners, rows = np.divmod(flat, scores.shape[1])
        self.owners.append(owners)
        self.rows.append(rows + first)
        self.scores.append(scores.reshape(-1)[flat])
        self.many += len(flat)
        if self.many > HELD:
            self.drop()

    def drop(self) -> None:
        """Drop the rows that k others are nearer than, whatever single precision did to either."""
        owners, rows, scores = self.joined()
        order = np.lexsort((scores, owners))
        owners, rows, scores = owners[order], rows[order], scores[order]
        counts = np.bincount(owners, minlength=len(self.limit))
        begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
        full = counts >= self.k
        kth = np.full(len(self.limit), np.inf)
        kth[full] = scores[begins[full] + self.k - 1]
        self.limit = np.minimum(self.limit, kth + 2 * self.off)
        keep = scores <= (self.limit + self.off)[owners]
        self.hold(owners[keep], rows[keep], scores[keep])
        if self.many > HELD // 2:  # Rows so alike that single precision cannot tell them apart.
            self.refine()

    def refine(self) -> None:
        """Keep the k nearest by distances in double precision."""
        owners, rows, scores = self.joined()
        squared = np.empty(len(rows))
        for at in range(0, len(rows), REFINED):
            part = slice(at, at + REFINED)
            apart = self.features[rows[part]].astype(np.float64) - self.queries[owners[part]]
            squared[part] = np.einsum("ij,ij->i", apart, apart)
        order = np.lexsort((rows, squared, owners))
        owners, rows, scores = owners[order], rows[order], scores[order]
        squared = squared[order]
        counts = np.bincount(owners, minlength=len(self.limit))
        begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
        keep = np.arange(len(owners)) - begins[owners] < self.k
        self.squared = squared[keep]
        self.hold(owners[keep], rows[keep], scores[keep])

    def joined(self) -> tuple[Indices, Indices, Rows]:
        """Return all that are held as three rows of numbers."""
        return np.concatenate(self.owners), np.concatenate(self.rows), np.concatenate(self.scores)

    def hold(self, owners: Indices, rows: Indices, scores: Rows) -> None:
        """Hold these and no others."""
        self.owners, self.rows, self.scores = [owners], [rows], [scores]
        self.many = len(rows)

    def settled(self) -> tuple[Indices, Distances]:
        """Return the k nearest rows of each query, and their distances."""
        self.drop()
        self.refine()
        shape = (len(self.queries), self.k)
        return self.rows[0].reshape(shape), np.sqrt(self.squared.reshape(shape))
