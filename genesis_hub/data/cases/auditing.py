"""All that is wrong with a list of cases, found before anything is learnt from it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from genesis_hub.data.cases.duplicates import judged, twins
from genesis_hub.data.cases.examine import Seen, examine
from genesis_hub.data.cases.facts import SPLITS, Case, CaseList, Problem
from genesis_hub.data.image import Image
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

MOST_SHOWN = 20
MOST_CLASSES = 64


def audit(
    cases: CaseList, *, values: bool = True, workers: int = 2, training: bool = False
) -> list[Problem]:
    """Return every problem of a list, those found when it was loaded among them.

    values: read every file to its end and look into masks; else only headers are read.
    training: the cases are to be learnt from, so that a class without a training case is a
    problem; else it is a note.
    """
    return audited(cases, values=values, workers=workers, training=training).problems


class Audited(NamedTuple):
    """The problems of a list, and the list with what was seen in its files.

    looks: of each case what its images look like, where that was asked for.
    twins: the groups of cases whose images are the same byte for byte.
    """

    problems: list[Problem]
    cases: CaseList
    looks: list[tuple[str, ...]]
    twins: list[list[Case]]


def audited(
    cases: CaseList,
    *,
    values: bool,
    workers: int,
    training: bool,
    look: Callable[[Image], str] | None = None,
) -> Audited:
    """Return problems and the list with modalities, mask classes and what masks hold filled in.

    look: tells what an image looks like; it is asked where values are read.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise BadInput(f"workers={workers!r}: give a whole number from 1 up")
    one_case = partial(examine, values=values, volumes=dict[Path, str](), look=look)
    with ThreadPoolExecutor(workers) as pool:
        # Some at a time, for lists of half a million; yet all workers have some of a short one.
        step = max(1, min(256, len(cases) // (8 * workers)))
        some = (cases.cases[at : at + step] for at in range(0, len(cases), step))
        seen = [one for part in pool.map(lambda part: [*map(one_case, part)], some) for one in part]
    learnt = with_classes(with_modalities(cases, seen), seen)
    problems = [*cases.problems, *(problem for one in seen for problem in one.problems)]
    problems += unlabelled(cases)
    problems += mask_values_unknown(learnt, seen)
    problems += patients_in_two_splits(cases)
    same = list(twins(cases, [one.files for one in seen]))
    problems += [problem for group in same for problem in judged(cases, group)]
    problems += classes_apart(learnt, training=training)
    problems += unlike(cases, seen)
    return Audited(problems, learnt, [one.looks for one in seen], same)


def report(
    title: str,
    problems: Sequence[Problem],
    *,
    most: int = MOST_SHOWN,
    noun: str = "problem",
    rest: str = "",
) -> str:
    """Return problems as text, those of one kind together, the first of each kind shown.

    rest: said of those that are not shown.
    """
    kinds: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.kind].append(problem)
    lines = [f"{title}: {len(problems)} {noun}{'s' * (len(problems) != 1)}"]
    for kind, group in kinds.items():
        lines.append(f"{kind} ({len(group)}):")
        lines += [f"  {problem.case}: {problem.what}" for problem in group[:most]]
        if len(group) > most:
            lines.append(f"  and {len(group) - most} more{rest}")
        remedies = dict.fromkeys(problem.remedy for problem in group)
        lines += [f"  -> {remedy}" for remedy in list(remedies)[:3]]
    return "\n".join(lines)


def with_modalities(cases: CaseList, seen: list[Seen]) -> CaseList:
    """Return the list with the modalities that files name."""
    told = (replace(c, modality=c.modality or s.modality) for c, s in zip(cases, seen, strict=True))
    return replace(cases, cases=tuple(told))


def with_classes(cases: CaseList, seen: list[Seen]) -> CaseList:
    """Return the list with its mask classes named, where nobody did, and those each mask holds."""
    found = sorted({value for one in seen for value in one.values or ()} | {0})
    if cases.task != "segmentation" or all(one.values is None for one in seen):
        return cases
    if not cases.classes:
        cases = replace(
            cases,
            classes=tuple(map(str, found)),
            values=tuple((value, index) for index, value in enumerate(found)),
            notes=(*cases.notes, f"mask values {few(found)} are the classes"),
        )
    index = dict(cases.values)

    def present(one: Seen) -> tuple[int, ...] | None:
        if one.values is None:
            return None
        return tuple(sorted({index[value] for value in one.values if value in index}))

    told = (replace(case, present=present(one)) for case, one in zip(cases, seen, strict=True))
    return replace(cases, cases=tuple(told))


def few(values: list[int]) -> str:
    """Return numbers in words, the first of them where there are many."""
    return ", ".join(map(str, values[:8])) + ", ..." * (len(values) > 8)


def mask_values_unknown(cases: CaseList, seen: list[Seen]) -> Iterator[Problem]:
    """Give a problem for each mask with values of no class."""
    known = {value for value, _ in cases.values}
    held_at_all = sorted({value for one in seen for value in one.values or ()})
    fitting = f"{{0: 'background', {held_at_all[-1] if held_at_all else 1}: ...}}"
    if len(held_at_all) == len(cases.classes):
        fitting = str(dict(zip(held_at_all, cases.classes, strict=True)))
    if len(known) > MOST_CLASSES and cases.classes == tuple(map(str, sorted(known))):
        what = f"the masks hold {len(known)} different values, as pictures do"
        remedy = "save masks as PNG, never JPEG; or name the classes in classes="
        yield Problem("all masks", what, remedy, "unknown labels")
    for case, one in zip(cases, seen, strict=True):
        strange = sorted(set(one.values or ()) - known)
        if strange:
            classes = ", ".join(f"{v} ({cases.classes[i]})" for v, i in cases.values[:8])
            what = f"its mask holds {few(strange)}; the classes are {classes}"
            remedy = f"name each value in classes=, such as {fitting}"
            yield Problem(case.name, what, remedy, "unknown labels")


def unlabelled(cases: CaseList) -> Iterator[Problem]:
    """Give a problem for each case without the label or mask that the others have."""
    if cases.task is None:
        return
    what = "mask" if cases.task == "segmentation" else "label"
    bare = [c for c in cases if (c.mask if what == "mask" else c.label) is None]
    told = {p.case for p in cases.problems if p.kind in ("missing pairs", "unknown labels")}
    test = cases.of("test")
    if test and all(case in bare for case in test):
        bare = [case for case in bare if case.split != "test"]
        said = f"no case of it has a {what}; they can be predicted, not scored"
        yield Problem("test", said, f"add {what}s to score them", f"missing {what}s", note=True)
    for case in bare:
        if case.name not in told:
            remedy = f"give it a {what}, or take it out"
            yield Problem(case.name, f"it has no {what}", remedy, f"missing {what}s")


def patients_in_two_splits(cases: CaseList) -> Iterator[Problem]:
    """Give a problem for each patient whom the data's own splits part."""
    by_patient: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.split is not None:
            by_patient[case.patient].append(case)
    for patient, own in by_patient.items():
        counts = Counter(case.split for case in own)
        if len(counts) > 1:
            parts = (f"{counts[s]} in {s} ({next(c.name for c in own if c.split == s)})"
                     for s in SPLITS if counts[s])  # fmt: skip
            what = f"a patient in two splits: {', '.join(parts)}"
            remedy = "move all images of a patient to one split"
            yield Problem(patient, what, remedy, "patients in two splits")


def classes_apart(cases: CaseList, *, training: bool) -> Iterator[Problem]:
    """Give a problem for classes that nothing is learnt of, and for names that are nearly alike."""
    folded: dict[str, list[str]] = defaultdict(list)
    for name in cases.classes:
        folded["".join(filter(str.isalnum, name.casefold())) or name].append(name)
    for names in folded.values():
        if len(names) > 1:
            what = f"{', '.join(map(repr, names))} are classes of their own, but spelt nearly alike"
            yield Problem(names[0], what, "spell a class in one way", "classes")
    if cases.task == "classification" and len(cases.classes) > max(20, len(cases) / 2):
        what = f"{len(cases.classes)} classes for {len(cases)} cases, such as {cases.classes[0]!r}"
        yield Problem("labels", what, "name the column of the classes in labels=", "classes")
        return
    if cases.task == "segmentation" and any(case.present is None for case in cases):
        return
    learnt = "train" if any(case.split == "train" for case in cases) else None
    where = "training case" if learnt else "case"
    for index, (name, count) in enumerate(cases.counts(learnt).items()):
        if count == 0 and not (cases.task == "segmentation" and index == 0):  # Background.
            what = f"the class has no {where}{close_names(name, cases.classes, alike=0.8)}"
            remedy = "add cases of it, or leave it out by classes="
            yield Problem(name, what, remedy, "classes without training", note=not training)


def unlike(cases: CaseList, seen: list[Seen]) -> Iterator[Problem]:
    """Give a problem for cases that lack channels, a note where images differ in kind."""
    channels = Counter(len(case.images) for case in cases)
    if len(channels) > 1:
        usual = max(channels)
        for case in cases:
            if len(case.images) < usual:
                what = f"it has {len(case.images)} channel files, but others have {usual}"
                yield Problem(case.name, what, "add those that are missing", "missing pairs")
    ask: list[tuple[str, Callable[[Seen], int | None]]] = [
        ("axes", lambda one: one.ndim), ("channels", lambda one: one.channels),
    ]  # fmt: skip
    for what, number in ask:
        counts = Counter(n for one in seen if (n := number(one)) is not None)
        if len(counts) > 1:
            said = ", ".join(f"{count} with {n} {what}" for n, count in counts.most_common())
            remedy = (
                "give each kind a list of its own" if what == "axes" else "nothing need be done"
            )
            yield Problem("images", f"they differ: {said}", remedy, "mixed images", note=True)
