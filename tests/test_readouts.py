"""Heads on frozen features: a linear probe and nearest neighbours."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from genesis_hub.benchmarking.readouts import Neighbours, Probe, read_out, standardised


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_the_probe_is_scikit_learns_whether_or_not_it_turns_the_features() -> None:
    draw = seeded()
    rows, labels = draw.normal(size=(30, 80)), np.arange(30) % 3
    known, asked = standardised(rows[:24], rows[24:])
    truths = np.eye(3, dtype=np.int64)[labels[:24]]
    (ours,) = Probe().shares(known, truths, asked, [0.01], False)
    theirs = LogisticRegression(C=0.01, tol=1e-8, max_iter=5000).fit(known, labels[:24])
    assert np.allclose(ours, theirs.predict_proba(asked), atol=2e-3)


def test_neighbours_vote_and_what_is_unknown_does_not() -> None:
    known = np.array([[1.0, 0], [1, 0.1], [0, 1]])
    truths = np.array([[1, -1], [1, 0], [0, 1]])
    one, two = Neighbours().shares(known, truths, np.array([[1.0, 0.05]]), [1, 2], True)
    usual = (truths.clip(0).sum(0) + 0.5) / ((truths >= 0).sum(0) + 1)
    assert two[0, 0] == pytest.approx((2 + usual[0]) / 3)
    assert two[0, 1] == pytest.approx((0 + usual[1]) / 2)
    assert one.shape == (1, 2)


@pytest.mark.parametrize("readout", [Probe(), Neighbours()])
def test_labels_that_come_together_are_read_out_one_by_one(readout) -> None:
    draw = seeded()
    rows = draw.normal(size=(60, 5))
    truths = np.stack([rows[:, 0] > 0, rows[:, 1] > 0, np.ones(60)], 1).astype(np.int64)
    truths[::7, 0] = -1
    inner = [(np.arange(30), np.arange(30, 45)), (np.arange(15, 45), np.arange(15))]
    shares, strength = read_out(readout, rows[:45], truths[:45], rows[45:], inner, True)
    assert strength in readout.grid
    assert shares[truths[45:, 0] == 1, 0].mean() > shares[truths[45:, 0] == 0, 0].mean() + 0.2
    assert (shares[:, 2] > 0.9).all()
    assert shares.shape == (15, 3)


def test_a_class_that_was_never_learnt_gets_no_share() -> None:
    rows = seeded().normal(size=(12, 3))
    truths = np.eye(3, dtype=np.int64)[np.arange(12) % 2]
    for readout in (Probe(), Neighbours()):
        shares, strength = read_out(readout, rows, truths, rows[:2], [], False)
        assert strength == readout.usual
        assert np.allclose(shares.sum(1), 1)
        assert np.allclose(shares[:, 2], 0)


def test_features_that_never_vary_give_what_is_usual() -> None:
    truths = np.eye(2, dtype=np.int64)[np.arange(12) % 3 // 2]
    for readout in (Probe(), Neighbours()):
        shares, _ = read_out(readout, np.ones((12, 30)), truths, np.ones((2, 30)), [], False)
        assert np.ptp(shares, axis=0).max() == 0
        assert shares[0, 0] > shares[0, 1]
