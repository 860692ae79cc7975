"""CheXpert: chest X-rays with 14 observations, some of them uncertain."""

import re
from collections import Counter
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.published.xrays.pictures import refuse_missing
from genesis_hub.data.cases.table import Table, read_table
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

SAYS = "train.csv and valid.csv with a column Path, beside train/ and valid/"
OBSERVATIONS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
TESTED = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
PATH, VIEW = "Path", "Frontal/Lateral"
VIEWS = ("frontal", "lateral")
PATIENT = re.compile(r"patient\d+")
# Blank is what a report does not speak of, and counts as absent; -1 is what it leaves open.
VALUES = {"": 0, "0": 0, "0.0": 0, "1": 1, "1.0": 1, "-1": -1, "-1.0": -1}


def seen(path: Path) -> bool:
    """Say whether a folder has both tables, or a table its columns."""
    if path.is_dir():
        return all((path / name).is_file() for name in ("train.csv", "valid.csv")) and headed(
            path / "train.csv"
        )
    return path.name in ("train.csv", "valid.csv") and seen(path.parent)


def headed(file: Path) -> bool:
    """Say whether a table begins as CheXpert's do."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        columns = opened.readline().lstrip("\ufeff")
    return columns.startswith(f"{PATH},") and "Support Devices" in columns


def read_chexpert(path: Path, columns: Columns) -> Draft:
    """Return every frontal picture with its 14 observations.

    columns.image: "frontal", "lateral" or both. Blank is 0. Uncertain is -1, which is left out of
    the loss; uncertain= of a recipe says what else it may count. The publishers' valid.csv is for
    testing, as papers use it, and validation patients are drawn from train.csv; where there is a
    test.csv, valid.csv is for validation.
    """
    folder = path if path.is_dir() else path.parent
    if not seen(folder):
        raise BadInput(f"{path}: not CheXpert as it is published: {SAYS} are expected")
    views = views_of(columns)
    tests = (folder / "test.csv").is_file()
    splits = {"train.csv": "train", "valid.csv": "val" if tests else "test"}
    splits |= {"test.csv": "test"} if tests else {}
    rows: list[Row] = []
    left: Counter[str] = Counter()
    for name, split in splits.items():
        rows += rows_of(folder, folder / name, split, views, left)
    notes = [f"CheXpert: {', '.join(f'{name} for {split}' for name, split in splits.items())}"]
    unsure = sum(value == -1 for one in rows for value in one.label or ())
    notes.append(
        f"blank is 0; {unsure} labels are uncertain and left out of the loss (uncertain= changes "
        "it)"
    )
    if left:
        notes.append(f"left out: {', '.join(f'{n} {view}' for view, n in left.items())} (image=)")
    if not tests:
        notes.append("valid.csv is for testing; who validates is drawn from train.csv")
    return Draft(rows=tuple(rows), several=OBSERVATIONS, notes=tuple(notes))


def rows_of(
    folder: Path, file: Path, split: str, views: tuple[str, ...], left: Counter[str]
) -> list[Row]:
    """Return the rows of a table, and count the views that are left out."""
    table = read_table(file)
    places = columns_of(table, file)
    rows, missing = [], []
    view = table.columns.index(VIEW) if VIEW in table.columns else None
    for line, fields in table.rows:
        words = fields[table.columns.index(PATH)].replace("\\", "/")
        shown = (fields[view] if view is not None else "") or words.rpartition("_")[2]
        kind = next((one for one in VIEWS if shown.lower().startswith(one)), "frontal")
        if kind not in views:
            left[kind] += 1
            continue
        picture = placed(folder, words)
        if picture is None:
            missing.append(words)
            continue
        rows.append(
            Row(
                name="/".join(picture.relative_to(folder).with_suffix("").parts),
                images=(picture,),
                label=tuple(value(fields[place], file, line) for place in places),
                patient=patient_of(words, file, line),
                split=split,
                modality="xray",
            )
        )
    refuse_missing(file, missing, len(table.rows), folder)
    return rows


def columns_of(table: Table, file: Path) -> list[int]:
    """Return where each observation stands."""
    for name in (PATH, *OBSERVATIONS):
        if name not in table.columns:
            raise BadInput(
                f"{file}: it has no column {name!r}{close_names(name, table.columns)}; CheXpert's "
                "own table is expected"
            )
    return [table.columns.index(name) for name in OBSERVATIONS]


def placed(folder: Path, words: str) -> Path | None:
    """Return a picture: a path begins at the data set's folder, whatever that is called now."""
    inner = words.partition("/")[2]
    for one in (folder / inner, folder / words, folder.parent / words):
        if one.is_file():
            return one
    return None


def value(word: str, file: Path, line: int) -> int:
    """Return what is known of an observation."""
    if word not in VALUES:
        raise BadInput(f"{file}: line {line}: {word!r} is not 1, 0, -1 or blank")
    return VALUES[word]


def patient_of(words: str, file: Path, line: int) -> str:
    """Return whose a picture is."""
    found = PATIENT.search(words)
    if found is None:
        raise BadInput(f"{file}: line {line}: no patient is named in {words!r}")
    return found[0]


def views_of(columns: Columns) -> tuple[str, ...]:
    """Return the views that are asked for."""
    given = columns.image or ("frontal",)
    words = (given,) if isinstance(given, str) else tuple(given)
    for word in words:
        if word not in VIEWS:
            raise BadInput(
                f"image={word!r}: CheXpert has no such view{close_names(word, VIEWS)}; choose from "
                f"{', '.join(VIEWS)}"
            )
    return words
