"""What the proxy tasks' minis are made of: volumes of three kinds; in 2D adam-mini's pictures."""

from pathlib import Path

import torch

from training.minis.scans import Row, chests, hippocampi, written
from training.minis.semantic_genesis import phantoms

SHAPES = 1188  # Of AdrenalMNIST3D's training part.
EVERY = 5
KEPT = 8  # Of those that are taken, every so-manieth chooses the weights.


def gather(data: Path, work: Path, device: torch.device, quiet: bool) -> Path:
    """Return the table of the volumes."""
    scans = work / "scans"
    scans.mkdir(exist_ok=True)
    rows = [*hippocampi(data), *chests(data), *phantoms(scans), *adrenals(data)]
    return written(rows, work / "scans.csv")


def adrenals(data: Path) -> list[Row]:
    """Return some of AdrenalMNIST3D's training shapes."""
    stack = data / "medmnist" / "adrenalmnist3d_64.npz"
    return [
        (
            f"{stack}#train_images/{number}",
            f"adrenalmnist3d-{number}",
            "ct",
            ("train", "val")[place % KEPT == 0],
        )
        for place, number in enumerate(range(0, SHAPES, EVERY))
    ]
