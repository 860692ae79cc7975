"""Augmentation: drawn first, applied second, each sample by itself, labels where images land."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from genesis_hub.data.phantoms import chest_ct
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs
from genesis_hub.registry import ENTRIES
from genesis_hub.tuning.augment import (
    Augment,
    Draw,
    Draws,
    apply,
    draw,
    for_benchmark,
    for_pictures,
    for_volumes,
    limits,
)
from genesis_hub.tuning.augment.intensity import fewer
from genesis_hub.tuning.augment.presets import PICTURES, VOLUMES
from genesis_hub.tuning.augment.waves import wave

ALWAYS = {field.name: 1.0 for field in fields(Augment) if field.name.endswith("_chance")}
KNOWN = (3, 11.645915687212145, 5679852600863602)
EVERYTHING = Augment(
    flip=(0, 1, 2), quarter_turns=True, rotate=20, tilt=10, scale=(0.8, 1.25), shift=0.1, crop=0.8,
    elastic=0.08, gamma=(0.7, 1.5), contrast=(0.5, 2), brightness=0.3, noise=0.2, blur=1.5,
    low_resolution=0.4, cutout=0.5, area=0.5, ratio=1.2,
)  # fmt: skip
PRESETS = [*((f"volume-{k}", v) for k, v in VOLUMES.items())]
PRESETS += [(f"picture-{k}", v) for k, v in PICTURES.items()]
SIDES = {2: (22, 17), 3: (16, 16, 9)}
pytestmark = pytest.mark.usefixtures("one_thread")


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, ndim: int, channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, channels, *SIDES[ndim], generator=dice(seed))
    return x, torch.randint(1, 4, (n, *SIDES[ndim]), generator=dice(seed + 1))


def one(ndim: int, **numbers: object) -> Draws:
    return Draws(ndim, (Draw(**numbers),))  # type: ignore[arg-type]


def blob(sides: tuple[int, ...], middle: tuple[float, ...], width: float = 4.0) -> Tensor:
    grid = torch.meshgrid(*(torch.arange(s, dtype=torch.float32) for s in sides), indexing="ij")
    far = sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True))
    return torch.exp(-far / (2 * width**2))[None, None]  # type: ignore[operator]


def centre(x: Tensor) -> list[float]:
    return [float(v) for v in ndimage.center_of_mass(x.squeeze().numpy())]


@pytest.mark.parametrize("ndim", [2, 3])
def test_same_generator_gives_the_same_draws_and_the_same_answer(ndim: int) -> None:
    x, labels = images(4, ndim)
    first, second = (draw(EVERYTHING, 4, ndim, dice(5)) for _ in range(2))
    a, b = (apply(x, d, labels, low=0, high=1, fill=0) for d in (first, second))
    assert first == second != draw(EVERYTHING, 4, ndim, dice(6))
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])


def test_draws_are_the_numbers_of_every_platform() -> None:
    drawn = draw(replace(EVERYTHING, **ALWAYS), 1, 3, dice(0)).samples[0]
    assert drawn.flips == (0, 1, 2)
    assert (drawn.turns, drawn.rotate, drawn.noise_seed) == KNOWN


def test_a_draw_does_not_depend_on_other_strengths_or_samples() -> None:
    rotate = Augment(rotate=20)
    whole = draw(EVERYTHING, 6, 3, dice(1)).samples
    alone = draw(rotate, 3, 3, dice(1)).samples
    assert [s.rotate for s in whole[:3]] == [s.rotate for s in alone]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ndim", [2, 3])
def test_no_strength_is_the_identity_bit_by_bit(ndim: int, dtype: torch.dtype) -> None:
    x, labels = images(3, ndim)
    x = x.to(dtype)
    for augment in (Augment.none(), Augment(**ALWAYS)):
        y, moved = apply(x, draw(augment, 3, ndim, dice()), labels, low=0, high=1, fill=0.5)
        assert torch.equal(y, x)
        assert torch.equal(moved, labels)
        assert y.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_flips_and_turns_are_numpys(flips: tuple[int, ...], turns: int) -> None:
    x, labels = images(1, 3)
    y, moved = apply(x, one(3, flips=flips, turns=turns), labels, low=0, high=1, fill=0)
    for got, was in ((y[0, 0], x[0, 0]), (moved[0], labels[0])):
        np.testing.assert_array_equal(got, np.rot90(np.flip(was.numpy(), flips), turns, (0, 1)))


def test_quarter_turns_of_what_is_not_square_are_half_turns() -> None:
    x, _ = images(1, 2)
    for turns in (1, 3):
        y, _ = apply(x, one(2, turns=turns), low=0, high=1, fill=0)
        assert torch.equal(y, x.flip(2, 3))
    square = torch.rand(1, 1, 8, 8)
    y, _ = apply(square, one(2, turns=1), low=0, high=1, fill=0, spacing=(1, 2))
    assert torch.equal(y, square.flip(2, 3))


def test_a_right_angle_by_resampling_is_the_exact_turn() -> None:
    x = torch.rand(1, 1, 12, 12, 6)
    y, _ = apply(x, one(3, rotate=90.0), low=0, high=1, fill=0)
    torch.testing.assert_close(y, torch.rot90(x, 1, (2, 3)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("fill", [0.3, "edge"])
@pytest.mark.parametrize("tilt", [(0.0, 0.0), (12.0, -7.0)])
def test_affine_is_scipys(tilt: tuple[float, float], fill: float | str) -> None:
    shift, scale, spacing = np.array([0.05, -0.1, 0.08]), 1.15, np.array([1.0, 1.3, 2.5])
    x = blob((20, 16, 10), (9, 8, 5)) + 0.1 * torch.rand(1, 1, 20, 16, 10)
    sides = np.array(x.shape[2:])
    draws = one(3, rotate=17.0, tilt=tilt, scale=scale, shift=tuple(shift))
    y, _ = apply(x, draws, low=-1, high=2, fill=fill, spacing=tuple(spacing))

    def turn(first: int, second: int, degrees: float) -> np.ndarray:
        part, t = np.eye(3), math.radians(degrees)
        part[first, first] = part[second, second] = math.cos(t)
        part[first, second], part[second, first] = -math.sin(t), math.sin(t)
        return part

    forward = turn(0, 1, 17.0) @ turn(1, 2, tilt[0]) @ turn(0, 2, tilt[1]) * scale
    back = np.diag(1 / spacing) @ np.linalg.inv(forward) @ np.diag(spacing)
    middle = (sides - 1) / 2
    offset = middle - back @ (middle + shift * sides)
    mode, value = ("nearest", 0.0) if fill == "edge" else ("grid-constant", fill)
    want = ndimage.affine_transform(x[0, 0].numpy(), back, offset, order=1, mode=mode, cval=value)
    np.testing.assert_allclose(y[0, 0].numpy(), want, atol=2e-5)


def test_rotation_is_true_where_sides_and_spacing_differ() -> None:
    x = blob((60, 40), (29.5 + 12, 19.5), 2)
    y, _ = apply(x, one(2, rotate=30.0), low=0, high=1, fill=0)
    away = 12 * math.cos(math.radians(30)), 12 * math.sin(math.radians(30))
    assert centre(y) == pytest.approx([29.5 + away[0], 19.5 + away[1]], abs=0.05)
    y, _ = apply(x, one(2, rotate=30.0), low=0, high=1, fill=0, spacing=(1, 2))
    assert centre(y) == pytest.approx([29.5 + away[0], 19.5 + away[1] / 2], abs=0.05)


def test_scale_above_one_enlarges_and_crop_shows_a_part() -> None:
    x = blob((40, 40), (19.5, 24.5), 2)
    larger, _ = apply(x, one(2, scale=1.5), low=0, high=1, fill=0)
    assert centre(larger) == pytest.approx([19.5, 27.0], abs=0.05)
    assert float(larger.sum() / x.sum()) == pytest.approx(1.5**2, rel=0.02)
    part, _ = apply(x, one(2, crop=0.5, place=(0.0, 1.0, 0.0)), low=0, high=1, fill=0)
    assert centre(part) == pytest.approx([19.5, 9.5], abs=0.1)


def test_a_window_has_the_area_and_the_sides_that_were_asked_for() -> None:
    rows = draw(for_benchmark("classification"), 500, 2, dice(1)).samples
    areas = np.array([row.window[0] * row.window[1] for row in rows])
    longer = np.array([row.window[0] / row.window[1] for row in rows])
    assert 0.08 <= areas.min() < 0.1 < 0.9 < areas.max() <= 1
    assert areas.mean() == pytest.approx(0.54, abs=0.04)
    assert 0.75 <= longer.min() < 0.8 < 1.25 < longer.max() <= 4 / 3 + 1e-9
    assert max(max(row.window) for row in rows) <= 1
    x = torch.arange(64.0).view(1, 1, 8, 8)
    drawn = one(2, window=(0.5, 1.0, 1.0), window_place=(1.0, 0.0, 0.0))
    part, _ = apply(x, drawn, low=0, high=64, fill="edge")
    assert part[0, 0, 1:-1, 0].tolist() == [34, 38, 42, 46, 50, 54]  # Rows 4 to 7, twice as fine.


def test_what_encoders_are_compared_with_mirrors_only_where_that_is_said() -> None:
    assert for_benchmark("classification").flip == ()
    assert for_benchmark("classification", mirror=True).flip == (1,)
    assert for_benchmark("segmentation", mirror=True).flip == ()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sides", [(64, 48), (56, 48, 36)])
def test_labels_land_where_the_image_lands(sides: tuple[int, ...], seed: int) -> None:
    x = blob(sides, tuple(0.45 * side for side in sides), 8)
    moving = Augment(
        flip=(0, 1), rotate=25, tilt=8, scale=(0.8, 1.3), shift=0.08, crop=0.85, elastic=0.08,
        **ALWAYS,
    )  # fmt: skip
    mask = (x[:, 0] > 0.5).to(torch.uint8)
    y, moved = apply(x, draw(moving, 1, len(sides), dice(seed)), mask, low=0, high=1, fill=0)
    bright, labelled = y[:, 0] > 0.5, moved == 1
    assert centre(bright) == pytest.approx(centre(labelled), abs=0.2)
    assert int((bright & labelled).sum()) / int((bright | labelled).sum()) > 0.9


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_sample_never_sees_the_rest_of_its_batch(ndim: int) -> None:
    x, labels = images(7, ndim, channels=2)
    draws = draw(replace(EVERYTHING, tilt=0), 7, ndim, dice(3))
    whole = apply(x, draws, labels, low=0, high=1, fill=0)
    for part in (slice(0, 3), slice(3, 7), slice(5, 6)):
        y, moved = apply(x[part], draws[part], labels[part], low=0, high=1, fill=0)
        assert torch.equal(y, whole[0][part])
        assert torch.equal(moved, whole[1][part])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64, torch.bool])
def test_labels_keep_their_type_and_their_values(dtype: torch.dtype) -> None:
    x, labels = images(6, 3)
    labels = (labels * 40).to(dtype) if dtype != torch.int64 else labels * (2**40 + 1)
    draws = draw(replace(EVERYTHING, **ALWAYS), 6, 3, dice(2))
    _, moved = apply(x, draws, labels, low=0, high=1, fill="edge")
    assert moved.dtype == dtype
    assert set(moved.unique().tolist()) <= set(labels.unique().tolist())
    _, moved = apply(x, draws, labels, low=0, high=1, fill=0, label_fill=1)
    assert set(moved.unique().tolist()) <= {*labels.unique().tolist(), dtype == torch.bool or 1}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ndim", [2, 3])
def test_answers_are_finite_inside_the_range_and_inputs_stay(ndim: int, dtype: torch.dtype) -> None:
    low, high = (-2.0, 0.0, -4.0), (2.0, 1.0, 8.0)
    ends = [torch.tensor(v).view(1, 3, *(1,) * ndim) for v in (low, high)]
    x, labels = images(8, ndim, channels=3)
    x = (x * (ends[1] - ends[0]) + ends[0]).to(dtype)
    x[0], x[1] = ends[0][0].to(dtype), ends[1][0].to(dtype)
    kept = x.clone(), labels.clone()
    for seed in range(3):
        strong = replace(EVERYTHING, **ALWAYS, gamma=(0.1, 10))
        y, _ = apply(x, draw(strong, 8, ndim, dice(seed)), labels, low=low, high=high, fill=low)
        assert y.dtype == dtype
        assert y.isfinite().all()
        assert ((y >= ends[0]) & (y <= ends[1])).all()
    assert torch.equal(x, kept[0])
    assert torch.equal(labels, kept[1])


def test_values_may_leave_a_range_that_is_no_contract() -> None:
    x = 3 * torch.randn(2, 1, 12, 12, generator=dice())
    toned = Augment(gamma=(0.5, 2), brightness=0.5, contrast=(0.5, 2), **ALWAYS)
    y, _ = apply(x, draw(toned, 2, 2, dice(1)), low=0, high=1, fill=0, clip=False)
    assert y.isfinite().all()
    assert float(y.abs().max()) > 1


def test_each_change_of_values_is_its_formula() -> None:
    x = torch.rand(1, 1, 10, 12, generator=dice())
    mean = x.mean()
    wanted = {
        "gamma": (1.7, x**1.7),
        "contrast": (0.6, mean + 0.6 * (x - mean)),
        "brightness": (0.2, (x + 0.2).clamp(0, 1)),
    }
    for name, (number, want) in wanted.items():
        y, _ = apply(x, one(2, **{name: number}), low=0, high=1, fill=0)
        torch.testing.assert_close(y, want)


def test_blur_is_scipys_inside_and_as_wide_in_millimetres() -> None:
    x = torch.rand(1, 1, 40, 40, generator=dice())
    y, _ = apply(x, one(2, blur=1.2), low=0, high=1, fill=0, spacing=(1, 2))
    want = ndimage.gaussian_filter(x[0, 0].numpy(), (1.2, 0.6), truncate=8)
    np.testing.assert_allclose(y[0, 0, 10:-10, 10:-10].numpy(), want[10:-10, 10:-10], atol=1e-5)


def test_low_resolution_averages_and_keeps_what_is_even() -> None:
    assert torch.allclose(fewer(12, 5).sum(1), torch.ones(12))
    assert torch.allclose(fewer(6, 6), torch.eye(6))
    ramp = torch.tensor([0.0, 2.0, 4.0, 6.0])
    assert torch.allclose(fewer(4, 2) @ ramp, torch.tensor([1.0, 2.0, 4.0, 5.0]))


def test_noise_is_as_strong_as_said_and_keeps_grey_grey() -> None:
    x = torch.full((1, 3, 64, 64), 0.5)
    y, _ = apply(x, one(2, noise=0.05, noise_seed=9), low=0, high=1, fill=0)
    assert float(y.std()) == pytest.approx(0.05, rel=0.05)
    assert torch.equal(y[:, 0], y[:, 1])


def test_cutout_paints_one_box_with_the_mean_and_leaves_labels() -> None:
    x, labels = images(1, 2)
    draws = one(2, cutout=(0.5, 0.3, 0.0), cutout_place=(0.999, 0.0, 0.0))
    y, kept = apply(x, draws, labels, low=0, high=1, fill=0)
    assert (y != x).sum() == 11 * 5
    assert torch.allclose(y[0, 0, 11:, :5], x.mean())
    assert torch.equal(kept, labels)


def test_bends_never_fold_and_stay_below_their_strength() -> None:
    for seed in range(5):
        field = wave(Draw(bend=0.1, bend_seed=seed), (32, 32, 32), torch.device("cpu"))
        whole = field + torch.stack(torch.meshgrid(*[torch.arange(32.0)] * 3, indexing="ij"))
        slopes = torch.stack([torch.stack(torch.gradient(c)) for c in whole])
        assert field.abs().max() <= 0.1 * 32
        assert torch.linalg.det(slopes.movedim((0, 1), (-2, -1))).min() > 0


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(("name", "preset"), PRESETS, ids=[name for name, _ in PRESETS])
def test_presets_run(name: str, preset: Augment, ndim: int) -> None:
    x, labels = images(6, ndim)
    y, moved = apply(x, draw(preset, 6, ndim, dice()), labels, low=0, high=1, fill=0)
    assert y.shape == x.shape
    assert moved.shape == labels.shape
    assert not torch.equal(y, x)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_limits_are_the_ends_of_what_the_contract_gives(entry: Entry) -> None:
    inputs = Inputs(entry.inputs, entry.inputs.channels)
    least, most = entry.inputs.clip or (0.0, 1.0)
    image = torch.rand(inputs.channels, *(4,) * inputs.ndim) * (most - least) * 0.9 + least
    image.view(-1)[:1], image.view(-1)[-1:] = least, most
    given = inputs(image, patch=True, check=False)
    low, high = limits(inputs)
    assert float(given[0].min()) == pytest.approx(low[0], abs=1e-5)
    assert float(given[-1].max()) == pytest.approx(high[-1], abs=1e-5)


def test_presets_know_about_sides() -> None:
    assert for_pictures("xray").flip == ()
    assert for_pictures("xray", mirror=True).flip == (1,)
    assert for_pictures("xray").rotate <= 10
    assert for_volumes("ct").flip == (0, 1, 2)
    sided = for_volumes("ct", mirror=False)
    assert (sided.flip, sided.quarter_turns) == ((), False)


def test_an_augmented_chest_is_still_a_chest() -> None:
    chest = chest_ct(0, size=(48, 48, 32))
    x = torch.from_numpy(chest.image.astype(np.float32)).clamp(-1000, 1000)[None]
    labels = torch.from_numpy(chest.labels)[None]
    lung = next(k for k, name in chest.names.items() if "lung" in name)
    for seed in range(4):
        draws = draw(for_volumes("ct"), 1, 3, dice(seed))
        y, moved = apply(x, draws, labels, low=-1000, high=1000, fill=-1000)
        was, now = (float(i[0, 0][m[0] == lung].mean()) for i, m in ((x, labels), (y, moved)))
        assert abs(now - was) < 150


@pytest.mark.parametrize(
    "setting",
    [
        {"flip": (3,)}, {"flip": (0, 0)}, {"flip": 1}, {"flip": (True,)}, {"flip": "0"},
        {"quarter_turns": 1}, {"rotate": -1}, {"rotate": math.nan}, {"rotate": "10"},
        {"rotate": True}, {"tilt": 91}, {"scale": 1.1}, {"scale": (1.1, 1.2)},
        {"scale": (1.2, 0.8)}, {"scale": (0, 1)}, {"gamma": (1.0, math.inf)},
        {"contrast": (0.5, 1, 2)}, {"shift": 0.6}, {"crop": 0}, {"crop": 1.1}, {"elastic": 0.11},
        {"elastic_points": 3}, {"elastic_points": 7.0}, {"brightness": 2}, {"noise": -0.1},
        {"blur": 11}, {"low_resolution": 0}, {"cutout": 1}, {"flip_chance": 1.5},
        {"noise_chance": None},
    ],
    ids=str,
)  # fmt: skip
def test_bad_strengths_are_refused_by_name(setting: dict[str, object]) -> None:
    (name, value), *_ = setting.items()
    with pytest.raises(BadInput) as refused:
        Augment(**setting)  # type: ignore[arg-type]
    assert f"{name}={value!r}" in str(refused.value)


def test_lists_of_a_recipe_are_taken() -> None:
    assert Augment(flip=[1, 0], scale=[1, 2]) == Augment(flip=(0, 1), scale=(1.0, 2.0))  # type: ignore[arg-type]


def test_what_does_not_belong_together_is_refused() -> None:
    x, labels = images(2, 2)
    draws = draw(Augment(), 2, 2, dice())
    good = {"low": 0, "high": 1, "fill": 0}
    bad: list[tuple[Tensor, Draws, Tensor | None, dict[str, object]]] = [
        (x[:1], draws, None, {}),
        (x[..., None], draws, None, {}),
        (x.to(torch.int16), draws, None, {}),
        (x, draws, labels[:1], {}),
        (x, draws, labels.float(), {}),
        (x, draws, None, {"low": 1}),
        (x, draws, None, {"low": (0, 0)}),
        (x, draws, None, {"fill": "wrap"}),
        (x, draws, None, {"fill": math.nan}),
        (x, draws, None, {"spacing": (1, 0)}),
        (x, draws, None, {"spacing": (1, 1, 1)}),
        (x, draws, labels, {"label_fill": 0.5}),
        (x, draws, labels.to(torch.uint8), {"label_fill": -1}),
    ]
    for batch, drawn, truth, settings in bad:
        with pytest.raises(BadInput):
            apply(batch, drawn, truth, **{**good, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "ndim"), [(-1, 2), (True, 2), (2, 4), (2.0, 3)])
def test_bad_draws_are_refused(n: int, ndim: int) -> None:
    with pytest.raises(BadInput):
        draw(Augment(), n, ndim, dice())


def test_unknown_modalities_are_refused() -> None:
    with pytest.raises(BadInput, match="'ct', 'mri', 'any'"):
        for_volumes("xray")
    with pytest.raises(BadInput, match="mirror=1"):
        for_pictures("xray", mirror=1)  # type: ignore[arg-type]
