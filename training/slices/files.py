"""Labelled scans read once: every slice windowed, at one side, its mask and label beside it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from genesis_hub.atomic import new_file
from genesis_hub.data.cases.masks import marks_of, mask_on
from genesis_hub.data.hashes import hash_of
from genesis_hub.data.image import Image, turned
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.infer.prepare import fitted, prepare
from genesis_hub.inputs import Inputs, as_tensor
from training.corpus.leftout import FEW, LeftOut
from training.pictures.admitted import Admitted
from training.pictures.kept import Facts, Kept, digest_of
from training.pictures.reading import as_channels
from training.slices.listing import UNKNOWN, Labelled

GREATEST = np.float32(65535)  # The whole number that stands for 1.
KIND = 7000  # Tells what is kept here from other ways to keep the same files.
FACTS = np.dtype([("label", "i1"), ("masked", "?"), ("lesion", "<u4")])
# Neighbours of a pixel in its own slice, corners too; those of other slices are none.
SPOT = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])
AT_ONCE = 16  # Slices that are resized together.


class SliceFiles(Admitted):
    """Labelled slices at one side, in `folder`, the same numbers for every process.

    Of each scan two files: the slices in 16 bits with their masks in one bit each, and what is
    known of them in short. inputs: what values become, as the network will be given them. least:
    pixels of a spot of a mask; smaller ones are left away. Empty slices at both ends of a volume
    are left away. The rest is as for `WholeFiles`.
    """

    def __init__(
        self,
        scans: Sequence[Labelled],
        folder: Path,
        *,
        inputs: Inputs,
        ndim: int,
        side: int,
        least: int = 0,
        tolerate: float = FEW,
        check: bool = True,
        workers: int = 2,
        quiet: bool = True,
    ) -> None:
        self.inputs, self.side, self.check, self.ndim = inputs, side, check, ndim
        self.least = least
        self.row = np.dtype([("slice", "<u2", (side, side)), ("mask", "u1", (side * side // 8,))])
        files = digest_of(scans, colour=False, side=side, least=KIND)
        facts = inputs.facts
        told: list[Any] = [files, facts.clip, facts.scale, facts.mean, facts.std, inputs.frame]
        told += [least]
        told += [[scan.label, scan.mask is None] for scan in scans]
        digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
        self.stem = folder / digest
        kept = Kept(folder, digest, len(scans), 1, 0, ndim)
        super().__init__(scans, kept, unit="scan", tolerate=tolerate, workers=workers, quiet=quiet)
        parts = [np.load(self.file(place, "facts")) for place in self.places]
        counts = [len(part) for part in parts]
        # Of every slice: its scan, where it lies in it, and what is known of it.
        self.scan_of = np.repeat(np.arange(len(parts)), counts)
        self.within = np.concatenate([np.arange(n) for n in counts])
        self.facts = np.concatenate(parts)

    def file(self, place: int, what: str) -> Path:
        """Return where a scan's slices, or what is known of them, are kept."""
        return self.stem.with_name(f"{self.stem.name}-{place:06d}-{what}.npy")

    def admit(self, place: int, scan: Any) -> LeftOut | str:
        """Read a scan unless it is kept; return why it is left out, or nothing."""
        there = all(self.file(place, what).is_file() for what in ("slices", "facts"))
        if there and self.kept.facts(place) is not None:
            return ""
        try:
            self.keep(place, scan)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut.by(error, scan.name, scan.paths)
        return ""

    def keep(self, place: int, scan: Labelled) -> None:
        """Read a scan and keep its slices."""
        image = grey(scan.open())
        if image.ndim != self.ndim:
            kinds = {2: "a picture", 3: "a volume"}
            raise BadInput(
                f"it is {kinds[image.ndim]} among those that are {kinds[self.ndim]} each; learn "
                "from one kind"
            )
        ready = prepare(image, self.inputs, check=self.check)
        pixels = as_tensor(np.ascontiguousarray(ready.pixels))
        pixels = pixels.movedim(-1, 0) if image.ndim == 3 else pixels[None]
        slices = torch.cat(
            [
                fitted(ready.convert(some), (self.side, self.side)).clamp(0, 1)
                for some in torch.split(pixels, AT_ONCE)
            ]
        )[:, 0]
        masks = None if scan.mask is None else mask_of(scan.mask, image, ready.frame, self.check)
        use = shown(slices) if image.ndim == 3 else slice(0, 1)
        slices, masks = slices[use], None if masks is None else masks[use]
        rows = np.zeros(len(slices), dtype=self.row)
        rows["slice"] = np.rint(slices.numpy() * GREATEST).astype(np.uint16)
        if masks is not None:
            small = F.interpolate(masks[:, None].float(), (self.side,) * 2, mode="nearest-exact")
            drawn = without_specks(small[:, 0].numpy() > 0, self.least)
            rows["mask"] = np.packbits(drawn.reshape(len(drawn), -1), axis=1)
            if self.least:  # A slice of specks alone has no lesion: neither told nor outlined.
                masks = masks & torch.from_numpy(drawn.any((1, 2)))[:, None, None]
        for what, content in (("slices", rows), ("facts", known(scan, masks, len(slices)))):
            with new_file(self.file(place, what)) as aside:
                np.save(aside, content)
        sides = [int(side) for side in pixels.shape[2:]]
        self.kept.put(place, Facts(sides[0], sides[1], hash_of(image.array)), None)

    def item(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a slice in [0, 1] and its mask of 0 and 1: (1, side, side) each."""
        row = self.rows(self.places[self.scan_of[index]])[self.within[index]]
        image = row["slice"].astype(np.float32) / GREATEST
        mask = np.unpackbits(row["mask"]).reshape(image.shape).astype(np.float32)
        return torch.from_numpy(image)[None], torch.from_numpy(mask)[None]

    def rows(self, place: int) -> NDArray[Any]:
        """Return the slices of a scan, mapped; the system reads them when they are looked at."""
        return mapped(self.file(place, "slices"))


@lru_cache(maxsize=64)
def mapped(file: Path) -> NDArray[Any]:
    """Return an array of a file, mapped; the last few stay open."""
    found: NDArray[Any] = np.load(file, mmap_mode="r")
    return found


def grey(image: Image) -> Image:
    """Return a picture of colours in its grey; a slice has one channel."""
    if image.ndim != 2 or image.channels != 3:
        return image
    return replace(
        image, shape=(1, *image.shape[1:]), load=lambda: as_channels(image.array, colour=False)
    )


def mask_of(path: Path, image: Image, frame: str, check: bool) -> Tensor:
    """Return where a mask marks something, slices first: (Z, X, Y)."""
    mask = mask_on(image, path, placed=check)
    places = marks_of(mask)
    if image.ndim == 3 and image.affine is not None:
        places = turned(places[None], mask.orientation or image.orientation, frame)[0]
    on = torch.from_numpy(np.ascontiguousarray(places))
    return on.movedim(-1, 0) if image.ndim == 3 else on[None]


def without_specks(masks: NDArray[Any], least: int) -> NDArray[Any]:
    """Return masks (Z, X, Y) without spots of fewer pixels; what touches at a corner is one."""
    if least < 2:
        return masks
    spots, count = ndimage.label(masks, structure=SPOT)
    large = np.bincount(spots.ravel(), minlength=count + 1) >= least
    large[0] = False
    return np.asarray(large[spots])


def shown(slices: Tensor) -> slice:
    """Return the slices of a volume between the first and the last in which something is."""
    some = torch.nonzero(slices.amax((1, 2)) > 0).flatten()
    if not len(some):
        raise BadInput(
            "nothing is in its window: all its values become 0; give the range that they have, "
            "range=LO,HI"
        )
    return slice(int(some[0]), int(some[-1]) + 1)


def known(scan: Labelled, masks: Tensor | None, count: int) -> NDArray[Any]:
    """Return what is known of each slice: its label, whether it has a mask, pixels of lesion.

    A label speaks of a whole scan: of a volume that has a lesion it does not say in which slice.
    """
    facts = np.zeros(count, dtype=FACTS)
    whole = count == 1 or scan.label == 0
    facts["label"] = scan.label if whole else UNKNOWN
    if masks is not None:
        facts["masked"] = True
        facts["lesion"] = masks.flatten(1).sum(1).numpy()
        drawn = masks.flatten(1).any(1).numpy()
        # Of a picture its own label counts: what was not outlined may be there.
        if count > 1 or scan.label == UNKNOWN:
            facts["label"] = drawn
        else:
            facts["label"] = np.maximum(facts["label"], drawn)
    return facts
