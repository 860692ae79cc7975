"""A conversion from its list to its folders: in threads, taken up again, nothing half-written."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from tqdm import tqdm

from genesis_hub.atomic import new_file, sweep
from genesis_hub.data.finding import Found
from genesis_hub.data.readers import existing, read
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.infer.journal import Journal, source_of
from training.converting.wish import BARE, LABELS, LEARNED, TESTED, Item, Layout, Piece, Wish
from training.corpus.leftout import LeftOut


@dataclass(frozen=True)
class Converted:
    """What became of a data set.

    counts: of cases, by folder. before: of them, how many were there already. files: written.
    left_out: cases that could not be converted, and why. tables: what stands beside the folders.
    """

    folder: Path
    counts: dict[str, int]
    before: int
    files: int
    left_out: tuple[LeftOut, ...]
    tables: tuple[Path, ...]


def converted(
    name: str,
    layout: Layout,
    source: str | Path,
    out: str | Path,
    wish: Wish,
    *,
    workers: int = 2,
    overwrite: bool = False,
    quiet: bool = False,
) -> Converted:
    """Convert a data set; the same call goes on where it was stopped.

    A case that cannot be read is left out and named, and the others are converted all the same. A
    case whose files were changed meanwhile is converted again.
    """
    if workers < 1:
        raise BadInput(f"workers={workers}; give a whole number from 1")
    place, folder = existing(source), Path(out).expanduser()
    if place.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise BadInput(
            f"{folder} lies in {place}, which is only read; give another folder to --out"
        )
    items = layout.listed(place, wish)
    found = {item: found_of(item) for item in items}
    facts = wish.facts(name)
    journal = Journal.open(folder, facts, list(found.values()), overwrite=overwrite)
    for part in folders_of(layout):
        sweep(folder / part)
    waiting = [item for item in items if not is_done(journal, found[item], item)]
    work = partial(one, layout=layout, wish=wish, folder=folder)
    left_out = []
    for item, outcome in zip(waiting, each(work, waiting, workers, quiet=quiet), strict=True):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
        else:
            journal.done(found[item], outcome, row_of(item), ())
    gone = {lost.name for lost in left_out}
    whole = [item for item in items if item.name not in gone]
    tables = tuple(layout.finish(whole, folder, wish)) if whole else ()
    parts = [item.part for item in whole]
    return Converted(
        folder,
        {part: parts.count(part) for part in (LEARNED, TESTED, BARE) if part in parts},
        len(items) - len(waiting),
        sum(len(journal.lines[item.name]["files"]) for item in whole),
        tuple(left_out),
        tables,
    )


def found_of(item: Item) -> Found:
    """Return a case as the journal knows it."""
    return Found(item.name, item.images[0], partial(read, item.images[0]))


def folders_of(layout: Layout) -> list[str]:
    """Return the folders that pieces may be written to."""
    parts = [LEARNED, TESTED, BARE] if layout.parted else [LEARNED]
    return [*parts, *(f"{part}{LABELS}" for part in parts)]


def row_of(item: Item) -> list[Any]:
    """Return what else tells a case from a changed one: its part, its grade, its other files."""
    return [item.part, item.grade, [source_of(path) for path in item.files]]


def is_done(journal: Journal, found: Found, item: Item) -> bool:
    """Say whether a case was converted, from the same files and to the same part."""
    return journal.is_done(found) and journal.lines[item.name]["row"] == row_of(item)


def each(
    work: Callable[[Item], list[str] | LeftOut], items: list[Item], workers: int, *, quiet: bool
) -> Iterator[list[str] | LeftOut]:
    """Give what becomes of each case, in order, worked on in threads."""
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(items), disable=quiet or None, unit="case", desc="converting") as bar,
    ):
        try:
            for outcome in pool.map(work, items):
                bar.update()
                yield outcome
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def one(item: Item, *, layout: Layout, wish: Wish, folder: Path) -> list[str] | LeftOut:
    """Convert a case; return its files' names, or why it is left out."""
    part = item.part if layout.parted else LEARNED
    made = layout.pieces(item, wish)
    names: list[str] = []
    while True:
        try:
            piece = next(made, None)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut.by(error, item.name, item.images)
        if piece is None:
            return names
        # What is wrong with the disk is no case's fault: it ends the call.
        names += written(piece, folder, part, layout.suffix)


def written(piece: Piece, folder: Path, part: str, suffix: str) -> list[str]:
    """Write a piece and its mask, whole or not at all; return their names in the folder."""
    arrays: dict[str, NDArray[Any]] = {part: piece.image}
    if piece.mask is not None:
        arrays[f"{part}{LABELS}"] = piece.mask
    for place, array in arrays.items():
        with new_file(folder / place / f"{piece.name}{suffix}") as aside:
            if suffix == ".npy":
                np.save(aside, np.ascontiguousarray(array), allow_pickle=False)
            else:
                PIL.Image.fromarray(array).save(aside)
    return [f"{place}/{piece.name}{suffix}" for place in arrays]
