"""BraTS: a folder for each patient with its MRI sequences and the tumour's parts in one mask."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.cases.listing import seen_in
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

SAYS = "a folder for each patient with PATIENT_flair.nii.gz (or PATIENT-t2f.nii.gz) and _seg.nii.gz"
# Of one sequence, what it is called up to 2021 and since.
SEQUENCES = {
    "flair": ("flair", "t2f"), "t1": ("t1", "t1n"), "t1ce": ("t1ce", "t1c"), "t2": ("t2", "t2w"),
}  # fmt: skip
FILE = re.compile(r"(?P<case>.+)[_-](?P<kind>[a-z0-9]+)\.nii(?:\.gz)?", re.I)
TIME = re.compile(r"(BraTS-[A-Z]+-\d+)-\d+")  # Since 2023 the last number counts a patient's scans.
FOLDS = ("fold_1.csv", "fold_2.csv", "fold_3.csv")  # The authors' lists: the third is for testing.
DEPTH = 3  # HGG/PATIENT/file


def seen(path: Path) -> bool:
    """Say whether a patient's FLAIR lies beside its mask in a folder, or one or two below."""
    if not path.is_dir():
        return False
    return any({"flair", "seg"} <= set(kinds) for kinds in patients(path, DEPTH).values())


def patients(folder: Path, depth: int) -> dict[str, dict[str, list[Path]]]:
    """Return for each case its files by kind."""
    found: dict[str, dict[str, list[Path]]] = {}
    for file in files_in(folder, depth):
        match = FILE.fullmatch(file.name)
        kind = match and kind_of(match["kind"].lower())
        if match and kind:
            found.setdefault(match["case"], {}).setdefault(kind, []).append(file)
    return found


def files_in(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the files in a folder and in those below, to a depth."""
    for path in seen_in(folder):
        if not path.is_dir():
            yield path
        elif depth > 1:
            yield from files_in(path, depth - 1)


def kind_of(word: str) -> str | None:
    """Return which sequence, or the mask, a file's last word means."""
    if word == "seg":
        return word
    return next((name for name, words in SEQUENCES.items() if word in words), None)


def read_brats(path: Path, columns: Columns) -> Draft:
    """Return every patient with the whole tumour: all its parts, 1 to 4, are one class.

    columns.image: the sequences that become channels; FLAIR alone where none is said, as in Models
    Genesis. Where the authors' lists fold_1.csv, fold_2.csv and fold_3.csv lie in the folder, the
    third is for testing; else nothing is said of splits.
    """
    wanted = sequences(columns)
    found = patients(path, DEPTH + 1) if path.is_dir() else {}
    problems: list[Problem] = []
    rows = []
    for case, kinds in sorted(found.items()):
        double = [files for files in kinds.values() if len(files) > 1]
        lacking = [name for name in wanted if name not in kinds]
        if double:
            what = f"{' and '.join(str(file.relative_to(path)) for file in double[0])} are both it"
            problems.append(Problem(case, what, "leave the one that is meant", "two files"))
        if lacking:
            what = f"it has no {' and no '.join(lacking)}, but {', '.join(kinds)}"
            problems.append(Problem(case, what, "add what is missing", "missing pairs"))
            continue
        stages = TIME.fullmatch(case)
        rows.append(
            Row(
                name=case,
                images=tuple(kinds[name][0] for name in wanted),
                mask=kinds["seg"][0] if "seg" in kinds else None,
                patient=stages[1] if stages else case,
                modality="mri",
            )
        )
    if not rows and not problems:
        raise BadInput(f"{path}: no patient of BraTS lies here; {SAYS} are expected")
    rows, note = in_folds(path, rows)
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), *((value, "whole tumour") for value in (1, 2, 3, 4))),
        notes=(f"BraTS: {', '.join(wanted)}; all parts of the tumour are one class", note),
        problems=tuple(problems),
    )


def sequences(columns: Columns) -> tuple[str, ...]:
    """Return the sequences that are asked for, under our names."""
    given = columns.image or ("flair",)
    words = (given,) if isinstance(given, str) else tuple(given)
    for word in words:
        if kind_of(word.lower()) in (None, "seg"):
            raise BadInput(
                f"image={word!r}: BraTS has no such sequence{close_names(word, SEQUENCES)}; "
                f"choose from {', '.join(SEQUENCES)}"
            )
    return tuple(str(kind_of(word.lower())) for word in words)


def in_folds(path: Path, rows: list[Row]) -> tuple[list[Row], str]:
    """Return the rows in the authors' folds where their lists are there, and what was done."""
    lists = [path / name for name in FOLDS]
    if not all(file.is_file() for file in lists):
        return rows, "no lists of folds lie here, so patients are drawn by the seed"
    names = [set(file.read_text("utf-8").split()) for file in lists]
    known = set().union(*names)
    strange = [row.name for row in rows if row.name not in known]
    if strange:
        raise BadInput(
            f"{path}: {strange[0]} and {len(strange) - 1} more are in none of {', '.join(FOLDS)}; "
            "take the lists away, or name every patient"
        )
    split = [replace(row, split="test" if row.name in names[2] else None) for row in rows]
    return split, "fold_3.csv is for testing; of the others the seed draws one in eight for val"
