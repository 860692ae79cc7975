"""Which scans there are whose slices can be learned from, with their masks and their labels."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genesis_hub.data.cases import Case, CaseList, Problem, load_cases
from genesis_hub.data.cases.facts import SPLIT_NAMES
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput
from training.corpus.listing import Listing, Opener, Scan, divided, refuse_run

# As the authors of SMART-Net name theirs: NAME_hemo_img.nii.gz beside NAME_hemo_mask.nii.gz.
NAMED = re.compile(r"(?P<name>.+)_(?P<kind>hemo|normal)_img(?P<ending>\.nii(\.gz)?)$", re.I)
NEGATIVE = ("0", "normal", "negative", "healthy", "none", "no", "control")
UNKNOWN = -1


@dataclass(frozen=True)
class Labelled(Scan):
    """A volume, or a picture that is one slice, and what is known of it.

    mask: where it lies, if there is one. label: 1 with a lesion, 0 without, -1 where nothing says.
    """

    mask: Path | None = None
    label: int = UNKNOWN


def listed(
    data: str | Path, *, seed: int, validation: float, positive: Sequence[str] = ()
) -> Listing:
    """Return the labelled scans of a place, each for learning or validation, patients whole.

    data: a folder as the authors of SMART-Net lay theirs out, or any folder or table of images with
    masks, with labels, or with both. validation: the share of patients drawn for it by seed, where
    nothing says the split. positive: the classes that mean a lesion.
    """
    path = existing(data)
    if path.is_dir():
        refuse_run(path)
    cases, labels, notes = authors(path) or anyones(path, positive)
    cases, more = divided(cases, seed=seed, validation=validation)
    if len(cases) > 1 and all(case.patient == case.name for case in cases):
        more = (
            *more,
            f"each of {len(cases)} scans is taken for a patient of its own; a table with a column "
            "'patient' says otherwise",
        )
    scans = tuple(
        Labelled(
            case.name,
            case.patient,
            (case.images[0], *([case.mask] if case.mask else [])),
            case.modality,
            case.split,
            Opener(case.images[0]),
            mask=case.mask,
            label=labels.get(case.name, UNKNOWN),
        )
        for case in cases
    )
    return Listing(scans, cases, (*notes, *more))


Found = tuple[CaseList, Mapping[str, int], tuple[str, ...]]


def authors(folder: Path) -> Found | None:
    """Return scans that are named as SMART-Net's are; None where none is.

    Masks are found by their names: the authors pair what is sorted, so that one that is missing
    shifts all behind it.
    """
    if not folder.is_dir():
        return None
    files = sorted(folder.rglob("*_img.nii*"))
    found = [(file, match) for file in files if (match := NAMED.match(file.name))]
    cases, labels = [], {}
    for file, match in found:
        stem = file.name.removesuffix(match["ending"])[: -len("img")]
        beside = (file.with_name(f"{stem}mask{ending}") for ending in (".nii.gz", ".nii"))
        within = file.parent.relative_to(folder).parts
        split = next((SPLIT_NAMES[part.lower()] for part in within if part.lower() in SPLIT_NAMES),
                     None)  # fmt: skip
        name = "/".join((*within, f"{stem[:-1]}"))
        mask = next((one for one in beside if one.is_file()), None)
        labels[name] = int(match["kind"].lower() == "hemo")
        cases.append(Case(name, (file,), mask=mask, patient=match["name"], split=split))
    if not cases:
        return None
    note = f"{len(cases)} volumes by their names, {sum(labels.values())} of them hemo"
    return CaseList(tuple(cases), None, (), False, folder), labels, (note,)


def anyones(path: Path, positive: Sequence[str]) -> Found:
    """Return the scans of any layout that is known, with what masks and labels it has."""
    cases = load_cases(path, check=False)
    if cases.task is None:
        raise BadInput(
            f"{path}: nothing says what is in its slices ({'; '.join(cases.notes)}); give images/ "
            "with masks/, a folder per class, NAME_hemo_img.nii.gz with NAME_hemo_mask.nii.gz, or "
            "a CSV with columns image and mask or label"
        )
    told = cases
    if cases.task == "segmentation":
        try:
            told = load_cases(path, check=False, task="classification")
        except BadInput:
            told = replace(cases, cases=(), classes=())  # There are masks alone.
    labels = binary(told, positive) if len(told) else {}
    several = next((case for case in cases if len(case.images) > 1), None)
    if several is not None:
        raise BadInput(
            f"{path}: {several.name!r} has {len(several.images)} image files, but slices of one "
            "channel are learned from; give each file a row of its own"
        )
    bare = replace(cases, task=None, classes=(), multilabel=False, values=())
    bare = replace(bare, cases=tuple(replace(case, label=None) for case in cases))
    return bare, labels, (*cases.notes, *wrong(cases.problems))


def wrong(problems: Sequence[Problem]) -> list[str]:
    """Return what is wrong with a listing, a line for each kind of it."""
    count = Counter(one.kind for one in problems)
    first = {one.kind: one for one in reversed(problems)}
    return [f"{kind}: {n}, such as {first[kind].what}" for kind, n in count.items()]


def binary(cases: CaseList, positive: Sequence[str]) -> dict[str, int]:
    """Return for each case whether it has a lesion, by the classes that mean one."""
    names = cases.classes
    unknown = [name for name in positive if name not in names]
    if unknown:
        raise BadInput(f"positive={unknown[0]!r} is no class; choose from {', '.join(names)}")
    if not positive and not cases.multilabel:
        negative = [name for name in names if name.lower() in NEGATIVE]
        if len(negative) != 1 or len(names) < 2:
            raise BadInput(
                f"the classes are {', '.join(names)}, and nothing says which of them mean a lesion"
                f"; give positive={names[-1]}, or several with commas"
            )
        positive = [name for name in names if name not in negative]
    chosen = [names.index(name) for name in positive or names]
    return {case.name: of_label(case.label, chosen) for case in cases}


def of_label(label: int | tuple[int, ...] | None, chosen: Sequence[int]) -> int:
    """Return 1, 0, or -1 where a label does not say it."""
    if label is None:
        return UNKNOWN
    if isinstance(label, int):
        return int(label in chosen)
    values = [label[index] for index in chosen]
    return 1 if 1 in values else UNKNOWN if UNKNOWN in values else 0
