"""Which scans patterns are discovered in: a folder with train/ and validation/, or one to split."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.image import Image
from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs, Range
from training.corpus.chunked import SEAL
from training.corpus.kept import Kept, inputs_for, keep, stamp
from training.corpus.listing import Scan, listed
from training.discovery.wishes import Wishes

TRAIN = "train"
VALIDATION = ("validation", "val", "valid")
ANY_SIZE = (8, 8, 8)  # A scan shorter than a cube is padded in the common frame.
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Scans:
    """The scans of both splits, those to learn from first, each split by name.

    notes: what a user may want to know of how they were read.
    """

    all: tuple[Scan, ...]
    notes: tuple[str, ...] = ()

    def of(self, split: str) -> tuple[int, ...]:
        """Return the places of a split's scans."""
        return tuple(place for place, scan in enumerate(self.all) if scan.split == split)

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Scan]:
        return iter(self.all)

    def __getitem__(self, place: int) -> Scan:
        return self.all[place]

    @property
    def digest(self) -> str:
        """The sha256 of names, patients, splits, modalities and the sizes of the files."""
        rows = [
            (one.name, one.patient, one.split, one.modality, *(stamp(p)[0] for p in one.paths))
            for one in self.all
        ]
        return hashlib.sha256(repr(rows).encode("utf-8", "surrogateescape")).hexdigest()


def scans_of(data: str | Path, wishes: Wishes) -> Scans:
    """Return the scans that lie at a place.

    A folder with train/ and validation/ (or val/) is taken as it is divided; anything else is split
    by seed, patients whole, unless a table says how.
    """
    folder = Path(data).expanduser()
    if (folder / SEAL).is_file():
        raise BadInput(
            f"{folder} is what training.pack wrote; patterns are discovered in the scans "
            "themselves: give the folder or the table that it was packed from"
        )
    other = next((folder / name for name in VALIDATION if (folder / name).is_dir()), None)
    take = partial(listed, modality=wishes.modality, seed=wishes.seed)
    if (folder / TRAIN).is_dir() and other is not None:
        found, notes = [], []
        for place, split in ((folder / TRAIN, "train"), (other, "val")):
            listing = take(place, validation=0.0)
            found += [replace(scan, split=split) for scan in listing.scans]
            notes += [f"{place.name}/: {note}" for note in listing.notes]
        found = told_apart(found)
    else:
        listing = take(folder, validation=wishes.validation)
        found, notes = list(listing.scans), list(listing.notes)
    found.sort(key=lambda scan: (scan.split != "train", scan.name))
    if not any(scan.split == "train" for scan in found):
        raise BadInput(f"{folder}: no scan is for learning; put some into train/")
    return Scans(tuple(found), tuple(notes))


def told_apart(scans: Sequence[Scan]) -> list[Scan]:
    """Return the scans of two folders, each of a name of its own; no patient may be in both."""
    of = {split: {one.patient for one in scans if one.split == split} for split in ("train", "val")}
    # A folder says of no scan whose it is: two of one name in two folders are two patients.
    told = {one.patient for one in scans if one.patient != one.name}
    if both := sorted(of["train"] & of["val"] & told):
        raise BadInput(
            f"{len(both)} patients are in train/ and in validation/, such as {both[0]!r}; a "
            "patient belongs to one of them"
        )
    counts = Counter(scan.name for scan in scans)
    made = []
    for scan in scans:
        name = f"{scan.split}-{scan.name}" if counts[scan.name] > 1 else scan.name
        patient = name if scan.patient == scan.name else scan.patient
        made.append(replace(scan, name=name, patient=patient))
    return made


@dataclass(frozen=True, eq=False)
class Reading:
    """How scans are read: their input contract by modality."""

    range: Range | None = None
    normalized: bool = False
    check: bool = True

    @classmethod
    def of(cls, wishes: Wishes) -> "Reading":
        """Return how scans are read for a wish."""
        wide: Any = wishes.range
        return cls(tuple(wide) if isinstance(wide, list | tuple) else wide,
                   wishes.is_normalized, not wishes.no_check)  # fmt: skip

    @property
    def facts(self) -> list[Any]:
        """What values depend on, as JSON has it."""
        wide = list(self.range) if isinstance(self.range, tuple) else self.range
        return [wide, self.normalized, self.check]

    def inputs(self, modality: str) -> Inputs:
        """Return the input contract of a modality."""
        wide: Range | None = (0.0, 1.0) if self.normalized else self.range
        return inputs_for(modality, ANY_SIZE, range=wide)

    def read(self, scan: Scan) -> tuple[Kept, tuple[float, ...] | None]:
        """Return a scan's values and its spacing in millimetres, or raise `BadInput`."""
        image = scan.open()
        inputs = self.inputs(scan.modality)
        if self.normalized:
            refuse_other(image)
        elif self.check and seems_normalized(image):
            raise BadInput(
                f"{scan.name}: its values run from 0 to 1, so it was normalised already; say "
                "is_normalized=true (--is_normalized), or give the scan as it was taken"
            )
        # An image keeps what it read, so it is read once.
        kept = keep(
            replace(scan, open=lambda: image), inputs, check=self.check and not self.normalized
        )
        return kept, image.framed_spacing(inputs.frame)

    def geometry(self, scan: Scan) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
        """Return a scan's sides and spacing from its header."""
        image = scan.open()
        frame = self.inputs(scan.modality).frame
        return image.framed_sides(frame), image.framed_spacing(frame)


def seems_normalized(image: Image) -> bool:
    """Say whether a CT's values are fractions from 0 to 1."""
    values = image.array
    if values.dtype.kind != "f" or image.modality not in ("", "ct"):
        return False
    some = values[..., ::4, ::4]
    return bool(some.size and some.min() >= 0 and 0.5 < some.max() <= 1.001)


def refuse_other(image: Image) -> None:
    """Raise `BadInput` unless values are in [0, 1]."""
    low, high = float(image.array.min()), float(image.array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise BadInput(
            f"its values run from {low:g} to {high:g}, but is_normalized says that they are from 0 "
            "to 1; leave is_normalized away, and the input contract of the modality is applied"
        )
