"""What semantic-genesis-mini is made of: patterns of hippocampus MRIs and of phantoms."""

from pathlib import Path

import numpy as np
import torch

from genesis_hub.atomic import new_file
from genesis_hub.data.phantoms import chest_ct
from training.discovery.steps import Discovery
from training.discovery.wishes import Wishes
from training.minis.scans import hippocampi, written

# Phantoms are as coarse as in models-genesis-mini: a chest in eight cubes. Every one of both kinds
# is small, so that anchors may lie anywhere (borders=0).
PHANTOMS = {"train": 120, "val": 12}
SIDES = (64, 64, 32)
CUBES = {"input_rows": 32, "input_cols": 32, "input_deps": 16, "borders": 0.0}
MRI = Wishes(
    **CUBES,  # type: ignore[arg-type]
    modality="mri", classes=32, neighbours=40, distance=3.0,
    volume_rows=32, volume_cols=48, volume_deps=32, width=0.125, steps=400,
)  # fmt: skip
CHEST = Wishes(
    **CUBES,  # type: ignore[arg-type]
    modality="ct", classes=32, neighbours=60, distance=5.0, body="fit",
    volume_rows=64, volume_cols=64, volume_deps=32, width=0.125, steps=200,
)  # fmt: skip


def gather(data: Path, work: Path, device: torch.device, quiet: bool) -> Path:
    """Discover patterns in each kind of scan, and return the folder that holds both."""
    scans, found = work / "scans", work / "discovered"
    scans.mkdir(exist_ok=True)
    tables = {
        "hippocampus": (written(hippocampi(data), work / "hippocampus.csv"), MRI),
        "phantoms": (written(phantoms(scans), work / "phantoms.csv"), CHEST),
    }
    for name, (table, wishes) in tables.items():
        Discovery(table, found / name, wishes, device, quiet).all()
    return found


def phantoms(folder: Path) -> list[tuple[str, str, str, str]]:
    """Make the chests up, each once, and return their rows."""
    rows, seed = [], 0
    for split, count in PHANTOMS.items():
        for _ in range(count):
            path = folder / f"phantom-{seed:03d}.npz"
            if not path.is_file():
                chest = chest_ct(seed, size=SIDES)
                assert chest.affine is not None
                with new_file(path) as aside, aside.open("wb") as file:
                    np.savez(file, image=chest.image, affine=chest.affine)
            rows.append((str(path), path.stem, "ct", split))
            seed += 1
    return rows
