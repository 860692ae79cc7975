"""Nearest patients: the same as by brute force in double precision, whatever the features."""

from pathlib import Path

import numpy as np
import pytest

from genesis_hub.errors import BadInput
from training.discovery import neighbours
from training.discovery.neighbours import nearest


def brute(features: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbours by all distances in double precision, the first row first where equal."""
    apart = features.astype(np.float64)[None] - queries.astype(np.float64)[:, None]
    far = np.sqrt((apart**2).sum(-1))
    order = np.argsort(far, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(far, order, 1)


def spread(kind: str, count: int = 1500, dims: int = 48) -> np.ndarray:
    """Return features of several kinds of difficulty."""
    draw = np.random.default_rng(3)
    plain = draw.normal(size=(count, dims))
    kinds = {
        "plain": plain,
        "far from zero, close together": 300 + 1e-3 * plain,
        "in clumps": plain * 1e-5 + 10 * draw.normal(size=(5, dims))[draw.integers(0, 5, count)],
        "whole numbers with many ties": draw.integers(0, 3, (count, dims)),
        "all the same": np.ones((count, dims)),
        "one far out": np.vstack([plain[:-1], np.full((1, dims), 1e6)]),
    }
    return kinds[kind].astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    ["plain", "far from zero, close together", "in clumps", "whole numbers with many ties",
     "all the same", "one far out"],
)  # fmt: skip
def test_neighbours_are_those_of_brute_force(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK", 200)
    monkeypatch.setattr(neighbours, "QUERIES", 7)
    monkeypatch.setattr(neighbours, "HELD", 3000)  # So that candidates are dropped and refined.
    features = spread(kind)
    found, far = nearest(features, features[:20], 30)
    want, distances = brute(features, features[:20], 30)
    assert np.array_equal(found, want)
    assert np.abs(far - distances).max() <= 1e-6


def test_what_single_precision_cannot_tell_apart_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 4096 and its next neighbours in single precision: their squares differ by less than an ulp
    # of the squares' sum, so products alone give any order.
    base = np.full((64, 8), 4096, np.float32)
    base[:, 0] = np.nextafter(base[:, 0], np.float32(1e9)) + np.arange(64)[::-1] * np.float32(5e-4)
    query = np.full((1, 8), -4096, np.float32)
    monkeypatch.setattr(neighbours, "CHUNK", 16)
    found, far = nearest(base, query, 10)
    want, distances = brute(base, query, 10)
    assert np.array_equal(found, want)
    assert np.abs(far - distances).max() <= 1e-6


def test_features_are_read_from_a_file_piece_by_piece(tmp_path: Path) -> None:
    features = spread("plain", 400)
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    assert np.array_equal(nearest(mapped, features[:3], 5)[0], brute(features, features[:3], 5)[0])


def test_all_are_neighbours_where_all_are_asked_for() -> None:
    features = spread("plain", 30)
    found, far = nearest(features, features[:4], 30)
    assert (np.sort(found, axis=1) == np.arange(30)).all()
    assert (far[:, 0] == 0).all()
    assert (found[:, 0] == np.arange(4)).all()


def test_a_query_may_be_no_row() -> None:
    features, queries = spread("plain", 300), spread("plain", 40)[35:] + 0.25
    assert np.array_equal(nearest(features, queries, 9)[0], brute(features, queries, 9)[0])


def test_more_neighbours_than_rows_are_refused_with_the_most() -> None:
    with pytest.raises(BadInput, match="31 neighbours of 30 patients; ask for 1 to 30"):
        nearest(spread("plain", 30), spread("plain", 30), 31)


def test_features_that_are_no_numbers_are_refused() -> None:
    features = spread("plain", 30)
    features[29, 1] = np.nan
    with pytest.raises(BadInput, match="no finite numbers"):
        nearest(features, features[:2], 3)
