"""Which column of a table is what: as the user says, or by the names that people give them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from genesis_hub.data.cases.table import Table
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

IMAGE = ("path", "file", "image", "filename", "image_path", "file_path", "image_file", "file_name",
         "img", "image_name", "image_index", "scan", "seriesuid")  # fmt: skip
CHANNEL = re.compile(r"image_?(\d+)$")
MASK = ("mask", "segmentation", "label_path", "mask_path", "seg")
LABEL = ("label", "class", "target", "diagnosis", "labels")
PATIENT = ("patient", "patient_id", "group", "subject", "subject_id", "patientid", "group_id")
SPLIT = ("split", "fold")
NAME = ("id", "case", "name", "case_id", "image_id")
MODALITY = ("modality",)
# What a 0, a 1 and a label that is not known look like in a column of a label's own.
BINARY = {"0": 0, "1": 1, "-1": -1, "": -1, "0.0": 0, "1.0": 1, "-1.0": -1, "false": 0, "true": 1}
# What programs write where nothing is known; "none" and "unknown" are words that people may mean.
MISSING = ("nan", "na", "n/a", "<na>", "null")
BINARY |= dict.fromkeys(MISSING, -1)
NO_LABELS = ("", "index", "unnamed_0", "sex", "gender", "age")


@dataclass(frozen=True)
class Columns:
    """Columns by name; where the user names none, what a table calls as people do is taken.

    image: several are channels, in order.
    labels: one name is a column of classes; a sequence of names are labels that may come together,
    each column holding 0, 1, or -1 or nothing where it is not known. "" means no column at all.
    """

    image: str | Sequence[str] | None = None
    mask: str | None = None
    labels: str | Sequence[str] | None = None
    patient: str | None = None
    split: str | None = None
    name: str | None = None

    def given(self) -> dict[str, object]:
        """Return what the user said."""
        return {key: value for key, value in vars(self).items() if value is not None}


def by_names(table: Table, names: Sequence[str]) -> list[str]:
    """Return the columns that are called as one of the names, in the names' order."""
    known = {plain(column): column for column in reversed(table.columns)}
    return [known[name] for name in names if name in known]


def channels(table: Table) -> list[str]:
    """Return the columns image_0, image_1, ... in order of their numbers."""
    found = [(CHANNEL.match(plain(column)), column) for column in table.columns]
    return [column for _, column in sorted((int(m[1]), column) for m, column in found if m)]


def asked(table: Table, wanted: str, option: str) -> str:
    """Return the column a user names, or raise `BadInput` with those there are."""
    for column in table.columns:
        if wanted == column:
            return column
    for column in table.columns:
        if isinstance(wanted, str) and plain(wanted) == plain(column):
            return column
    near = close_names(str(wanted), table.columns)
    raise BadInput(
        f"{option}={wanted!r}: the table has no such column{near}; its columns are "
        f"{', '.join(table.columns)}"
    )


def one_of(table: Table, wanted: str | None, option: str, names: Sequence[str]) -> str | None:
    """Return the column a user names, else the first called as one of the names, else None."""
    if wanted is not None:
        return asked(table, wanted, option) if wanted else None
    return next(iter(by_names(table, names)), None)


def binary(table: Table, used: Sequence[str]) -> list[str]:
    """Return the columns left over that hold nothing but 0, 1, -1 and gaps: labels, it seems."""
    known = {*IMAGE, *MASK, *LABEL, *PATIENT, *SPLIT, *NAME, *MODALITY, *NO_LABELS}
    found = []
    for column in table.columns:
        values = [value.lower() for value in table.values(column)]
        if column in used or plain(column) in known or CHANNEL.match(plain(column)):
            continue
        if any(values) and all(value in BINARY for value in values):
            found.append(column)
    return found


def there(word: str) -> str:
    """Return a word of a table, or nothing where it says that nothing is known."""
    return "" if word.lower() in MISSING else word


def plain(column: str) -> str:
    """Return a column's name in small letters, all else as _."""
    return re.sub(r"\W+", "_", column.strip().lower()).strip("_")
