"""The verb `audit`: all that is wrong with a data set, and what of it a set of weights has seen."""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from genesis_hub import api, registry
from genesis_hub.atomic import new_file
from genesis_hub.data.cases import (
    SPLITS,
    CaseList,
    Classes,
    Problem,
    Task,
    load_cases,
    named,
    report,
)  # fmt: skip
from genesis_hub.data.cases.lookalikes import LIMITS
from genesis_hub.data.cases.ofrun import as_parted, run_data, run_folder
from genesis_hub.data.cases.whole import Seen, whole_audit
from genesis_hub.data.hashes import KIND
from genesis_hub.errors import BadInput
from genesis_hub.weights.recall import Recall, recall_folder, recall_name

HEADER = ("gravity", "kind", "case", "distance", "others", "what", "remedy")
SHOWN = 5
REST = ", which --out NAME.csv has (out= in Python)"
MOST_CLASSES = 20
# Spreadsheets take what begins so for a formula, and run it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


@dataclass(frozen=True)
class Audit:
    """What was found in a data set.

    splits: how many cases each has; "" counts those without. classes: how many cases have each;
    unlabelled: how many have none. read_as: what was taken for what.
    against: what can be said of the weights that were asked about; answered: whether it is
    anything.
    """

    data: Path
    splits: dict[str, int]
    problems: tuple[Problem, ...]
    read_as: tuple[str, ...] = ()
    against: str = ""
    answered: bool = True
    classes: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0

    @property
    def grave(self) -> tuple[Problem, ...]:
        """The problems that are more than worth knowing."""
        return tuple(problem for problem in self.problems if not problem.note)

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What is only worth knowing."""
        return tuple(problem for problem in self.problems if problem.note)

    @property
    def status(self) -> int:
        """The exit status: 1 with problems; 2 if the weights could not be asked; else 0."""
        return 1 if self.grave else 0 if self.answered else 2

    def __str__(self) -> str:
        cases = sum(self.splits.values())
        where = ", ".join(
            f"{count} {split or 'in no split'}" for split, count in self.splits.items()
        )
        lines = [f"{self.data}: {cases} case{'s' * (cases != 1)} ({where})"]
        lines += [f"  {visible(line)}" for line in (*self.counted(), *self.read_as)]
        shown = [(self.grave, "problem"), (self.notes, "note")]
        for some, noun in shown:
            clean = [replace(p, case=visible(p.case), what=visible(p.what)) for p in some]
            lines += ["", report("found", clean, most=SHOWN, noun=noun, rest=REST)]
        lines += ["", *([f"against {visible(self.against)}"] * bool(self.against))]
        return "\n".join([*lines, f"Note: {LIMITS}."])

    def counted(self) -> list[str]:
        """Return the classes with their counts in words, the first where there are many."""
        if not self.classes:
            return []
        some = [f"{name} {count:,}" for name, count in [*self.classes.items()][:MOST_CLASSES]]
        if len(self.classes) > MOST_CLASSES:
            some.append(f"and {len(self.classes) - MOST_CLASSES} more")
        if self.unlabelled:
            some.append(f"without a label {self.unlabelled:,}")
        return [f"cases of each class: {', '.join(some)}"]

    def table(self) -> dict[str, Any]:
        """Return everything as a table for programs."""
        return {
            "format_version": 1,
            "data": str(self.data),
            "splits": self.splits,
            "classes": self.classes,
            "unlabelled": self.unlabelled,
            "status": self.status,
            "problems": len(self.grave),
            "notes": len(self.notes),
            "against": {"said": self.against, "answered": self.answered} if self.against else None,
            "limits": LIMITS,
            "findings": [asdict(problem) for problem in self.problems],
        }


def audit(
    data: str | Path,
    *,
    against: str | Path | None = None,
    out: str | Path | None = None,
    task: Task | None = None,
    classes: Classes | None = None,
    image: str | Sequence[str] | None = None,
    mask: str | None = None,
    labels: str | Sequence[str] | None = None,
    patient: str | None = None,
    split: str | None = None,
    name: str | None = None,
    reader: str | None = None,
    workers: int = 2,
) -> Audit:
    """Return all problems of a data set at once: files, labels, splits, copies of images.

    data: as `load_cases` takes it; or the folder of a run, whose images are audited in its splits.

    Beside what `load_cases` refuses: images that look alike (near-duplicates by a perceptual hash)
    in two splits or with different labels, and, against a name or folder of weights, images that
    these saw in training, as far as they carry hashes of them.
    out: a .csv or .json to write the findings to, one row each.
    task to reader: as `load_cases` takes them. workers: threads that read.
    """
    target = None if out is None else writable(Path(out))
    recall = None if against is None else recalled(against)
    asked: dict[str, Any] = {
        "task": task, "classes": classes, "image": image, "mask": mask, "labels": labels,
        "patient": patient, "split": split, "name": name, "reader": reader,
    }  # fmt: skip
    cases = listed(Path(data), {key: value for key, value in asked.items() if value is not None})
    seen = None if recall is None else Seen(str(against), recall.hashes)
    found, problems = whole_audit(cases, workers=workers, seen=seen)
    said, answered = "", True
    if recall is not None:
        said, answered = answer(recall, found.looks)
        said = f"{against}: {said}"
    counts = Counter(case.split or "" for case in cases)
    splits = {name: counts[name] for name in (*SPLITS, "") if counts[name]}
    done = Audit(
        Path(data), splits, tuple(problems), found.cases.notes, said, answered,
        classes=found.cases.counts(), unlabelled=without(found.cases),
    )  # fmt: skip
    if target is not None:
        write(target, done)
    return done


def listed(data: Path, asked: dict[str, Any]) -> CaseList:
    """Return the cases of a data set, or of a run in its splits."""
    run = run_folder(data)
    if run is None:
        return load_cases(data, check=False, **asked)
    given, read_by = run_data(run)
    if "classes" in read_by:
        read_by["classes"] = named(tuple(read_by["classes"]))
    if len(read_by.get("labels", ())) == 1:
        (read_by["labels"],) = read_by["labels"]
    return as_parted(run, load_cases(given, check=False, **{**read_by, **asked}))


def recalled(against: str | Path) -> Recall:
    """Return what weights saw, by name or folder."""
    folder = api.folder_of(against)
    if folder is not None:
        return recall_folder(folder, KIND)
    return recall_name(registry.find(str(against)), KIND)


def answer(recall: Recall, looks: Sequence[Sequence[str]]) -> tuple[str, bool]:
    """Return what can be said of weights in words, and whether that is anything."""
    if recall.silent:
        return f"nothing can be said of what these weights saw: {recall.silent}", False
    theirs = {len(one) for one in recall.hashes}
    hashes = [one for own in looks for one in own]
    able = sum(bool(one) and len(one) in theirs for one in hashes)
    many = f"{len(recall.hashes):,} hashes of what they saw"
    if not able:
        why = "of volumes only" if theirs == {128} else "of pictures only" if theirs == {64} else ""
        return (
            f"nothing can be said: the weights carry {many} {why}".rstrip()
            + f", and none of the {len(hashes):,} images here can be compared with them",
            False,
        )
    return (
        f"{able:,} of {len(hashes):,} images were compared with {many}; of training before those "
        "were noted they tell nothing",
        True,
    )


def without(cases: CaseList) -> int:
    """Return how many cases have neither label nor mask, where the others do."""
    if cases.task == "segmentation":
        return sum(case.mask is None for case in cases)
    return sum(case.label is None for case in cases) if cases.task else 0


def writable(path: Path) -> Path:
    """Return a place for the findings, or refuse one that holds something else."""
    if path.suffix.lower() not in (".csv", ".json"):
        raise BadInput(f"out={str(path)!r}: findings are written as .csv or .json")
    try:
        begin = path.read_bytes()[:200] if path.exists() else b""
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    if begin and not begin.startswith((line_of(HEADER).encode(), b'{\n  "format_version": 1,')):
        raise BadInput(f"{path} holds something else than findings; name another file")
    return path


def write(path: Path, done: Audit) -> None:
    """Write the findings, a row for each: whole or not at all."""
    with new_file(path) as aside:
        if path.suffix.lower() == ".json":
            aside.write_text(json.dumps(done.table(), indent=2) + "\n", encoding="utf-8")
            return
        with aside.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line_of(HEADER))
            # All is quoted: elsewhere a semicolon parts cells, and a name may hold one.
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(map(row, done.problems))


def line_of(words: Sequence[str]) -> str:
    """Return the first line of a table."""
    return ",".join(f'"{word}"' for word in words) + "\r\n"


def row(problem: Problem) -> list[str]:
    """Return a problem as cells that a spreadsheet takes for text."""
    gravity = "note" if problem.note else "problem"
    far = "" if problem.distance is None else f"{problem.distance:.4f}"
    others = "; ".join(problem.others)
    cells = (gravity, problem.kind, problem.case, far, others, problem.what, problem.remedy)
    return [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]


def visible(text: str) -> str:
    """Return text with what a terminal would obey, and bytes that are no letters, spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
