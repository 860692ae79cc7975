"""The cases of a finished run, listed again from what it noted: the same images, the same split."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from genesis_hub.data.cases.facts import CaseList
from genesis_hub.data.cases.splitfile import read_split
from genesis_hub.errors import BadInput

RUN, SPLIT = "run.json", "split.json"
# What a recipe says of how a table or folder is read, by the names that `load_cases` knows.
READ_BY = ("task", "reader", "image", "mask", "labels", "patient", "split", "classes")


def run_folder(path: Path) -> Path | None:
    """Return the run that a path means, its folder or its split.json; None where it is none."""
    folder = path.parent if path.name == SPLIT else path
    return folder if (folder / RUN).is_file() and (folder / SPLIT).is_file() else None


def run_data(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return where a run's images lie, and how they were read: keys of `load_cases`."""
    path = folder / RUN
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        given, recipe = facts.get("given"), dict(facts["recipe"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is not what a run wrote ({error}); audit its data") from error
    if not given or not Path(given).exists():
        raise BadInput(
            f"{folder} was learnt from {given or 'data without a name'}, which is not there; bring "
            "it back, or audit the images where they lie now"
        )
    read_by = {key: recipe.get(key) for key in READ_BY}
    return Path(given), {key: value for key, value in read_by.items() if value}


def as_parted(folder: Path, cases: CaseList) -> CaseList:
    """Return cases in the splits of a run."""
    parted = read_split(folder / SPLIT, cases)
    note = f"{cases.given}, in the splits of {folder / SPLIT}"
    left = len(cases) - len(parted)
    note += f", which leaves out {left} case{'s' * (left != 1)}" if left else ""
    return replace(parted, notes=(note, *parted.notes))
