"""Regions of pictures that may lie anywhere, as Adam-v2's anchors do."""

import numpy as np
import pytest

from genesis_hub.errors import BadInput
from training.pictures.items import RegionItems, region_of
from training.views.decomposer import grid_of


def draws(count: int = 400) -> list[np.random.Generator]:
    return [np.random.Generator(np.random.PCG64(seed)) for seed in range(count)]


def test_a_square_has_the_shorter_side_of_a_cell_and_lies_anywhere() -> None:
    boxes = [region_of(200, 300, grid_of(2), draw, square=True) for draw in draws()]
    assert {(box.height, box.width) for box in boxes} == {(100, 100)}
    assert min(box.top for box in boxes) < 5
    assert max(box.top + box.height for box in boxes) > 195
    assert max(box.left + box.width for box in boxes) > 295


def test_a_rectangle_keeps_from_the_borders_where_there_is_room() -> None:
    boxes = [region_of(400, 600, grid_of(2), draw, square=False) for draw in draws()]
    assert {(box.height, box.width) for box in boxes} == {(200, 300)}
    assert min(box.top for box in boxes) == 50
    assert max(box.left + box.width for box in boxes) == 550
    tight = region_of(60, 60, grid_of(2), draws(1)[0], square=False)
    assert (tight.top, tight.left, tight.height, tight.width) == (15, 15, 30, 30)
    assert region_of(60, 80, grid_of(0), draws(1)[0], square=False) == (0, 0, 60, 80)


class One:
    """A single picture."""

    names = patients = ("one",)

    def __len__(self) -> int:
        return 1

    def sides(self, index: int) -> tuple[int, int]:
        return 40, 60

    def picture(self, index: int) -> np.ndarray:
        return np.arange(40 * 60, dtype=np.uint32).reshape(1, 40, 60).astype(np.uint8)

    def look(self, index: int) -> str:
        return ""


def test_an_item_is_a_function_of_its_seed() -> None:
    items = RegionItems(One(), [0], 16, 2, square=True)
    one, same, other = (items.item(0, seed) for seed in (3, 3, 4))
    assert one["image"].shape == (1, 16, 16)
    assert float(one["aspect"]) == 1.0
    assert bool((one["image"] == same["image"]).all())
    assert not bool((one["image"] == other["image"]).all())


def test_a_picture_too_small_for_its_regions_is_refused() -> None:
    with pytest.raises(BadInput, match="smaller n"):
        region_of(3, 3, grid_of(4), draws(1)[0], square=True)
