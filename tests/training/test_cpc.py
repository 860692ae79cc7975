"""CPC: contexts as published, every patch encoded once, losses as a loop over columns has them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import genesis_hub
from genesis_hub.errors import BadInput
from tests.training.test_proxy_learning import method, noise
from tests.training.wholes import images, learn
from training.methods.cpc import CPC, CPCRecipe
from training.methods.roster import recipe_of
from training.proxy.coding import UNITS, Predictor, binary_loss, info_nce_of, true_or_false
from training.views.contexts import NOTHING, contexts, cropped, others, patches_of, targets_of
from training.views.draws import Draws
from training.views.patches import Patches


@pytest.mark.parametrize(
    ("ndim", "per_side", "length", "rows"),
    [(2, 5, 4, 2), (2, 7, 9, 3), (2, 4, 4, 1), (2, 3, 4, 1), (3, 4, 10, 2), (3, 5, 10, 3),
     (3, 6, 35, 3), (3, 3, 10, 2), (3, 2, 10, 1)],
)  # fmt: skip
def test_contexts_are_as_long_as_published(
    ndim: int, per_side: int, length: int, rows: int
) -> None:
    made = contexts(per_side, ndim)
    columns = per_side ** (ndim - 1)
    assert made.context.shape == (columns, length)
    assert made.target.shape == (columns, rows)
    assert targets_of(per_side, ndim) == rows
    last = per_side // 2 - 1
    assert torch.equal(made.context[:, -1], last * columns + torch.arange(columns))
    below = made.target // columns
    assert (below > last + (ndim == 2)).all()
    assert torch.equal(made.target % columns, torch.arange(columns)[:, None].expand(-1, rows))


def test_beyond_the_border_lie_zeros_in_2d_and_the_mirrored_grid_in_3d() -> None:
    flat = contexts(5, 2).context
    assert flat.tolist() == [
        [NOTHING, 0, 1, 5], [0, 1, 2, 6], [1, 2, 3, 7], [2, 3, 4, 8], [3, 4, NOTHING, 9],
    ]  # fmt: skip
    corner = contexts(4, 3).context[0].tolist()
    assert corner == [5, 4, 5, 1, 0, 1, 5, 4, 5, 16]


@pytest.mark.parametrize("per_side", [2, 3])
def test_the_published_mirror_shows_what_is_to_be_predicted_and_ours_does_not(
    per_side: int,
) -> None:
    published, ours = contexts(per_side, 3, mirrored=True), contexts(per_side, 3)
    below = set(published.target.flatten().tolist())
    assert below & set(published.context.flatten().tolist())
    assert not below & set(ours.context.flatten().tolist())
    assert (ours.context[:, :-1] == NOTHING).all()


def test_small_grids_say_what_lies_above_and_smaller_ones_are_refused() -> None:
    small = {"patches_per_side": 3}
    assert any("zeros" in note for note in recipe_of("cpc-3d", small).notes())
    told = recipe_of("cpc-3d", {**small, "faithful": True}).notes()
    assert any("shows the rows" in note for note in told)
    assert not any("above the context" in note for note in recipe_of("cpc-3d", {}).notes())


def test_other_columns_are_never_ones_own_and_all_others_come() -> None:
    seen = [others(Draws(torch.arange(2) + 2 * turn), 5) for turn in range(200)]
    drawn = torch.stack(seen)
    assert not (drawn == torch.arange(10)).any()
    assert all(len(drawn[:, column].unique()) == 9 for column in range(10))


@pytest.mark.parametrize(
    ("side", "per_side", "ndim", "patch"), [(224, 5, 2, 74), (128, 5, 2, 42), (128, 4, 3, 32)]
)
def test_patches_have_the_published_sides(side: int, per_side: int, ndim: int, patch: int) -> None:
    recipe: Any = recipe_of(f"cpc-{ndim}d", {"data_dim": side, "patches_per_side": per_side,
                            "crop_size": 0})  # fmt: skip
    assert recipe.grid.patch == patch
    assert recipe.crop == int(0.95 * side)


@pytest.mark.parametrize("ndim", [2, 3])
def test_patches_are_crops_amid_zeros(ndim: int) -> None:
    grid = Patches(24, 2, ndim)
    x = torch.rand(2, 1, *(24,) * ndim) + 1
    made = patches_of(x, Draws(torch.arange(2)), grid)
    assert made.shape == (2, 2**ndim, 1, *(12,) * ndim)
    inner = {2: 11, 3: 10}[ndim] ** ndim
    assert ((made > 0).flatten(2).sum(2) == inner).all()
    whole = cropped(x, Draws(torch.arange(2)), 20)
    assert ((whole > 0).flatten(1).sum(1) == 20**ndim).all()
    assert cropped(x, Draws(torch.arange(2)), 24) is x


@pytest.mark.parametrize(("ndim", "encoded"), [(2, 2 * 25 + 1), (3, 2 * 64)])
def test_every_patch_is_encoded_once(ndim: int, encoded: int) -> None:
    per_side, side = {2: (5, 60), 3: (4, 64)}[ndim]
    learned = method(
        f"cpc-{ndim}d", patches_per_side=per_side, data_dim=side, crop_size=0, enc_filters=1
    )
    seen: list[int] = []
    learned.network.encoder.register_forward_hook(  # type: ignore[operator,union-attr]
        lambda _, given, __: seen.append(len(given[0]))
    )
    keys = torch.arange(2)
    x = noise(2, side, ndim, seed=0)
    learned.step(learned.views({"image": x, "key": keys}, Draws(keys)))
    assert seen == [encoded]


def by_hand(learned: CPC, patches: Tensor, other: Tensor) -> Tensor:
    """Return the binary loss of a loop that encodes every context and target for itself."""
    recipe = learned.recipe
    made = contexts(recipe.patches_per_side, recipe.ndim)
    zeros = torch.zeros_like(patches[0, 0])
    predictor = learned.predictor

    def code(image: int, number: int) -> Tensor:
        patch = zeros if number == NOTHING else patches[image, number]
        features = learned.network.forward_features(patch[None])  # type: ignore[operator]
        coded: Tensor = learned.code(features.flatten(1))[0]
        return coded

    columns = [(image, q) for image in range(len(patches)) for q in range(len(made.context))]
    losses = []
    for at, (image, q) in enumerate(columns):
        state = torch.zeros(UNITS)
        for number in made.context[q].tolist():
            state = by_gates(predictor.recurrence, code(image, number), state)
        own = made.target[q].tolist()
        elsewhere, its = columns[int(other[at])]
        for label, (whose, rows) in enumerate(
            [(elsewhere, made.target[its].tolist()), (image, own)]
        ):
            scores = [
                (row(state) * code(whose, number)).mean()
                for row, number in zip(predictor.rows, rows, strict=True)
            ]
            score = recipe.score_scale * torch.stack(scores).mean()
            losses.append(-F.logsigmoid(score if label else -score))
    return torch.stack(losses).mean()


def by_gates(gru: torch.nn.GRU, x: Tensor, state: Tensor) -> Tensor:
    """Return the next state of a recurrence, gate by gate."""
    given = F.linear(x, gru.weight_ih_l0, gru.bias_ih_l0).chunk(3)
    held = F.linear(state, gru.weight_hh_l0, gru.bias_hh_l0).chunk(3)
    reset, update = (torch.sigmoid(a + b) for a, b in zip(given[:2], held[:2], strict=True))
    fresh = torch.tanh(given[2] + reset * held[2])
    return (1 - update) * fresh + update * state


@pytest.mark.parametrize("ndim", [2, 3])
@torch.no_grad()
def test_the_loss_is_that_of_a_loop_over_columns(ndim: int) -> None:
    learned = method(f"cpc-{ndim}d").eval()
    assert isinstance(learned, CPC)
    keys = torch.arange(2)
    x = noise(2, learned.recipe.data_dim, ndim, seed=1)
    views = learned.views({"image": x, "key": keys}, Draws(keys))
    want = by_hand(learned, views["patches"], views["other"])
    torch.testing.assert_close(learned.step(views)["total"], want, atol=1e-5, rtol=1e-5)


def test_info_nce_is_the_cross_entropy_of_each_row() -> None:
    draw = torch.Generator().manual_seed(0)
    predicted, codes = torch.randn(2, 5, 3, 4, generator=draw)
    want = [
        F.cross_entropy((predicted[:, k] @ codes[:, k].t()) / 4 * 2, torch.arange(5))
        for k in range(3)
    ]
    torch.testing.assert_close(info_nce_of(predicted, codes, 2.0)[0], torch.stack(want).mean())


def test_codes_that_tell_nothing_cost_chance() -> None:
    nothing = torch.zeros(6, 2, 4)
    logits = true_or_false(nothing, nothing, torch.arange(6).roll(1), 1.0)
    assert float(binary_loss(logits)) == pytest.approx(math.log(2))
    assert float(info_nce_of(nothing, nothing, 1.0)[0]) == pytest.approx(math.log(6))


def test_the_recurrence_is_as_large_as_published() -> None:
    made = Predictor(1024, 2)
    assert sum(p.numel() for p in made.recurrence.parameters()) == 984_576


@pytest.mark.parametrize(("name", "loss"), [("cpc-2d", "bce"), ("cpc-3d", "infonce")])
def test_a_run_leaves_the_catalogs_encoder(name: str, loss: str, tmp_path: Path) -> None:
    ndim = int(name[-2])
    run = learn(name, images(tmp_path / "data", ndim), tmp_path / "run", pooling="none",
                patches_per_side=3, data_dim=48, crop_size=44, code_size=16, batch_size=2,
                cpc_loss=loss, patch_jitter=0)  # fmt: skip
    wanted = math.log(2) if loss == "bce" else math.log(2 * 9)
    assert run.metrics["chance"] == pytest.approx(wanted)
    model: Any = genesis_hub.from_pretrained(run.model, num_classes=2)
    assert model(torch.rand(1, 1, *(32,) * ndim)).shape == (1, 2)
    assert "100.0%" in str(model.load_report)


@pytest.mark.parametrize(
    ("name", "wishes", "said"),
    [
        ("cpc-2d", {"patches_per_side": 2}, "no row to predict in 2D; give 3 or more"),
        ("cpc-3d", {"patches_per_side": 1}, "give 2 or more"),
        ("cpc-3d", {"patches_per_side": 5}, r"sides of 25, but needs 32 .*data_dim=160 or patches"),
        ("cpc-3d", {"crop_size": 129}, "does not fit into data_dim=128; give 1 to 128"),
        ("cpc-3d", {"cpc_loss": "nce"}, "choose from bce, infonce"),
        ("cpc-2d", {"patch_jitter": -112}, "give -111 or more"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        recipe_of(name, wishes)


def test_faithful_is_as_published() -> None:
    recipe = recipe_of("cpc-3d", {"faithful": True})
    assert isinstance(recipe, CPCRecipe)
    assert (recipe.lr, recipe.optimizer, recipe.epochs) == (1e-4, "adam", 1000)
    assert (recipe.score_scale, recipe.cpc_loss, recipe.crop) == (1.0, "bce", 121)
    assert np.isclose(recipe.grid.patch, 32)
