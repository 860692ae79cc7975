"""The views of Models Genesis: what is drawn, what it does, and that a key alone decides it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genesis_hub.errors import BadInput
from tests.training import plain_views
from training.views.curve import bent, curve, draw_curves, percentiles
from training.views.draws import Draws
from training.views.flip import draw_flips, flip, flipped
from training.views.genesis import distorted, draw_distortions, models_genesis
from training.views.paint import INSIDE, OUTSIDE, draw_boxes, paint_in, paint_out
from training.views.presets import PRESETS
from training.views.shuffle import draw_moves, moved, shuffle
from training.views.windows import drawn_maps, maps, shapes_of

SMALL = (20, 20, 16)
SIDES = (64, 64, 32)
QUICK = replace(PRESETS["mg"], shuffle_windows=300, shuffle_pool=3)
EVERY = {
    "mg": QUICK,
    "mg_v1": replace(PRESETS["mg_v1"], shuffle_windows=300),
    "nnunet_v1": replace(PRESETS["nnunet_v1"], shuffle_windows=300),
}
View = Callable[[Tensor, Draws], Tensor]
VIEWS: dict[str, View] = {
    "flip": flip,
    "curve": curve,
    "shuffle": lambda x, d: shuffle(x, d, windows=300, pool=3),
    "shuffle, maps of its own": lambda x, d: shuffle(x, d, windows=300, pool=0),
    "paint_in": lambda x, d: paint_in(x, d, share=0.7),
    "paint_out": paint_out,
    "paint_in, one number": lambda x, d: paint_in(x, d, painting=replace(INSIDE, fill="constant")),
    **{
        name: lambda x, d, preset=preset: torch.cat(models_genesis(x, d, preset), 1)
        for name, preset in EVERY.items()
    },
}
pytestmark = pytest.mark.usefixtures("one_thread")


def cubes(n: int, sides: tuple[int, int, int] = SMALL, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, *sides, generator=torch.Generator().manual_seed(0))


def keyed(n: int, first: int = 0) -> Draws:
    return Draws(torch.arange(first, first + n) * 2_654_435_761)


def shape_only(n: int) -> Tensor:
    return torch.empty(1).expand(n, 1, *SIDES)


# What holds for every view


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_sample_looks_the_same_alone_and_in_any_batch(name: str, channels: int) -> None:
    x, draws, view = cubes(12, channels=channels), keyed(12), VIEWS[name]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    whole = view(x, draws)
    assert torch.equal(view(x[order], draws.of(order)), whole[order])
    for row in range(12):
        one = slice(row, row + 1)
        assert torch.equal(view(x[one], draws.of(one)), whole[one])


@pytest.mark.parametrize("name", VIEWS)
def test_views_leave_their_input_alone_and_stay_in_the_unit_interval(name: str) -> None:
    x = cubes(16)
    x[:, :, :5] = 0
    x[:, :, 5:8] = 1
    before = x.clone()
    view = VIEWS[name](x, keyed(16))
    assert torch.equal(x, before)
    assert view.dtype == torch.float32
    assert view.isfinite().all()
    assert float(view.min()) >= 0
    assert float(view.max()) <= 1
    assert not torch.equal(view[:, :1], x)


@pytest.mark.parametrize("name", VIEWS)
def test_more_threads_change_nothing(name: str) -> None:
    x, draws = cubes(3, (64, 64, 32)), keyed(3, first=5)
    alone = VIEWS[name](x, draws)
    torch.set_num_threads(2)
    assert torch.equal(VIEWS[name](x, draws), alone)


def test_a_whole_batch_at_once_gives_what_sample_by_sample_gives() -> None:
    x, draws = cubes(12, channels=2), keyed(12)
    flips = draw_flips(draws, ("x", "y", "z"), 0.4, 3)
    assert torch.equal(flipped(x, flips), flip(x, draws))
    assert torch.equal(bent(x, draw_curves(draws, 0.9, 0.5)), curve(x, draws))
    for pool in (0, 3):
        moves = draw_moves(draws, 0.5, 300, pool)
        assert torch.equal(moved(x, moves), shuffle(x, draws, windows=300, pool=pool))
    for preset in (QUICK, replace(QUICK, curve_ends=(0.1, 99.9))):
        view, target = models_genesis(x, draws, preset)
        assert torch.equal(distorted(target, draw_distortions(draws, x, preset)), view)
        assert torch.equal(flipped(x, flips), target)


def test_memory_order_does_not_matter() -> None:
    x, draws = cubes(6, channels=2), keyed(6)
    last = x.to(memory_format=torch.channels_last_3d)
    for one, other in zip(
        models_genesis(x, draws, QUICK), models_genesis(last, draws, QUICK), strict=True
    ):
        assert torch.equal(one, other)


# Flips


def test_patterns_of_flips_are_as_frequent_as_in_a_chain_drawn_by_hand() -> None:
    dice, many = plain_views.Dice(0), 40_000
    hand = np.zeros(8)
    for _ in range(many):
        hand[sum(1 << axis for axis in set_of_odd(plain_views.flips(dice, (0, 1, 2))))] += 1
    odd = draw_flips(keyed(many), ("x", "y", "z"), 0.4, 3).odd.numpy()
    ours = np.bincount(odd @ np.array([1, 2, 4]), minlength=8)
    assert np.abs(ours - hand).max() / many < 0.01


def set_of_odd(axes: list[int]) -> list[int]:
    return [axis for axis in range(3) if axes.count(axis) % 2]


def test_flip_chains_are_as_long_as_the_sheet_says() -> None:
    # Along one axis k flips are seen as k odd: 24 % + 6.4 % of the samples.
    seen = draw_flips(keyed(400_000), ("z",), 0.4, 3).odd.float().mean()
    assert float(seen) == pytest.approx(0.24 + 0.064, rel=0.01)
    for most, expected in ((1, 0.4), (2, 0.24)):
        seen = draw_flips(keyed(400_000), ("z",), 0.4, most).odd.float().mean()
        assert float(seen) == pytest.approx(expected, rel=0.01)


def test_flips_are_torchs_and_alike_for_view_and_target() -> None:
    x, draws = cubes(30), keyed(30)
    y, odd = flip(x, draws), draw_flips(draws, ("x", "y", "z"), 0.4, 3).odd
    for row in range(30):
        dims = [axis + 1 for axis in range(3) if odd[row, axis]]
        assert torch.equal(y[row], x[row].flip(dims))
    assert torch.equal(flip(x * 2, draws), y * 2)


def test_released_flips_never_mirror_depth_and_may_reverse_channels() -> None:
    ramp = torch.arange(16.0).expand(40, 2, 20, 20, 16).clone()
    ramp[:, 1] += 100
    y = flip(ramp, keyed(40), axes=("channel", "x", "y"))
    assert (y.diff(dim=4) == 1).all()
    assert 0 < float((y[:, 0, 0, 0, 0] == 100).float().mean()) < 0.5


# Curves


@pytest.mark.parametrize("falling", [False, True])
def test_curves_are_the_bezier_curves_of_their_points(falling: bool) -> None:
    draws = keyed(60)
    curves = draw_curves(draws, 1.0, float(falling))
    x = torch.linspace(0, 1, 2000).view(1, 1, 20, 10, 10).expand(60, -1, -1, -1, -1)
    y = bent(x, curves).flatten(1).double().numpy()
    errors = [
        np.abs(y[row] - plain_views.mapped(x[0].flatten().double().numpy(), points, falling)).max()
        for row, points in enumerate(curves.points.double().numpy())
    ]
    assert np.median(errors) < 2e-6
    assert max(errors) < 4e-3  # where a curve stands upright
    for row, points in enumerate(curves.points.double().numpy()):
        across, up = plain_views.bezier(points, 50)
        there = torch.from_numpy(across).float().view(1, 1, 50, 1, 1)
        found = bent(there, curves.of(slice(row, row + 1))).flatten().numpy()
        assert np.median(np.abs(found - (up[::-1] if falling else up))) < 1e-5


def test_curves_are_monotone_and_keep_the_ends() -> None:
    curves = draw_curves(keyed(400), 1.0, 0.5)
    x = torch.linspace(0, 1, 4000).view(1, 1, 40, 10, 10).expand(400, -1, -1, -1, -1)
    y = bent(x, curves).flatten(1)
    sign = 1 - 2 * curves.falling.float()[:, None]
    assert float((y.diff(dim=1) * sign).min()) >= -1e-7
    assert torch.equal(y[:, 0], curves.falling.float())
    assert torch.equal(y[:, -1], 1 - curves.falling.float())


def test_nine_in_ten_are_mapped_and_half_of_them_inverted() -> None:
    curves = draw_curves(keyed(40_000), 0.9, 0.5)
    assert float(curves.on.float().mean()) == pytest.approx(0.9, rel=0.01)
    assert float((curves.on & curves.falling).float().mean()) == pytest.approx(0.45, rel=0.01)
    for column in curves.points.T.numpy():
        assert stats.kstest(column, "uniform").pvalue > 1e-3


def test_curves_between_percentiles_keep_them_and_clamp_beyond() -> None:
    x, draws = cubes(5) ** 2, keyed(5)
    low, high = percentiles(x, 5, 90)
    flat = x.flatten(1).numpy()
    np.testing.assert_allclose(low, np.percentile(flat, 5, axis=1), rtol=1e-5)
    np.testing.assert_allclose(high, np.percentile(flat, 90, axis=1), rtol=1e-5)
    y = curve(x, draws, share=1, inversion=0, ends=(low, high)).flatten(1).numpy()
    for row in range(5):
        assert (y[row][flat[row] <= low[row].item()] == low[row].item()).all()
        assert y[row].max() == pytest.approx(high[row].item(), rel=1e-6)
        order = np.argsort(flat[row])
        assert np.diff(y[row][order]).min() > -1e-6


def test_a_cube_of_one_value_has_no_percentiles_to_map_between() -> None:
    x = torch.full((2, 1, *SMALL), 0.25)
    y = curve(x, keyed(2), share=1, ends=percentiles(x, 0.1, 99.9))
    assert torch.equal(x, y)


def test_values_beyond_the_ends_are_clamped_and_no_number_stays_none() -> None:
    x = torch.full((1, 1, *SMALL), 0.5)
    x.flatten()[:4] = torch.tensor([-3.0, 7.0, float("nan"), float("inf")])
    y = curve(x, keyed(1), share=1, inversion=0).flatten()
    assert y[:2].tolist() == [0, 1]
    assert y[2].isnan()
    assert y[4:].isfinite().all()


# Shuffling


def test_ten_thousand_windows_change_and_keep_what_the_sheet_says() -> None:
    sources = drawn_maps(keyed(30), SIDES, 10_000)
    changed = (sources != torch.arange(64 * 64 * 32)).float().mean()
    surviving = np.mean([len(row.unique()) / (64 * 64 * 32) for row in sources])
    assert float(changed) == pytest.approx(0.79, rel=0.01)
    assert surviving == pytest.approx(0.78, rel=0.01)


def test_few_windows_change_what_the_sheet_says() -> None:
    sources = drawn_maps(keyed(300), SIDES, 5)
    changed = (sources != torch.arange(64 * 64 * 32)).float().mean(1)
    assert float(changed.mean()) == pytest.approx(0.0009, rel=0.06)  # of few large windows
    assert float(changed.max()) < 0.0025


def test_loops_over_windows_change_and_keep_as_much() -> None:
    sides, windows = (20, 20, 20), 600
    names = np.arange(8000.0).reshape(1, *sides)
    hand = [plain_views.shuffled(names, plain_views.Dice(i), windows) for i in range(60)]
    sources = drawn_maps(keyed(600), sides, windows)
    ours = (sources != torch.arange(8000)).float().mean()
    assert float(ours) == pytest.approx(np.mean([(h != names).mean() for h in hand]), rel=0.02)
    kept = np.mean([len(np.unique(row)) for row in sources.numpy()])
    assert kept == pytest.approx(np.mean([len(np.unique(h)) for h in hand]), rel=0.01)


def windows_by_hand(draws: Draws, sides: tuple[int, int, int], count: int) -> list[np.ndarray]:
    """The voxels of each window, in order."""
    shapes = shapes_of(sides, torch.device("cpu"))
    shape = draws.integers("shuffle.shape", 0, len(shapes.size) - 1, count)
    corner = draws.integers("shuffle.corner", 0, shapes.room[shape] - 1, count, 3)[0]
    lengths = torch.tensor(sides) - shapes.room[shape[0]] + 1
    names = np.arange(np.prod(sides)).reshape(sides)
    return [
        names[tuple(slice(a, a + n) for a, n in zip(c, side, strict=True))].ravel()
        for c, side in zip(corner.tolist(), lengths.tolist(), strict=True)
    ]


def test_the_last_window_over_a_voxel_wins_and_none_writes_a_voxel_twice() -> None:
    draws, sides = keyed(1), (40, 30, 20)
    found = drawn_maps(draws, sides, 5000)[0].numpy()
    windows, owner = windows_by_hand(draws, sides, 5000), np.full(24_000, -1)
    for number, voxels in enumerate(windows):
        owner[voxels] = number
    assert (found[owner < 0] == np.flatnonzero(owner < 0)).all()
    for number, voxels in enumerate(windows):
        left = found[voxels[owner[voxels] == number]]
        assert np.isin(left, voxels).all()
        assert len(np.unique(left)) == len(left)


def test_each_order_of_the_voxels_of_a_window_is_as_likely() -> None:
    sides, row = (10, 10, 30), torch.arange(3000)
    sources = drawn_maps(keyed(4000), sides, 1) - row
    times = {}
    for moved_by in sources[(sources != 0).any(1)]:
        at = moved_by.nonzero()[0, 0]
        order = tuple(moved_by[at : at + 3].tolist())
        times[order] = times.get(order, 0) + 1
    # A window of two can only swap; one of three has five orders that change it, seen from the
    # first voxel that moves: (1, -1, 0) both by two and by three voxels, twice over.
    assert set(times) == {(1, -1, 0), (1, 1, -2), (2, -1, -1), (2, 0, -2)}
    of_three = [times[key] for key in ((1, 1, -2), (2, -1, -1), (2, 0, -2))]
    assert stats.chisquare(of_three).pvalue > 1e-3
    # Half of a third of the windows swap two; two orders of six of a third swap neighbours.
    expected = np.array([1 / 6 + 1 / 9, 3 / 18]) * sum(times.values()) / (5 / 18 + 1 / 6)
    assert stats.chisquare([times[1, -1, 0], sum(of_three)], expected).pvalue > 1e-3


def test_windows_reach_every_place_and_every_length() -> None:
    sides = (20, 20, 20)
    shapes = shapes_of(sides, torch.device("cpu"))
    assert shapes.size.tolist() == [1, 2, 2, 4, 2, 4, 4, 8]
    touched = (drawn_maps(keyed(20), sides, 4000) != torch.arange(8000)).any(0)
    assert touched.all()


def test_maps_of_several_samples_at_once_are_those_of_each() -> None:
    draws = keyed(5)
    assert torch.equal(maps(draws, (20, 30, 10), 4500), drawn_maps(draws, (20, 30, 10), 4500))


def test_all_channels_are_shuffled_alike() -> None:
    x = cubes(3)
    y = shuffle(torch.cat((x, 1 - x), 1), keyed(3), share=1, windows=300, pool=2)
    assert torch.equal(y[:, 0], 1 - y[:, 1])


@pytest.mark.parametrize("sides", [(20, 20, 16), (20, 24, 16)])
def test_a_pool_is_used_every_way_round(sides: tuple[int, int, int]) -> None:
    count = int(np.prod(sides))
    names = torch.arange(count, dtype=torch.float32).view(1, 1, *sides).expand(400, -1, -1, -1, -1)
    shown = shuffle(names, keyed(400), share=1, windows=300, pool=1)
    ways = {tuple(row.tolist()) for row in shown.flatten(1)}
    assert len(ways) == (16 if sides[0] == sides[1] else 8)
    changed = (shown != names).flatten(1).float().mean(1)
    assert float(changed.std()) < 1e-6  # One map, turned: it changes as much each way.


def test_a_pool_is_as_random_as_maps_of_each_samples_own() -> None:
    sides, count, many = (20, 20, 10), 4000, 1500
    names = torch.arange(count, dtype=torch.float32).view(1, 1, *sides).expand(many, -1, -1, -1, -1)
    own, pooled = (
        shuffle(names, keyed(many), share=1, windows=300, pool=pool).flatten(1).long()
        for pool in (0, 256)
    )
    still = torch.arange(count)
    own_share, pool_share = ((shown != still).float().mean(0) for shown in (own, pooled))
    assert float(pool_share.mean()) == pytest.approx(float(own_share.mean()), rel=0.01)
    # Place by place, the border too, it is as far from maps of their own as these from others.
    half = many // 2
    first, second = ((part != still).float().mean(0) for part in (own[:half], own[half:]))
    drawn = (pooled[half:] != still).float().mean(0)
    assert float((first - drawn).std()) == pytest.approx(float((first - second).std()), rel=0.1)
    alike_own, alike_pool = (
        float((shown[::2] == shown[1::2]).float().mean()) for shown in (own, pooled)
    )
    assert alike_pool == pytest.approx(alike_own, rel=0.02)  # between two samples


def test_half_of_the_samples_are_shuffled() -> None:
    moves = draw_moves(keyed(40_000), 0.5, 10_000, 256)
    assert float(moves.on.float().mean()) == pytest.approx(0.5, rel=0.01)
    which = np.bincount((moves.which * 256).long(), minlength=256)
    assert stats.chisquare(which).pvalue > 1e-3


# Painting


def shares(places: Tensor) -> np.ndarray:
    """The share of the voxels that lie in a sample's boxes."""
    found = []
    for boxes in places.tolist():
        mask = np.zeros(SIDES, dtype=bool)
        for start, stop in boxes:
            mask[tuple(map(slice, start, stop))] = True
        found.append(mask.mean())
    return np.array(found)


def test_in_painting_replaces_as_much_as_the_sheet_says() -> None:
    x = shape_only(12_000)
    boxes = draw_boxes(keyed(12_000), INSIDE, x, torch.ones(12_000, dtype=torch.bool))
    found = shares(boxes.places)
    # 5.53 % +- 0.01 by plain loops over 30,000 cubes; the sheet's 5.7 % are of a few hundred.
    assert found.mean() == pytest.approx(0.0553, rel=0.01)
    assert found.mean() == pytest.approx(0.057, rel=0.04)
    assert 0.097 < found.max() < 0.13
    there = (boxes.places[:, :, 1] > boxes.places[:, :, 0]).all(-1).sum(1)
    frequency = np.bincount(there, minlength=6) / 12_000
    assert frequency[5] == pytest.approx(0.774, rel=0.02)
    assert frequency[0] == pytest.approx(0.05, abs=0.01)


def test_out_painting_replaces_as_much_as_the_sheet_says() -> None:
    x = shape_only(3000)
    boxes = draw_boxes(keyed(3000), OUTSIDE, x, torch.ones(3000, dtype=torch.bool))
    found = 1 - shares(boxes.places)
    assert found.mean() == pytest.approx(0.686, rel=0.01)
    assert 0.53 < found.min() < 0.60
    assert 0.90 < found.max() < 0.92


@pytest.mark.parametrize(("painting", "low", "high"), [
    (INSIDE, (10, 10, 5), (21, 21, 10)), (OUTSIDE, (28, 28, 14), (37, 37, 19)),
])  # fmt: skip
def test_boxes_have_the_sheets_sides_and_keep_off_the_border(painting, low, high) -> None:  # type: ignore[no-untyped-def]
    painting = replace(painting, boxes=(5, 5))
    x = shape_only(800)
    places = draw_boxes(keyed(800), painting, x, torch.ones(800, dtype=torch.bool)).places
    length = (places[:, :, 1] - places[:, :, 0]).flatten(0, 1)
    assert length.amin(0).tolist() == list(low)
    assert length.amax(0).tolist() == list(high)
    assert places[:, :, 0].flatten(0, 1).amin(0).tolist() == [3, 3, 3]
    assert places[:, :, 1].flatten(0, 1).amax(0).tolist() == [61, 61, 29]


def test_paint_is_even_noise_where_boxes_are_and_nowhere_else() -> None:
    x = torch.full((20, 2, *SIDES), 2.0)
    inner, outer = paint_in(x, keyed(20), share=1), paint_out(x, keyed(20), share=1)
    for view in (inner, outer):
        noise = view[view != 2]
        assert stats.kstest(noise.numpy()[:200_000:7], "uniform").pvalue > 1e-3
    assert torch.equal(inner[:, 0], inner[:, 1])
    assert torch.equal(outer[:, 0] == 2, outer[:, 1] == 2)
    assert not torch.equal(outer[:, 0], outer[:, 1])


def test_one_constant_fills_all_that_is_painted() -> None:
    x = torch.full((8, 1, *SMALL), 2.0)
    painting = replace(INSIDE, boxes=(1, 1), sides=(4, 6), fill="constant")
    view = paint_in(x, keyed(8), share=1, painting=painting)
    for cube in view:
        assert len(cube[cube != 2].unique()) == 1
        assert 4**3 <= int((cube != 2).sum()) <= 6**3


def test_samples_are_painted_inside_or_outside_but_never_both() -> None:
    plan = draw_distortions(keyed(40_000), shape_only(40_000), PRESETS["mg"])
    assert float(plan.inside.on.float().mean()) == pytest.approx(0.18, rel=0.02)
    assert float(plan.outside.on.float().mean()) == pytest.approx(0.72, rel=0.01)
    assert not (plan.inside.on & plan.outside.on).any()
    neither = ~(plan.inside.on | plan.outside.on)
    assert float(neither.float().mean()) == pytest.approx(0.10, rel=0.03)


# The whole


@pytest.mark.parametrize("name", PRESETS)
def test_published_shares_are_those_of_the_sheet(name: str) -> None:
    preset = PRESETS[name]
    assert (preset.flip_chain, preset.flip_most) == (0.4, 3)
    assert (preset.shuffle_share, preset.shuffle_windows) == (0.5, 10_000)
    assert (preset.curve_share, preset.curve_inversion) == (0.9, 0.5)
    assert preset.shuffle_pool == (256 if name == "mg" else 0)
    assert preset.flip_axes == (("channel" if name == "mg_v1" else "x"), *preset.flip_axes[1:])


def test_the_pipeline_replaces_and_inverts_as_often_as_loops_do() -> None:
    sides, many = (20, 20, 20), 400
    ramp = np.linspace(0, 1, 8000).reshape(1, *sides)
    dice = plain_views.Dice(0)
    hand = np.stack([plain_views.pipeline(ramp, dice, (1, 2, 3), 300) for _ in range(many)])
    x = torch.from_numpy(ramp).float().expand(5 * many, 1, *sides)
    view, target = models_genesis(x, keyed(5 * many), replace(QUICK, shuffle_pool=64))
    ours = np.stack((view.numpy(), target.numpy()), 1)
    for measure in (correlations, distances):
        assert stats.ks_2samp(measure(hand), measure(ours)).pvalue > 1e-3


def correlations(pairs: np.ndarray) -> np.ndarray:
    flat = pairs.reshape(len(pairs), 2, -1)
    return np.array([np.corrcoef(view, target)[0, 1] for view, target in flat])


def distances(pairs: np.ndarray) -> np.ndarray:
    return ((pairs[:, 0] - pairs[:, 1]) ** 2).reshape(len(pairs), -1).mean(1)


def test_channels_of_the_nnunet_preset_have_draws_of_their_own() -> None:
    x = cubes(1).expand(20, 2, *SMALL)
    view, target = models_genesis(x, keyed(20), EVERY["nnunet_v1"])
    assert torch.equal(target[:, 0], target[:, 1])
    assert not any(torch.equal(cube[0], cube[1]) for cube in view)


@pytest.mark.parametrize(("view", "least"), [(paint_in, 8), (paint_out, 14), (shuffle, 10)])
def test_short_sides_are_refused_with_what_would_fit(view: View, least: int) -> None:
    with pytest.raises(
        BadInput, match=rf"at least {least} voxels.*32x32x{least - 1};.*32x32x(8|16)"
    ):
        view(cubes(2, (32, 32, least - 1)), keyed(2))
    view(cubes(8, (32, 32, least)), keyed(8))


def test_the_pipeline_says_at_once_that_a_side_is_too_short() -> None:
    with pytest.raises(BadInput, match="out-painting needs sides of at least 14"):
        models_genesis(cubes(1, (64, 64, 12)), keyed(1))
    models_genesis(cubes(4, (64, 64, 12)), keyed(4), replace(QUICK, outside_share=0))
    models_genesis(cubes(4, (14, 14, 14)), keyed(4), QUICK)


@pytest.mark.parametrize("x", [torch.zeros(2, 1, 16, 16), torch.zeros(2, 1, 16, 16, 16).double()])
def test_what_is_no_batch_of_cubes_is_refused(x: Tensor) -> None:
    with pytest.raises(BadInput, match=r"\(N, C, X, Y, Z\) in torch.float32"):
        models_genesis(x, keyed(2))


def test_a_key_too_few_and_an_unknown_axis_are_named() -> None:
    with pytest.raises(BadInput, match="2 keys on cpu for 3 cubes"):
        curve(cubes(3), keyed(2))
    with pytest.raises(BadInput, match="'depth' is no axis"):
        flip(cubes(1), keyed(1), axes=("depth",))
