"""Small made-up scans for the tests of pre-training."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.phantoms import chest_ct

# A sixteenth of the width on cubes of 16: a step takes hundredths of a second.
TINY: dict[str, Any] = {
    "width": 0.0625, "input_rows": 16, "input_cols": 16, "input_deps": 16, "batch_size": 2,
    "steps": 4, "scale": 2, "validate_every": 2, "looks": 4, "save_every": 1, "pictures": False,
    "validation": 0.34,
}  # fmt: skip


def chests(folder: Path, count: int = 6, size: tuple[int, int, int] = (32, 32, 32)) -> Path:
    """Write phantoms of chest CT, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        made = chest_ct(seed, size=size)
        affine: Any = made.affine
        np.savez(folder / f"chest{seed}.npz", image=made.image, affine=affine)
    return folder
