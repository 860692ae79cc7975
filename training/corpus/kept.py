"""A scan as it is kept: whole numbers of two bytes, and which of them become 0 and 1."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.hashes import hash_of
from genesis_hub.data.image import Array
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.infer.prepare import Ready, prepare
from genesis_hub.inputs import Inputs, Range, adjusted, as_tensor
from genesis_hub.sampling import unfit_values
from training.corpus import Sides, Window
from training.corpus.listing import Scan

STEPS = 65535
INT16 = (-32768, 32767)
VERSION = 1  # Of how scans are kept; one that is told otherwise is read again.


@dataclass(frozen=True, eq=False)
class Kept:
    """A scan in a model's frame.

    values: (C, X, Y, Z). int16: in the scan's own unit, where all are whole numbers, as CT's HU
    are; nothing is lost. uint16: steps of 1 / 65535 of [0, 1], which moves a value by 8e-6 at most,
    0.015 HU of 2000. ends: what becomes 0 and 1.
    """

    values: Array
    ends: tuple[float, float]

    @property
    def sides(self) -> Sides:
        """Sides (X, Y, Z)."""
        x, y, z = self.values.shape[1:]
        return x, y, z

    def window(self, start: Sides, size: Sides) -> Window:
        """Return a window (C, X, Y, Z), float32 in [0, 1]."""
        place = tuple(slice(low, low + side) for low, side in zip(start, size, strict=True))
        part: NDArray[np.float32] = self.values[(slice(None), *place)].astype(np.float32, order="C")
        lo, hi = self.ends
        if self.values.dtype == np.int16:
            np.clip(part, lo, hi, out=part)
            part -= np.float32(lo)
        part /= np.float32(hi - lo)
        return part

    def look(self) -> str:
        """Return the perceptual hash of the scan."""
        return hash_of(np.asarray(self.values))


def inputs_for(modality: str, size: Sides, *, range: Range | None = None) -> Inputs:
    """Return what scans of a modality become: [0, 1], in frame LPS, as they are sampled.

    CT is clipped to [-1000, 1000] HU. All else goes from each scan's own least to its greatest
    value, as the authors advise for MRI, unless a range is given.
    """
    ct = InputFacts("ct", "HU", size, (1, 1, 1), clip=(-1000.0, 1000.0))
    if modality != "ct":
        ct = adjusted(ct, range="image" if range is None else range)
        return Inputs(replace(ct, modality=modality), 1)
    return Inputs(adjusted(ct, range=range), 1)


def keep(scan: Scan, inputs: Inputs, *, check: bool = True) -> Kept:
    """Read a scan, or raise `BadInput` with what is wrong with it.

    What a file maps, uncompressed and in whole numbers, stays mapped.
    check: False takes values that look like a mistake; NaN is refused all the same.
    """
    image = scan.open()
    if check and "" not in (image.modality, scan.modality) and image.modality != scan.modality:
        raise BadInput(
            f"it is {image.modality!r} by its header, but {scan.modality!r} is expected here; say "
            f"modality={image.modality!r}, or take it out"
        )
    ready = prepare(image, inputs, check=check)
    if not check and (unfit := unfit_values(ready.pixels)):
        raise BadInput(unfit)
    facts = inputs.facts
    assert not facts.mean, "windows are in [0, 1]; a network's own mean comes after the views"
    whole = None
    if facts.clip is not None and facts.scale and not ready.resampled:
        whole = in_whole(np.asanyarray(ready.pixels), facts.clip)
    if whole is not None:
        assert facts.clip is not None
        return Kept(whole, facts.clip)
    return Kept(in_steps(ready), (0.0, float(STEPS)))


def in_whole(pixels: Array, clip: tuple[float, float]) -> "NDArray[np.int16] | None":
    """Return values as int16 where that loses nothing of what a window shows; else None."""
    lo, hi = clip
    if pixels.dtype == np.int16:
        return pixels if isinstance(pixels, np.memmap) else np.ascontiguousarray(pixels)
    if not INT16[0] <= lo < hi <= INT16[1]:
        return None
    if pixels.dtype.kind in "iub":
        return np.ascontiguousarray(pixels.clip(*INT16).astype(np.int16))
    shown = pixels.clip(lo, hi)
    made = np.ascontiguousarray(shown.astype(np.int16))
    return made if np.array_equal(made, shown) else None


def in_steps(ready: Ready) -> "NDArray[np.uint16]":
    """Return what the contract makes of a scan, in steps of [0, 1]."""
    shown = ready.convert(as_tensor(ready.pixels)).numpy()
    assert 0 <= shown.min() <= shown.max() <= 1, (shown.min(), shown.max())
    return np.ascontiguousarray(np.rint(shown * np.float32(STEPS)).astype(np.uint16))


def ends_of(values: Array, inputs: Inputs) -> tuple[float, float]:
    """Return what becomes 0 and 1 of values that were kept."""
    if values.dtype == np.int16:
        assert inputs.facts.clip is not None
        return inputs.facts.clip
    return (0.0, float(STEPS))


def digest_of(scan: Scan, inputs: Inputs) -> str:
    """Return what tells a kept scan from any other: its files as they are now, and the contract."""
    files = [(str(path.resolve()), *stamp(path)) for path in scan.paths]
    facts: dict[str, Any] = {**asdict(inputs.facts), "frame": inputs.frame, "kept": VERSION}
    text = json.dumps([scan.name, files, facts], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def stamp(path: Path) -> tuple[int, int]:
    """Return the size and the time of a file, or of all in a folder."""
    try:
        inside = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        seen = [one.stat() for one in inside]
    except OSError:
        return (0, 0)
    return sum(one.st_size for one in seen), max((one.st_mtime_ns for one in seen), default=0)
