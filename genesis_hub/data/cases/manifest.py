"""Tables with a row for each image: which file it is, what is known of it, whose it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from genesis_hub.data.cases import columns as by
from genesis_hub.data.cases.columns import Columns, asked, one_of
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import SPLIT_NAMES, Problem, Task
from genesis_hub.data.cases.listing import names_for, usable
from genesis_hub.data.cases.lookup import Find, best, finders, holds_files, named_as_image
from genesis_hub.data.cases.points import Points, points_of
from genesis_hub.data.cases.table import Table, read_table
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Chosen:
    """Which columns were taken for what, and how their words become files."""

    images: tuple[str, ...]
    image_file: Find
    mask: str | None = None
    mask_file: Find | None = None
    label: str | None = None
    several: tuple[str, ...] = ()
    patient: str | None = None
    split: str | None = None
    name: str | None = None
    modality: str | None = None
    points: Points | None = None
    notes: list[str] = field(default_factory=list)


def read_manifest(path: Path, wanted: Columns, task: Task | None, *, points: bool = False) -> Draft:
    """Return what a table holds; paths in it are relative to its folder.

    points: each row names a place in a volume, and its case is a box around it.
    """
    table = read_table(path)
    chosen = choose(table, path, wanted, task)
    if points:
        chosen = replace(chosen, points=points_of(table, path))
    problems = list(table.problems)
    rows = []
    for line, fields in table.rows:
        row = row_of(dict(zip(table.columns, fields, strict=True)), line, chosen, problems)
        if row is not None:
            rows.append(row)
    if not rows and not problems:
        raise BadInput(f"{path}: it has no rows")
    over = [column for column in table.columns if column and column not in taken(chosen)]
    if over:
        chosen.notes.append(f"columns not used: {', '.join(over)}")
    notes = [f"{path.name}: {said(chosen)}", *chosen.notes]
    rows, repeated = list(dict.fromkeys(rows)), len(rows) - len(set(rows))
    if repeated:
        notes.append(f"rows that repeat another word for word, taken once: {repeated}")
    return Draft(
        rows=tuple(named(rows, path.parent, chosen, wanted, problems, notes)),
        several=chosen.several,
        missing=by.MISSING,
        notes=tuple(notes),
        problems=tuple(problems),
    )


def choose(table: Table, path: Path, wanted: Columns, task: Task | None) -> Chosen:
    """Return which columns are what."""
    folder, notes = path.parent, list[str]()
    name = one_of(table, wanted.name, "name", by.NAME)
    images, image_file = choose_images(table, path, wanted, name, notes)
    label, several, mask = choose_answers(table, wanted, task, images)
    mask_file = None
    if mask is not None:
        mask_file = best(table.values(mask), finders(folder, ("labels", "masks")))[1]
    elif label is None and not several and task != "classification" and name is not None:
        hits, finder = best(table.values(name), finders(folder, ("labels", "masks"))[1:])
        if hits:
            mask, mask_file = name, finder
    patient = one_of(table, wanted.patient, "patient", by.PATIENT)
    split = one_of(table, wanted.split, "split", by.SPLIT)
    if not several and label is None and mask is None and task is None and wanted.labels is None:
        used = [c for c in (*images, name, patient, split) if c is not None]
        several = tuple(by.binary(table, used))
    if mask is None:
        like = [
            c for c in table.columns if c not in images and holds_files(table.values(c), folder)
        ]
        if like:
            notes.append(f"{', '.join(like)} hold image files: for masks pass mask={like[0]!r}")
    if mask is not None and (label is not None or several) and task is None:
        notes.append("masks and labels are there: masks were taken (task='classification' changes)")
    return Chosen(
        images=images,
        image_file=image_file,
        mask=mask,
        mask_file=mask_file,
        label=label,
        several=several,
        patient=patient,
        split=split,
        name=name,
        modality=one_of(table, None, "modality", by.MODALITY),
        notes=notes,
    )


def choose_images(
    table: Table, path: Path, wanted: Columns, name: str | None, notes: list[str]
) -> tuple[tuple[str, ...], Find]:
    """Return the columns of the image files, and how to find a file by what stands there."""
    ways = finders(path.parent, ("images",))
    if wanted.image:
        given = [wanted.image] if isinstance(wanted.image, str) else list(wanted.image)
        columns = tuple(asked(table, column, "image") for column in given)
        return columns, best(table.values(columns[0]), ways)[1]
    named = by.by_names(table, by.IMAGE)
    sets = [tuple(by.channels(table)), *((column,) for column in named)]
    for columns in filter(None, sets):
        hits, finder = best(table.values(columns[0]), ways)
        if hits:
            return columns, finder
    if name is not None:
        hits, finder = best(table.values(name), ways)
        if hits:
            instead = f", not by {named[0]}" if named else ""
            notes.append(f"files were found by {name}{instead}")
            return (name,), finder
    first = next(filter(None, sets), None)
    if first is None:
        raise BadInput(
            f"{path}: none of its columns ({', '.join(table.columns)}) is called as image files "
            f"are ({', '.join(by.IMAGE[:4])}, image_0); rename one, or pass image="
        )
    return first, ways[0]


def choose_answers(
    table: Table, wanted: Columns, task: Task | None, images: Sequence[str]
) -> tuple[str | None, tuple[str, ...], str | None]:
    """Return the column of classes, those of labels that come together, and that of masks."""
    mask = one_of(table, wanted.mask, "mask", by.MASK)
    label: str | None = None
    several: tuple[str, ...] = ()
    if isinstance(wanted.labels, str):
        label = asked(table, wanted.labels, "labels") if wanted.labels else None
    elif wanted.labels is not None:
        several = tuple(asked(table, column, "labels") for column in wanted.labels)
        if not several or len(set(several)) < len(several):
            raise BadInput(f"labels={wanted.labels!r}: name each column of a label once")
    else:
        label = next(iter(by.by_names(table, by.LABEL)), None)
    if label is not None and wanted.labels is None:
        values = [value for value in table.values(label) if value]
        if values and all(named_as_image(value) for value in values):
            label, mask = None, mask or label  # "label" can mean a mask's file, too.
    if task == "classification":
        mask = None
        if label is None and not several:
            several = tuple(by.binary(table, images))
    if task == "segmentation":
        label, several = None, ()
    return label, several, mask


def row_of(
    fields: dict[str, str], line: int, chosen: Chosen, problems: list[Problem]
) -> Row | None:
    """Return one row, or None where it names no image."""
    words = [fields[column] for column in chosen.images]
    where = words[0] or f"line {line}"
    if not all(words):
        empty = chosen.images[words.index("")]
        what = f"line {line} has nothing in column {empty}"
        problems.append(Problem(where, what, "name the image file there", "missing pairs"))
        return None
    label: str | tuple[int, ...] | None = None
    if chosen.label is not None:
        label = fields[chosen.label] or None
    elif chosen.several:
        wrong = [c for c in chosen.several if fields[c].lower() not in by.BINARY]
        for column in wrong:
            what = f"line {line}: {fields[column]!r} in column {column} is not 0, 1, -1 or empty"
            remedy = "correct it; for one column of classes pass labels= as one name"
            problems.append(Problem(where, what, remedy, "unknown labels"))
        label = tuple(by.BINARY.get(fields[c].lower(), -1) for c in chosen.several)
    split = SPLIT_NAMES.get(fields[chosen.split].lower()) if chosen.split else None
    if chosen.split and by.there(fields[chosen.split]) and split is None:
        what = f"line {line}: {fields[chosen.split]!r} in column {chosen.split} is no split"
        remedy = "write train, val or test, or nothing; split='' goes without the column"
        problems.append(Problem(where, what, remedy, "unknown splits"))
    mask = None
    if chosen.mask is not None and chosen.mask_file is not None and by.there(fields[chosen.mask]):
        mask = chosen.mask_file(fields[chosen.mask])
    row = Row(
        name=fields[chosen.name] if chosen.name else "",
        images=tuple(chosen.image_file(word) for word in words),
        label=label,
        mask=mask,
        patient=by.there(fields[chosen.patient]) if chosen.patient else "",
        split=split,
        modality=fields[chosen.modality].lower() if chosen.modality else "",
    )
    return chosen.points.placed(row, fields, line, problems) if chosen.points else row


def named(
    rows: Sequence[Row],
    root: Path,
    chosen: Chosen,
    wanted: Columns,
    problems: list[Problem],
    notes: list[str],
) -> list[Row]:
    """Return the rows under names of their own: the table's, else their files'."""
    counts = Counter(row.name for row in rows)
    double = [name for name, count in counts.items() if count > 1]
    unfit = [name for name in counts if not usable(name)]
    if chosen.name and wanted.name is None and double:
        notes.append(f"{chosen.name} is not different in each row, so files give the names")
    elif chosen.name:
        for name in double:
            what = f"{counts[name]} rows have the name {name!r}"
            problems.append(Problem(name, what, "give each case a name of its own", "names"))
        for name in unfit:
            what = f"{name!r} cannot name a case, since files will be called so"
            remedy = "use letters, digits, dots, dashes; no '..', no leading '/', no backslash"
            problems.append(Problem(name or "(empty)", what, remedy, "names"))
        if not double and not unfit:
            return list(rows)
    names = names_for([row.images[0] for row in rows], root)
    return [replace(row, name=name) for row, name in zip(rows, names, strict=True)]


def taken(chosen: Chosen) -> dict[str, str]:
    """Return the columns that were used, each with what it was taken for."""
    found = dict.fromkeys(chosen.images, "image")
    for what in ("name", "patient", "split", "modality", "label", "mask"):
        column = getattr(chosen, what)
        if column is not None:
            found[column] = f"{found[column]} and {what}" if column in found else what
    if chosen.points is not None:
        found |= dict.fromkeys(chosen.points.axes, "point (LPS)")
        found |= {chosen.points.box: "box"} if chosen.points.box else {}
    return found | dict.fromkeys(chosen.several, "label (0 or 1)")


def said(chosen: Chosen) -> str:
    """Return which column was taken for what, in words."""
    return ", ".join(f"{what} from {column}" for column, what in taken(chosen).items())
