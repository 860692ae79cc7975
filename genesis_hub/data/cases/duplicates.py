"""Images that are there twice under two names: told by their bytes."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from genesis_hub.data.cases.facts import Case, CaseList, Problem

Files = Sequence[tuple[Path, ...]]


def duplicates(cases: CaseList, files: Sequence[Files]) -> Iterator[Problem]:
    """Give a problem for each image in two splits or with two labels, a note for any other twin.

    files: of each case, the files of each of its images; an image without files is not looked at.
    """
    sizes: dict[tuple[int, ...], list[tuple[Case, Files]]] = defaultdict(list)
    for case, own in zip(cases, files, strict=True):
        if own and all(own):
            try:
                sizes[tuple(size for parts in own for size in map(size_of, parts))].append(
                    (case, own)
                )
            except OSError:
                continue  # Reading it has told so already.
    for alike in sizes.values():
        if len(alike) < 2:
            continue
        twins: dict[str, list[Case]] = defaultdict(list)
        for case, own in alike:
            twins[digest(own)].append(case)
        for group in twins.values():
            apart = list({case.images: case for case in group}.values())
            if len(apart) > 1:
                yield from judged(cases, apart)


def judged(cases: CaseList, group: Sequence[Case]) -> Iterator[Problem]:
    """Give what is wrong with cases whose images are the same."""
    first, others = group[0], ", ".join(case.name for case in group[1:4])
    others += f" and {len(group) - 4} more" if len(group) > 4 else ""
    splits = {case.split: None for case in group if case.split is not None}
    labels = {str(cases.label_names(case)): None for case in group if case.label is not None}
    kind = "duplicate images"
    if len(splits) > 1:
        what = f"the same bytes as {others}, in {' and '.join(splits)}"
        yield Problem(first.name, what, "keep it in one split", kind)
    if len(labels) > 1:
        what = f"the same bytes as {others}, but labelled {' and '.join(labels)}"
        yield Problem(first.name, what, "keep the label that is right", kind)
    if len(splits) < 2 and len(labels) < 2:
        what = f"the same bytes as {others}"
        remedy = "keep one, or give all one patient, so that no split parts them"
        yield Problem(first.name, what, remedy, kind, note=True)


def size_of(path: Path) -> int:
    """Return the bytes of a file."""
    return path.stat().st_size


def digest(files: Files) -> str:
    """Return a sha256 over the bytes of a case's images, in order."""
    whole = hashlib.sha256()
    for parts in files:
        for path in parts:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
