"""predictions.csv: what a run said of each case, written and read back."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import Case, CaseList
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import ClassScores, Sample, classified, segmented
from genesis_hub.evaluate.overlap import Overlap

TABLE = "predictions.csv"
# One of several classes, or several labels that come together, each known or -1.
ONE, SEVERAL = "label", "labels"
DISTANCES = ("hd95", "assd", "surface_dice")
VOXELS = ("predicted", "true", "both")


@dataclass(frozen=True)
class Table:
    """The lines of predictions.csv as text: cases, their patients, and what there is of each."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(row[0] for row in self.rows)

    @property
    def patients(self) -> tuple[str, ...]:
        return tuple(row[1] for row in self.rows)

    def write(self, folder: Path) -> None:
        """Write the table into a run's folder."""
        with new_file(folder / TABLE) as aside, aside.open("w", newline="", encoding="utf-8") as f:
            csv.writer(f).writerows([self.header, *self.rows])

    def sample(self, among: Sequence[str] = ()) -> Sample:
        """Return what the numbers of the table follow from; among: all patients, in order."""
        if self.header[2] in (ONE, SEVERAL):
            return self.classes(among)
        return segmented(
            [self.scores(row) for row in self.rows], patients=self.patients, among=among
        )

    def classes(self, among: Sequence[str]) -> Sample:
        """Return the answers of a classifier."""
        shares, labels = self.answers()
        return classified(
            shares, labels, patients=self.patients, among=among,
            multilabel=self.header[2] == SEVERAL, classes=self.header[3:],
        )  # fmt: skip

    def answers(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the shares (N, K) that a classifier gave, and the labels (N,) or (N, K)."""
        names, several = self.header[3:], self.header[2] == SEVERAL
        said = [json.loads(row[2]) if several else names.index(row[2]) for row in self.rows]
        return np.array([row[3:] for row in self.rows], dtype=np.float64), np.array(said)

    def scores(self, row: Sequence[str]) -> dict[str, ClassScores]:
        """Return the scores of one case by class."""
        told = dict(zip(self.header, row, strict=True))
        names = [key.removeprefix("dice_") for key in self.header if key.startswith("dice_")]
        found = {}
        for name in names:
            voxels = Overlap(*(int(told[f"{word}_{name}"]) for word in VOXELS))
            apart = {word: float(told[f"{word}_{name}"]) for word in DISTANCES}
            found[name] = ClassScores(voxels, **apart)
        return found


def of_shares(cases: Sequence[Case], shares: NDArray[Any], listed: CaseList) -> Table:
    """Return the table of a classifier: each case's label, and the share of each class."""
    rows = []
    for case, row in zip(cases, shares, strict=True):
        label = case.label
        name = listed.classes[label] if isinstance(label, int) else json.dumps(label)
        # Nine digits bring a float32 back as it was.
        rows.append((case.name, case.patient, name, *(f"{share:.9g}" for share in row)))
    kind = SEVERAL if listed.multilabel else ONE
    return Table(("case", "patient", kind, *listed.classes), tuple(rows))


def of_scores(cases: Sequence[Case], records: Sequence[Mapping[str, ClassScores]]) -> Table:
    """Return the table of a segmenter: each case's scores of each class."""
    names = list(records[0])
    measures = ("dice", *DISTANCES, *VOXELS)
    header = [f"{measure}_{name}" for name in names for measure in measures]
    rows = []
    for case, record in zip(cases, records, strict=True):
        told = []
        for scores in record.values():
            told += [f"{getattr(scores, word):.9g}" for word in ("dice", *DISTANCES)]
            told += [str(getattr(scores.overlap, word)) for word in VOXELS]
        rows.append((case.name, case.patient, *told))
    return Table(("case", "patient", *header), tuple(rows))


def read_table(folder: Path) -> Table:
    """Return a run's predictions.csv."""
    path = folder / TABLE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = (tuple(row) for row in csv.reader(file))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    table = Table(header, tuple(rows))
    if header[2] not in (ONE, SEVERAL) and not any(word.startswith("both_") for word in header):
        raise BadInput(
            f"{path} has no voxel counts: an older version wrote it; make the run again in another "
            "folder"
        )
    return table
