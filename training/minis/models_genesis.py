"""What models-genesis-mini is made of: chest CTs, hippocampus MRIs; its recipe adds phantoms."""

from pathlib import Path

import torch

from training.minis.scans import chests, hippocampi, written


def gather(data: Path, work: Path, device: torch.device, quiet: bool) -> Path:
    """Return the table of the scans."""
    return written([*chests(data), *hippocampi(data)], work / "scans.csv")
