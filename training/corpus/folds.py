"""Ten folds of scans: as LUNA16's folders say, or patients dealt out by a seed."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.layouts import MASK_WORDS
from genesis_hub.data.cases.published.luna16 import subsets
from genesis_hub.data.finding import Found, find_images
from genesis_hub.data.readers import existing, stem_of
from genesis_hub.data.readers.parts import parted
from genesis_hub.errors import BadInput
from training.corpus.listing import (
    Opener,
    Scan,
    from_table,
    kind_of,
    refuse_parted,
    refuse_run,
    table_of,
)

FOLDS = 10
TRAIN, VALID, TEST = (0, 1, 2, 3, 4), (5, 6), (7, 8, 9)
# Whom folds are dealt to in turn: from two patients on there is one to learn from and one to
# validate on, from three one to test on.
TURNS = (0, 5, 7, 1, 2, 6, 3, 8, 4, 9)
RANGE = re.compile(r"(\d)-(\d)")


@dataclass(frozen=True)
class Folds:
    """Scans by fold; those without any are not in it. told: how they came about, for the user."""

    scans: dict[int, tuple[Scan, ...]]
    told: str

    def asked(self, words: Sequence[str]) -> tuple[int, ...]:
        """Return the folds that are meant by numbers, ranges such as 0-4, or "all"."""
        meant: set[int] = set()
        for word in words:
            found = RANGE.fullmatch(word)
            if word == "all":
                meant |= self.scans.keys()
            elif found:
                meant |= set(range(int(found[1]), int(found[2]) + 1))
            elif word.isdecimal() and len(word) == 1:
                meant.add(int(word))
            else:
                raise BadInput(
                    f"--fold {word!r}; give a number from 0 to {FOLDS - 1}, several, 0-4, or all"
                )
        empty = sorted(meant - self.scans.keys())
        if empty or not meant:
            raise BadInput(
                f"no scan is in fold {', '.join(map(str, empty))}; folds with scans: {self.told}"
            )
        return tuple(sorted(meant))


def folds_of(data: Path, modality: str, *, seed: int = 0) -> Folds:
    """Return the scans of a folder or a table by fold.

    A folder with subset0 to subset9 is taken as it is. Of any other, and of a table with a row for
    each scan, patients are dealt out by the seed; splits that a table gives are kept to.
    modality: of scans whose table names none.
    """
    path = existing(data)
    if path.is_dir() and (parts := subsets(path)):
        scans = {}
        for number, part in parts.items():
            if any(part.iterdir()):
                found = find_images(part)
                scans[number] = tuple(scan_of(one, part, modality) for one in found)
        if scans:
            return Folds(scans, f"as the folders {', '.join(p.name for p in parts.values())} say")
    if table := table_of(path):
        cases, _, notes = from_table(table)
        listed = tuple(
            Scan(
                case.name, case.patient, case.images, kind_of(case, modality), case.split,
                Opener(case.images[0]),
            )
            for case in cases
        )  # fmt: skip
        return dealt(listed, seed, notes)
    refuse_run(path)
    found = find_images(path)
    images = [one for one in found if not is_mask(one, path)]
    if not images:
        raise BadInput(f"{path}: only masks lie here, such as {found[0].path}; give the images")
    masks = [one.path.name for one in found if is_mask(one, path)]
    notes = ("a table with a column 'patient' says whose each is",)
    if masks:
        notes += (f"{len(masks)} files called as masks are left alone, such as {masks[0]}",)
    return dealt(tuple(scan_of(one, path, modality) for one in images), seed, notes)


def scan_of(found: Found, root: Path, modality: str) -> Scan:
    """Return an image that was found as a scan."""
    return Scan(found.name, patient_of(found, root), (found.path,), modality, None, found.open)


def is_mask(found: Found, root: Path) -> bool:
    """Say whether an image is called as masks are, by its own name or by a folder's."""
    file, _ = parted(found.path)
    within = file.relative_to(root).parts if file.is_relative_to(root) else (file.name,)
    return any(MASK_WORDS.search(stem_of(Path(part))) for part in within)


def patient_of(found: Found, root: Path) -> str:
    """Return whose an image is: by its own name, or for DICOM by the first folder that it lies in.

    Series of a patient lie in one folder, as every archive gives them out.
    """
    file, _ = parted(found.path)
    within = file.relative_to(root).parts if file.is_relative_to(root) else ()
    return within[0] if file.is_dir() and within else found.name


def dealt(scans: Sequence[Scan], seed: int, notes: Sequence[str]) -> Folds:
    """Return scans by fold: patients, in an order that the seed draws, one after the other."""

    def drawn(patient: str) -> bytes:
        words = f"folds\0{seed}\0{patient}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(words).digest()

    refuse_parted(scans)
    split_of = {scan.patient: scan.split for scan in scans}
    fold_of: dict[str, int] = {}
    for split, turns in {None: TURNS, "train": TRAIN, "val": VALID, "test": TEST}.items():
        patients = sorted((one for one, own in split_of.items() if own == split), key=drawn)
        fold_of |= {patient: turns[at % len(turns)] for at, patient in enumerate(patients)}
    held: dict[int, list[Scan]] = {}
    for scan in scans:
        held.setdefault(fold_of[scan.patient], []).append(scan)
    counts = Counter(fold_of.values())
    said = ", ".join(f"{fold}: {counts[fold]}" for fold in sorted(counts))
    told = f"{len(fold_of)} patients dealt out with seed {seed} ({said})"
    return Folds(
        {fold: tuple(some) for fold, some in sorted(held.items())}, "; ".join((told, *notes))
    )
