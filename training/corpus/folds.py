"""Ten folds of scans: as LUNA16's folders say, or patients dealt out by a seed."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from genesis_hub.data.cases import load_cases
from genesis_hub.data.cases.layouts import MASK_WORDS
from genesis_hub.data.cases.published.luna16 import subsets
from genesis_hub.data.finding import Found, find_images
from genesis_hub.data.readers import stem_of
from genesis_hub.data.readers.parts import parted
from genesis_hub.errors import BadInput
from genesis_hub.infer.sources import TABLES, open_case
from training.corpus.listing import Scan

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
                f"no scan is in fold {', '.join(map(str, empty))}; those that hold scans are "
                f"{', '.join(map(str, sorted(self.scans)))} ({self.told})"
            )
        return tuple(sorted(meant))


def folds_of(data: Path, modality: str | None, *, seed: int = 0) -> Folds:
    """Return the scans of a folder or CSV by fold.

    A folder with subset0 to subset9 is taken as it is. Of any other, and of a CSV with a row for
    each scan, patients are dealt out by the seed.
    modality: of all; None: what a CSV says, else "ct".
    """
    data = data.expanduser()
    if data.is_dir() and (parts := subsets(data)):
        scans = {}
        for number, part in parts.items():
            if any(part.iterdir()):
                scans[number] = tuple(scan_of(one, part, modality) for one in find_images(part))
        if scans:
            return Folds(scans, f"as the folders {', '.join(p.name for p in parts.values())} say")
    if str(data).lower().endswith(TABLES):
        listed = tuple(
            Scan(
                case.name, case.patient, case.images, modality or case.modality or "ct", case.split,
                partial(open_case, case),
            )
            for case in load_cases(data, check=False)
        )  # fmt: skip
        return dealt(listed, seed, "")
    found = find_images(data)
    images = [one for one in found if not is_mask(one, data)]
    if not images:
        raise BadInput(f"{data}: only masks lie here, such as {found[0].path}; give the images")
    masks = len(found) - len(images)
    told = "a CSV with a column patient says whose they are"
    if masks:
        told += f"; {masks} files called as masks are left alone, such as "
        told += str(next(one.path.name for one in found if is_mask(one, data)))
    return dealt(tuple(scan_of(one, data, modality) for one in images), seed, f"; {told}")


def scan_of(found: Found, root: Path, modality: str | None) -> Scan:
    """Return an image that was found as a scan."""
    return Scan(
        found.name, patient_of(found, root), (found.path,), modality or "ct", None, found.open
    )


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


def dealt(scans: Sequence[Scan], seed: int, more: str) -> Folds:
    """Return scans by fold: patients, in an order that the seed draws, one after the other."""

    def drawn(patient: str) -> bytes:
        words = f"folds\0{seed}\0{patient}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(words).digest()

    patients = sorted({scan.patient for scan in scans}, key=drawn)
    fold_of = {patient: TURNS[at % FOLDS] for at, patient in enumerate(patients)}
    held: dict[int, list[Scan]] = {}
    for scan in scans:
        held.setdefault(fold_of[scan.patient], []).append(scan)
    counts = Counter(fold_of.values())
    told = (
        f"no folders subset0 to subset9: {len(patients)} patients dealt to folds with seed {seed}: "
        + ", ".join(f"{fold}: {counts[fold]}" for fold in sorted(counts))
        + more
    )
    return Folds({fold: tuple(some) for fold, some in sorted(held.items())}, told)
