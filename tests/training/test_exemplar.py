"""Exemplar: copies as published, another image for each, one layer for all three."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import genesis_hub
from genesis_hub.errors import BadInput
from tests.training.test_proxy_learning import method
from tests.training.wholes import SMALL, images, learn
from training.methods.roster import recipe_of
from training.proxy.triplets import distance, triplet_loss
from training.views.draws import Draws
from training.views.triplets import copies, deranged
from training.views.whole import Loading, loaded


@pytest.mark.parametrize("count", [2, 3, 8])
def test_every_image_has_another_in_one_cycle(count: int) -> None:
    for turn in range(50):
        following = deranged(Draws(torch.arange(count) + count * turn))
        at, seen = 0, set()
        for _ in range(count):
            assert int(following[at]) != at
            at = int(following[at])
            seen.add(at)
        assert len(seen) == count


def test_a_batch_of_one_has_no_other() -> None:
    with pytest.raises(BadInput, match="batch_size=2 or more"):
        deranged(Draws(torch.arange(1)))
    with pytest.raises(BadInput, match="batch_size=2 or more"):
        recipe_of("exemplar-3d", {"sample_neg_examples_from": "batch", "batch_size": 1})


def test_a_copy_of_a_picture_is_turned_mirrored_and_brightened() -> None:
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.3
    made = copies(x.expand(64, -1, -1, -1), Draws(torch.arange(64)))
    turns = [torch.rot90(x, k, (2, 3)) for k in range(4)]
    turns += [one.flip(3) for one in turns]
    found = set()
    for one in made:
        fits = [
            number
            for number, turn in enumerate(turns)
            if torch.corrcoef(torch.stack([turn.flatten(), one.flatten()]))[0, 1] > 0.9999
        ]
        assert len(fits) == 1
        found.add(fits[0])
    assert len(found) == 8
    assert made.amin() >= 0
    assert made.amax() <= 1
    assert (made - x.mean()).abs().mean() < 0.4


def test_copies_of_volumes_stay_inside_their_cube_and_depend_on_their_key_alone() -> None:
    x = torch.zeros(16, 1, 12, 12, 12)
    x[:, :, 3:7, 4:9, 5:8] = 1.0
    made = copies(x, Draws(torch.arange(16)))
    assert made.shape == x.shape
    assert made.isfinite().all()
    assert torch.equal(made[5:6], copies(x[5:6], Draws(torch.tensor([5]))))
    assert len({tuple(one.flatten().tolist()) for one in made}) > 12


@pytest.mark.parametrize("ndim", [2, 3])
def test_images_are_loaded_as_they_are_unless_something_is_asked_for(ndim: int) -> None:
    x = torch.rand(4, 1, *(10,) * ndim)
    draws = Draws(torch.arange(4))
    assert loaded(x, draws, Loading()) is x
    turn = loaded(x, draws, Loading((0.85, 1.15), turn=True))
    assert not torch.allclose(turn, x)
    zoom = loaded(x, draws, Loading((0.85, 1.15)))
    assert torch.allclose(zoom, x) is (ndim == 3)


def test_a_factor_above_one_makes_pictures_smaller() -> None:
    x = torch.ones(1, 1, 20, 20)
    made = loaded(x, Draws(torch.tensor([3])), Loading((2.0, 2.0)))
    assert float(made.mean()) == pytest.approx(0.25, abs=0.03)
    assert torch.allclose(loaded(x, Draws(torch.tensor([3])), Loading((0.5, 0.5))), x)


def test_one_code_for_all_costs_the_margin_and_apart_at_most_nothing() -> None:
    same = torch.rand(3, 1).expand(3, 8)
    assert float(triplet_loss(distance(same, same), distance(same, same), 1.0)) == 1.0
    zero, one = torch.zeros(2, 8), torch.ones(2, 8)
    assert float(triplet_loss(distance(zero, zero), distance(zero, one), 1.0)) == 0.0
    want = ((zero - 0.5) ** 2).mean() - ((zero - one) ** 2).mean() + 1.2
    got = triplet_loss(distance(zero, zero + 0.5), distance(zero, one), 1.2)
    torch.testing.assert_close(got, want)


def test_one_layer_makes_the_codes_of_all_three() -> None:
    learned = method("exemplar-2d")
    head = sum(p.numel() for p in learned.head.parameters())  # type: ignore[union-attr,operator]
    assert head == (64 + 1) * 16
    whole = sum(p.numel() for p in learned.parameters())
    assert whole == head + sum(p.numel() for p in learned.network.parameters())


@pytest.mark.parametrize(
    ("name", "source"), [("exemplar-2d", "dataset"), ("exemplar-3d", "dataset"),
                         ("exemplar-2d", "batch")],
)  # fmt: skip
def test_a_run_leaves_the_catalogs_encoder(name: str, source: str, tmp_path: Path) -> None:
    ndim = int(name[-2])
    run = learn(name, images(tmp_path / "data", ndim), tmp_path / "run", code_size=16,
                sample_neg_examples_from=source)  # fmt: skip
    assert run.metrics["chance"] == 1.0
    assert math.isfinite(run.metrics["near"])
    model: Any = genesis_hub.from_pretrained(run.model, task="segmentation", num_classes=2)
    side = SMALL[ndim]["data_dim"]
    assert model(torch.rand(1, 1, *(side,) * ndim)).shape == (1, 2, *(side,) * ndim)
    assert "100.0%" in str(model.load_report)


def test_another_source_is_refused() -> None:
    with pytest.raises(BadInput, match="choose from dataset, batch"):
        recipe_of("exemplar-2d", {"sample_neg_examples_from": "queue"})
