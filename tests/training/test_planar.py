"""The views of pictures: each step as torchvision has it, drawn as stated, by the key alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from genesis_hub.data.phantoms import chest_xray
from genesis_hub.errors import BadInput
from training.views import planar
from training.views.blur import Blurs, blurred, draw_blurs
from training.views.colours import (
    HUE,
    Jitters,
    all_jittered,
    brightened,
    contrasted,
    draw_jitters,
    hued,
    jittered,
    saturated,
)  # fmt: skip
from training.views.crops import Crops, draw_crops, filtered, resized
from training.views.draws import Draws
from training.views.planar import draw_changes, moco_views, normalised
from training.views.presets import PICTURES, Pictures
from training.views.tilt import Tilts, draw_tilts, tilted, tilted_within

SIDE, MANY = 96, 4000
SMALL = {name: replace(preset, side=64) for name, preset in PICTURES.items()}
AREA, RATIO = (0.2, 1.0), (3 / 4, 4 / 3)
pytestmark = pytest.mark.usefixtures("one_thread")


def xray(side: int = SIDE) -> Tensor:
    return torch.from_numpy(np.asarray(chest_xray(3, size=(side, side)).image))[None]


def pictures(n: int, channels: int = 1) -> Tensor:
    made = torch.randint(
        0, 256, (n, channels, SIDE, SIDE), generator=torch.Generator().manual_seed(0)
    )
    return torch.cat([xray().expand(1, channels, -1, -1), made.to(torch.uint8)])[:n]


def keyed(n: int) -> Draws:
    return Draws(torch.arange(n) * 2_654_435_761)


def aspects(n: int) -> Tensor:
    return 0.7 + 0.6 * torch.rand(n, generator=torch.Generator().manual_seed(2))


def unit(x: Tensor) -> Tensor:
    return x.to(torch.float32) / 255


# Each step at given numbers, beside torchvision


@pytest.mark.parametrize("box", [(0, 0, 96, 96), (5, 17, 61, 40), (90, 2, 3, 5), (30, 0, 64, 96)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_is_resized_as_torchvision_does(box: tuple[int, ...], channels: int) -> None:
    x, crops = unit(pictures(2, channels)), Crops(torch.tensor([box, box]))
    theirs = tv.resized_crop(x, *box, size=[64, 64], antialias=True)
    torch.testing.assert_close(filtered(x, crops, 64), theirs, rtol=0, atol=1e-5)
    ours = resized(x[:1], crops.of(slice(1)), 64)
    torch.testing.assert_close(ours, theirs[:1], rtol=0, atol=1e-6)


STEPS: dict[str, tuple[Callable[[Tensor, float], Tensor], Callable[[Tensor, float], Tensor]]] = {
    "brightness": (brightened, tv.adjust_brightness),
    "contrast": (contrasted, tv.adjust_contrast),
    "saturation": (saturated, tv.adjust_saturation),
    "hue": (hued, tv.adjust_hue),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("amount", [0.6, 0.93, 1.4])
def test_colours_change_as_torchvision_changes_them(step: str, amount: float) -> None:
    ours, theirs = STEPS[step]
    amount = (amount - 1) / 4 if step == "hue" else amount
    x = unit(pictures(3, 3))
    # Its grey weighs .9999 in all, ours 1.
    torch.testing.assert_close(ours(x, amount), theirs(x, amount), rtol=0, atol=2e-4)


def test_brightness_and_contrast_of_a_grey_picture_are_torchvisions() -> None:
    x = unit(xray())
    torch.testing.assert_close(contrasted(x, 1.3), tv.adjust_contrast(x, 1.3), rtol=0, atol=1e-6)
    torch.testing.assert_close(brightened(x, 0.7), tv.adjust_brightness(x, 0.7), rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.3, 2.0])
def test_blur_is_torchvisions_with_a_kernel_of_23(sigma: float) -> None:
    x = unit(pictures(2, 3))
    ours = blurred(x, Blurs(torch.tensor([True, False]), torch.full((2,), sigma)))
    theirs = tv.gaussian_blur(x, [23, 23], [sigma, sigma])
    torch.testing.assert_close(ours[0], theirs[0], rtol=0, atol=1e-5)
    assert torch.equal(ours[1], x[1])


@pytest.mark.parametrize("angle", [-30.0, -7.3, 0.0, 12.0, 30.0])
def test_turning_takes_the_pixels_that_torchvision_takes(angle: float) -> None:
    x = unit(pictures(2, 1))
    theirs = tv.rotate(x, angle, interpolation=InterpolationMode.NEAREST)
    ours = tilted(x, Tilts(torch.full((2,), angle)))
    assert (ours == theirs).float().mean() > 0.999  # Where two pixels are as near.


def test_a_whole_view_as_released_is_torchvisions_step_by_step() -> None:
    preset, x = replace(SMALL["adam_v1"], jitter_share=1, blur_share=1), pictures(1, 3)
    plan = draw_changes(keyed(1), torch.ones(1), SIDE, preset)
    t = tv.resized_crop(unit(x), *plan.crops.boxes[0].tolist(), size=[64, 64], antialias=True)
    for step in plan.jitters.order[0].tolist():
        t = list(STEPS.values())[step][1](t, float(plan.jitters.amounts[0, step]))
    t = tv.gaussian_blur(t, [23, 23], [float(plan.blurs.sigma)] * 2)
    t = tv.rotate(t, float(plan.tilts.angle), interpolation=InterpolationMode.NEAREST)
    t = tv.normalize(t, list(preset.mean), list(preset.std))
    ours = planar.changed(x.to(torch.float32), plan, preset)
    # A pixel that is as near as another may be taken instead.
    assert ((ours - t).abs() < 5e-3).float().mean() > 0.999


# What is drawn


def boxes(aspect: float, angle: Tensor | None = None, side: int = 1000) -> Tensor:
    wide = torch.full((MANY,), aspect)
    return draw_crops(keyed(MANY), wide, side, area=AREA, ratio=RATIO, angle=angle).boxes.double()


@pytest.mark.parametrize("aspect", [1.0, 0.8, 1.5])
def test_crops_keep_their_area_and_their_shape_in_the_pictures_own_pixels(aspect: float) -> None:
    top, left, height, width = boxes(aspect).T
    area, ratio = height * width / 1e6, width / (height * aspect)
    assert (area > 0.198).all()
    assert (area <= 1).all()
    assert (ratio > 0.745).all()
    assert (ratio < 1.34).all()
    assert (top >= 0).all()
    assert (top + height <= 1000).all()
    assert (left >= 0).all()
    assert (left + width <= 1000).all()
    assert top[height < 600].max() > 380
    # Both corners of the ranges are reached, and no side is favoured.
    assert area.min() < 0.21
    assert abs(float(ratio.log().mean())) < 0.15
    assert 0.47 < float((top / (1000 - height).clamp_min(1)).mean()) < 0.53


def test_crops_are_drawn_as_torchvision_draws_them() -> None:
    height, width = boxes(1.25)[:, 2:].T
    picture = torch.empty(1, 1250, 1000)
    from torchvision.transforms.v2 import RandomResizedCrop

    torch.manual_seed(0)
    crop = RandomResizedCrop(224, scale=AREA, ratio=RATIO)
    theirs = [crop.make_params([picture]) for _ in range(MANY)]
    areas = torch.tensor([one["height"] * one["width"] / 1.25e6 for one in theirs])
    shapes = torch.tensor([one["width"] / one["height"] for one in theirs])
    quantiles = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    ours = (height * width / 1e6).float().quantile(quantiles)
    torch.testing.assert_close(ours, areas.quantile(quantiles), rtol=0, atol=0.03)
    ours = (width / (1.25 * height)).float().quantile(quantiles)
    torch.testing.assert_close(ours, shapes.quantile(quantiles), rtol=0, atol=0.03)


def test_of_a_ribbon_as_much_is_cropped_as_the_ratio_allows() -> None:
    _, _, height, width = boxes(0.2).T
    drawn = height == 1000
    assert drawn.any()
    assert torch.isin(width[drawn], torch.tensor([267.0], dtype=torch.double)).float().mean() > 0.5
    assert (width / (height * 0.2) < 1.345).all()


@pytest.mark.parametrize("aspect", [1.0, 0.7, 1.6])
def test_with_a_margin_nothing_from_beyond_the_cell_is_turned_in(aspect: float) -> None:
    tilts = draw_tilts(keyed(300), 30)
    wide, x = torch.full((300,), aspect), torch.ones(300, 1, SIDE, SIDE)
    crops = draw_crops(keyed(300), wide, SIDE, area=AREA, ratio=RATIO, angle=tilts.angle)
    top, left, height, width = crops.boxes.double().T
    radians = tilts.angle.double().deg2rad()
    cos, sin = radians.cos().abs(), radians.sin().abs()
    down, across = height * cos + width * sin / aspect, width * cos + height * sin * aspect
    for begin, length, reach in ((top, height, down), (left, width, across)):
        middle = begin + length / 2
        assert (middle - reach / 2 >= -1).all()  # Less than a pixel, which the edge fills.
        assert (middle + reach / 2 <= SIDE + 1).all()
    turned, crops = tilted_within(x, tilts, crops, wide)
    assert (filtered(turned, crops, 32) > 0.999).all()


def test_the_views_as_released_have_black_corners_and_the_mended_ones_none() -> None:
    x = torch.full((20, 1, SIDE, SIDE), 255, dtype=torch.uint8)
    calm = {"jitter_share": 0.0, "blur_share": 0.0}
    black = {}
    for name in ("adam", "adam_v1"):
        preset = replace(SMALL[name], **calm)
        view, _ = moco_views(x, torch.ones(20), keyed(20), preset)
        least = normalised(torch.zeros(1, 1, 1, 1), preset)[0, 0]
        black[name] = (view[:, 0] <= least + 1e-3).float().mean((1, 2))
    assert (black["adam"] == 0).all()
    assert (black["adam_v1"] > 0.01).float().mean() > 0.7


def test_amounts_shares_and_angles_are_spread_over_their_ranges() -> None:
    jitters = draw_jitters(keyed(MANY), 0.8, (0.4, 0.4, 0.4, 0.1))
    assert 0.78 < jitters.on.float().mean() < 0.82
    for step, (low, high) in enumerate([(0.6, 1.4)] * 3 + [(-0.1, 0.1)]):
        amount = jitters.amounts[:, step]
        assert low <= amount.min() < low + 0.01
        assert high - 0.01 < amount.max() <= high
        assert abs(float(amount.mean()) - (low + high) / 2) < 0.03
    orders = {tuple(row) for row in jitters.order.tolist()}
    assert len(orders) == 24
    blurs = draw_blurs(keyed(MANY), 0.5, (0.1, 2.0))
    assert 0.47 < blurs.on.float().mean() < 0.53
    assert 0.1 <= blurs.sigma.min() < 0.11
    assert 1.99 < blurs.sigma.max() <= 2
    tilts = draw_tilts(keyed(MANY), 30)
    assert -30 <= tilts.angle.min() < -29.8
    assert 29.8 < tilts.angle.max() <= 30
    assert abs(float(tilts.angle.mean())) < 1


def test_the_two_views_of_a_picture_are_drawn_independently() -> None:
    both = keyed(MANY).each(2)
    angles = [draw_tilts(both.of(slice(at, None, 2)), 30).angle for at in range(2)]
    assert abs(float(torch.corrcoef(torch.stack(angles))[0, 1])) < 0.05


# What holds for whole views


@pytest.mark.parametrize(
    ("name", "channels"), [("adam", 1), ("adam", 3), ("adam_v1", 1), ("adam_v1", 3), ("fundus", 3)]
)
def test_a_sample_looks_the_same_alone_and_in_any_batch(name: str, channels: int) -> None:
    x, wide, draws = pictures(6, channels), aspects(6), keyed(6)
    before = x.clone()
    whole = moco_views(x, wide, draws, SMALL[name])
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    mixed = moco_views(x[order], wide[order], draws.of(order), SMALL[name])
    alone = moco_views(x[4:5], wide[4:5], draws.of(slice(4, 5)), SMALL[name])
    for at in range(2):
        assert whole[at].shape == (6, 3, 64, 64)
        assert torch.equal(mixed[at], whole[at][order])
        assert torch.equal(alone[at], whole[at][4:5])
    assert not torch.equal(*whole)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", SMALL)
def test_a_whole_batch_at_once_gives_what_samples_one_by_one_give(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, wide, draws = pictures(8, 3), aspects(8), keyed(8)
    one_by_one = moco_views(x, wide, draws, SMALL[name])
    for module in ("planar", "pieces", "crops", "colours", "tilt"):  # As another device does.
        monkeypatch.setattr(f"training.views.{module}.by_sample", lambda x: False)
    at_once = moco_views(x, wide, draws, SMALL[name])
    for ours, theirs in zip(one_by_one, at_once, strict=True):
        assert ((ours - theirs).abs() < 1e-3).float().mean() > 0.999


@pytest.mark.gpu
@pytest.mark.parametrize("name", SMALL)
def test_views_made_on_a_gpu_are_those_made_on_a_cpu(name: str) -> None:
    x, wide, draws = pictures(8, 3), aspects(8), keyed(8)
    here = moco_views(x, wide, draws, SMALL[name])
    there = moco_views(x.cuda(), wide.cuda(), Draws(draws.keys.cuda()), SMALL[name])
    for ours, theirs in zip(here, there, strict=True):
        assert ((ours - theirs.cpu()).abs() < 1e-3).float().mean() > 0.999


@pytest.mark.parametrize("name", ["adam", "adam_v1"])
def test_a_grey_picture_looks_as_it_does_in_three_equal_channels(name: str) -> None:
    x, wide, draws = pictures(8), aspects(8), keyed(8)
    grey = moco_views(x, wide, draws, SMALL[name])
    coloured = moco_views(x.expand(-1, 3, -1, -1), wide, draws, SMALL[name])
    for ours, theirs in zip(grey, coloured, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_each_sample_of_a_batch_takes_its_own_steps_in_its_own_order(channels: int) -> None:
    x = unit(pictures(30, channels))
    plan = draw_jitters(keyed(30), 0.8, (0.4, 0.4, 0.4, 0.1))
    alone = torch.cat([jittered(x[i : i + 1], plan.of(slice(i, i + 1))) for i in range(30)])
    torch.testing.assert_close(all_jittered(x, plan), alone, rtol=0, atol=1e-5)
    assert torch.equal(alone[~plan.on], x[~plan.on])


def test_hue_alone_leaves_grey_and_brightness_as_they_are() -> None:
    x = unit(pictures(2, 3))
    assert torch.allclose(hued(x, 0.07).amax(1), x.amax(1), atol=1e-6)
    grey = x[:, :1].expand(-1, 3, -1, -1)
    assert torch.allclose(hued(grey, -0.1), grey, atol=1e-6)
    still = Jitters(
        torch.tensor([True, True]), torch.tensor([[HUE, 0, 1, 2]] * 2), torch.ones(2, 4)
    )
    assert torch.allclose(jittered(x[:, :1], still), x[:, :1], atol=1e-6)


def test_what_no_view_can_be_made_of_is_refused_with_what_is_expected() -> None:
    x, wide, draws = pictures(2), torch.ones(2), keyed(2)
    with pytest.raises(BadInput, match="uint8"):
        moco_views(unit(x), wide, draws)
    with pytest.raises(BadInput, match="squares"):
        moco_views(x[..., :50], wide, draws)
    with pytest.raises(BadInput, match="3 channels"):
        moco_views(x, wide, draws, PICTURES["fundus"])
    with pytest.raises(BadInput, match="each picture needs one"):
        moco_views(x, wide[:1], draws)


def test_the_reference_order_is_the_rows_default() -> None:
    assert PICTURES["adam_v1"] == Pictures()
    assert replace(PICTURES["adam"], margin=False) == Pictures()
