"""Which scans there are: every image of a folder, or a table with a row for each."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from genesis_hub.data.cases import Case, CaseList, report, split_cases
from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.manifest import read_manifest
from genesis_hub.data.finding import find_images
from genesis_hub.data.image import Image
from genesis_hub.data.readers import existing, read
from genesis_hub.errors import BadInput

TABLES = (".csv", ".tsv")
ENDING = re.compile(r"\.\w+(?:\.gz)?$")
USUAL = ("manifest.csv", "cases.csv")
# What people write in a table, and what the input contract calls it.
KINDS = {"ct": "ct", "computed tomography": "ct", "mr": "mri", "mri": "mri", "mrt": "mri"}


@dataclass(frozen=True)
class Scan:
    """One unlabelled image: whose, of which kind, for learning or validation.

    patient: scans of one patient are never parted. paths: one file or folder.
    modality: in the words of the input contract. split: "train", "val", or None while undecided.
    """

    name: str
    patient: str
    paths: tuple[Path, ...]
    modality: str
    split: str | None
    open: Callable[[], Image] = field(compare=False)


@dataclass(frozen=True)
class Listing:
    """The scans of a corpus, and the list they were split by.

    notes: what a user may want to know of how they were read.
    """

    scans: tuple[Scan, ...]
    cases: CaseList
    notes: tuple[str, ...] = ()

    def of(self, split: str) -> tuple[Scan, ...]:
        """Return the scans of a split."""
        return tuple(scan for scan in self.scans if scan.split == split)


def listed(
    data: str | Path, *, modality: str, seed: int, validation: float, suffixes: Sequence[str] = ()
) -> Listing:
    """Return the scans of a folder or a table, each for learning or validation.

    modality: of scans whose table names none. validation: the share of patients that are drawn
    for validation, by seed, where the table has no split. Scans that a table keeps for testing are
    left out. suffixes: the endings of the files that are taken; none: all.
    """
    path = existing(data)
    table = table_of(path)
    if path.is_file() and table is None:
        raise BadInput(f"{path}: give a folder of scans, or a table (.csv, .tsv) with a row each")
    cases, openers, notes = from_table(table) if table else from_folder(path)
    cases = ended(cases, suffixes)
    cases, more = divided(cases, seed=seed, validation=validation)
    scans = tuple(
        Scan(
            case.name,
            case.patient,
            case.images,
            kind_of(case, modality),
            case.split,
            openers.get(case.name) or Opener(case.images[0]),
        )
        for case in cases
    )
    return Listing(scans, cases, (*notes, *more))


def ended(cases: CaseList, suffixes: Sequence[str]) -> CaseList:
    """Return the cases whose files end in one of some ways, or raise `BadInput` if none do."""
    if not suffixes:
        return cases
    ends = tuple(suffix.lower() for suffix in suffixes)
    kept = tuple(one for one in cases.cases if one.images[0].name.lower().endswith(ends))
    if not kept:
        names = (one.images[0].name.lower() for one in cases.cases)
        there = sorted({"".join(ENDING.findall(name)) or "nothing" for name in names})
        raise BadInput(
            f"{cases.root}: no file ends in {' or '.join(suffixes)}; {len(cases.cases)} end in "
            f"{', '.join(there)}; give suffix={there[0]}, or none for all"
        )
    return replace(cases, cases=kept)


def divided(cases: CaseList, *, seed: int, validation: float) -> tuple[CaseList, tuple[str, ...]]:
    """Return scans each for learning or validation, patients whole, and what is to be said of it.

    Those for testing are left out.
    """
    notes: tuple[str, ...] = ()
    kept = tuple(case for case in cases.cases if case.split != "test")
    if len(kept) < len(cases.cases):
        left = len(cases.cases) - len(kept)
        notes = (f"{left} scans are for testing by their table and are not learned from",)
    cases = replace(cases, cases=kept)
    if not kept:
        raise BadInput(f"{cases.root}: no scan is left to learn from")
    refuse_parted(cases)
    if len({case.patient for case in kept}) == 1 and not any(case.split for case in kept):
        # One patient cannot be parted; a run without validation keeps its last weights.
        cases = replace(cases, cases=tuple(replace(case, split="train") for case in kept))
        notes = (*notes, "there is one patient only, so nothing is kept for validation")
    elif validation > 0 and not all(case.split for case in kept):
        cases = split_cases(cases, fractions=(1 - validation, validation, 0.0), seed=seed)
    else:
        cases = replace(
            cases, cases=tuple(replace(case, split=case.split or "train") for case in kept)
        )
    refuse_parted(cases)  # What no row decided was taken for learning just now.
    return cases, notes


class Placed(Protocol):
    """An image of a patient, in a split or in none yet."""

    @property
    def name(self) -> str: ...

    @property
    def patient(self) -> str: ...

    @property
    def split(self) -> str | None: ...


def refuse_parted(images: Iterable[Placed], what: str = "scans") -> None:
    """Raise `BadInput` where a patient's images are for learning and for validation."""
    held: dict[str, dict[str, str]] = {}
    for one in images:
        held.setdefault(one.patient, {})[one.split or ""] = one.name
    parted = {who: of for who, of in held.items() if {"train", "val"} <= of.keys()}
    if parted:
        who, of = next(iter(parted.items()))
        many = f"{len(parted)} patients have" if len(parted) > 1 else "one patient has"
        raise BadInput(
            f"{many} {what} in train and in val, such as {who!r} ({of['train']!r} in train, "
            f"{of['val']!r} in val): what is validated on was then seen; move all {what} of a "
            "patient to one of them"
        )


@dataclass(frozen=True)
class Opener:
    """Reads one file when it is asked to."""

    path: Path

    def __call__(self) -> Image:
        return read(self.path)


Found = tuple[CaseList, Mapping[str, Callable[[], Image]], tuple[str, ...]]


def table_of(path: Path) -> Path | None:
    """Return the table that says what there is; None where a folder is taken as it lies."""
    if path.is_file():
        return path if path.suffix.lower() in TABLES else None
    return next((path / name for name in USUAL if (path / name).is_file()), None)


def from_table(table: Path) -> Found:
    """Return the scans of a table: image, and where there are such columns, patient and so on."""
    draft = read_manifest(table, Columns(labels="", mask=""), None)
    grave = [problem for problem in draft.problems if not problem.note]
    if grave:
        raise BadInput(report(f"{table}, {len(draft.rows)} rows", grave))
    several = next((row for row in draft.rows if len(row.images) > 1), None)
    if several is not None:
        raise BadInput(
            f"{table}: {several.name!r} has {len(several.images)} image files, but a network is "
            "pre-trained on one channel; give each file a row of its own"
        )
    cases = tuple(
        Case(row.name, row.images, patient=row.patient, split=row.split, modality=row.modality)
        for row in draft.rows
    )
    listing = CaseList(cases, None, (), False, table.parent, notes=draft.notes)
    return listing, {}, draft.notes


def from_folder(folder: Path) -> Found:
    """Return every image below a folder; each is a patient of its own."""
    refuse_run(folder)
    found = find_images(folder)
    cases = tuple(Case(one.name, (one.path,)) for one in found)
    note = f"each of {len(found)} scans is taken for a patient of its own; a table with a column "
    notes = (f"{note}'patient' says otherwise",) if len(found) > 1 else ()
    listing = CaseList(cases, None, (), False, folder)
    return listing, {one.name: one.open for one in found}, notes


def refuse_run(folder: Path) -> None:
    """Raise `BadInput` for the folder of a run, whose pictures are nobody's scans."""
    if any((folder / name).is_file() for name in ("run.json", "stages.json")):
        raise BadInput(
            f"{folder} is the folder of a run, not of scans; give scans to --data, and to go on "
            f"from what the run learned weights={folder}"
        )


def kind_of(case: Case, modality: str) -> str:
    """Return a scan's modality in the words of the input contract."""
    if not case.modality:
        return modality
    known = KINDS.get(case.modality.strip().lower())
    if known is None:
        raise BadInput(
            f"{case.name!r}: modality {case.modality!r} is not known; write one of "
            f"{', '.join(sorted(set(KINDS.values())))}, or leave it empty for modality={modality}"
        )
    return known
