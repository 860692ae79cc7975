"""The anatomy decomposer: into which parts a picture falls, and which pixels are whose.

Adam's n is the side of a grid: n=0 is the whole picture, n=2 its four parts, n=4 its sixteen. Its
paper halves a picture d times instead, left and right first: 2^d parts. The two agree on the parts
that are published (n = 0, 2, 4 are d = 0, 2, 4), so both are here under names of their own.
"""

from dataclasses import dataclass
from typing import NamedTuple

from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Grid:
    """So many rows and columns of parts; axis 0 of a picture runs down its rows."""

    rows: int
    columns: int

    @property
    def count(self) -> int:
        """How many parts there are."""
        return self.rows * self.columns

    def place(self, number: int) -> tuple[int, int]:
        """Return the row and the column of a part by its number, counted along the rows."""
        if not 0 <= number < self.count:
            raise BadInput(f"there is no part {number} of {self.count}; give 0 to {self.count - 1}")
        return divmod(number, self.columns)


class Box(NamedTuple):
    """A rectangle of whole pixels: its first row and column, and its sides."""

    top: int
    left: int
    height: int
    width: int

    @property
    def aspect(self) -> float:
        """Height over width."""
        return self.height / self.width

    def of(self, rows: int, columns: int, height: int, width: int) -> "Box":
        """Return where this box of a picture lies in another size of it, in whole pixels.

        rows, columns: of the picture; height, width: of the other. At least a pixel stays.
        """
        top, left = self.top * height // rows, self.left * width // columns
        bottom = -(-(self.top + self.height) * height // rows)
        right = -(-(self.left + self.width) * width // columns)
        return Box(top, left, max(1, bottom - top), max(1, right - left))


def grid_of(n: int) -> Grid:
    """Return the grid of n rows and n columns; 0, like 1, is the whole picture."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise BadInput(f"n={n!r} is no side of a grid; 0 is the whole picture, 2 its four parts")
    return Grid(max(n, 1), max(n, 1))


def halved(depth: int) -> Grid:
    """Return the grid of 2^depth parts: halves left and right first, then each up and down."""
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 0:
        raise BadInput(f"depth={depth!r}: give how often a picture is halved, from 0 up")
    return Grid(rows=1 << depth // 2, columns=1 << (depth + 1) // 2)


def cell_of(
    height: int, width: int, grid: Grid, row: int, column: int, *, faithful: bool = False
) -> Box:
    """Return one part of a picture of these sides, or raise `BadInput` where there is none.

    Sides are divided without rest. Pixels that are over go to the last row and the last column;
    faithful: they are in no part, as in the authors' code.
    """
    if height < grid.rows or width < grid.columns:
        raise BadInput(
            f"a picture of {height} x {width} pixels cannot be parted into {grid.rows} rows and "
            f"{grid.columns} columns; leave it out, or take a smaller n"
        )
    if not (0 <= row < grid.rows and 0 <= column < grid.columns):
        raise BadInput(
            f"there is no part in row {row}, column {column}; rows 0 to {grid.rows - 1} and "
            f"columns 0 to {grid.columns - 1} are there"
        )
    tall, wide = height // grid.rows, width // grid.columns
    top, left = row * tall, column * wide
    if not faithful:
        tall = height - top if row == grid.rows - 1 else tall
        wide = width - left if column == grid.columns - 1 else wide
    return Box(top, left, tall, wide)


def cells_of(height: int, width: int, grid: Grid, *, faithful: bool = False) -> tuple[Box, ...]:
    """Return all parts of a picture, along the rows."""
    return tuple(
        cell_of(height, width, grid, *grid.place(number), faithful=faithful)
        for number in range(grid.count)
    )


def coverage(height: int, width: int, grid: Grid, *, faithful: bool = False) -> float:
    """Return the share of a picture's pixels that lie in its parts: 1 unless `faithful`."""
    parts = cells_of(height, width, grid, faithful=faithful)
    return sum(box.height * box.width for box in parts) / (height * width)
