"""Images that are there twice under two names: told by their bytes."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from genesis_hub.data.cases.facts import Case, CaseList, Problem
from genesis_hub.data.readers.parts import fingerprint, likeness
from genesis_hub.errors import some_of

TWINS = "duplicate images"
MOST_NAMED = 50
Files = Sequence[tuple[Path, ...]]


def twins(cases: CaseList, files: Sequence[Files]) -> Iterator[list[Case]]:
    """Give groups of cases whose images are the same byte for byte.

    files: of each case, the files of each of its images; an image without files is not looked at.
    """
    sizes: dict[Hashable, list[tuple[Case, Files]]] = defaultdict(list)
    for case, own in zip(cases, files, strict=True):
        if own and all(own):
            try:
                pairs = zip(case.images, own, strict=True)
                sizes[tuple(likeness(*pair) for pair in pairs)].append((case, own))
            except OSError:
                continue  # Reading it has told so already.
    for alike in sizes.values():
        if len(alike) < 2:
            continue
        same: dict[Hashable, list[Case]] = defaultdict(list)
        for case, own in alike:
            pairs = zip(case.images, own, strict=True)
            same[tuple(fingerprint(*pair) for pair in pairs)].append(case)
        for group in same.values():
            apart = list({case.images: case for case in group}.values())
            if len(apart) > 1:
                yield apart


def judged(cases: CaseList, group: Sequence[Case]) -> Iterator[Problem]:
    """Give a problem for twins in two splits or with two labels, a note for any others."""
    first, others = group[0], some_of([case.name for case in group[1:]], 3)
    named = tuple(case.name for case in group[1:MOST_NAMED])
    splits = {case.split: None for case in group if case.split is not None}
    labels = {str(cases.label_names(case)): None for case in group if case.label is not None}
    if len(splits) > 1:
        what = f"the same bytes as {others}, in {' and '.join(splits)}"
        yield Problem(first.name, what, "keep it in one split", TWINS, others=named)
    if len(labels) > 1:
        what = f"the same bytes as {others}, but labelled {' and '.join(labels)}"
        yield Problem(first.name, what, "keep the label that is right", TWINS, others=named)
    if len(splits) < 2 and len(labels) < 2:
        what = f"the same bytes as {others}"
        remedy = "keep one, or give all one patient, so that no split parts them"
        if len({case.patient for case in group}) == 1:
            what, remedy = f"{what}, of one patient", "keep one, or it counts more often"
        yield Problem(first.name, what, remedy, TWINS, note=True, others=named)
