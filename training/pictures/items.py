"""Parts of pictures as items: one cell of each, drawn by the item's seed, at one size."""

from array import array
from collections.abc import Sequence

import numpy as np
import torch

from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from training.pictures import Album, Pixels
from training.pictures.album import squared
from training.views.decomposer import Box, Grid, cell_of, grid_of

TRIES = 8  # Parts drawn for one that shows something.
FLAT = 4.0  # Grey levels: a part whose values deviate less is a border, or air.
STEP = 4  # Of the pixels that are looked at for it.
MARGIN = 50  # Pixels that a drawn rectangle keeps from the borders of a picture.


class CellItems:
    """One part of each picture an epoch: which of the n x n, an item's seed draws.

    A part that shows nothing, such as a black border, is drawn anew a few times: two views of it
    would be alike to those of any other's. places: which pictures of the album. side: that a part
    is resized to, antialiased, whatever its shape. faithful: the first part drawn is taken, and
    pixels that a grid leaves over are in none.
    """

    def __init__(
        self, album: Album, places: Sequence[int], side: int, n: int = 0, *, faithful: bool = False
    ) -> None:
        if side < 1:
            raise BadInput(f"held_side={side}, but a part has one pixel a side or more")
        self.album, self.places = album, array("q", places)  # Eight bytes each, handed on fast.
        self.side, self.faithful = side, faithful
        self.grid = grid_of(n)

    def __len__(self) -> int:
        return len(self.places)

    def item(self, index: int, seed: int) -> Batch:
        """Return one part, uint8 (C, side, side), and what its views are drawn by.

        key: the seed. aspect: height over width of the part in the picture's own pixels. cell: its
        row and column.
        """
        place = self.places[index]
        draw = np.random.Generator(np.random.PCG64(seed))
        height, width = self.album.sides(place)
        picture = self.album.picture(place)
        for _ in range(1 if self.faithful else min(TRIES, 4 * self.grid.count)):
            cell, row, column = self.drawn(height, width, draw)
            top, left, tall, wide = cell.of(height, width, *picture.shape[1:])
            part = picture[:, top : top + tall, left : left + wide]
            if self.grid.count == 1 or self.faithful or shows(part):
                break
        part = squared(part, self.side)
        # A copy where it is the cache's own page, which must not be written to.
        image = torch.from_numpy(part if part.flags.writeable else part.copy())
        return {
            "image": image,
            "key": torch.tensor(seed, dtype=torch.int64),
            "aspect": torch.tensor(cell.aspect, dtype=torch.float32),
            "cell": torch.tensor((row, column), dtype=torch.int64),
        }

    def drawn(self, height: int, width: int, draw: np.random.Generator) -> tuple[Box, int, int]:
        """Draw a part of a picture of these sides: its box, its row and its column."""
        row, column = self.grid.place(int(draw.integers(self.grid.count)))
        cell = cell_of(height, width, self.grid, row, column, faithful=self.faithful)
        return cell, row, column


class RegionItems(CellItems):
    """A region of each picture an epoch that may lie anywhere, its sides those of a cell of n x n.

    square: its sides are alike, those of the picture's shorter one; else as the picture's are.
    """

    def __init__(
        self,
        album: Album,
        places: Sequence[int],
        side: int,
        n: int = 0,
        *,
        faithful: bool = False,
        square: bool = False,
    ) -> None:
        super().__init__(album, places, side, n, faithful=faithful)
        self.square = square

    def drawn(self, height: int, width: int, draw: np.random.Generator) -> tuple[Box, int, int]:
        """Draw a region; row and column say nothing of it."""
        return region_of(height, width, self.grid, draw, square=self.square), 0, 0


def region_of(
    height: int, width: int, grid: Grid, draw: np.random.Generator, *, square: bool
) -> Box:
    """Draw a region as large as a part, anywhere in a picture of these sides.

    square: as Adam-v2's first phase has it, else a rectangle, which keeps MARGIN pixels from the
    borders where there is room (the released code fails where there is none).
    """
    cell_of(height, width, grid, 0, 0)  # Refuses what is too small.
    tall, wide = height // grid.rows, width // grid.columns
    if square:
        tall = wide = min(tall, wide)
    corner = []
    for whole, side in ((height, tall), (width, wide)):
        edge = 0 if square else min(MARGIN, (whole - side) // 2)
        corner.append(int(draw.integers(edge, whole - side - edge, endpoint=True)))
    return Box(corner[0], corner[1], tall, wide)


def shows(part: Pixels) -> bool:
    """Say whether there is something to see in a part of a picture."""
    return bool(part[:, ::STEP, ::STEP].std() >= FLAT)
