"""From what a user points at to items: pictures found, read once, kept where that pays."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from genesis_hub.errors import BadInput
from training.corpus.leftout import FEW
from training.corpus.listing import Scan
from training.corpus.material import Material, Source
from training.pictures.album import PictureFiles
from training.pictures.items import CellItems, RegionItems
from training.pictures.kept import ROW, SQUARES
from training.pictures.listing import listed
from training.pictures.reading import opened
from training.pictures.room import AND_ROOM, free_in, lacking
from training.views.decomposer import grid_of

LOOKED_AT = 32  # Pictures whose sides say how large the cache's need to be.
ENOUGH = 8  # Pictures to choose weights by; fewer are said to be few.
Cache = bool | str | Path | None
Parts = Literal["cells", "squares", "rectangles"]
KINDS: dict[str, Callable[..., CellItems]] = {
    "cells": CellItems,
    "squares": partial(RegionItems, square=True),
    "rectangles": RegionItems,
}


def pictures_of(
    data: str | Path,
    *,
    seed: int,
    held_side: int,
    n: int = 0,
    parts: Parts = "cells",
    colour: bool = False,
    faithful: bool = False,
    validation: float = 0.1,
    tolerate: float = FEW,
    train_list: str | Path | None = None,
    val_list: str | Path | None = None,
    cache: Cache = None,
    cache_side: int = 1024,
    several: bool = True,
    workers: int = 4,
) -> Source:
    """Return the pictures of a place as items of one part each, or raise `BadInput`.

    data: a folder, a table, or a published stack; with train_list, the folder that its paths begin
    at. held_side: of an item. n: the grid that pictures are parted by. parts: the cells of that
    grid, or regions as large anywhere. cache: all pictures as squares in one file, so that an item
    costs a copy: None takes one where `several` epochs are asked for and the disk has room; a path
    keeps it there for other runs; True and a path insist, False goes without. cache_side: the
    greatest side of those squares.
    """
    grid = grid_of(n)
    listing = listed(
        data, seed=seed, validation=validation, train_list=train_list, val_list=val_list
    )

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        side = side_of(listing.scans, held_side * grid.rows, cache_side)
        folder, side, notes = placed(
            cache, spare, len(listing.scans), side, colour=colour, several=several
        )
        album = PictureFiles(
            listing.scans,
            folder,
            side=side,
            colour=colour,
            grid=grid,
            least=held_side * grid.rows,
            tolerate=tolerate,
            workers=workers,
            quiet=quiet,
        )
        make = partial(KINDS[parts], side=held_side, n=n, faithful=faithful)
        return material(album, make, notes)

    count = len(listing.cases.of("train"))
    return Source(listing.cases, count, listing.notes, read)


def material(album: PictureFiles, make: Callable[..., CellItems], notes: Sequence[str]) -> Material:
    """Return items of pictures that were read, to learn from and to validate on."""
    learned, kept = album.of("train"), album.of("val")
    if not learned:
        raise BadInput("no picture that can be read is left to learn from; mend them")

    if 0 < len(kept) < ENOUGH:
        notes = (
            *notes,
            f"only {len(kept)} pictures are kept for validation, which is little to choose weights "
            "by; validation=0.3 keeps more",
        )

    return Material(
        make(album, learned),
        make(album, kept) if kept else None,
        album.left_out,
        (*notes, *album.notes),
        album.seen,
    )


def side_of(scans: Sequence[Scan], wanted: int, most: int) -> int:
    """Return the side of the cache's squares: no more than is needed, asked for, or there."""
    if most < 1:
        raise BadInput(f"cache_side={most}; give the greatest side of a kept picture, such as 1024")
    step = max(1, len(scans) // LOOKED_AT)
    longest = 0
    for scan in scans[::step]:
        try:
            longest = max(longest, *opened(scan, 0, known=True).shape[1:3])
        except (BadInput, OSError):
            continue  # It is told with its reason when all are read.
    return min(wanted, most, longest or wanted)


def placed(
    cache: Cache, spare: Path, count: int, side: int, *, colour: bool, several: bool
) -> tuple[Path, int, list[str]]:
    """Return where pictures are kept, at which side (0: facts alone), and what is said of it."""
    folder = Path(cache).expanduser() if isinstance(cache, str | Path) else spare
    if cache is False or (cache is None and not several):
        return folder, 0, []
    need = count * ((3 if colour else 1) * side * side + ROW.itemsize)
    free = free_in(folder, SQUARES)
    what = f"{count} pictures as squares of {side}"
    said = f"{what} take {need / 1e9:.2f} GB in {folder}"
    if need + AND_ROOM <= free:
        return folder, side, [f"{said}; cache=false goes without"]
    if cache is None:
        return folder, 0, [f"{said}, where {free / 1e9:.2f} GB are free: each is read every time"]
    raise BadInput(lacking(need, free, what, folder, key="cache_side"))
