"""The lung tumours' patches by patient: who is learned from, who chooses, who is never seen.

The file names no patients. Of its 130 patches ten on end are one patient's: within ten, tumours
have nearly the same area again and again, and from ten to ten another one.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "val", "test"]

PATIENTS = 13
EACH = 10  # Patches of a patient.
TEST = (2, 5, 9)  # A small tumour, a middling one, a large one; no weights that ship saw them.
VAL = (6, 8)


class Patch(NamedTuple):
    """A patch by its place in the file, whose it is, and what it may serve for."""

    case: int
    patient: str
    split: Split


def patches() -> list[Patch]:
    """Return every patch of the file, in its order."""
    return [
        Patch(EACH * patient + place, f"lung-tumour-{patient:02d}", split_of(patient))
        for patient in range(PATIENTS)
        for place in range(EACH)
    ]


def split_of(patient: int) -> Split:
    """Return what a patient may serve for."""
    return "test" if patient in TEST else "val" if patient in VAL else "train"


def images_and_masks(data: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the patches and where their tumours are, (130, 48, 48) each, the values in [0, 1]."""
    with np.load(data / "lung_tumour_2d" / "val_patches.npz") as file:
        return file["images"].astype(np.float32), file["labels"].astype(np.uint8)
