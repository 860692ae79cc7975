"""The tasks of patches: where they lie, in which order; labels undone, sides as published."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import LAST
from genesis_hub.errors import BadInput
from tests.training.wholes import images, learn
from training.methods.roster import recipe_of
from training.views.draws import Draws
from training.views.orders import apart, laid, orders
from training.views.patches import Patches, cut, padded
from training.views.relative import label_of, middle_of, pairs, patch_of

KEYS = Draws(torch.arange(3))


@pytest.mark.parametrize(
    ("side", "per_side", "jitter", "pitch", "patch"),
    [(224, 3, 8, 74, 66), (128, 3, 4, 42, 38), (128, 3, 3, 42, 39), (128, 4, 0, 32, 32),
     (224, 5, -37, 37, 74), (128, 5, -21, 21, 42), (384, 7, -48, 48, 96), (10, 3, 0, 3, 3)],
)  # fmt: skip
def test_patches_have_the_published_sides(
    side: int, per_side: int, jitter: int, pitch: int, patch: int
) -> None:
    grid = Patches(side, per_side, 2, jitter)
    assert (grid.pitch, grid.patch) == (pitch, patch)
    assert int(grid.corners().max()) + grid.pitch + max(0, -jitter) <= side


@pytest.mark.parametrize(("ndim", "jitter"), [(2, 0), (2, 2), (2, -2), (3, 0), (3, 1)])
def test_patches_are_those_that_a_loop_cuts(ndim: int, jitter: int) -> None:
    grid = Patches(12, 3, ndim, jitter)
    x = torch.arange(3 * 12.0**ndim).view(3, 1, *(12,) * ndim)
    made = cut(x, grid.drawn(KEYS), grid.patch)
    assert made.shape == (3, 3**ndim, 1, *(grid.patch,) * ndim)
    for number, cell in enumerate(np.ndindex(*(3,) * ndim)):
        for row in range(3):
            corner = made[row, number].flatten()[0] - row * 12**ndim
            place = np.unravel_index(int(corner), (12,) * ndim)
            inside = np.array(place) - np.array(cell) * grid.pitch
            assert (inside >= 0).all()
            assert (inside <= max(0, jitter)).all()
            window = tuple(slice(a, a + grid.patch) for a in place)
            assert torch.equal(made[row, number, 0], x[row, 0][window])
    middle = cut(x, grid.middle().expand(3, -1, -1), grid.patch)
    assert int(middle.flatten()[0]) == sum(max(0, jitter) // 2 * 12**axis for axis in range(ndim))


def test_zeros_are_laid_around_with_the_odd_one_behind() -> None:
    assert padded(torch.ones(1, 2, 2), 5, 2)[0].tolist()[1] == [0, 1, 1, 0, 0]


@pytest.mark.parametrize("count", [4, 9, 16, 8, 27, 64])
def test_places_and_classes_are_one_to_one_without_the_middle(count: int) -> None:
    labels = torch.arange(count - 1)
    patches = patch_of(labels, count)
    assert sorted(patches.tolist()) == [n for n in range(count) if n != middle_of(count)]
    assert torch.equal(label_of(patches, count), labels)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_pair_is_the_middle_patch_and_the_one_of_its_class(ndim: int) -> None:
    grid = Patches(9, 3, ndim)
    number = torch.arange(3.0**ndim).view((3,) * ndim)
    x = number.repeat_interleave(3, 0).repeat_interleave(3, 1)
    x = x.repeat_interleave(3, 2) if ndim == 3 else x
    both, label = pairs(x.expand(3, 1, *x.shape), KEYS, grid)
    assert both[:, 0].unique().tolist() == [middle_of(3**ndim)]
    assert torch.equal(both[:, 1].flatten(1)[:, 0].long(), patch_of(label, 3**ndim))


@pytest.mark.parametrize(("patches", "count", "least"), [(4, 23, 2), (9, 100, 6), (27, 100, 23)])
def test_orders_are_permutations_far_apart(patches: int, count: int, least: int) -> None:
    some = orders(patches, count)
    assert len(some.unique(dim=0)) == count
    assert torch.equal(some.sort(1).values, torch.arange(patches).expand(count, -1))
    assert (some != torch.arange(patches)).any(1).all()
    nearest, mean = apart(some)
    assert nearest >= least
    assert mean > patches - 1.1
    assert not torch.equal(some, orders(patches, count, seed=1))


def test_what_is_laid_in_an_order_is_laid_back() -> None:
    some = orders(9, 5)
    grid = torch.arange(9.0).view(1, 9, 1).expand(5, -1, -1)
    assert torch.equal(laid(grid, some)[..., 0].long(), some)
    assert torch.equal(laid(laid(grid, some), some.argsort(1)), grid)


def test_more_orders_than_there_are_is_refused() -> None:
    with pytest.raises(BadInput, match="4 patches have 23 orders"):
        orders(4, 24)


@pytest.mark.parametrize("name", ["rpl-2d", "rpl-3d", "jigsaw-2d", "jigsaw-3d"])
def test_a_run_leaves_the_catalogs_encoder(name: str, tmp_path: Path) -> None:
    ndim = int(name[-2])
    wishes = {"patches_per_side": 2, "data_dim": 36, "patch_jitter": 2, "pooling": "none"}
    if name.startswith("jigsaw"):
        wishes["n_permutations"] = 5
    run = learn(name, images(tmp_path / "data", ndim), tmp_path / "run", **wishes)
    classes = 5 if name.startswith("jigsaw") else 2**ndim - 1
    assert run.metrics["chance"] == pytest.approx(np.log(classes))
    model: Any = genesis_hub.from_pretrained(run.model, task="segmentation", num_classes=2)
    assert model(torch.rand(2, 1, *(32,) * ndim)).shape == (2, 2, *(32,) * ndim)
    assert "100.0%" in str(model.load_report)
    if name.startswith("jigsaw"):
        kept = checkpoint.load(run.folder / LAST)[1]["model"]["order"]
        assert torch.equal(kept, orders(2**ndim, 5))


@pytest.mark.parametrize(
    ("name", "wishes", "said"),
    [
        ("rpl-3d", {"data_dim": 64}, r"sides of 18, but needs 32 .*data_dim=105"),
        ("rpl-3d", {"data_dim": 96, "patch_jitter": 2}, r"patches_per_side=2 or patch_jitter=0"),
        ("jigsaw-2d", {"data_dim": 80, "encoder_architecture": ""}, r"pooling=none"),
        ("rpl-2d", {"encoder_architecture": "InceptionV3"}, r"sides of 66, but needs 75"),
        ("jigsaw-3d", {"patches_per_side": 1}, "must be 2 or more"),
        ("jigsaw-3d", {"n_permutations": 1}, "give 2 to"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        recipe_of(name, wishes)


def test_a_grid_that_leaves_something_over_says_so() -> None:
    notes = recipe_of("rpl-3d", {}).notes()
    assert any("the last 2 of each side" in n and "data_dim=126 or 129" in n for n in notes)
