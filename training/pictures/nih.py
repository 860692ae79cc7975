"""Lists to pre-train on, from the files that NIH gives out with ChestX-ray14."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import Case, CaseList, split_cases
from genesis_hub.data.cases.published.xrays.chestxray14 import (
    ENTRIES,
    FINDINGS,
    TEST,
    TRAIN_VAL,
    entries_of,
)
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput
from training.pictures.listfile import Line, read_list

WRITTEN = {"train": "train.txt", "val": "val.txt", "test": "test.txt"}
FACTS = "lists.json"


@dataclass(frozen=True)
class Lists:
    """Names by split, and their labels where they are known: each a row of 0 and 1."""

    names: dict[str, tuple[str, ...]]
    labels: dict[str, tuple[int, ...]]
    seed: int
    validation: float

    def facts(self) -> dict[str, Any]:
        """Return what is written beside the lists: how they were drawn, and what is in them."""
        return {
            "format_version": 1,
            "source": "NIH ChestX-ray14: its own train_val_list.txt and test_list.txt",
            "note": "validation was drawn here by patient: it is not the split of any paper",
            "seed": self.seed,
            "validation": self.validation,
            "labels": list(FINDINGS) if self.labels else [],
            "lists": {
                split: {
                    "file": WRITTEN[split],
                    "images": len(names),
                    "patients": len(patients(names)),
                    "sha256": hashlib.sha256(self.text(split)).hexdigest(),
                }
                for split, names in self.names.items()
            },
        }

    def text(self, split: str) -> bytes:
        """Return a list as its file holds it: a name a line, labels behind it."""
        lines = (
            " ".join((name, *map(str, self.labels.get(name, ())))) for name in self.names[split]
        )
        return "".join(f"{line}\n" for line in lines).encode()

    def write(self, folder: Path) -> None:
        """Write the lists and their facts, the latter last."""
        for split in self.names:
            with new_file(folder / WRITTEN[split]) as file:
                file.write_bytes(self.text(split))
        with new_file(folder / FACTS) as file:
            file.write_text(json.dumps(self.facts(), indent=1) + "\n", encoding="utf-8")


def lists_of(
    train_val: str | Path,
    test: str | Path | None = None,
    *,
    entries: str | Path | None = None,
    validation: float = 0.13,
    seed: int = 0,
) -> Lists:
    """Return NIH's names for learning, validation and testing.

    train_val, test: NIH's own lists, a name a line. entries: its table of findings. validation: the
    share of what is not for testing, drawn by patient and by seed, whatever the labels are.
    """
    if not 0 < validation < 1:
        raise BadInput(f"validation={validation}; give a share between 0 and 1, such as 0.13")
    lines = read_list(train_val)
    tested = read_list(test) if test else ()
    named(train_val, lines)
    shared = {line.patient for line in lines} & {line.patient for line in tested}
    if shared:
        raise BadInput(
            f"{len(shared)} patients of {test} are in {train_val}, too, such as {min(shared)}; "
            "NIH's own lists have none in common: download both again"
        )
    cases = tuple(Case(line.name, (Path(line.name),), patient=line.patient) for line in lines)
    whole = CaseList(cases, None, (), False, Path(train_val).parent)
    drawn = split_cases(whole, fractions=(1 - validation, validation, 0.0), seed=seed)
    names = {split: tuple(case.name for case in drawn.of(split)) for split in ("train", "val")}
    if test:
        names["test"] = tuple(line.name for line in tested)
    labels = labels_of(entries, names) if entries else {}
    return Lists(names, labels, seed, validation)


def named(file: str | Path, lines: Sequence[Line]) -> None:
    """Raise `BadInput` where names are not NIH's, whose first part is the patient."""
    odd = [line for line in lines if not line.patient]
    if odd:
        raise BadInput(
            f"{file}: line {odd[0].line}: {odd[0].name!r} is not called as NIH's pictures are "
            f"(00000013_026.png), as {len(odd)} are not, so whose it is is not known; give NIH's "
            f"own {TRAIN_VAL}"
        )


def labels_of(entries: str | Path, names: dict[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    """Return which of the 14 findings each picture has, by NIH's table."""
    file = existing(entries)
    found = entries_of(file)
    missing = [name for some in names.values() for name in some if name not in found]
    if missing:
        raise BadInput(
            f"{file}: {len(missing)} pictures of the lists have no row in it, such as "
            f"{missing[0]}; it belongs to other lists, or was cut short"
        )
    return found


def patients(names: Iterable[str]) -> set[str]:
    """Return whose pictures these are."""
    return {name.partition("_")[0] for name in names}


def files_of(folder: str | Path) -> tuple[Path, Path | None, Path | None]:
    """Return NIH's two lists and its table in a folder; only the first must be there."""
    path = existing(folder)
    if not (path / TRAIN_VAL).is_file():
        raise BadInput(
            f"{path}: {TRAIN_VAL} is not there; it comes with NIH's ChestX-ray14, beside its "
            "images; give the folder that it lies in"
        )
    test = path / TEST
    tables = sorted(path.glob(ENTRIES))
    return path / TRAIN_VAL, test if test.is_file() else None, tables[0] if tables else None
