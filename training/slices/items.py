"""Labelled slices as items: all of them, or some of each scan, around its lesions."""

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.engine.objective import Batch
from training.slices.files import SliceFiles

Places = NDArray[np.int64]


class SliceItems:
    """Slices (1, side, side) in [0, 1], their masks, labels (-1: not known), and their keys.

    slices: which of the files.
    """

    def __init__(self, files: SliceFiles, slices: Places) -> None:
        self.files, self.slices = files, np.asarray(slices, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.slices)

    def item(self, index: int, seed: int) -> Batch:
        """Return a slice; without a mask its mask is empty, and `masked` is false."""
        return self.shown(int(self.slices[index]), seed)

    def shown(self, place: int, seed: int) -> Batch:
        """Return a slice of the files."""
        image, mask = self.files.item(place)
        facts = self.files.facts[place]
        return {
            "image": image,
            "mask": mask,
            "label": torch.tensor(int(facts["label"])),
            "masked": torch.tensor(bool(facts["masked"])),
            "key": torch.tensor(seed, dtype=torch.int64),
        }


class ScanItems(SliceItems):
    """Some slices of each scan in an epoch, as published.

    Where a scan has a lesion, one of its voxels is drawn and the slice around it shown; else any.
    """

    def __init__(self, files: SliceFiles, slices: Places, per_scan: int) -> None:
        super().__init__(files, slices)
        self.per_scan = per_scan
        scans = files.scan_of[self.slices]
        self.of = [self.slices[scans == scan] for scan in np.unique(scans)]

    def __len__(self) -> int:
        return len(self.of) * self.per_scan

    def item(self, index: int, seed: int) -> Batch:
        own = self.of[index // self.per_scan]
        draw = np.random.Generator(np.random.PCG64(seed))
        voxels = self.files.facts["lesion"][own].astype(np.float64)
        # A picture may have a lesion by its label alone.
        counts = voxels if voxels.any() else (self.files.facts["label"][own] == 1).astype(float)
        share = counts / counts.sum() if counts.any() else None
        return self.shown(int(draw.choice(own, p=share)), seed)
