"""Where windows may lie, what is drawn there, and the items they make."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import ndimage

from genesis_hub.errors import BadInput
from tests.training.made import SIDES, SMALL, chest
from training.corpus.cutting import Cutting, Drawer
from training.corpus.kept import Kept
from training.corpus.resizing import resized
from training.corpus.tissue import LUNG, Rule
from training.corpus.windows import WindowItems

FAITHFUL = Cutting((64, 64, 32), faithful=True)
OURS = Cutting((64, 64, 32))


class Held:
    """A corpus in memory."""

    def __init__(self, *volumes: np.ndarray, modality: str = "ct") -> None:
        self.kept = [Kept(volume[None], (-1000.0, 1000.0)) for volume in volumes]
        self.names = self.patients = tuple(f"scan {at}" for at in range(len(volumes)))
        self.modalities = (modality,) * len(volumes)

    def __len__(self) -> int:
        return len(self.kept)

    def sides(self, index: int) -> tuple[int, int, int]:
        return self.kept[index].sides

    def window(self, index: int, start: tuple, size: tuple) -> np.ndarray:
        return self.kept[index].window(start, size)


@pytest.mark.parametrize(
    ("sides", "spans"),
    [
        ((512, 512, 300), ((100, 347), (100, 347), (30, 234))),
        ((265, 265, 96), ((100, 100), (100, 100), (30, 30))),
        ((264, 512, 300), ()),
        ((512, 512, 95), ()),
    ],
)
def test_the_published_borders_are_kept_with_both_ends(sides: tuple, spans: tuple) -> None:
    assert FAITHFUL.spans(sides, (64, 64)) == spans


@pytest.mark.parametrize(
    ("sides", "spans"),
    [
        ((512, 512, 270), ((100, 348), (100, 348), (30, 208))),
        ((180, 140, 133), ((35, 81), (27, 49), (14, 87))),
        ((64, 64, 32), ((0, 0), (0, 0), (0, 0))),
        ((65, 66, 33), ((0, 1), (1, 1), (0, 1))),
        ((64, 63, 32), ()),
    ],
)
def test_our_borders_shrink_with_the_scan(sides: tuple, spans: tuple) -> None:
    assert OURS.spans(sides, (64, 64)) == spans


def test_a_scan_smaller_than_a_cube_is_refused_with_both_sizes() -> None:
    with pytest.raises(BadInput, match=r"122 x 101 x 30, smaller than a cube of 64 x 64 x 32"):
        OURS.fitting((122, 101, 30))
    with pytest.raises(BadInput, match="265 x 265 x 96 that the published borders ask for"):
        FAITHFUL.fitting((180, 140, 133))


def drawer(cutting: Cutting, volume: np.ndarray, rule: Rule = LUNG) -> Drawer:
    kept = Kept(volume[None], (-1000.0, 1000.0))
    return Drawer(kept.window, kept.sides, cutting, rule)


def test_every_start_is_drawn_and_both_ends_among_them() -> None:
    own = drawer(Cutting((38, 34, 29)), chest()[0])
    seen = {place.start for place, _ in own.windows(np.random.default_rng(0), 400)}
    spans = own.cutting.spans(SIDES, (38, 34))
    every = {(x, y, z) for x in span(spans[0]) for y in span(spans[1]) for z in span(spans[2])}
    assert seen == every


def span(ends: tuple[int, int]) -> range:
    return range(ends[0], ends[1] + 1)


def test_a_window_is_what_lies_there() -> None:
    volume = chest()[0]
    place, window = next(drawer(Cutting(SMALL), volume).windows(np.random.default_rng(3), 1))
    x, y, z = place.start
    there = (volume[x : x + 16, y : y + 16, z : z + 8].clip(-1000, 1000) + 1000) / 2000
    np.testing.assert_allclose(window, there, atol=1e-6)


def test_what_the_rule_accepts_comes_first_and_other_parts_fill_up() -> None:
    volume = np.full((64, 16, 8), 40, dtype=np.int16)
    volume[:36] = -850  # A lung at one end, air at the other.
    volume[48:] = -1000
    own = drawer(Cutting((16, 16, 8)), volume)
    picked = own.pick(np.random.default_rng(0), 30, 30)
    accepted = [place.verdict.accepted for place, _ in picked]
    assert accepted == sorted(accepted, reverse=True)
    assert any(accepted)
    holds = [place.verdict.holds for place, _ in picked]
    assert holds == sorted(holds, reverse=True)


def test_a_scan_that_never_fits_the_rule_gives_windows_all_the_same() -> None:
    abdomen = np.random.default_rng(0).normal(40, 20, (40, 40, 20)).astype(np.int16)
    picked = drawer(Cutting(SMALL), abdomen).pick(np.random.default_rng(0), 5, 50)
    assert len(picked) == 5
    assert not any(place.verdict.accepted for place, _ in picked)


def test_an_item_is_a_pure_function_of_index_and_seed() -> None:
    first = WindowItems(Held(chest(0)[0], chest(1)[0]), SMALL, 3)
    again = WindowItems(Held(chest(0)[0], chest(1)[0]), SMALL, 3)
    again.item(5, 1)
    one, other = first.item(4, 77), again.item(4, 77)
    assert torch.equal(one["image"], other["image"])
    assert one["key"].item() == 77
    assert not torch.equal(one["image"], first.item(4, 78)["image"])


def test_an_item_is_a_cube_of_its_scan_in_the_contract() -> None:
    flat = np.full(SIDES, -200, dtype=np.int16)
    items = WindowItems(Held(chest()[0], flat), SMALL, 2)
    image = items.item(3, 0)["image"]
    assert len(items) == 4
    assert image.shape == (1, *SMALL)
    assert image.dtype == torch.float32
    assert image.unique().tolist() == pytest.approx([0.4])


def test_scans_too_small_are_left_out_and_named_or_refused_when_many() -> None:
    corpus = Held(*[chest()[0]] * 10, chest()[0][:10])
    items = WindowItems(corpus, SMALL)
    assert len(items) == 10
    assert [one.name for one in items.left_out] == ["scan 10"]
    with pytest.raises(BadInput, match=r"1 of 2 scans .*\n  scan 1: the scan is 10 x 36 x 30"):
        WindowItems(Held(chest()[0], chest()[0][:10]), SMALL)


def test_scans_that_never_meet_the_rule_can_be_told() -> None:
    muscle = np.full(SIDES, 40, dtype=np.int16)
    lung = np.full(SIDES, -850, dtype=np.int16)
    assert WindowItems(Held(muscle, lung), SMALL).barren(8) == ("scan 0",)


def test_crops_of_several_sizes_are_mixed_and_become_cubes() -> None:
    own = drawer(Cutting(SMALL, crops=((16, 16), (24, 20), (80, 80))), chest()[0])
    drawn = list(own.windows(np.random.default_rng(0), 60))
    counts = Counter(place.crop for place, _ in drawn)
    assert counts.keys() == {(16, 16), (24, 20)}  # A crop larger than the scan is never drawn.
    assert min(counts.values()) > 15
    assert {window.shape for _, window in drawn} == {SMALL}


@pytest.mark.parametrize(("have", "want"), [((24, 20), (16, 16)), ((12, 16), (16, 16))])
def test_resizing_is_smoothing_and_then_linear(have: tuple, want: tuple) -> None:
    crop = np.random.default_rng(0).random((*have, 5))
    sigma = [max(0.0, (old / new - 1) / 2) for old, new in zip(have, want, strict=True)]
    smooth = ndimage.gaussian_filter(crop, (*sigma, 0), mode="mirror")
    zoom = (want[0] / have[0], want[1] / have[1], 1)
    slow = ndimage.zoom(smooth, zoom, order=1, mode="mirror", grid_mode=True)
    np.testing.assert_allclose(resized(crop, *want), slow, atol=1e-6)


def test_resizing_leaves_a_flat_crop_flat_and_its_own_size_alone() -> None:
    np.testing.assert_allclose(resized(np.full((30, 20, 3), 0.3), 16, 16), 0.3, atol=1e-6)
    crop = np.random.default_rng(0).random((16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(resized(crop, 16, 16), crop)
