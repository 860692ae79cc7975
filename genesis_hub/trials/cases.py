"""The labelled images of a config: folders with masks beside them, or tables of grades."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from genesis_hub.configs.generators import GeneratorArgs
from genesis_hub.data.cases import Case, CaseList, noted, report
from genesis_hub.data.cases.auditing import audited
from genesis_hub.data.cases.draft import Draft, Row, settle
from genesis_hub.data.cases.duplicates import TWINS
from genesis_hub.data.cases.listing import list_folder, name_of
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput
from genesis_hub.trials.asked import FinetuneConfig
from genesis_hub.trials.graded import bits_of, coded, read_grades

BESIDE = "_labels"
STEMS = ("", "_label")
# What the masks of the published tasks hold, by how the names of their data sets begin.
MASKS = {
    "pancreas": ("background", "pancreas", "tumour"),
    "brats": ("background", "necrosis", "oedema", "enhancing"),
}
Part = tuple[str, str | None, GeneratorArgs]  # Where it lies, its split, how it is read.
PICTURE = ".jpeg"  # As published, where no suffix is said.


def labelled(config: FinetuneConfig) -> CaseList:
    """Return all cases of a config in their order, those for testing marked; every file is read."""
    found = graded_cases(config) if config.by_table else masked_cases(config)
    seen = audited(found, values=True, workers=2, training=False)
    # Of one picture under two names or grades, published tables have many.
    problems = [
        replace(problem, note=True) if problem.kind == TWINS else problem
        for problem in seen.problems
    ]
    grave = [problem for problem in problems if not problem.note]
    if grave:
        raise BadInput(report(f"{found.root}, {len(found)} cases", grave))
    return replace(seen.cases, notes=(*found.notes, *noted(problems)))


def graded_cases(config: FinetuneConfig) -> CaseList:
    """Return the cases of tables: csv_file, or csv_file_train and csv_file_test."""
    train, test = config.tables
    parts: list[Part] = [(train, None, config.train_data_generator_args)]
    if test is not None:
        parts.append((test, "test", config.test_data_generator_args))
    read = [
        read_grades(Path(table).expanduser(), folder_of(config, split), args.suffix or PICTURE)
        for table, split, args in parts
    ]
    most = max(row.grade for rows in read for row in rows) + 1
    grades = config.num_classes or max(most, 2)
    if most > grades:
        raise BadInput(
            f"num_classes={grades}, but the tables hold grades up to {most - 1}; give "
            f"num_classes={most}"
        )
    coding = config.coding
    rows = [
        replace(row, split=split)
        for (_, split, _), some in zip(parts, read, strict=True)
        for row in coded(some, grades, coding)
    ]
    bits = bits_of(grades, coding)
    root = folder_of(config, None)
    classes = None if bits else tuple(map(str, range(grades)))
    said = f"{len(bits)} bits" if bits else "one class"
    note = f"grades 0 to {grades - 1} of {' and '.join(str(part[0]) for part in parts)}, as {said}"
    draft = Draft(tuple(apart(rows)), several=bits, notes=(note,))
    return replace(settle(draft, root, "classification", classes), given=Path(train))


def folder_of(config: FinetuneConfig, split: str | None) -> Path:
    """Return where the pictures of a table lie."""
    own = config.data_dir_test if split == "test" else config.data_dir_train
    folder = own or config.data_dir_train or config.data_dir
    if not folder:
        raise BadInput("data_dir is missing: the folder where the pictures of csv_file lie")
    return existing(Path(folder).expanduser())


def masked_cases(config: FinetuneConfig) -> CaseList:
    """Return the cases of data_dir_train and data_dir_test, each with masks in <path>_labels."""
    train = config.data_dir_train or config.data_dir
    if not train:
        raise BadInput(
            "data_dir_train is missing: a folder of images, whose masks lie in <path>_labels under "
            "the same names; or name csv_file_train for pictures with grades"
        )
    folders: list[Part] = [(train, None, config.train_data_generator_args)]
    if config.data_dir_test:
        folders.append((config.data_dir_test, "test", config.test_data_generator_args))
    rows = [
        row
        for folder, split, args in folders
        for row in masked_rows(existing(Path(folder).expanduser()), split, args)
    ]
    wide = config.num_classes or config.train_data_generator_args.n_classes
    names = next((own for key, own in MASKS.items() if config.dataset_name.startswith(key)), ())
    wide = wide or len(names)
    classes = names if wide == len(names) else tuple(map(str, range(wide)))
    root = existing(Path(train).expanduser())
    note = "masks by name from " + " and ".join(f"{folder}{BESIDE}" for folder, *_ in folders)
    draft = Draft(tuple(apart(rows)), notes=(note,))
    return replace(settle(draft, root, "segmentation", classes or None), given=root)


def masked_rows(folder: Path, split: str | None, args: GeneratorArgs) -> list[Row]:
    """Return the images of a folder in the order of their names, each with its mask."""
    beside = folder.with_name(folder.name + BESIDE)
    if not beside.is_dir():
        raise BadInput(
            f"{folder}: its masks are looked for in {beside}, which is not there; put them there "
            "under the names of their images"
        )
    images = [
        path for path in list_folder(folder).images if path.name.lower().endswith(args.ending)
    ]
    if not images:
        raise BadInput(
            f"{folder}: no image lies here"
            + (f" whose name ends on {args.ending!r}" if args.ending else "")
        )
    masks = {name_of(path): path for path in list_folder(beside).images}
    stem = args.label_stem
    if stem is None:
        stem = max(STEMS, key=lambda one: sum(name_of(path) + one in masks for path in images))
    bare = [path for path in images if name_of(path) + stem not in masks]
    if bare:
        name = name_of(bare[0]) + stem
        raise BadInput(
            f"{len(bare)} of {len(images)} images of {folder} have no mask in {beside}, such as "
            f"{bare[0].name}, whose mask would be called {name!r}{close_names(name, masks)}; "
            "label_stem says what stands behind an image's name"
        )
    return [
        Row(name_of(path), (path,), mask=masks[name_of(path) + stem], split=split)
        for path in images
    ]


def apart(rows: Sequence[Row]) -> Iterable[Row]:
    """Give rows names of their own: those that are in both lists get the split before them."""
    count: dict[str, int] = {}
    for row in rows:
        count[row.name] = count.get(row.name, 0) + 1
    for row in rows:
        yield (
            replace(row, name=f"{row.split or 'train'}/{row.name}") if count[row.name] > 1 else row
        )


def case_channels(case: Case) -> int:
    """Return how many channels a case's files have together."""
    from genesis_hub.data.readers import read

    return sum(read(path).channels for path in case.images)
