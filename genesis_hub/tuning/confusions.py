"""confusions.csv: of each segmented case, how many voxels of one class were taken for another."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import Case
from genesis_hub.errors import BadInput

CONFUSIONS = "confusions.csv"


@dataclass(frozen=True, eq=False)
class Confusions:
    """Cases with their patients; taken: (N, K, K), how many voxels of class i were said to be j."""

    names: tuple[str, ...]
    patients: tuple[str, ...]
    taken: NDArray[np.int64]


def confusion(truth: NDArray[Any], said: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return how many voxels of each class (rows) were said to be each (columns)."""
    place = truth.astype(np.int64).ravel() * classes + said.astype(np.int64).ravel()
    return np.bincount(place, minlength=classes * classes).reshape(classes, classes)


def write_confusions(
    folder: Path, cases: Sequence[Case], taken: Sequence[NDArray[np.int64]], classes: Sequence[str]
) -> None:
    """Write a line for each case into a run's folder."""
    header = ["case", "patient", *(f"{true} as {said}" for true in classes for said in classes)]
    rows = [
        [case.name, case.patient, *(str(count) for count in one.ravel())]
        for case, one in zip(cases, taken, strict=True)
    ]
    with (
        new_file(folder / CONFUSIONS) as aside,
        aside.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([header, *rows])


def read_confusions(folder: Path) -> Confusions:
    """Return what a run of segmentation left of its cases."""
    path = folder / CONFUSIONS
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or error}; an older version may have made the "
            "run; make it again in another folder"
        ) from error
    classes = round((len(header) - 2) ** 0.5)
    taken = np.array([row[2:] for row in rows], dtype=np.int64)
    return Confusions(
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        taken.reshape(-1, classes, classes),
    )
