"""The anatomy decomposer: how many parts there are, which pixels they hold, what is refused."""

import numpy as np
import pytest

from genesis_hub.errors import BadInput
from training.views.decomposer import Box, Grid, cell_of, cells_of, coverage, grid_of, halved

SIDES = [(1024, 1024), (37, 53), (53, 37), (8, 8), (101, 4)]


@pytest.mark.parametrize(("n", "parts"), [(0, 1), (1, 1), (2, 4), (3, 9), (4, 16)])
def test_n_is_the_side_of_a_grid(n: int, parts: int) -> None:
    grid = grid_of(n)
    assert grid.count == parts
    assert grid.rows == grid.columns == max(n, 1)
    assert len(cells_of(64, 80, grid)) == parts


def test_halving_begins_with_left_and_right() -> None:
    assert [halved(depth) for depth in range(5)] == [
        Grid(1, 1), Grid(1, 2), Grid(2, 2), Grid(2, 4), Grid(4, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("n", "depth"), [(0, 0), (2, 2), (4, 4)])
def test_both_rules_agree_on_the_published_stages(n: int, depth: int) -> None:
    assert grid_of(n) == halved(depth)


@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("n", [0, 2, 3, 4])
def test_every_pixel_is_in_exactly_one_part(height: int, width: int, n: int) -> None:
    seen = np.zeros((height, width), dtype=int)
    for top, left, tall, wide in cells_of(height, width, grid_of(n)):
        seen[top : top + tall, left : left + wide] += 1
    assert (seen == 1).all()
    assert coverage(height, width, grid_of(n)) == 1


def test_a_faithful_grid_drops_what_is_over_at_the_bottom_and_on_the_right() -> None:
    parts = cells_of(37, 53, grid_of(4), faithful=True)
    assert {(box.height, box.width) for box in parts} == {(9, 13)}
    assert parts[-1] == Box(27, 39, 9, 13)
    assert coverage(37, 53, grid_of(4), faithful=True) == 36 * 52 / (37 * 53)


def test_what_is_over_goes_to_the_last_row_and_column() -> None:
    assert cell_of(37, 53, grid_of(4), 0, 0) == Box(0, 0, 9, 13)
    assert cell_of(37, 53, grid_of(4), 3, 3) == Box(27, 39, 10, 14)


def test_rows_are_counted_down_and_columns_to_the_right() -> None:
    assert halved(3).place(5) == (1, 1)
    assert cell_of(10, 40, halved(3), 1, 3) == Box(5, 30, 5, 10)


def test_a_part_of_another_size_of_the_picture_covers_the_same_place() -> None:
    box = cell_of(1024, 2048, grid_of(4), 1, 3)
    assert box.of(1024, 2048, 512, 512) == Box(128, 384, 128, 128)
    assert Box(1, 0, 1, 3).of(3, 3, 2, 2) == Box(0, 0, 2, 2)


def test_a_picture_smaller_than_its_grid_is_refused_with_the_numbers() -> None:
    with pytest.raises(BadInput, match=r"3 x 80 pixels .* 4 rows and 4 columns"):
        cell_of(3, 80, grid_of(4), 0, 0)
    assert cell_of(4, 4, grid_of(4), 3, 3) == Box(3, 3, 1, 1)


@pytest.mark.parametrize("n", [-1, 2.0, True, "2"])
def test_a_side_that_is_none_is_refused(n: object) -> None:
    with pytest.raises(BadInput, match="no side of a grid"):
        grid_of(n)  # type: ignore[arg-type]


def test_places_and_depths_that_are_not_there_are_refused() -> None:
    for wrong in (
        lambda: grid_of(2).place(4),
        lambda: cell_of(8, 8, grid_of(2), 2, 0),
        lambda: halved(-1),
    ):
        with pytest.raises(BadInput):
            wrong()
