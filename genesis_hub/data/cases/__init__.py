"""Cases: which image, which label or mask, whose, and whether it is for learning or testing."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genesis_hub.data.cases.auditing import audit, audited, report
from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Classes, named, settle
from genesis_hub.data.cases.duplicates import TWINS
from genesis_hub.data.cases.facts import SPLITS, Case, CaseList, Draw, Problem, Task
from genesis_hub.data.cases.layouts import read_layout, seen_words
from genesis_hub.data.cases.manifest import read_manifest
from genesis_hub.data.cases.masks import class_indices
from genesis_hub.data.cases.published import Layout, layout_of, named_layout
from genesis_hub.data.cases.splitfile import read_split, write_split
from genesis_hub.data.cases.splits import (
    few_shots,
    folds,
    held_out,
    label_fraction,
    split_cases,
)
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput

__all__ = [
    "SPLITS", "Case", "CaseList", "Classes", "Draw", "Problem", "Task", "audit", "audited",
    "class_indices", "few_shots", "folds", "held_out", "label_fraction", "load_cases", "named",
    "read_split", "report", "split_cases", "write_split",
]  # fmt: skip

TABLES = (".csv", ".tsv", ".txt")
USUAL = ("cases.csv", "labels.csv", "manifest.csv")


def load_cases(
    data: str | Path,
    *,
    task: Task | None = None,
    classes: Classes | None = None,
    check: bool = True,
    training: bool = False,
    image: str | Sequence[str] | None = None,
    mask: str | None = None,
    labels: str | Sequence[str] | None = None,
    patient: str | None = None,
    split: str | None = None,
    name: str | None = None,
    reader: str | None = None,
    workers: int = 2,
) -> CaseList:
    """Return the cases of a folder or of a CSV, or raise one `BadInput` that lists all problems.

    task: what the cases are for; told from what is there if None (masks before labels).
    classes: their names in order; or what stands in the data (a label, a mask's value, a column)
    with the name it shall have, where two may share one.
    check: read every file to its end and refuse the list if anything is wrong with it; else what
    was seen on the way is in `.problems`, and files are not opened.
    training: refuse a class without a training case, too.
    image, mask, labels, patient, split, name: columns of a CSV, where they are not called as usual;
    several of `image` are channels, a sequence of `labels` are labels that may come together, and
    "" goes without.
    reader: how a published data set is laid out: "medmnist", "luna16", "candidates" (a table of
    points in volumes), "chestxray14" and others (`published.LAYOUTS`); told from what is there
    where that is sure.

    A folder with a cases.csv, labels.csv or manifest.csv is read by that table.
    """
    if task not in (None, "classification", "segmentation"):
        raise BadInput(f"task={task!r} is none; 'classification' and 'segmentation' are known")
    path = Path(os.path.abspath(existing(data)))  # noqa: PTH100 - links are not followed
    columns = Columns(image, mask, labels, patient, split, name)
    layout = published(path, reader, columns)
    table = None if layout else table_of(path)
    if layout is not None:
        draft, root = layout.read(path, columns), path if path.is_dir() else path.parent
    elif table is not None:
        draft, root = read_manifest(table, columns, task), table.parent
        if table != path:
            draft = replace(draft, notes=(f"read by {table.name}", *draft.notes))
    elif columns.given():
        said = ", ".join(f"{key}={value!r}" for key, value in columns.given().items())
        raise BadInput(f"{path}: {said} names columns, but this is no table; give the CSV itself")
    else:
        draft, root = read_layout(path), path
    cases = replace(settle(draft, root, task, classes), given=path)
    if not check:
        return cases
    found = audited(cases, values=True, workers=workers, training=training)
    if table is None and cases.task == "classification" and len(cases.classes) == 1:
        raise BadInput(
            f"{path}: there is one class only ({cases.classes[0]}), so nothing can be told apart; "
            f"give a folder per class, or the table that says more ({seen_words(root)})"
        )
    # Twins in a publisher's own splits are theirs to mend: their numbers were measured so.
    problems = [
        replace(problem, note=True) if layout and problem.kind == TWINS else problem
        for problem in found.problems
    ]
    grave = [problem for problem in problems if not problem.note]
    if grave:
        raise BadInput(
            report(f"{table or path}, {len(cases)} case{'s' * (len(cases) != 1)}", grave)
        )
    return replace(found.cases, notes=(*found.cases.notes, *noted(problems)))


def published(path: Path, reader: str | None, columns: Columns) -> Layout | None:
    """Return the published layout that is meant or surely there; a table of its own is first."""
    own = reader is None and any((path / file).is_file() for file in USUAL)
    layout = named_layout(reader) if reader else None if own else layout_of(path)
    over = [key for key in columns.given() if layout and key not in layout.options]
    if layout and over:
        raise BadInput(
            f"{path}: it is read as {layout.name} ({layout.says}), which has no use for "
            f"{', '.join(over)}; leave it away"
        )
    return layout


def table_of(path: Path) -> Path | None:
    """Return the table that says what the cases are, or None where the folders say it."""
    if path.is_file():
        if path.suffix.lower() not in TABLES:
            raise BadInput(f"{path}: give a folder, or a table (.csv, .tsv) with a row per image")
        return path
    usual = [path / file for file in USUAL if (path / file).is_file()]
    if len(usual) > 1:
        both = " and ".join(table.name for table in usual)
        raise BadInput(
            f"{path}: {both} both lie here; give the one that is meant ({seen_words(path)})"
        )
    return usual[0] if usual else None


def noted(problems: Sequence[Problem]) -> list[str]:
    """Return what is only worth knowing, one line for each kind and at most three cases named."""
    notes = [problem for problem in problems if problem.note]
    lines = []
    for kind, count in Counter(problem.kind for problem in notes).items():
        own = [problem for problem in notes if problem.kind == kind]
        said = "; ".join(f"{problem.case}: {problem.what}" for problem in own[:3])
        lines.append(f"{kind}: {said}" + f"; and {count - 3} more" * (count > 3))
    return lines
