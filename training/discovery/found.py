"""What was discovered, read again: the cubes of the first resolution, ours or the authors' own."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from training.corpus import Sides
from training.corpus.patternfiles import Part, seeds
from training.discovery.filling import sealed
from training.discovery.patterns import FOLD, PATTERNS, seed_name
from training.discovery.telling import DISCOVERED, SPLITS


@dataclass(frozen=True, eq=False)
class Found:
    """Discovered cubes at the first resolution, mapped from their files.

    files: of cubes; where: the file and the row of each cube. patients: whose they are; empty where
    files of others do not say.
    """

    files: tuple[Any, ...]
    where: tuple[tuple[int, int], ...]
    splits: tuple[str, ...]
    classes: NDArray[np.int64]
    ranks: NDArray[np.int64]
    patients: tuple[str, ...]
    size: Sides

    def cube(self, at: int) -> NDArray[np.float32]:
        """Return a cube (X, Y, Z) in [0, 1]."""
        file, row = self.where[at]
        return np.asarray(self.files[file][row], dtype=np.float32)

    def of(self, label: int, split: str = "train") -> list[int]:
        """Return the cubes of a class, by rank."""
        own = [at for at in np.flatnonzero(self.classes == label) if self.splits[at] == split]
        return sorted((int(at) for at in own), key=lambda at: int(self.ranks[at]))


def opened(folder: Path) -> Found:
    """Return what was discovered, or raise `BadInput` where nothing whole lies."""
    facts = sealed(folder, DISCOVERED)
    if facts is None and not (folder / f"{PATTERNS}.npy").is_file() and folder.is_dir():
        others = [part for part in seeds(folder) if "_data1_" in part.path.name]
        if others:
            return handed_out(others)
    if facts is None or not (folder / f"{PATTERNS}.csv").is_file():
        raise BadInput(
            f"{folder} holds no {DISCOVERED}.json with a table beside it: nothing was discovered "
            "there, or it is not finished; python -m training.discover goes on with it"
        )
    with (folder / f"{PATTERNS}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names: dict[str, int] = {}
    counts: dict[str, int] = {}
    where, kept = [], []
    for row in rows:
        name = PATTERNS
        if facts["layout"] == "seed":
            split = SPLITS.index(row["split"])
            name = seed_name("data", split, int(row["resolution"]), int(row["class"]) // FOLD)
        at = counts[name] = counts.get(name, -1) + 1
        if row["resolution"] == "1":
            where.append((names.setdefault(name, len(names)), at))
            kept.append(row)
    x, y, z = facts["size"]
    return Found(
        tuple(np.load(folder / f"{name}.npy", mmap_mode="r") for name in names),
        tuple(where),
        tuple(row["split"] for row in kept),
        np.array([int(row["class"]) for row in kept]),
        np.array([int(row["rank"]) for row in kept]),
        tuple(row["patient"] for row in kept),
        (x, y, z),
    )


def handed_out(parts: Sequence[Part]) -> Found:
    """Return the authors' files of the first resolution; a class's rows are ranked as they come."""
    classes = np.concatenate([part.labels for part in parts])
    splits = [part.split for part in parts for _ in part.rows]
    counts: dict[tuple[str, int], int] = {}
    ranks = []
    for split, label in zip(splits, classes, strict=True):
        ranks.append(counts.get((split, int(label)), 0))
        counts[split, int(label)] = ranks[-1] + 1
    files = tuple(np.load(part.path, mmap_mode="r") for part in parts)
    x, y, z = files[0].shape[1:]
    return Found(
        files,
        tuple((at, int(row)) for at, part in enumerate(parts) for row in part.rows),
        tuple(splits),
        classes,
        np.array(ranks),
        (),
        (x, y, z),
    )
