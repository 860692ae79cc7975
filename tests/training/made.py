"""Small corpora for the tests of what is learned from: made-up chests in files."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from genesis_hub.data.phantoms import chest_ct
from training.corpus.kept import inputs_for
from training.corpus.listing import Opener, Scan

SIDES = (40, 36, 30)
SMALL = (16, 16, 8)


@lru_cache(maxsize=8)
def chest(seed: int = 0, size: tuple[int, int, int] = SIDES) -> Any:
    """Return a chest: int16 HU (X, Y, Z) and its affine."""
    phantom = chest_ct(seed, size=size)
    return phantom.image[0], phantom.affine


def nifti(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """Write a volume as NIfTI."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, chest()[1] if affine is None else affine), path)
    return path


def metaimage(path: Path, values: np.ndarray) -> Path:
    """Write a volume as MetaImage with its raw file, as LUNA16 has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values.transpose(2, 1, 0).astype("<i2").tofile(path.with_suffix(".raw"))
    sides = " ".join(map(str, values.shape))
    path.write_text(
        f"NDims = 3\nDimSize = {sides}\nElementSpacing = 9 9 9\nElementType = MET_SHORT\n"
        f"ElementDataFile = {path.stem}.raw\n"
    )
    return path


def scan(path: Path, modality: str = "ct") -> Scan:
    """Return a file as a scan."""
    return Scan(path.name, path.name, (path,), modality, None, Opener(path))


def inputs_of(modality: str) -> Any:
    """Return the input contract of small cubes."""
    return inputs_for(modality, SMALL)
