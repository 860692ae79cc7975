"""What pre-training measures without labels, and what its weights' card says."""

import numpy as np
import pytest

from genesis_hub import cards, registry
from genesis_hub.errors import BadInput
from genesis_hub.evaluate.rank import effective_rank
from genesis_hub.show.restoration import Restored, restoration


def test_effective_rank_counts_the_directions_that_are_used() -> None:
    draw = np.random.default_rng(0)
    line = draw.normal(size=(200, 1)) @ draw.normal(size=(1, 32))
    assert effective_rank(line) == pytest.approx(1.0, abs=1e-6)
    assert effective_rank(np.ones((50, 32), np.float32) * 3) == 0.0
    plane = np.zeros((400, 32))
    plane[:, :2] = draw.normal(size=(400, 2))
    assert effective_rank(plane) == pytest.approx(2.0, abs=0.02)
    assert effective_rank(draw.normal(size=(4000, 32))) == pytest.approx(32, rel=0.01)


def test_effective_rank_refuses_what_has_no_spread() -> None:
    with pytest.raises(BadInput, match=r"\(1, 4\)"):
        effective_rank(np.zeros((1, 4)))


def test_a_sheet_has_a_row_for_each_image_and_says_which_is_which() -> None:
    cube = np.random.default_rng(0).random((16, 12, 8))
    figure = restoration([Restored(cube, cube, cube)] * 3, title="step 5", slices=2)
    axes = figure.axes
    assert len(axes) == 3 * 6
    assert [one.get_title() for one in axes[:3]] == ["original", "perturbed", "restored"]
    assert axes[0].get_ylabel().startswith("slice ")
    picture = np.zeros((16, 12))
    assert len(restoration([Restored(picture, picture, picture)]).axes) == 3
    with pytest.raises(BadInput, match="nothing to draw"):
        restoration([])


def test_the_card_of_own_weights_says_on_what_and_claims_no_licence() -> None:
    recipe = {
        "input_rows": 32, "input_cols": 32, "input_deps": 16, "batch_size": 8, "faithful": False,
        "preset": "mg", "weights": None,
    }  # fmt: skip
    told = {
        "method": "models-genesis", "recipe": recipe, "steps": 1200,
        "data": {"cases": {"train": 90, "val": 10}},
        "reached": {"loss": 0.0123, "mean_would_cost": 0.0456, "effective_rank": 7.25},
    }  # fmt: skip
    spec = {
        "task": "pretext", "in_channels": 1, "num_classes": 0, "decoder": None, "operator": None,
        "norm": "running", "width": 0.25,
    }  # fmt: skip
    this = {"spec": spec, "provenance": {"pretrained": told}}
    card = cards.render(registry.find("models-genesis"), this=this)
    assert "1,200 steps of 8 cubes of 32 x 32 x 16" in card
    assert "90 unlabelled scans (10 more" in card
    assert "loss 0.0123 (answering with the mean would cost 0.0456)" in card
    assert "Its maker has set none." in card
    assert "US 11," in card or "Patents" in card
    assert "ModelsGenesis/resolve" not in card
