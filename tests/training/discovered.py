"""Small made-up folders of discovered patterns, in both forms of files."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

SIZE = (16, 16, 16)
COLUMNS = (
    "row", "split", "class", "rank", "resolution", "name", "patient", "x", "y", "z", "rows", "cols",
    "deps", "path",
)  # fmt: skip


def cubes(labels: np.ndarray, size: tuple[int, int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Return cubes whose class can be seen: a ramp along one axis, one way round, and noise."""
    draw = np.random.default_rng(seed)
    made = []
    for label in labels:
        axis, back = int(label) % 3, int(label) // 3 % 2
        ramp = np.linspace(0.1, 0.9, size[axis])[:: -1 if back else 1]
        shape = [1, 1, 1]
        shape[axis] = -1
        made.append(ramp.reshape(shape) + draw.normal(0, 0.05, size))
    return np.clip(made, 0, 1)


def compact(
    folder: Path, classes: int = 3, train: int = 4, val: int = 2, dtype: str = "float16"
) -> Path:
    """Write a folder as `training.discover` does: so many cubes of each class in each split."""
    folder.mkdir(parents=True)
    told = [
        (split, label, rank)
        for split, count in (("train", train), ("val", val))
        for label in range(classes)
        for rank in range(count)
    ]
    values = cubes(np.array([label for _, label, _ in told]))
    facts: dict[str, Any] = {
        "format_version": 1, "classes": classes, "size": list(SIZE), "seed": 0, "digest": "d",
        "hashes": {"train0": "0" * 128, "train1": "f" * 128},
    }  # fmt: skip
    if dtype == "int16":
        facts["ends"] = [-1000, 1000]
        values = np.rint(values * 2000 - 1000)
    np.save(folder / "patterns.npy", values.astype(dtype))
    (folder / "discovered.json").write_text(json.dumps(facts))
    with (folder / "patterns.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row, (split, label, rank) in enumerate(told):
            name = f"{split}{rank}"
            table.writerow([row, split, label, rank, 1, name, name, 0, 0, 0, *SIZE, f"{name}.npz"])
    return folder


def seeds(folder: Path, counts: dict[str, int], classes: int = 3) -> Path:
    """Write files as the authors hand them out: so many cubes in each, classes in turn."""
    folder.mkdir(parents=True)
    for number, (name, count) in enumerate(counts.items()):
        labels = np.arange(count) * classes // count
        split, which = name[:-1], name[-1]
        np.save(folder / f"{split}_data{which}_vwGen_ex_ref_fold1.0.npy",
                cubes(labels, seed=number))  # fmt: skip
        np.save(folder / f"{split}_label{which}_vwGen_ex_ref_fold1.0.npy",
                labels[:, None].astype(np.float64))  # fmt: skip
    return folder
