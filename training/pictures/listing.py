"""Which pictures there are: of a folder, a table, a stack, or list files beside a folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from genesis_hub.data.cases import Case, CaseList, load_cases
from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.manifest import read_manifest
from genesis_hub.data.image import Image
from genesis_hub.data.readers import existing, files_in
from genesis_hub.data.readers.parts import is_there, parted
from genesis_hub.errors import BadInput
from training.corpus.listing import (
    Listing,
    Opener,
    Scan,
    divided,
    ended,
    from_folder,
    from_table,
    refuse_parted,
    table_of,
)  # fmt: skip
from training.pictures.listfile import Line, patient_of, read_list, refuse_missing

STACKS = (".npz", ".npy")


def listed(
    data: str | Path,
    *,
    seed: int,
    validation: float,
    train_list: str | Path | None = None,
    val_list: str | Path | None = None,
    suffixes: Sequence[str] = (),
) -> Listing:
    """Return the pictures of a folder, a table or a published stack, each with its split.

    train_list, val_list: list files whose paths begin at `data`; where only the first is given,
    validation is drawn from it. Whose a picture is says its table; pictures called as NIH's are
    (00000013_026.png) belong to the patient in their name, any other is a patient of its own.
    validation: the share of the patients drawn for it by seed, where nothing says the split.
    suffixes: the endings of the files that are taken; none: all.
    """
    path = existing(data)
    openers: Mapping[str, Callable[[], Image]] = {}
    notes: tuple[str, ...] = ()
    told = False
    if train_list or val_list:
        if not train_list:
            raise BadInput(
                f"val_list={val_list} was given without train_list; give both, or the latter alone"
            )
        cases = from_lists(path, Path(train_list), Path(val_list) if val_list else None)
    elif table := table_of(path):
        cases, _, notes = from_table(table)
        told = names_patients(table)
    elif path.is_dir():
        cases, openers, _ = from_folder(path)
    elif path.suffix.lower() in STACKS:
        cases = unlabelled(load_cases(path, check=False))
    else:
        raise BadInput(
            f"{path}: give a folder of pictures, a table (.csv, .tsv) with a row each, or a stack "
            f"of a published layout ({', '.join(STACKS)})"
        )
    cases, alone = with_patients(ended(cases, suffixes))
    refuse_parted(cases, "pictures")
    cases, more = divided(cases, seed=seed, validation=validation)
    if alone > 1 and not told:
        more = (
            *more,
            f"{alone} of {len(cases)} pictures are each taken for a patient of its own; a table "
            "with a column 'patient' says otherwise",
        )
    scans = tuple(
        Scan(
            case.name, case.patient, case.images, "", case.split,
            openers.get(case.name) or Opener(case.images[0]),
        )
        for case in cases
    )  # fmt: skip
    return Listing(scans, cases, (*notes, *more))


def names_patients(table: Path) -> bool:
    """Say whether a table has a word for every picture's patient, be it the picture's own name."""
    draft = read_manifest(table, Columns(labels="", mask=""), None)
    return all(row.patient for row in draft.rows)


def unlabelled(cases: CaseList) -> CaseList:
    """Return cases without what a network is not to learn from."""
    bare = tuple(replace(case, label=None, mask=None) for case in cases)
    return CaseList(bare, None, (), False, cases.root)


def with_patients(cases: CaseList) -> tuple[CaseList, int]:
    """Return pictures with the patients that are in their names, and how many stand alone."""
    found = tuple(
        replace(case, patient=patient_of(str(parted(case.images[0])[0])) or case.patient)
        if case.patient == case.name
        else case
        for case in cases
    )
    alone = sum(case.patient == case.name for case in found)
    return replace(cases, cases=found), alone


def from_lists(folder: Path, train_list: Path, val_list: Path | None) -> CaseList:
    """Return the pictures of list files, or raise `BadInput` for any that is not there."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: with train_list, data is the folder that its paths begin at")
    train = located(folder, train_list)
    val = located(folder, val_list) if val_list else []
    if both := {path for _, path in train} & {path for _, path in val}:
        raise BadInput(
            f"{len(both)} pictures are in {train_list} and in {val_list}, such as "
            f"{min(both).name}; take them out of one"
        )
    split = "train" if val_list else None
    return CaseList((*as_cases(train, split), *as_cases(val, "val")), None, (), False, folder)


def as_cases(found: Iterable[tuple[Line, Path]], split: str | None) -> Iterable[Case]:
    """Yield the pictures of a list as cases."""
    for line, path in found:
        yield Case(line.name, (path,), patient=line.patient, split=split)


def located(folder: Path, file: Path) -> list[tuple[Line, Path]]:
    """Return the pictures of a list with their files: as written, else by name below the folder.

    NIH's pictures come in twelve folders, which its lists do not name.
    """
    lines = read_list(file)

    @cache
    def below() -> dict[str, list[Path]]:
        names: dict[str, list[Path]] = {}
        for path in files_in(folder):
            names.setdefault(path.name, []).append(path)
        return names

    found, missing = [], []
    for line in lines:
        path = folder / line.name.replace("\\", "/")
        if not is_there(path):
            others = below().get(path.name, [])
            if len(others) > 1:
                raise BadInput(
                    f"{file}: line {line.line}: {line.name} is not in {folder}, and below it are "
                    f"{len(others)} of that name, such as {others[0]} and {others[1]}; write the "
                    "whole path"
                )
            if not others:
                missing.append(line)
                continue
            path = others[0]
        found.append((line, path))
    refuse_missing(file, missing, len(lines), folder)
    return found
