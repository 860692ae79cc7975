"""A finished run's folder, read: what it was made of, what it reached, what it said of whom."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.cases import CaseList, read_split
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from genesis_hub.show import read_log
from genesis_hub.show.curves import Curve

Array = NDArray[Any]
SPLITS = ("train", "val", "test")
# The column of a classifier's truth, and what it is called where labels come together.
LABEL, SEVERAL = 2, "labels"
FEW = 5
Load = Callable[[Path], CaseList]


@dataclass(frozen=True, eq=False)
class Reading:
    """A run's folder. header, rows: of predictions.csv, a row for each case. unit: of distances."""

    folder: Path
    run: dict[str, Any]
    metrics: dict[str, Any]
    header: list[str]
    rows: list[list[str]]
    log: dict[str, dict[str, Curve]]
    unit: str = "mm, or px where sizes are not known"

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with every choice made."""
        return dict(self.run["recipe"])

    @property
    def classes(self) -> list[str]:
        """Their names, the background's first in a segmentation."""
        return [str(name) for name in self.run["classes"]]

    @property
    def segmentation(self) -> bool:
        """Whether it says the class of each voxel."""
        return bool(self.recipe.get("task") == "segmentation")

    @property
    def names(self) -> list[str]:
        """The cases of predictions.csv."""
        return [row[0] for row in self.rows]

    @property
    def patients(self) -> list[str]:
        """Whose each of them is."""
        return [row[1] for row in self.rows]

    @cached_property
    def multilabel(self) -> bool:
        """Whether labels come together."""
        return self.header[LABEL] == SEVERAL

    @cached_property
    def shares(self) -> Array:
        """A classifier's probabilities: (cases, classes)."""
        first = LABEL + 1
        found = [row[first : first + len(self.classes)] for row in self.rows]
        return np.array(found, np.float64).reshape(len(self.rows), len(self.classes))

    @cached_property
    def truths(self) -> Array:
        """0 or 1 for each case and class, -1 where it is not known: (cases, classes)."""
        words = [row[LABEL] for row in self.rows]
        if self.multilabel:
            return np.array([json.loads(word) for word in words], np.int64)
        return np.array([[word == name for name in self.classes] for word in words], np.int64)

    def measured(self, measure: str) -> dict[str, Array]:
        """Return a segmenter's measure of each case, by class."""
        names = [name for name in self.classes if f"{measure}_{name}" in self.header]
        return {
            name: np.array(
                [float(row[self.header.index(f"{measure}_{name}")]) for row in self.rows]
            )
            for name in names
        }

    @cached_property
    def goodness(self) -> Array:
        """How well each case went, from 0 to 1: the share that the truth was given, or Dice."""
        if self.segmentation:
            table = np.stack(
                list(self.measured("dice").values()) or [np.full(len(self.rows), np.nan)]
            )
            known = np.isfinite(table)
            sums = np.where(known, table, 0).sum(0)
            return np.where(known.any(0), sums / np.maximum(known.sum(0), 1), np.nan)
        given = np.where(self.truths == 1, self.shares, 1 - self.shares)
        if not self.multilabel:
            return np.asarray((self.shares * self.truths).sum(1))
        known = self.truths >= 0
        return np.asarray(np.where(known, given, 0).sum(1) / np.maximum(known.sum(1), 1))


def read_run(folder: str | Path) -> Reading:
    """Return what a finished run left, or say what is missing."""
    folder = Path(folder)
    run, metrics = held(folder, "run.json"), held(folder, "metrics.json")
    try:
        with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        return Reading(folder, run, metrics, header, rows, read_log(folder / "log.csv"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} is no finished run: predictions.csv: {error}") from error


def held(folder: Path, file: str) -> dict[str, Any]:
    """Return what a JSON file of a run holds."""
    try:
        return dict(json.loads((folder / file).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{folder} is no finished run: {file} cannot be read ({error}); give the folder that "
            "was --out of `genesis-hub finetune`; the same command finishes one that was stopped"
        ) from error


def cases_again(reading: Reading, load: Load, data: str | Path | None) -> CaseList:
    """Return the cases of a run, read again from where they lay, or raise `BadInput`.

    load: lists what lies at a path. data: where they lie now; None: as the run noted it. They must
    be the same.
    """
    given = data if data is not None else reading.run.get("given")
    if given is None:
        raise BadInput("the run does not say where its images lie; give data=")
    cases = load(Path(given))
    return named(read_split(reading.folder / "split.json", cases), reading.classes)


def unit_of(cases: CaseList, default: str) -> str:
    """Return what distances are in, by the first images; the default where they differ."""
    some = [read(case.images[0]) for case in cases.cases[:FEW]]
    units = {"mm" if image.spacing else ("px", "voxels")[image.ndim == 3] for image in some}
    return units.pop() if len(units) == 1 else default


def named(cases: CaseList, classes: list[str]) -> CaseList:
    """Return cases with the classes of the run, which were read from the masks."""
    if cases.classes:
        return cases
    values = tuple((int(name), index) for index, name in enumerate(classes) if name.isdigit())
    return replace(cases, classes=tuple(classes), values=values)
