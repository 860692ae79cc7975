"""The cubes of one scan: drawn by its name, judged, and as they are stored."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.engine.feed import seed_of
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.inputs import Range
from training.corpus.bat import Source, stored
from training.corpus.cutting import Crop, Cutting, Drawer, Place
from training.corpus.kept import inputs_for, keep, stamp
from training.corpus.leftout import LeftOut
from training.corpus.listing import Scan
from training.corpus.tissue import rule_for

TRIES = 50  # For each cube that is wanted, as published.


@dataclass(frozen=True)
class Wish:
    """What cubes are wanted.

    scale: cubes of a scan. each: so many of every crop, instead of one crop drawn for each cube.
    range: the values that become 0 and 1; None: as the modality has it. looks: what each scan looks
    like is kept, as a hash. check: scans whose values look like a mistake are left out.
    """

    scale: int
    cutting: Cutting
    dtype: str = "float16"
    seed: int = 0
    each: bool = False
    range: Range | None = None
    looks: bool = True
    check: bool = True

    def crops(self) -> tuple[tuple[Crop, ...], ...]:
        """Return the crops, as many together as one round of cubes draws from."""
        crops = self.cutting.all_crops
        return tuple((crop,) for crop in crops) if self.each else (crops,)

    def settings(self, scans: Sequence[Scan]) -> dict[str, Any]:
        """Return what the cubes of scans depend on, as JSON has it."""
        files = sorted(
            (scan.name, scan.modality, *(stamp(path)[0] for path in scan.paths)) for scan in scans
        )
        return {
            "scale": self.scale,
            "size": list(self.cutting.size),
            "crops": [list(crop) for crop in self.cutting.all_crops],
            "each": self.each,
            "faithful": self.cutting.faithful,
            "dtype": self.dtype,
            "seed": self.seed,
            "range": list(self.range) if isinstance(self.range, tuple) else self.range,
            "scans": hashlib.sha256(repr(files).encode()).hexdigest()[:32],
        }


@dataclass(frozen=True, eq=False)
class Yield:
    """The cubes of one scan, as they are stored, and where they were cut."""

    source: Source
    cubes: NDArray[Any]
    places: tuple[Place, ...]


def extract(scan: Scan, wish: Wish, ends: tuple[float, float]) -> Yield | LeftOut:
    """Return the cubes of one scan, or why there are none."""
    try:
        inputs = inputs_for(scan.modality, wish.cutting.size, range=wish.range)
        kept = keep(scan, inputs, check=wish.check)
        wish.cutting.fitting(kept.sides)
        rule = rule_for(scan.modality, faithful=wish.cutting.faithful)
        found: list[tuple[Place, NDArray[np.float32]]] = []
        for number, crops in enumerate(wish.crops()):
            cutting = replace(wish.cutting, crops=crops)
            if not any(cutting.spans(kept.sides, crop) for crop in crops):
                continue  # Another crop fits.
            draw = np.random.Generator(np.random.PCG64(seed_for(scan, wish.seed, number)))
            drawer = Drawer(kept.window, kept.sides, cutting, rule)
            found += drawer.pick(draw, wish.scale, TRIES * wish.scale)
        if wish.cutting.faithful:
            found = [one for one in found if one[0].verdict.accepted]
        if not found:
            raise BadInput(
                f"none of {TRIES * wish.scale} windows was accepted ({rule.name}); without "
                "faithful the best of them would be taken"
            )
        cubes = stored(np.stack([window for _, window in found]), wish.dtype, ends)
        look = kept.look() if wish.looks else ""
    except (GenesisHubError, OSError, MemoryError) as error:
        return LeftOut.by(error, scan.name, scan.paths)
    places = tuple(place for place, _ in found)
    accepted = sum(place.verdict.accepted for place in places)
    source = Source(scan.name, scan.patient, scan.modality, len(places), accepted, look)
    return Yield(source, cubes, places)


def unfit(scan: Scan, wish: Wish) -> LeftOut | None:
    """Return why a scan would be left out, if it would; no cube is cut for that."""
    try:
        kept = keep(
            scan, inputs_for(scan.modality, wish.cutting.size, range=wish.range), check=wish.check
        )
        wish.cutting.fitting(kept.sides)
    except (GenesisHubError, OSError, MemoryError) as error:
        return LeftOut.by(error, scan.name, scan.paths)
    return None


def seed_for(scan: Scan, seed: int, number: int) -> int:
    """Return the seed of a scan's windows: by its name, whatever scans there are beside it."""
    name = hashlib.sha256(scan.name.encode("utf-8", "surrogateescape")).digest()
    return seed_of(seed, number, int.from_bytes(name[:8], "little"))
