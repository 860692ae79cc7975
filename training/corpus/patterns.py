"""Discovered patterns as items: cubes and the class of each, mapped, in either form of files."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from training.corpus import Sides
from training.corpus.bat import UNIT
from training.corpus.cubefiles import KINDS, ROOM, ends_found, mapped
from training.corpus.patternfiles import (
    AGAIN,
    Labels,
    Part,
    Scan,
    compact,
    discoveries,
    facts_in,
    holds_patterns,
    scans_in,
    seeds,
)

Split = Literal["train", "val"]
Facts = dict[str, Any]


class PatternItems:
    """Patterns of one split: item i is the i-th cube, file after file, with its class.

    folder: what `training.discover` wrote, or the authors' train_data1_vwGen_ex_ref_fold1.0.npy and
    its kind, of which as many as there are labels for are taken, whatever their number; or a folder
    of such folders, whose classes follow one another. classes: only the first so many; 0: all.
    """

    def __init__(self, folder: str | Path, split: Split = "train", *, classes: int = 0) -> None:
        self.folder, self.split = Path(folder).expanduser(), split
        self.facts, parts, self.scans = gathered(self.folder)
        if not parts:
            raise BadInput(f"{self.folder}: no discovered patterns lie here; {AGAIN}")
        self.size = sides_in(self.folder, parts)
        self.classes = counted(self.folder, parts, classes)
        self.splits = tuple(sorted({part.split for part in parts}))
        self.parts = tuple(first(part, self.classes) for part in parts if part.split == split)
        self.ends = np.cumsum([len(part.rows) for part in self.parts])
        self.maps: dict[int, NDArray[Any]] = {}
        if not len(self):
            raise BadInput(
                f"{self.folder}: no pattern is in the split {split!r}; there are "
                f"{', '.join(self.splits)}; {AGAIN}"
            )
        for number in range(len(self.parts)):
            check_values(self.parts[number], self.map(number))

    @property
    def names(self) -> tuple[str, ...]:
        """The scans that the cubes are of; a file that does not say so stands for its own."""
        return tuple(scan.name for scan in self.scans if scan.split == self.split)

    @property
    def patients(self) -> tuple[str, ...]:
        """Whose scan each of `names` is."""
        return tuple(scan.patient for scan in self.scans if scan.split == self.split)

    @property
    def looks(self) -> dict[str, str]:
        """What each scan looks like, as a perceptual hash, where that is known."""
        known = {name: look for one in self.facts for name, look in one.get("hashes", {}).items()}
        return {name: known[name] for name in self.names if name in known}

    @property
    def digest(self) -> str:
        """What tells these patterns from others: the class of each, and the sizes of the files."""
        told = [(part.path.name, part.path.stat().st_size) for part in self.parts]
        made = ([(one.get("digest"), one.get("seed")) for one in self.facts], told)
        return hashlib.sha256(json.dumps(made).encode() + self.labels.tobytes()).hexdigest()

    @property
    def labels(self) -> Labels:
        """The class of each cube."""
        return np.concatenate([part.labels for part in self.parts])

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def item(self, index: int, seed: int) -> Batch:
        """Return one cube (1, X, Y, Z) in [0, 1], its class and its key."""
        number = int(np.searchsorted(self.ends, index, side="right"))
        part = self.parts[number]
        at = index - (int(self.ends[number - 1]) if number else 0)
        row = int(part.rows[at])
        cube = self.map(number)[row].astype(np.float32)[None]
        if part.ends != UNIT:
            lo, hi = part.ends
            cube = (cube.clip(lo, hi) - np.float32(lo)) / np.float32(hi - lo)
        if not np.isfinite(cube.sum()):
            raise BadInput(f"{part.path}: cube {row} holds NaN or infinite values; {AGAIN} again")
        return {
            "image": torch.from_numpy(cube),
            "key": torch.tensor(seed, dtype=torch.int64),
            "label": torch.tensor(int(part.labels[at]), dtype=torch.int64),
        }

    def map(self, number: int) -> NDArray[Any]:
        """Return a file, mapped."""
        if number not in self.maps:
            self.maps[number] = mapped(self.parts[number].path)
        return self.maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "maps": {}}


def gathered(folder: Path) -> tuple[list[Facts], list[Part], tuple[Scan, ...]]:
    """Return what was written down of each discovery, its rows, and the scans they were cut from.

    The classes of one discovery come behind those of the last.
    """
    facts: list[Facts] = []
    parts: list[Part] = []
    scans: tuple[Scan, ...] = ()
    behind = 0
    for one in discoveries(folder) or [folder]:
        facts.append(facts_in(one))
        found = compact(one, facts[-1]) or seeds(one)
        parts += [replace(part, labels=part.labels + behind) for part in found]
        scans += scans_in(one, found)
        behind += max((int(part.labels.max()) + 1 for part in found), default=0)
    return facts, parts, scans


def counted(folder: Path, parts: Sequence[Part], asked: int) -> int:
    """Return how many classes are learned, or raise `BadInput` where there are not so many."""
    there = max((int(part.labels.max()) + 1 for part in parts if part.split == "train"), default=0)
    if not there:
        raise BadInput(f"{folder}: no pattern is in the split 'train'; {AGAIN}")
    if asked > there:
        raise BadInput(
            f"classes={asked}, but {folder} holds {there}; give classes={there} or fewer, or leave "
            "it away"
        )
    for part in parts:
        if int(part.labels.max()) >= there:
            raise BadInput(
                f"{part.path}: of the class {int(part.labels.max())} there is nothing to learn "
                f"from: those for training go to {there - 1}; {AGAIN} again"
            )
    return asked or there


def first(part: Part, classes: int) -> Part:
    """Return a part's rows of the first classes."""
    kept = np.flatnonzero(part.labels < classes)
    return replace(part, rows=part.rows[kept], labels=part.labels[kept])


def sides_in(folder: Path, parts: Sequence[Part]) -> Sides:
    """Return the sides of the cubes, which all files share."""
    found: dict[Sides, Path] = {}
    for part in parts:
        values = mapped(part.path)
        if values.ndim != 4 or not len(values):
            raise BadInput(
                f"{part.path}: it holds {values.shape}, but (cubes, X, Y, Z) is expected; {AGAIN}"
            )
        if values.dtype.name not in KINDS:
            raise BadInput(
                f"{part.path}: its values are {values.dtype.name}; {', '.join(KINDS)} are read"
            )
        x, y, z = values.shape[1:]
        found[x, y, z] = part.path
    if len(found) > 1:
        said = ", ".join(f"{path.name} {sides}" for sides, path in found.items())
        raise BadInput(f"{folder}: cubes of several sizes lie here: {said}; keep one size")
    return next(iter(found))


def check_values(part: Part, values: NDArray[Any]) -> None:
    """Raise `BadInput` where some cubes of a part are not what is learned from."""
    if not len(part.rows):
        return
    low, high = ends_found(part.path, values, part.rows)
    if part.ends == UNIT and (low < -ROOM or high > 1 + ROOM):
        raise BadInput(
            f"{part.path}: values run from {low:.4g} to {high:.4g}, but [0, 1] is expected; the "
            "released generator saves them raw: scale them, or discover again"
        )


__all__ = ["PatternItems", "holds_patterns"]
