"""Folders as people lay them out: images beside labels, a folder per class, or images alone."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genesis_hub.data.cases.draft import Draft, Row, whole_number
from genesis_hub.data.cases.facts import SPLIT_NAMES, Problem
from genesis_hub.data.cases.listing import (
    images_below,
    list_folder,
    names_for,
    others_below,
    seen_in,
)
from genesis_hub.data.cases.pairs import paired
from genesis_hub.errors import BadInput, some_of

# Images, what may be beside them, the split they are in (nnU-Net's names say it).
PAIRS = (
    ("images", ("labels", "masks"), None),
    ("imagestr", ("labelstr",), None),
    ("imagests", ("labelsts",), "test"),
)
MASK_WORDS = re.compile(r"(^|[_. -])(seg|segmentation|label|labels|mask|masks|gt)([_. -]|$)", re.I)
EXPECTED = (
    "expected images/ with labels/ (or masks/, or nnU-Net's imagesTr/ with labelsTr/), or a folder "
    "of images for each class, or images alone, each also inside train/, val/ and test/; or give "
    "a CSV with a row for each image"
)


@dataclass(frozen=True)
class Part:
    """What one folder, or one split of it, was taken for."""

    kind: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def read_layout(root: Path) -> Draft:
    """Return what a folder holds, or raise `BadInput` saying what was seen in it."""
    splits = split_folders(root)
    if splits:
        parts = [in_split(one_layout(folder), split) for split, folder in splits.items()]
        beside = [path.name for path in seen_in(root) if path not in splits.values()]
        kinds = {part.kind for part in parts if part.rows}
        if len(kinds - {"flat"}) > 1 or (kinds > {"flat"} and not flat_only_in_test(parts)):
            seen = ", ".join(
                f"{folder.name}/ holds {part.kind}"
                for folder, part in zip(splits.values(), parts, strict=True)
            )
            raise BadInput(f"{root}: its splits are not laid out alike: {seen}; {EXPECTED}")
    else:
        parts, beside = [one_layout(root)], []
    rows = [row for part in parts for row in part.rows]
    if not rows and not any(part.problems for part in parts):
        raise BadInput(f"{root}: no image lies here; seen: {seen_words(root)}; {EXPECTED}")
    notes = [note for part in parts for note in part.notes]
    if beside:
        notes.append(f"left alone beside the splits: {', '.join(beside[:10])}")
    tables = [path.name for path in seen_in(root) if path.suffix.lower() in (".csv", ".tsv")]
    if tables:
        notes.append(f"{', '.join(tables)}: not read; give a table itself to go by it")
    return Draft(
        rows=tuple(named(rows)),
        masks=dataset_json(root),
        notes=tuple(dict.fromkeys(notes)),
        problems=tuple(problem for part in parts for problem in part.problems),
    )


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders that are called as splits are."""
    found: dict[str, Path] = {}
    for path in seen_in(root):
        split = SPLIT_NAMES.get(path.name.lower())
        if split is None or not path.is_dir():
            continue
        if split in found:
            raise BadInput(
                f"{root}: {found[split].name}/ and {path.name}/ both mean {split!r}; make them one"
            )
        found[split] = path
    return found


def in_split(part: Part, split: str) -> Part:
    """Return a part with its rows in a split."""
    return replace(part, rows=tuple(replace(row, split=split) for row in part.rows))


def flat_only_in_test(parts: Sequence[Part]) -> bool:
    """Say whether all that has no labels is for testing."""
    return all(row.split == "test" for part in parts if part.kind == "flat" for row in part.rows)


def named(rows: Sequence[Row]) -> list[Row]:
    """Return the rows under names of their own: those in two splits get the split before them."""
    counts = Counter(row.name for row in rows)
    return [
        replace(row, name=f"{row.split or 'train'}/{row.name}") if counts[row.name] > 1 else row
        for row in rows
    ]


def one_layout(folder: Path) -> Part:
    """Return what lies in a folder that has no splits above."""
    inside = {path.name.lower(): path for path in seen_in(folder) if path.is_dir()}
    rows: list[Row] = []
    problems: list[Problem] = []
    notes: list[str] = []
    used: set[Path] = set()
    for images, beside, split in PAIRS:
        if images not in inside:
            continue
        labels = [inside[name] for name in beside if name in inside]
        if len(labels) > 1:
            both = " and ".join(f"{path.name}/" for path in labels)
            raise BadInput(f"{folder}: {both} both lie here; leave the one that is meant")
        used |= {inside[images], *labels}
        found, wrong = paired(inside[images], labels[0] if labels else None, split)
        rows += found
        problems += wrong
        what = f"masks from {labels[0].name}/" if labels else "no labels"
        notes.append(f"images from {inside[images].name}/, {what}")
    if used:
        over = [path.name for path in inside.values() if path not in used]
        notes += [f"left alone: {', '.join(over)}"] if over else []
        kind = "images with masks" if any(row.mask for row in rows) else "flat"
        return Part(kind, tuple(rows), tuple(problems), tuple(notes))
    listing = list_folder(folder)
    classes = [path for path in listing.folders if images_below(path)]
    if listing.images and classes:
        raise BadInput(
            f"{folder}: images lie both here ({listing.images[0].name}, ...) and in folders "
            f"({classes[0].name}/, ...); {EXPECTED}"
        )
    if classes:
        return in_classes(folder, classes)
    flat = tuple(
        Row(name, (path,))
        for name, path in zip(names_for(listing.images, folder), listing.images, strict=True)
    )
    notes = ["images without labels"]
    masks = [row.images[0].name for row in flat if MASK_WORDS.search(row.name)]
    if masks:
        notes.append(f"{', '.join(masks[:3])}: called as masks are, but taken for images")
    return Part("flat", flat, notes=tuple(notes))


def in_classes(folder: Path, classes: Sequence[Path]) -> Part:
    """Return the images of a folder per class; folders inside a class are taken for patients."""
    images = [(path, inner) for inner in classes for path in images_below(inner)]
    paths = [path for path, _ in images]
    masks = [path for path in paths if MASK_WORDS.search(path.name)]
    if 0 < len(masks) < len(paths) or (len(classes) > 10 and len(classes) == len(paths)):
        why = f"{masks[0].name} is called as a mask is" if masks else "each holds a single image"
        raise BadInput(
            f"{folder}: {classes[0].name}/ and {len(classes) - 1} more are not taken for classes, "
            f"since {why}; where each folder is a patient, write a CSV with columns such as "
            f"image_0, image_1, mask; {EXPECTED}"
        )
    rows = []
    patients = False
    for (path, inner), name in zip(images, names_for(paths, folder), strict=True):
        steps = path.relative_to(inner).parts
        patients = patients or len(steps) > 1
        patient = steps[0] if len(steps) > 1 else ""
        rows.append(Row(name, (path,), label=inner.name, patient=patient))
    notes = ["classes from folders"]
    if patients:
        notes.append("folders inside a class are taken for patients")
    known = set(paths)
    over = [path.name for inner in classes for path in others_below(inner, known)]
    if over:
        said = ", ".join(over[:5]) + ", ..." * (len(over) > 5)
        notes.append(f"left out, since they are called as no image is: {len(over)} files, {said}")
    return Part("class folders", tuple(rows), notes=tuple(notes))


def dataset_json(root: Path) -> tuple[tuple[int, str], ...]:
    """Return the names of mask values where nnU-Net's or the Decathlon's dataset.json has them."""
    try:
        labels = json.loads((root / "dataset.json").read_text("utf-8"))["labels"]
        pairs = [(str(key), str(value)) for key, value in labels.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()  # It is somebody else's file: what it does not say is not asked.
    if all(whole_number(value) is not None for _, value in pairs):
        pairs = [(value, key) for key, value in pairs]
    if any(whole_number(key) is None for key, _ in pairs):
        return ()  # Regions made of several values.
    return tuple(sorted((int(key), name) for key, name in pairs))


def seen_words(folder: Path) -> str:
    """Return what lies in a folder in a few words."""
    names = [f"{path.name}/" if path.is_dir() else path.name for path in seen_in(folder)]
    return some_of(names, 8) or "nothing"
