"""LiTS: volume-N.nii with segmentation-N.nii, in one folder or in training batches."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.cases.listing import seen_in
from genesis_hub.errors import BadInput

SAYS = "volume-N.nii with segmentation-N.nii (or .nii.gz), in any folders below"
FILE = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?", re.I)
# As Models Genesis and its successors part the 130 training cases.
FIRST_VAL, FIRST_TEST, CASES = 100, 115, 130
REMEDY = "take it from the training batches again, or take its partner away"


def seen(path: Path) -> bool:
    """Say whether a folder, or a folder in it, holds a volume and a segmentation called so."""
    if not path.is_dir():
        return False
    kinds: set[str] = set()
    for one in seen_in(path):
        inner = seen_in(one) if one.is_dir() else [one]
        kinds |= {match[1].lower() for file in inner if (match := FILE.fullmatch(file.name))}
        if len(kinds) == 2:
            return True
    return False


def read_lits(path: Path, columns: Columns) -> Draft:
    """Return every volume with its liver; the tumour lies in the liver and counts as it.

    classes={0: "background", 1: "liver", 2: "tumour"} of `load_cases` keeps them apart.
    """
    found: dict[str, dict[int, Path]] = {"volume": {}, "segmentation": {}}
    problems = []
    for file in sorted(path.rglob("*.nii*")) if path.is_dir() else []:
        match = FILE.fullmatch(file.name)
        if match is None:
            continue
        other = found[match[1].lower()].setdefault(int(match[2]), file)
        if other != file:
            what = f"{other.relative_to(path)} and {file.relative_to(path)} are both there"
            problems.append(Problem(file.name, what, "leave the one that is meant", "two files"))
    volumes, masks = found["volume"], found["segmentation"]
    if not volumes:
        raise BadInput(f"{path}: no volume of LiTS lies here; {SAYS} are expected")
    for number in sorted(volumes.keys() ^ masks.keys()):
        lacks = "segmentation" if number in volumes else "volume"
        one = (volumes if number in volumes else masks)[number]
        what = f"{one.name} has no {lacks}-{number}.nii"
        problems.append(Problem(f"volume-{number}", what, REMEDY, "missing pairs"))
    rows = [
        Row(
            name=f"volume-{number}",
            images=(volume,),
            mask=masks.get(number),
            split=split_of(number),
            modality="ct",
        )
        for number, volume in sorted(volumes.items())
    ]
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), (1, "liver"), (2, "liver")),
        notes=("LiTS: cases 0-99 train, 100-114 val, 115-129 test; its tumours count as liver",),
        problems=tuple(problems),
    )


def split_of(number: int) -> str | None:
    """Return the split of a case by its number; None for one that the authors had not."""
    if number >= CASES:
        return None
    return "train" if number < FIRST_VAL else "val" if number < FIRST_TEST else "test"
