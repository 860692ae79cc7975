"""What smartnet-mini is made of: hippocampi in MRI, lung tumours in CT, phantoms of head CT.

Each volume comes with a mask, and each slice says by it whether there is something to be outlined.
"""

import csv
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.data.phantoms import head_ct_volume
from genesis_hub.data.phantoms.bleeds import BLEEDS
from genesis_hub.data.readers import read
from training.minis.lung_tumours import images_and_masks, patches
from training.minis.scans import hippocampi

COLUMNS = ("image", "mask", "id", "patient", "split")
# The window of a head CT, which phantoms are in by themselves; the others are brought into it.
WINDOW = 80.0
BRIGHT = 99.5  # Of an MRI, the share of its voxels in percent above which all is white.
EVERY = 2  # Of a hippocampus, every so-manieth slice: neighbours are nearly alike.
AGAIN = 4  # A lung's patches come so often: there are few.
PATCH = (2.0, 2.0, 2.0)  # Millimetres.
PHANTOMS = {"train": 80, "val": 14}
SIDES = (96, 96, 24)
HEALTHY = 4  # Every so-manieth head does not bleed.


class Made(NamedTuple):
    """A volume on its way to a file: values in the window, what is outlined, where it lies."""

    name: str
    patient: str
    split: str
    image: NDArray[np.generic]
    mask: NDArray[np.generic]
    affine: NDArray[np.float64]


def gather(data: Path, work: Path, device: torch.device, quiet: bool) -> Path:
    """Write the volumes, each once, and return their table."""
    folder = work / "slices"
    folder.mkdir(exist_ok=True)
    rows = [kept(folder, made) for made in lungs(data)]
    rows += [
        kept(folder, hippocampus(path, who, split)) for path, who, _, split in hippocampi(data)
    ]
    heads = [split for split, count in PHANTOMS.items() for _ in range(count)]
    rows += [kept(folder, head(seed, split)) for seed, split in enumerate(heads)]
    table = work / "slices.csv"
    with new_file(table) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return table


def kept(folder: Path, made: Made) -> tuple[str, ...]:
    """Write a volume and its mask, and return their row."""
    paths = []
    for what, content in (("image", made.image), ("mask", made.mask)):
        path = folder / f"{made.name}-{what}.npz"
        with new_file(path) as aside, aside.open("wb") as file:
            np.savez(file, image=content, affine=made.affine)
        paths.append(str(path))
    return (*paths, made.name, made.patient, made.split)


def lungs(data: Path) -> list[Made]:
    """Return the patients that may be learned from, each a volume whose slices are patches."""
    images, masks = images_and_masks(data)
    made = []
    for patient, some in groupby(patches(), key=lambda patch: patch.patient):
        own = list(some)
        if own[0].split == "test":
            continue
        rows = [patch.case for patch in own] * (AGAIN if own[0].split == "train" else 1)
        # Rows of a picture run down, to the patient's back; columns to the left.
        image, mask = (part[rows].transpose(2, 1, 0) for part in (images, masks))
        affine = np.diag([-PATCH[0], -PATCH[1], PATCH[2], 1.0])
        made.append(Made(patient, patient, own[0].split, image * WINDOW, mask, affine))
    return made


def hippocampus(path: str, who: str, split: str) -> Made:
    """Return some slices of an MRI from its own least value to nearly its greatest."""
    source = Path(path)
    image, mask = (read(source.parents[1] / kind / source.name) for kind in ("images", "labels"))
    values = image.array.astype(np.float32)
    low, high = values.min(), np.percentile(values, BRIGHT)
    scaled = WINDOW * np.clip((values - low) / (high - low), 0, 1)
    assert image.affine is not None
    affine = image.affine @ np.diag([1.0, 1.0, EVERY, 1.0])
    parts = (scaled[..., ::EVERY], (mask.array[..., ::EVERY] > 0).astype(np.uint8))
    return Made(who, who, split, *parts, affine)


def head(seed: int, split: str) -> Made:
    """Return a phantom of a head, in its own units."""
    bleed = BLEEDS[seed % len(BLEEDS)] if seed % HEALTHY else False
    phantom = head_ct_volume(seed, size=SIDES, bleed=bleed)
    assert phantom.affine is not None
    name = f"phantom-{seed:03d}"
    mask = phantom.masks["bleed"].astype(np.uint8)
    return Made(name, name, split, phantom.image, mask, phantom.affine)
