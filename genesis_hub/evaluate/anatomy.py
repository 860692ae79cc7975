"""How well an embedding understands anatomy: the same place found in others, wholes told by parts.

Both look good for nothing where an embedding tells nothing apart: with every vector the same, every
cosine is 1. So each cosine stands beside that of pairs which have nothing in common, with the mean
of the data taken off, and beside ranks that such an embedding cannot win.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.evaluate.ratios import Ratios, mean_of, means, summed

Array = NDArray[Any]
Floats = NDArray[np.float64]
NEIGHBOURS = 5
ROWS = 512  # Compared at once.
# Cosines closer than this are ties: float32 tells nothing below it.
TIE = 1e-6
BETWEEN_0_AND_1 = ("knn", "apart")


@dataclass(frozen=True, eq=False)
class Locality:
    """What each embedded landmark says of its neighbours; all arrays are of its N rows.

    right: how likely the neighbours vote for its own landmark, 0 or 1 but for ties. chance: the
    same where nothing is told apart, so that all patches of other patients vote. silhouettes: from
    -1 to 1 (Rousseeuw, 1987).
    neighbours: the places (N, k) of its nearest in other patients, the nearest first.
    """

    right: Floats
    chance: Floats
    silhouettes: Floats
    neighbours: NDArray[np.int64]
    patients: tuple[str, ...]

    @property
    def sample(self) -> Ratios:
        """The means "knn", "chance" and "silhouette", for `intervals`."""
        values: Mapping[str, Any] = {
            "knn": self.right, "chance": self.chance, "silhouette": self.silhouettes,
        }  # fmt: skip
        return means(values, patients=self.patients, bounded=BETWEEN_0_AND_1)


@dataclass(frozen=True, eq=False)
class Composition:
    """How near wholes are to the means of their parts; by number of parts, arrays of N wholes.

    cosine: of a whole and its own parts' mean. unrelated: of the whole and the parts' mean of a
    whole of another patient, drawn once for each. centred, centred_unrelated: the same with the
    mean of the data taken off. apart: the share of all other patients' parts that are farther from
    a whole than its own, ties counting half: one half by chance.
    """

    cosine: Mapping[int, Floats]
    unrelated: Mapping[int, Floats]
    centred: Mapping[int, Floats]
    centred_unrelated: Mapping[int, Floats]
    apart: Mapping[int, Floats]
    patients: tuple[str, ...]

    @property
    def sample(self) -> Ratios:
        """The means, as "cosine/4" of four parts and "cosine" over all, for `intervals`."""
        names = ("cosine", "unrelated", "centred", "centred_unrelated", "apart")
        sums: dict[str, tuple[Floats, Floats]] = {}
        over: dict[str, tuple[str, ...]] = {}
        for name in names:
            columns: Mapping[int, Floats] = getattr(self, name)
            sums |= {f"{name}/{parts}": mean_of(column) for parts, column in columns.items()}
            over[name] = tuple(f"{name}/{parts}" for parts in columns)
        return summed(sums, over, self.patients, (), BETWEEN_0_AND_1)


def locality(
    embeddings: Array, landmarks: Sequence[str], patients: Sequence[str], *, k: int = NEIGHBOURS
) -> Locality:
    """Return whether patches of one landmark are near each other across patients.

    embeddings: (N, F), of patches around landmarks. The k nearest in other patients, by cosine with
    the mean of all taken off, vote; ties are shared out, so that an embedding which tells nothing
    apart comes out at chance whatever the order of its rows.
    """
    rows = directions(checked(embeddings, landmarks, patients), centre=None)
    people, kinds = numbers(patients), numbers(landmarks)
    if people.max() < 1 or kinds.max() < 1:
        raise BadInput(
            f"{kinds.max() + 1} landmarks of {people.max() + 1} patients; neighbours in other "
            "patients need two of each at least"
        )
    if isinstance(k, bool) or k < 1:
        raise BadInput(f"k={k!r}, but neighbours are counted from 1")
    right, chance = np.empty(len(rows)), np.empty(len(rows))
    nearest: list[Array] = []
    each = np.eye(int(kinds.max()) + 1)[kinds]
    count = min(k, len(rows) - int(np.bincount(people).max()))
    for some in blocks(len(rows)):
        others = people[some, None] != people
        alike = np.where(others, rows[some] @ rows.T, -np.inf)
        votes = shared(alike, count) @ each
        right[some] = given(votes, kinds[some])
        # Every other patient's patch is as near as the next one.
        chance[some] = given(others @ each, kinds[some])
        nearest.append(np.argsort(-alike, axis=1, kind="stable")[:, :count])
    places = np.concatenate(nearest).astype(np.int64)
    return Locality(right, chance, silhouettes(rows, kinds), places, tuple(patients))


def composition(
    wholes: Array, parts: Mapping[int, Array], patients: Sequence[str], *, draw: np.random.Generator
) -> Composition:
    """Return whether the embedding of a whole is near the mean of its parts' embeddings.

    wholes: (N, F). parts: by their number n, their embeddings (N, n, F). The mean taken off is that
    of wholes and parts' means alike: where parts lie elsewhere than wholes, that counts against.
    """
    checked(wholes, patients, patients)
    people = numbers(patients)
    if people.max() < 1 or not parts:
        raise BadInput(
            f"{len(parts)} ways of parting wholes of {people.max() + 1} patients; give one way and "
            "two patients at least"
        )
    other = np.array([draw.choice(np.flatnonzero(people != person)) for person in people])
    found: dict[str, dict[int, Floats]] = {name: {} for name in Composition.__dataclass_fields__}
    for number, pieces in parts.items():
        if pieces.shape != (len(wholes), number, wholes.shape[1]):
            raise BadInput(
                f"{number} parts are {pieces.shape}, but {(len(wholes), number, wholes.shape[1])} "
                "are expected: (N, parts, F)"
            )
        sums = np.asarray(pieces, np.float64).mean(1)
        middle = (np.asarray(wholes, np.float64).mean(0) + sums.mean(0)) / 2
        for prefix, centre in (("", 0.0), ("centred_", middle)):
            whole, summed_up = directions(wholes, centre), directions(sums, centre)
            found["centred" if prefix else "cosine"][number] = dot(whole, summed_up)
            found[f"{prefix}unrelated"][number] = dot(whole, summed_up[other])
        found["apart"][number] = farther(whole, summed_up, people)
    del found["patients"]
    return Composition(**found, patients=tuple(patients))


def silhouettes(rows: Floats, kinds: NDArray[np.int64]) -> Floats:
    """Return each row's silhouette by cosine distance; rows: of length 1, or 0.

    A mean cosine to a cluster is the cosine to its sum, so that no pair is looked at.
    """
    each = np.eye(int(kinds.max()) + 1)[kinds]
    size = each.sum(0)
    alike = rows @ (each.T @ rows).T
    own = np.arange(len(rows)), kinds
    others = np.maximum(size - 1, 1)[kinds]
    inside = 1 - (alike[own] - dot(rows, rows)) / others
    apart = 1 - alike / size
    apart[own] = np.inf
    nearest = apart.min(1)
    known = (size[kinds] > 1) & (np.maximum(inside, nearest) > TIE)
    most = np.where(known, np.maximum(inside, nearest), 1.0)
    return np.where(known, (nearest - inside) / most, 0.0)


def directions(rows: Array, centre: Floats | float | None) -> Floats:
    """Return rows less a centre (None: their mean), at length 1; 0 where nothing but rounding is.

    So an embedding that is the same for all has no direction left, instead of one of noise.
    """
    plain = np.asarray(rows, np.float64)
    left = plain - (plain.mean(0) if centre is None else centre)
    length = np.linalg.norm(left, axis=1, keepdims=True)
    least = TIE * float(np.abs(plain).max(initial=0)) * np.sqrt(plain.shape[1])
    found: Floats = np.divide(left, length, out=np.zeros_like(left), where=length > least)
    return found


def shared(alike: Floats, count: int) -> Floats:
    """Return how much each column votes for a row: the `count` nearest, ties sharing the last."""
    last = -np.partition(-alike, count - 1, axis=1)[:, count - 1 : count]
    surely = alike > last + TIE
    tied = np.abs(alike - last) <= TIE
    left = count - surely.sum(1, keepdims=True)
    return np.asarray(surely + tied * (left / tied.sum(1, keepdims=True)), np.float64)


def given(votes: Floats, kinds: NDArray[np.int64]) -> Floats:
    """Return how likely the kind with most votes is the own one, those with as many sharing."""
    won = votes >= votes.max(1, keepdims=True) - 1e-9
    return np.asarray(won[np.arange(len(votes)), kinds] / won.sum(1), np.float64)


def farther(wholes: Floats, sums: Floats, people: NDArray[np.int64]) -> Floats:
    """Return the share of other patients' sums that are farther from a whole than its own."""
    found = np.empty(len(wholes))
    own = dot(wholes, sums)
    for some in blocks(len(wholes)):
        alike = wholes[some] @ sums.T
        others = people[some, None] != people
        less = (alike < own[some, None] - TIE) + 0.5 * (np.abs(alike - own[some, None]) <= TIE)
        found[some] = (less * others).sum(1) / others.sum(1)
    return found


def dot(first: Floats, second: Floats) -> Floats:
    """Return the product of each row with the same row of the other."""
    found: Floats = np.einsum("nf,nf->n", first, second)
    return found


def blocks(rows: int) -> Iterator[slice]:
    """Give the rows a few at a time."""
    for start in range(0, rows, ROWS):
        yield slice(start, start + ROWS)


def numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """Return names as numbers from 0."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64).ravel()


def checked(embeddings: Array, landmarks: Sequence[str], patients: Sequence[str]) -> Array:
    """Return embeddings (N, F), or raise `BadInput` where they cannot be compared."""
    rows = np.asarray(embeddings)
    if rows.ndim != 2 or not len(rows) == len(landmarks) == len(patients) or len(rows) < 2:
        raise BadInput(
            f"embeddings are {rows.shape} for {len(landmarks)} names and {len(patients)} patients; "
            "(N, F) with N of at least 2 and one of each are expected"
        )
    if not np.isfinite(rows).all():
        raise BadInput("embeddings hold NaN or infinite values; look at the weights")
    return rows
