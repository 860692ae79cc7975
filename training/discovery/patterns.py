"""Cubes of every pattern, cut from each scan in one reading and written straight to their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from genesis_hub.engine.feed import seed_of
from genesis_hub.errors import BadInput
from training.corpus import Sides
from training.corpus.resizing import resized
from training.discovery.classes import Pattern
from training.discovery.filling import Filling, Shape, ahead
from training.discovery.frame import Frame
from training.discovery.framing import Framing
from training.discovery.scans import Volume
from training.discovery.wishes import PUBLISHED_SIDE, Wishes

SHIFTS = (-10, 9)  # Rows and columns by which other crops are moved, both included, at 64 rows.
CROPS = 33  # Tells what is drawn for crops from all else.
TRIES = 16  # Crops that are drawn before one is moved into the scan.
FOLD = 50  # Classes of one of the authors' files.
PATTERNS, LOOKS = "patterns", "looks"
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """Every cube that will be cut: a row each, by split, class, rank and resolution.

    splits: 0 to learn from, 1 for validation. places: of the scans. starts: in the common frame.
    crops: rows and columns that are cut, resized to the cube's.
    """

    splits: Numbers
    classes: Numbers
    ranks: Numbers
    resolutions: Numbers
    places: Numbers
    starts: Numbers
    crops: Numbers

    def __len__(self) -> int:
        return len(self.splits)

    @cached_property
    def scans(self) -> tuple[int, ...]:
        """The scans that anything is cut from."""
        return tuple(int(place) for place in np.unique(self.places))

    @cached_property
    def by_scan(self) -> dict[int, Numbers]:
        """The rows of each scan."""
        order = np.argsort(self.places, kind="stable")
        cuts = np.flatnonzero(np.diff(self.places[order])) + 1
        return dict(zip(self.scans, np.split(order, cuts), strict=True))


def planned(patterns: Sequence[Pattern], framing: Framing, frame: Frame, wishes: Wishes) -> Plan:
    """Return every cube of these patterns, drawn from the seed and inside the frame."""
    rows: list[tuple[int, ...]] = []
    spans = {place: frame.span(extent) for place, extent in framing.extents.items()}
    for split in (0, 1):
        for number, pattern in enumerate(patterns):
            for rank, place in enumerate((pattern.train, pattern.val)[split]):
                for resolution in range(1, (1 if split else wishes.resolutions) + 1):
                    start, crop = pattern.start, wishes.crop[:2]
                    if resolution > 1:
                        draw = np.random.Generator(
                            np.random.PCG64(seed_of(wishes.seed, CROPS, number, rank, resolution))
                        )
                        start, crop = drawn(draw, pattern.start, spans[place], frame, wishes)
                    rows.append((split, number, rank, resolution, place, *start, *crop))
    table = np.array(rows, dtype=np.int64)
    sides, deps = np.array(frame.sides), wishes.input_deps
    ends = table[:, 5:8] + np.column_stack([table[:, 8:], np.full(len(table), deps)])
    assert (table[:, 5:8] >= 0).all(), "a cube begins outside of the frame"
    assert (ends <= sides).all(), "a cube ends outside of the frame"
    split, label, rank, resolution, place = table.T[:5]
    return Plan(split, label, rank, resolution, place, table[:, 5:8], table[:, 8:])


def drawn(
    draw: np.random.Generator,
    anchor: Sides,
    span: Sequence[tuple[int, int]],
    frame: Frame,
    wishes: Wishes,
) -> tuple[Sides, tuple[int, int]]:
    """Return a crop of another size beside an anchor, within what the scan covers."""
    least, most = wishes.patches
    shape = wishes.input_cols / wishes.input_rows
    scale = wishes.input_rows / PUBLISHED_SIDE
    for _ in range(TRIES):
        side = int(draw.integers(least, most, endpoint=True))
        shifts = draw.integers(*SHIFTS, 2, endpoint=True)
        crop = (min(side, frame.sides[0]), min(max(1, round(side * shape)), frame.sides[1]))
        found, fits = [], True
        for axis in (0, 1):
            over = int(wishes.padding * crop[axis])
            low = max(0, span[axis][0] - over)
            high = min(frame.sides[axis], span[axis][1] + over) - crop[axis]
            if high < low:  # The scan is shorter than the crop: about its middle.
                low = high = min(max(0, (low + high) // 2), frame.sides[axis] - crop[axis])
            wanted = anchor[axis] + round(int(shifts[axis]) * scale)
            found.append(min(max(wanted, low), high))
            fits = fits and found[axis] == wanted
        if fits:
            break
    return (found[0], found[1], anchor[2]), crop


@dataclass(frozen=True, eq=False)
class Layout:
    """Which file each row of a plan goes to, and at which row of it.

    names: of the files without their ending; arrays: of each row; rows: in that file.
    """

    names: tuple[str, ...]
    arrays: Numbers
    rows: Numbers

    def shapes(self, size: Sides) -> dict[str, Shape]:
        """Return what the files will hold."""
        counts = np.bincount(self.arrays, minlength=len(self.names))
        return {
            name: ((int(count), *size), "f2")
            for name, count in zip(self.names, counts, strict=True)
        }


def compact(plan: Plan) -> Layout:
    """Return all rows in one file."""
    return Layout((PATTERNS,), np.zeros(len(plan), np.int64), np.arange(len(plan)))


def seeds(plan: Plan) -> Layout:
    """Return the authors' files: one for each split, resolution and fifty classes."""
    keys = np.column_stack([plan.splits, plan.resolutions, plan.classes // FOLD])
    found, arrays = np.unique(keys, axis=0, return_inverse=True)
    arrays = arrays.ravel()
    rows = np.empty(len(plan), np.int64)
    for at in range(len(found)):
        own = np.flatnonzero(arrays == at)
        rows[own] = np.arange(len(own))
    return Layout(tuple(seed_name("data", *map(int, key)) for key in found), arrays, rows)


def seed_name(kind: str, split: int, resolution: int, fold: int) -> str:
    """Return what a file of the authors' is called, without its ending."""
    return f"{('train', 'val')[split]}_{kind}{resolution}_vwGen_ex_ref_fold{float(fold + 1)}"


def cut_all(
    plan: Plan,
    layout: Layout,
    framing: Framing,
    frame: Frame,
    wishes: Wishes,
    folder: Path,
    digest: str,
    *,
    quiet: bool,
) -> dict[int, str]:
    """Write every cube; return what each scan that was cut from looks like, as a hash.

    Each scan is read once, whatever the number of classes it is in; a few are in memory at a time.
    """
    shapes = {**layout.shapes(wishes.size), LOOKS: ((len(plan.scans),), "S128")}

    def make(unit: int) -> tuple[Volume, str]:
        place = plan.scans[unit]
        if wishes.hashes:
            return framing.with_look(place, frame)
        return framing.volume(place, frame), ""

    with (
        Filling(folder, PATTERNS, shapes, len(plan.scans), digest) as filling,
        tqdm(total=len(plan.scans), disable=quiet or None, unit="scan", desc=PATTERNS) as bar,
    ):
        bar.update(len(plan.scans) - len(filling.todo))
        for unit, made in ahead(make, filling.todo, wishes.workers):
            scan = framing.scans[plan.scans[unit]]
            if isinstance(made, Exception):
                # Its features were read before, so it was whole then; no sample is ever lost.
                raise BadInput(
                    f"{scan.name} ({scan.paths[0]}) cannot be read any more: {made}; mend it and "
                    "run the same command, which goes on from here"
                )
            volume, look = made
            for row in plan.by_scan[plan.scans[unit]]:
                name = layout.names[layout.arrays[row]]
                cube = cut(volume, plan.starts[row], plan.crops[row], wishes.size)
                filling.write(name, int(layout.rows[row]), cube[None])
            filling.write(LOOKS, unit, np.array([look], dtype="S128"))
            filling.finish([unit])
            bar.update()
        paths = filling.close()
    looks = np.load(paths[LOOKS])
    paths[LOOKS].unlink()
    return {place: look.decode() for place, look in zip(plan.scans, looks, strict=True)}


def cut(volume: Volume, start: Numbers, crop: Numbers, size: Sides) -> Volume:
    """Return one cube (X, Y, Z) in [0, 1]."""
    x, y, z = (int(one) for one in start)
    rows, cols = (int(one) for one in crop)
    part = volume[x : x + rows, y : y + cols, z : z + size[2]]
    return resized(part, size[0], size[1])
