"""Rotation: every label is a turn of its own, undone by its inverse, and told from images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub.errors import BadInput
from tests.training.wholes import SMALL, images, learn
from training.methods.roster import recipe_of
from training.views.draws import Draws
from training.views.turns import TURNS, draw_turns, turned


def ramp(ndim: int) -> torch.Tensor:
    return torch.arange(3.0**ndim).view(1, 1, *(3,) * ndim)


def matrix(label: int) -> np.ndarray:
    """Return where a turn puts the three axes."""
    axes = []
    for axis in range(3):
        mark = torch.zeros(1, 1, 3, 3, 3)
        place = [1, 1, 1]
        place[axis] = 2
        mark[0, 0, place[0], place[1], place[2]] = 1
        there = turned(mark, torch.tensor([label]))[0, 0].nonzero()[0] - 1
        axes.append(there.tolist())
    return np.array(axes).T


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_label_is_a_turn_of_its_own_and_its_inverse_undoes_it(ndim: int) -> None:
    labels = torch.arange(len(TURNS[ndim]))
    x = ramp(ndim).expand(len(labels), -1, *(-1,) * ndim)
    made = turned(x, labels)
    assert (
        len({tuple(one.flatten().tolist()) for one in made}) == len(labels) == {2: 4, 3: 10}[ndim]
    )
    assert torch.equal(turned(made, labels, back=True), x)
    assert torch.equal(made[0], x[0])


def test_ten_proper_rotations_are_those_of_the_table() -> None:
    x = ramp(3)[0, 0].numpy()
    want = [x] + [np.rot90(x, k, (0, 1)) for k in (1, 2, 3)]
    want += [np.rot90(x, k, (1, 2)) for k in (3, 2, 1)] + [
        np.rot90(x, k, (0, 2)) for k in (3, 2, 1)
    ]
    made = turned(ramp(3).expand(10, -1, -1, -1, -1), torch.arange(10))[:, 0].numpy()
    assert np.array_equal(made, np.stack(want))
    assert [round(np.linalg.det(matrix(label))) for label in range(10)] == [1] * 10


def test_labels_are_drawn_evenly_by_key() -> None:
    labels = draw_turns(Draws(torch.arange(2000)), 3)
    counts = labels.bincount(minlength=10)
    assert counts.min() > 150
    assert torch.equal(labels[7:8], draw_turns(Draws(torch.tensor([7])), 3))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_run_leaves_the_catalogs_encoder(ndim: int, tmp_path: Path) -> None:
    name = f"rotation-{ndim}d"
    run = learn(name, images(tmp_path / "data", ndim), tmp_path / "run")
    assert run.metrics["chance"] == pytest.approx(np.log({2: 4, 3: 10}[ndim]))
    assert 0 <= run.metrics["accuracy"] <= 1
    features: Any = genesis_hub.from_pretrained(run.model)
    assert features.spec.name == name
    side = SMALL[ndim]["data_dim"]
    assert features(torch.rand(2, 1, *(side,) * ndim)).shape == (2, features.num_features)
    for wishes in ({"num_classes": 3}, {"task": "segmentation", "num_classes": 2},
                   {"features_only": True}):  # fmt: skip
        assert "100.0%" in str(genesis_hub.from_pretrained(run.model, **wishes).load_report)
    card = (run.model / "README.md").read_text()
    assert f"4 whole images brought to {side} a side (" in card
    assert ", of 4 unlabelled" in card
    assert "classes told right" in card


@pytest.mark.parametrize("encoder", ["ResNet50", "resnet18"])
def test_timms_encoders_are_trained_in_2d(encoder: str, tmp_path: Path) -> None:
    run = learn("rotation-2d", images(tmp_path / "data", 2), tmp_path / "run", steps=1,
                validate_every=1, encoder_architecture=encoder, number_channels=3,
                data_dim=32, batch_size=2, looks=1, augment=True)  # fmt: skip
    model: Any = genesis_hub.from_pretrained(run.model)
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, model.num_features)
    assert model.spec.architecture == {"ResNet50": "resnet50"}.get(encoder, f"timm:{encoder}")


@pytest.mark.parametrize(
    ("name", "wishes", "said"),
    [
        ("rotation-3d", {"encoder_architecture": "ResNet50"}, "take rotation-2d"),
        ("rotation-3d", {"augment_zoom_only": True}, "augment=True"),
        ("rotation-3d", {"data_dim": 24}, r"sides of 24, but needs 32 .*data_dim=32"),
        ("rotation-2d", {"number_channels": 2}, "1 .grey. or 3"),
        ("rotation-2d", {"pooling": "mean"}, "choose from none, avg, max"),
        ("rotation-2d", {"top_architecture": "big"}, "choose from big_fully"),
        ("rotation-2d", {"top_architecture": "unet_3d_upconv"}, "give a decoder when"),
        ("rotation-2d", {"batch_size": 4, "accumulate": 4}, "batch_size=8, or top_arch"),
        ("rotation-2d", {"augment_zoom_range": [1.2, 0.8]}, "the smaller one first"),
        ("rotation-2d", {"num_layers": 3}, "leave num_layers=4"),
        ("rotation-2d", {"patches_per_side": 3}, "no key of this recipe"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        recipe_of(name, wishes)
