"""The published acceptance rule, against its own definition."""

import numpy as np
import pytest

from training.corpus.tissue import FILLED, LUNG, PUBLISHED, rule_for, tissue_score


def by_definition(crop: np.ndarray, deps: int) -> float:
    """Voxel by voxel: this slice, the next, the one after; the first that is tissue counts."""
    total = 0.0
    for x, y, z in np.ndindex(*crop.shape[:2], deps):
        here, following = crop[x, y, z] >= 0.425, crop[x, y, z + 1 : z + 2] >= 0.425
        total += 1.0 if here else 0.5 if following.any() else 0.0
    return total / (crop.shape[0] * crop.shape[1] * deps)


@pytest.mark.parametrize("dense", [0.0, 0.1, 0.5, 0.9])
def test_the_score_is_the_published_one(dense: float) -> None:
    crop = np.random.default_rng(0).random((6, 5, 11)) + dense - 0.4
    assert tissue_score(crop, 8) == by_definition(crop, 8)


def test_beyond_the_last_slice_there_is_no_tissue() -> None:
    crop = np.random.default_rng(1).random((6, 5, 8))
    assert tissue_score(crop, 8) == by_definition(crop, 8)


def test_a_voxel_of_150_hu_below_zero_is_tissue_in_either_unit() -> None:
    hu = np.array([[[-150, -151, -151]]])
    assert tissue_score(hu, 2, tissue=-150) == 0.5
    assert tissue_score(((hu + 1000) / 2000).astype(np.float32), 2) == 0.5


def test_only_the_slice_behind_counts_and_by_half() -> None:
    assert tissue_score(np.array([[[0.0, 0.0, 1.0]]]), 2) == 0.25
    assert tissue_score(np.array([[[0.0, 0.0, 0.0, 1.0]]]), 2) == 0.0


def test_the_published_rule_takes_air_around_a_patient_and_ours_does_not() -> None:
    air = np.zeros((8, 8, 5))
    assert PUBLISHED.verdict(air, 4).accepted
    assert not LUNG.verdict(air, 4).accepted


def test_lung_is_accepted_and_muscle_is_not() -> None:
    lung, muscle = np.full((8, 8, 5), 0.1), np.full((8, 8, 5), 0.52)
    assert LUNG.verdict(lung, 4).accepted
    assert not LUNG.verdict(muscle, 4).accepted
    assert LUNG.verdict(muscle, 4).holds


def test_other_modalities_take_all_but_background() -> None:
    assert rule_for("mri") is FILLED
    assert FILLED.verdict(np.full((8, 8, 5), 0.6), 4).accepted
    assert not FILLED.verdict(np.full((8, 8, 5), 0.01), 4).accepted


def test_faithful_knows_one_rule() -> None:
    assert rule_for("ct", faithful=True) is rule_for("mri", faithful=True) is PUBLISHED
