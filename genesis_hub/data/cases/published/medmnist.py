"""MedMNIST: one .npz with the images and labels of three splits, as stacks."""

import zipfile
from pathlib import Path

import numpy as np

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.image import Array
from genesis_hub.data.readers.stacks import stack_of
from genesis_hub.errors import BadInput

SAYS = "a .npz with train_images, train_labels, val_images, val_labels, test_images, test_labels"
SPLITS = ("train", "val", "test")


def seen(path: Path) -> bool:
    """Say whether a file holds arrays called as MedMNIST's."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    return {"train_images", "train_labels"} <= set(members(path))


def members(path: Path) -> list[str]:
    """Return the names of the arrays in a file; none where it is no archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return []


def read_medmnist(path: Path, columns: Columns) -> Draft:
    """Return every item of a MedMNIST file, in its official split.

    Labels (N, 1) are classes; (N, K) of 0 and 1 are K labels that may come together (ChestMNIST).
    Whose the images are is not published, so each is a patient of its own.
    """
    if not seen(path):
        raise BadInput(f"{path}: not a MedMNIST file: {SAYS} are expected; give the .npz itself")
    held = members(path)
    rows: list[Row] = []
    widths: dict[int, str] = {}
    for split in SPLITS:
        if f"{split}_images" not in held:
            continue
        labels = labels_of(path, split)
        widths.setdefault(labels.shape[1], split)
        several = labels.shape[1] > 1
        rows += [
            Row(
                name=f"{split}_{index}",
                images=(Path(f"{path}#{split}_images/{index}"),),
                label=tuple(label) if several else str(label[0]),
                split=split,
            )
            for index, label in enumerate(labels.tolist())
        ]
    if len(widths) > 1:
        said = ", ".join(f"{width} in {split}" for width, split in widths.items())
        raise BadInput(f"{path}: its splits have different numbers of labels: {said}")
    count = next(iter(widths))
    return Draft(
        rows=tuple(rows),
        several=tuple(map(str, range(count))) if count > 1 else (),
        notes=(f"{path.name}: MedMNIST, in its own splits; no patients are published",),
    )


def labels_of(path: Path, split: str) -> Array:
    """Return the labels of a split, (N, K) of whole numbers, one row for each image."""
    if f"{split}_labels" not in members(path):
        raise BadInput(f"{path}: it has {split}_images, but no {split}_labels")
    images = stack_of(path, f"{split}_images")
    labels = np.array(stack_of(path, f"{split}_labels"))
    if len(labels) != len(images):
        raise BadInput(
            f"{path}: {split}_images are {len(images)}, but {split}_labels {len(labels)}"
        )
    if labels.ndim > 2:
        raise BadInput(f"{path}: {split}_labels are {labels.shape}; (N, 1) or (N, K) is expected")
    labels = labels.reshape(len(images), -1)
    whole = labels.astype(np.int64)
    if (whole != labels).any() or (labels.shape[1] > 1 and not np.isin(whole, (0, 1)).all()):
        raise BadInput(
            f"{path}: {split}_labels hold {np.unique(labels)[:6].tolist()}; whole numbers, or "
            "columns of 0 and 1, are expected"
        )
    return whole
