"""From what people wrote as labels to indices of classes; both roads to a case list meet here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.facts import Case, CaseList, Problem, Task, relative
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

Classes = Sequence[str] | Mapping[str, str] | Mapping[int, str]


@dataclass(frozen=True)
class Row:
    """A case as a folder or a table has it; the label still as it is written there."""

    name: str
    images: tuple[Path, ...]
    label: str | tuple[int, ...] | None = None
    mask: Path | None = None
    patient: str = ""
    split: str | None = None
    modality: str = ""


@dataclass(frozen=True)
class Draft:
    """What a folder or a table holds.

    several: the names of its labels, where a case may have more than one.
    masks: names of mask values, where the data bring them along.
    missing: words, in small letters, that stand where a label is not known.
    """

    rows: tuple[Row, ...]
    several: tuple[str, ...] = ()
    masks: tuple[tuple[int, str], ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def settle(draft: Draft, root: Path, task: Task | None, classes: Classes | None) -> CaseList:
    """Return the case list of a draft, its labels as indices of classes."""
    check_classes(classes)
    has_masks = any(row.mask for row in draft.rows)
    has_labels = bool(draft.several) or any(row.label is not None for row in draft.rows)
    task = task or ("segmentation" if has_masks else "classification" if has_labels else None)
    said = "; ".join(draft.notes)
    if task == "segmentation" and not has_masks:
        raise BadInput(f"{root}: task='segmentation' needs masks, but none were found; {said}")
    if task == "classification" and not has_labels:
        raise BadInput(f"{root}: task='classification' needs labels, but none were found; {said}")
    if task is None and classes is not None:
        raise BadInput(
            f"{root}: classes={classes!r} says nothing where there are no labels; {said}"
        )
    values: tuple[tuple[int, int], ...] = ()
    labels: list[int | tuple[int, ...] | None] = [None] * len(draft.rows)
    names: tuple[str, ...] = ()
    problems, notes = list(draft.problems), list(draft.notes)
    if task == "segmentation":
        names, values = mask_classes(draft, classes)
    elif task == "classification" and draft.several:
        names, labels = several(draft, classes)
    elif task == "classification":
        names, labels = single(draft, classes, problems, notes)
    cases = tuple(
        Case(
            name=row.name,
            images=row.images,
            label=label,
            mask=row.mask if task == "segmentation" else None,
            patient=row.patient,
            split=row.split,
            modality=row.modality,
        )
        for row, label in zip(draft.rows, labels, strict=True)
    )
    return CaseList(
        cases=cases,
        task=task,
        classes=names,
        multilabel=task == "classification" and bool(draft.several),
        root=root,
        values=values,
        notes=tuple(notes),
        problems=(*problems, *twice(draft, root)),
    )


def check_classes(classes: Classes | None) -> None:
    """Refuse what names no classes."""
    if classes is None:
        return
    names = list(classes.values()) if isinstance(classes, Mapping) else list(classes)
    if isinstance(classes, str) or not names or not all(isinstance(n, str) and n for n in names):
        raise BadInput(
            f"classes={classes!r} names no classes; give their names in order, such as "
            "('normal', 'pneumonia'), or what stands in the data with the name it shall have, such "
            "as {0: 'background', 255: 'lung'}"
        )
    if not isinstance(classes, Mapping) and len(set(names)) < len(names):
        raise BadInput(f"classes={classes!r} names a class twice; give each name once")


def named(classes: tuple[str, ...]) -> dict[str, str] | tuple[str, ...] | None:
    """Return names in order, or what stands in the data with the name it has ("1=lung")."""
    if not any("=" in word for word in classes):
        return classes or None
    pairs = [word.partition("=") for word in classes]
    if not all(sign and value.strip() and name.strip() for value, sign, name in pairs):
        raise BadInput(f"classes={list(classes)}; give all as VALUE=NAME, or all as names in order")
    return {value.strip(): name.strip() for value, _, name in pairs}


def numbered(classes: Classes) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names in order, and the index of each thing that may stand in the data."""
    if isinstance(classes, Mapping):
        names = tuple(dict.fromkeys(classes.values()))
        return names, {str(key): names.index(name) for key, name in classes.items()}
    names = tuple(classes)
    return names, {name: index for index, name in enumerate(names)}


def single(
    draft: Draft, classes: Classes | None, problems: list[Problem], notes: list[str]
) -> tuple[tuple[str, ...], list[int | tuple[int, ...] | None]]:
    """Return the classes, and one index per row; None where the label is not among them."""
    written = known_labels(draft, classes, notes)
    kinds = sorted({label for label in written if label is not None})
    numbers = [whole_number(label) for label in kinds]
    if None not in numbers:
        plain = {label: str(n) for label, n in zip(kinds, numbers, strict=True)}
        written = [None if label is None else plain[label] for label in written]
        kinds = sorted(set(plain.values()), key=int)
    if classes is None:
        names, index = numbered(kinds)
        if None not in numbers and kinds != [str(i) for i in range(len(kinds))]:
            notes.append(f"labels {', '.join(kinds)} are classes 0 to {len(kinds) - 1}")
    else:
        names, index = numbered(classes)
        as_index = [str(i) for i in range(len(names))]
        if not isinstance(classes, Mapping) and set(kinds) <= set(as_index) - set(names):
            index = {number: i for i, number in enumerate(as_index)}
    for row, label in zip(draft.rows, written, strict=True):
        if label is not None and label not in index:
            known = ", ".join(map(repr, index))
            what = f"label {label!r} is not among {known}{close_names(label, index)}"
            remedy = "correct the label, or name the class in classes="
            problems.append(Problem(row.name, what, remedy, "unknown labels"))
    return names, [None if label is None else index.get(label) for label in written]


def known_labels(draft: Draft, classes: Classes | None, notes: list[str]) -> list[str | None]:
    """Return each row's label as it is written; None where a word says that it is not known."""
    meant = () if classes is None else numbered(classes)[1]
    written: list[str | None] = []
    gone: list[str] = []
    for row in draft.rows:
        label = None if row.label is None else str(row.label)
        if label is not None and label.lower() in draft.missing and label not in meant:
            gone.append(label)
            label = None
        written.append(label)
    if gone:
        words = ", ".join(map(repr, sorted(set(gone))))
        notes.append(
            f"label {words} is taken for none, {len(gone)} case{'s' * (len(gone) != 1)}; if it is "
            "a class, name it in classes="
        )
    return written


def several(
    draft: Draft, classes: Classes | None
) -> tuple[tuple[str, ...], list[int | tuple[int, ...] | None]]:
    """Return the names of labels that may come together, and a 0, 1 or -1 for each."""
    names, columns = draft.several, list(range(len(draft.several)))
    if classes is not None:
        names, index = numbered(classes)
        missing = [name for name in index if name not in draft.several]
        if missing or len(index) != len(names):
            raise BadInput(
                f"classes={classes!r}: the labels are the columns {', '.join(draft.several)}; "
                f"none is named {', '.join(map(repr, missing)) or 'twice'}"
            )
        columns = [draft.several.index(name) for name in index]
    return names, [
        tuple(row.label[c] for c in columns) if isinstance(row.label, tuple) else None
        for row in draft.rows
    ]


def mask_classes(
    draft: Draft, classes: Classes | None
) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Return the names of mask classes, and which value in a mask means which."""
    if classes is None:
        if not draft.masks:
            return (), ()
        classes = dict(draft.masks)
    if not isinstance(classes, Mapping):
        return tuple(classes), tuple((index, index) for index in range(len(classes)))
    names, index = numbered(classes)
    wrong = [key for key in index if whole_number(key) is None or not 0 <= int(key) <= 255]
    if wrong:
        raise BadInput(
            f"classes={classes!r}: masks hold whole numbers from 0 to 255, not "
            f"{', '.join(map(repr, wrong))}; write such as {{0: 'background', 1: 'lung'}}"
        )
    return names, tuple((int(key), place) for key, place in index.items())


def whole_number(text: str) -> int | None:
    """Return a whole number that is written plainly, as 1 or 1.0; None for anything else."""
    head, _, tail = text.partition(".")
    digits = head.removeprefix("-")
    return int(head) if digits.isascii() and digits.isdigit() and not tail.strip("0") else None


def twice(draft: Draft, root: Path) -> list[Problem]:
    """Return a problem for each image file that is in several cases, or twice in one."""
    users: dict[str, list[str]] = {}
    for row in draft.rows:
        for path in row.images:
            users.setdefault(relative(path, root), []).append(row.name)
    return [
        Problem(
            names[0],
            f"{path} is named {len(names)} times, by {', '.join(dict.fromkeys(names))}",
            "keep one row for each image",
            "the same file twice",
        )
        for path, names in users.items()
        if len(names) > 1
    ]
