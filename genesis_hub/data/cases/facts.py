"""A case, a list of cases, and what is wrong with them: plain facts that everything reads."""

import hashlib
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

Task = Literal["classification", "segmentation"]
SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
DIGEST_VERSION = 1


@dataclass(frozen=True)
class Case:
    """One example: its image, what is known of it, and whom it was taken of.

    name: unique in its list; files written for the case are called so. It may hold a "/".
    images: one file, DICOM folder or part of a file; several are channels, in order.
    label: the class's index; for multi-label a 0 or 1 per class, -1 where it is not known.
    patient: cases of one patient are never parted; the case's own name where none is given.
    split: "train", "val" or "test"; None while it is not decided.
    modality: "ct", "mri", "xray" or what else is said; empty if nothing is.
    present: the classes that the mask holds, once it was read; None before.
    """

    name: str
    images: tuple[Path, ...]
    label: int | tuple[int, ...] | None = None
    mask: Path | None = None
    patient: str = ""
    split: str | None = None
    modality: str = ""
    present: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.patient:
            object.__setattr__(self, "patient", self.name)


@dataclass(frozen=True)
class Problem:
    """Something wrong with a case, or, where `note`, only worth knowing.

    case: the case's name, or the file's or folder's where there is no case.
    kind: what such problems have in common; they are listed together.
    remedy: what to do about it.
    others: cases it concerns as well, the first of many; distance: how far the nearest looks.
    """

    case: str
    what: str
    remedy: str
    kind: str = "other"
    note: bool = False
    others: tuple[str, ...] = ()
    distance: float | None = None


@dataclass(frozen=True)
class Draw:
    """How cases were chosen, so that they can be chosen so again."""

    rule: str
    seed: int
    fractions: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class CaseList:
    """Cases of one task, with the names of their classes.

    task: None where nothing is known of the images but themselves.
    classes: names in the order of their indices; empty for masks that were not read yet.
    values: for masks, pairs of a value in the file and the index of its class.
    notes: what was taken for what, and what a user may want to know.
    problems: what was found wrong while the list was made; `audit` finds the rest.
    draws: how splits and fractions came about, in order.
    whole: the digest of the list this one was taken from, where cases were left out.
    given: the folder or table they were loaded from.
    """

    cases: tuple[Case, ...]
    task: Task | None
    classes: tuple[str, ...]
    multilabel: bool
    root: Path
    values: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    draws: tuple[Draw, ...] = ()
    whole: str = ""
    given: Path | None = None

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {len(self.of(name))}" for name in SPLITS if self.of(name))
        said = [self.task or "no labels", ", ".join(self.classes[:8]), splits]
        return f"CaseList({len(self)} cases: {'; '.join(filter(None, said))})"

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def of(self, split: str) -> tuple[Case, ...]:
        """Return the cases of one split."""
        return tuple(case for case in self.cases if case.split == split)

    @cached_property
    def digest(self) -> str:
        """The sha256 of names, files, labels and patients; the same wherever the data lie.

        Splits are not part of it, nor the order of the cases, nor what is in the files.
        """
        lines = [
            [
                case.name,
                [relative(path, self.root) for path in case.images],
                self.label_names(case),
                None if case.mask is None else relative(case.mask, self.root),
                case.patient,
            ]
            for case in self.cases
        ]
        lines.sort(key=json.dumps)
        text = json.dumps([DIGEST_VERSION, self.task, lines], ensure_ascii=False)
        return hashlib.sha256(composed(text)).hexdigest()

    def label_names(self, case: Case) -> dict[str, int] | str | None:
        """Return a label in words: a class's name, or what is known for each class."""
        if isinstance(case.label, tuple):
            return dict(sorted(zip(self.classes, case.label, strict=True)))
        return None if case.label is None else self.classes[case.label]

    def counts(self, split: str | None = None) -> dict[str, int]:
        """Return how many cases each class has, in a split or in all; masks count once read."""
        cases = self.cases if split is None else self.of(split)
        count = Counter(index for case in cases for index in classes_of(case))
        return {name: count[index] for index, name in enumerate(self.classes)}


def classes_of(case: Case) -> tuple[int, ...]:
    """Return the indices of the classes that a case is known to have."""
    if case.present is not None:
        return case.present
    if isinstance(case.label, tuple):
        return tuple(index for index, value in enumerate(case.label) if value == 1)
    return () if case.label is None else (case.label,)


def relative(path: Path, root: Path) -> str:
    """Return a path as seen from the root, with slashes on every system."""
    text, above = str(path), f"{root}{os.sep}"
    if os.sep == "/" and text.startswith(above) and ".." not in text:
        return text[len(above) :]  # What relpath says, a hundred times as fast.
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # Another drive of Windows.
        return path.as_posix()


def composed(text: str) -> bytes:
    """Return text as bytes that do not depend on how a system spells accents in file names."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")
