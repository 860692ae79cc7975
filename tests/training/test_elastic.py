"""The views of Semantic Genesis: the warp is that of smoothed noise, and one thing is done more."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
import torch
from scipy import stats
from torch import Tensor

from genesis_hub.errors import BadInput
from tests.training import plain_views
from training.views.draws import Draws
from training.views.elastic import directions, draw_warps, elastic, places, warped
from training.views.presets import SEMANTIC
from training.views.restorations import RESTORATIONS
from training.views.rotate import draw_turns, rotate, turned
from training.views.semantic import all_done, draw_each, semantic_genesis, strength
from training.views.shuffle import draw_moves, moved, shuffle

SMALL = (20, 28, 16)
SIDES = (64, 64, 32)
QUICK = {name: replace(preset, shuffle_windows=300, shuffle_pool=min(preset.shuffle_pool, 3))
         for name, preset in SEMANTIC.items()}  # fmt: skip
WIDE = (30, 32, 28)  # Boxes of 20 voxels have a place in it.
pytestmark = pytest.mark.usefixtures("one_thread")


def cubes(n: int, sides: tuple[int, ...] = SMALL, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, *sides, generator=torch.Generator().manual_seed(0))


def keyed(n: int) -> Draws:
    return Draws(torch.arange(n) * 2_654_435_761)


def shifts(n: int, sides: tuple[int, ...], sigma: float = 8, alpha: float = 991) -> np.ndarray:
    """How far voxels are fetched from, in voxels: (N, 2, Z, X, Y), x before y."""
    x = torch.empty(1).expand(n, 1, *sides)
    at, still = (
        places(x, warps)
        for warps in (
            draw_warps(keyed(n), x, sigma, alpha),
            draw_warps(keyed(n), x, sigma, 0),
        )
    )
    apart = (at - still).view(n, sides[2], sides[0], sides[1], 2).flip(-1)
    # Beyond the border they are mirrored; only those within are looked at.
    inner = (at.abs() < 1 - 1e-3).all(-1).view(n, sides[2], sides[0], sides[1], 1)
    moved = (apart * torch.tensor(sides[:2]) / 2).where(inner, torch.nan)
    return moved.permute(0, 4, 1, 2, 3).numpy()


# The warp


@pytest.mark.parametrize(("side", "sigma"), [(64, 8.0), (32, 8.0), (20, 3.0), (7, 8.0)])
def test_directions_have_the_covariance_of_smoothed_noise(side: int, sigma: float) -> None:
    kept = directions(side, sigma).numpy()
    smoothing = scipy.ndimage.gaussian_filter1d(np.eye(side), sigma, mode="constant")
    whole = smoothing.T @ smoothing
    np.testing.assert_allclose(kept @ kept.T, whole, atol=2e-6 * whole.max())


def test_voxels_move_as_far_as_the_sheet_says() -> None:
    moved = shifts(60, SIDES)
    middle = moved[:, :, 12:20, 24:40, 24:40]
    assert np.nanstd(moved) == pytest.approx(3.0, rel=0.1)
    assert np.nanstd(middle) == pytest.approx(3.9, rel=0.08)
    assert np.nanquantile(np.abs(moved), 0.99) == pytest.approx(8.0, rel=0.1)
    assert 9 < np.median(np.nanmax(np.abs(moved), axis=(1, 2, 3, 4))) < 14


def test_voxels_move_as_far_as_by_filtered_noise() -> None:
    sides, dice = (24, 20, 16), plain_views.Dice(0)
    hand = np.stack([plain_views.displaced(sides, dice, 3, 90) for _ in range(400)])
    ours = shifts(400, sides, 3, 90).transpose(0, 1, 3, 4, 2)
    inner = (slice(None), slice(None), slice(5, -5), slice(5, -5), slice(5, -5))
    assert np.nanstd(ours[inner]) == pytest.approx(hand[inner].std(), rel=0.03)
    assert stats.ks_2samp(ours[:, 0, 12, 10, 8], hand[:, 0, 12, 10, 8]).pvalue > 1e-3
    for place in ((12, 10, 8), (12, 13, 8), (12, 10, 12)):  # As alike to its neighbours.
        one, other = (np.corrcoef(a[:, 0, 12, 10, 8], a[:, 0, *place])[0, 1] for a in (hand, ours))
        assert one == pytest.approx(other, abs=0.08)
    fields = [np.corrcoef(a[:, 0, 12, 10, 8], a[:, 1, 12, 10, 8])[0, 1] for a in (hand, ours)]
    assert np.abs(fields).max() < 0.2


@pytest.mark.parametrize("sides", [(24, 24, 16), (20, 28, 16)])
def test_values_are_those_that_scipy_fetches_mirrored_beyond_the_border(
    sides: tuple[int, int, int],
) -> None:
    x, draws = cubes(6, sides, channels=2), keyed(6)
    warps = draw_warps(draws, x, 3.0, 150.0)
    still = draw_warps(draws, x, 3.0, 0.0)
    y = elastic(x, draws, sigma=3.0, alpha=150.0)
    amount = [places(x, one).view(6, sides[2], *sides[:2], 2).flip(-1) for one in (warps, still)]
    inner = amount[0].abs().amax(-1) < 1 - 1e-3
    moved = (amount[0] - amount[1]) * torch.tensor(sides[:2]) / 2
    for row in range(6):
        by_hand = plain_views.fetched(
            x[row].double().numpy(), moved[row].permute(3, 1, 2, 0).double().numpy()
        )
        np.testing.assert_allclose(y[row], by_hand, atol=1e-5)
    assert not inner.all()  # Some come from beyond the border.


def test_no_voxel_leaves_its_slice_and_the_sharpest_edge_stays_in_range() -> None:
    x = torch.zeros(4, 1, *SMALL)
    x[..., 7] = 1
    y = elastic(x, keyed(4))
    torch.testing.assert_close(y, x, atol=1e-6, rtol=0)
    edge = (cubes(4) > 0.5).float()
    y = elastic(edge, keyed(4))
    assert float(y.min()) >= 0
    assert float(y.max()) <= 1
    assert not torch.equal(y, edge)


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="sigma=0"):
        elastic(cubes(1), keyed(1), sigma=0)


# What holds for every restoration


def restored(name: str, x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    if name in QUICK:
        return semantic_genesis(x, draws, QUICK[name])
    return RESTORATIONS[name](x, draws)


NAMES = [*SEMANTIC, "inpainting", "rotation"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_sample_looks_the_same_alone_and_in_any_batch(name: str, channels: int) -> None:
    x, draws = cubes(12, WIDE, channels), keyed(12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    whole, _ = restored(name, x, draws)
    assert torch.equal(restored(name, x[order], draws.of(order))[0], whole[order])
    for row in (0, 7):
        one = slice(row, row + 1)
        assert torch.equal(restored(name, x[one], draws.of(one))[0], whole[one])


@pytest.mark.parametrize("name", NAMES)
def test_the_target_is_the_cube_as_it_was_and_stays_so(name: str) -> None:
    x = cubes(16, WIDE)
    before = x.clone()
    view, target = restored(name, x, keyed(16))
    assert torch.equal(target, before)
    assert torch.equal(x, before)
    assert float(view.min()) >= 0
    assert float(view.max()) <= 1
    changed = (view != target).flatten(1).any(1)
    assert changed.all() or name == "rotation"  # Of which one in six is no turn.


def test_a_whole_batch_at_once_gives_what_sample_by_sample_gives() -> None:
    x, draws, preset = cubes(12, WIDE, channels=2), keyed(12), QUICK["sg"]
    warps, plan = draw_warps(draws, x, *strength(x, preset)), draw_each(draws, x, preset)
    at_once = all_done(warped(x, warps), plan)
    torch.testing.assert_close(at_once, semantic_genesis(x, draws, preset)[0], atol=1e-5, rtol=0)
    assert torch.equal(turned(x, draw_turns(draws, x)), rotate(x, draws))


def test_more_threads_and_another_memory_order_change_nothing() -> None:
    x, draws = cubes(2, SIDES), keyed(2)
    alone, _ = semantic_genesis(x, draws, QUICK["sg"])
    last = x.to(memory_format=torch.channels_last_3d)
    assert torch.equal(semantic_genesis(last, draws, QUICK["sg"])[0], alone)
    torch.set_num_threads(2)
    assert torch.equal(semantic_genesis(x, draws, QUICK["sg"])[0], alone)


# One of four


@pytest.mark.parametrize("name", SEMANTIC)
def test_each_of_four_things_happens_to_a_quarter_and_never_two(name: str) -> None:
    plan = draw_each(keyed(40_000), torch.empty(1).expand(40_000, 1, *SIDES), SEMANTIC[name])
    on = torch.stack((plan.moves.on, plan.curves.on, plan.inside.on, plan.outside.on))
    assert (on.sum(0) == 1).all()
    assert on.float().mean(1).tolist() == pytest.approx([0.25] * 4, rel=0.03)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [("sg_torch_v1", 0.014, 0.869), ("sg_keras_v1", 0.026, 0.69), ("sg", 0.057, 0.686)],
)
def test_painting_replaces_as_much_as_the_sheet_says(
    name: str, inside: float, outside: float
) -> None:
    x = torch.empty(1).expand(6000, 1, *SIDES)
    plan = draw_each(keyed(6000), x, SEMANTIC[name])
    for boxes, share in ((plan.inside, inside), (plan.outside, 1 - outside)):
        length = (boxes.places[:, :, 1] - boxes.places[:, :, 0]).double()
        if length.shape[1] == 1:
            found = float(length.prod(-1).mean()) / np.prod(SIDES)
            assert found == pytest.approx(share, rel=0.05)
        else:  # As Models Genesis's, where one at least is there.
            assert (length.prod(-1) > 0).any(1).all()


def test_a_box_is_filled_as_the_preset_says() -> None:
    x = torch.full((40, 1, *SIDES), 0.5)
    for name, several in (("sg_torch_v1", True), ("sg_keras_v1", False)):
        plan = draw_each(keyed(40), x, SEMANTIC[name])
        view, _ = semantic_genesis(x, keyed(40), SEMANTIC[name])
        for row in (plan.kind >= 2).nonzero().flatten().tolist():
            fresh = view[row][(view[row] - 0.5).abs() > 1e-6].unique()
            assert (len(fresh) > 1) is several, (name, row)


def test_cubes_of_half_the_side_are_warped_in_proportion() -> None:
    x = torch.empty(1).expand(1, 1, 32, 32, 16)
    assert strength(x, SEMANTIC["sg_torch_v1"]) == (8, 991)
    sigma, alpha = strength(x, SEMANTIC["sg"])
    assert sigma == 4
    whole, half = (
        np.nanstd(shifts(60, *args)) for args in ((SIDES,), ((32, 32, 16), sigma, alpha))
    )
    assert half == pytest.approx(whole / 2, rel=0.1)


def test_cubes_that_are_too_short_are_refused_with_what_would_fit() -> None:
    with pytest.raises(BadInput, match="out-painting needs sides of at least 14"):
        semantic_genesis(cubes(1, (64, 64, 12)), keyed(1))
    with pytest.raises(BadInput, match=r"in-painting needs .* 26 voxels.*take cubes of 64x64x32"):
        semantic_genesis(cubes(1, (64, 64, 16)), keyed(1), SEMANTIC["sg_keras_v1"])


def test_few_windows_write_what_a_map_of_them_says() -> None:
    x, draws = cubes(20, (30, 32, 28), channels=2), keyed(20)
    for windows in (5, 100):
        moves = draw_moves(draws, 1.0, windows, 0)
        assert torch.equal(shuffle(x, draws, share=1, windows=windows, pool=0), moved(x, moves))
        assert not torch.equal(moved(x, moves), x)


# Turns


@pytest.mark.parametrize(("sides", "ways"), [((8, 8, 8), 10), ((8, 8, 4), 6), ((8, 6, 4), 4)])
def test_cubes_take_each_turn_that_keeps_their_sides(
    sides: tuple[int, int, int], ways: int
) -> None:
    x = torch.arange(float(np.prod(sides))).view(1, 1, *sides).expand(4000, -1, -1, -1, -1)
    shown = rotate(x, keyed(4000))
    found, times = np.unique(shown.flatten(1)[:, :8].numpy(), axis=0, return_counts=True)
    assert len(found) == ways
    assert stats.chisquare(times).pvalue > 1e-3
    assert torch.equal(shown.flatten(1).sort(1).values, x.flatten(1))
