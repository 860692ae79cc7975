"""Images and masks that lie in two folders under the same names, and those that lack the other."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from genesis_hub.data.cases.draft import Row
from genesis_hub.data.cases.facts import Problem
from genesis_hub.data.cases.listing import images_below, list_folder, name_of, names_for
from genesis_hub.data.nearest import close_names

CHANNEL = re.compile(r"^(.+)_(\d{4})$")
MASK_ENDING = re.compile(r"[_-](mask|masks|seg|segmentation|label|labels|gt)$", re.I)
MISSING = "missing pairs"
REMEDY = "add the other under the same name, or take this one out"


def paired(images: Path, labels: Path | None, split: str | None) -> tuple[list[Row], list[Problem]]:
    """Return a row per image, and a problem for each image and each mask that stands alone."""
    problems: list[Problem] = []
    masks = {} if labels is None else named_masks(labels, problems)
    files = by_name(images)
    cases = joined(files, images, masks)
    masks = fitted(masks, cases, problems)
    rows = []
    for name, channels in cases.items():
        mask = masks.get(name)
        if labels is not None and mask is None:
            what = f"{channels[0].name} has no mask in {labels.name}/{near(name, masks, cases)}"
            problems.append(Problem(name, what, REMEDY, MISSING))
        rows.append(Row(name, channels, mask=mask, split=split))
    for name, mask in masks.items():
        if name not in cases:
            what = f"{mask.name} has no image in {images.name}/{near(name, cases, masks)}"
            problems.append(Problem(name, what, REMEDY, MISSING))
    return rows, problems


def by_name(folder: Path, left_out: Collection[Path] = ()) -> dict[str, Path]:
    """Return the images in a folder and below; a folder holding just one gives it its name."""
    listing = list_folder(folder)
    found = [path for path in listing.images if path not in left_out]
    names = names_for(found, folder)
    for inner in listing.folders:
        below = [path for path in images_below(inner) if path not in left_out]
        found += below
        names += [inner.name] if len(below) == 1 else names_for(below, folder)
    if len(set(names)) < len(names):
        names = names_for(found, folder)
    return dict(zip(names, found, strict=True))


def named_masks(folder: Path, problems: list[Problem]) -> dict[str, Path]:
    """Return masks by name; two files for one name are a problem."""
    first: dict[Path, Path] = {}
    left_out = set()
    for path in images_below(folder):
        other = first.setdefault(path.parent / name_of(path), path)
        if other != path:
            problems.append(two_masks(name_of(path), other, path))
            left_out.add(path)
    return by_name(folder, left_out)


def two_masks(name: str, one: Path, other: Path) -> Problem:
    """Return the problem of two masks for one image."""
    what = f"{one.name} and {other.name} are both masks of it"
    return Problem(name, what, "leave the one that is meant", "two masks")


def joined(
    files: dict[str, Path], folder: Path, masks: dict[str, Path]
) -> dict[str, tuple[Path, ...]]:
    """Return the files of each case: channels ending on _0000, _0001 are one image."""
    parts = {name: CHANNEL.match(name) for name in files}
    nnunet = folder.name.lower() in ("imagestr", "imagests")
    by_channel = all(parts.values()) and (nnunet or not masks.keys() & files.keys())
    # Without masks nothing tells channels from numbers, unless the folder is called nnU-Net's way.
    if not by_channel or not (nnunet or masks):
        return {name: (path,) for name, path in files.items()}
    cases: dict[str, tuple[Path, ...]] = {}
    for name in sorted(files):
        match = parts[name]
        assert match is not None
        cases[match[1]] = (*cases.get(match[1], ()), files[name])
    return cases


def fitted(
    masks: dict[str, Path], cases: dict[str, tuple[Path, ...]], problems: list[Problem]
) -> dict[str, Path]:
    """Return the masks under the names of their images: scan_mask belongs to scan."""
    found = {name: path for name, path in masks.items() if name in cases}
    for name, path in masks.items():
        short = MASK_ENDING.sub("", name)
        if name in cases:
            continue
        if short in found and short in cases:
            problems.append(two_masks(short, found[short], path))
            continue
        found[short if short in cases else name] = path
    return found


def near(name: str, others: Iterable[str], taken: Iterable[str]) -> str:
    """Return names close to one that is missing, those that belong elsewhere aside."""
    return close_names(name, set(others) - set(taken), alike=0.7)
