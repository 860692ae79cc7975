"""Small whole images and short runs for the tests of the proxy tasks."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.training.scans import chests
from training.pretrain import Run, pretrain

SHORT: dict[str, Any] = {
    "batch_size": 4, "steps": 3, "validate_every": 3, "looks": 2, "save_every": 50, "warm_up": 0,
    "pictures": False, "validation": 0.34,
}  # fmt: skip
SMALL: dict[int, dict[str, Any]] = {
    3: {**SHORT, "data_dim": 32, "enc_filters": 2},
    2: {
        **SHORT,
        "data_dim": 64,
        "encoder_architecture": "",
        "enc_filters": 4,
        "number_channels": 1,
    },
}


def films(folder: Path, count: int = 6, side: int = 48) -> Path:
    """Write pictures that have an up and a down, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        Image.fromarray(film(seed, side)).save(folder / f"film{seed}.png")
    return folder


@lru_cache(maxsize=64)
def film(seed: int, side: int) -> Any:
    """Return a grey picture: brighter downwards, a bright spot in one quarter, some noise."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    spot = np.exp(-((rows - 0.3) ** 2 + (columns - 0.7) ** 2) / 0.01 * draw.uniform(0.7, 1.3))
    values = 60 + 90 * rows + 90 * spot + 6 * draw.standard_normal((side, side))
    return values.clip(0, 255).astype(np.uint8)


def images(folder: Path, ndim: int) -> Path:
    """Write pictures or volumes, and return their folder."""
    return films(folder) if ndim == 2 else chests(folder)


def learn(name: str, data: Path, out: Path, **wishes: Any) -> Run:
    """Pre-train for a few steps."""
    keys = {**SMALL[int(name[-2])], **wishes}
    return pretrain(name, data, out, device="cpu", quiet=True, wishes=keys)
