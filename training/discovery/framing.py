"""All scans in one frame: surveyed, and brought to the small volumes that the auto-encoder sees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from genesis_hub.engine.objective import Batch
from training.corpus import Sides
from training.corpus.leftout import LeftOut, refuse_many
from training.discovery.filling import Filling, Result, ahead, digest_of, seal, sealed
from training.discovery.frame import Extent, Frame, body_of, frame_of, shrunk
from training.discovery.scans import Reading, Scans, Volume
from training.discovery.wishes import Wishes

SURVEY, VOLUMES = "survey", "volumes"
REASONS = "{}_reasons"
REASON = "S240"  # Bytes that are kept of why a scan is left out.
VERSION = 1  # Of how scans are framed; what another version began is made again.


@dataclass(frozen=True)
class Framing:
    """Where every scan lies in the common frame.

    extents: by the place of the scan; those that cannot be read are left out.
    """

    scans: Scans
    reading: Reading
    frame: Frame
    extents: Mapping[int, Extent]
    left_out: tuple[LeftOut, ...]
    digest: str

    def of(self, split: str) -> tuple[int, ...]:
        """Return the places of a split's scans, without those left out."""
        return tuple(place for place in self.scans.of(split) if place in self.extents)

    def without(self, left_out: tuple[LeftOut, ...]) -> "Framing":
        """Return the same without more scans."""
        names = {one.name for one in left_out}
        kept = {at: one for at, one in self.extents.items() if self.scans[at].name not in names}
        return replace(self, extents=kept, left_out=(*self.left_out, *left_out))

    def volume(self, place: int, frame: Frame | None = None) -> Volume:
        """Return a scan in the frame, (X, Y, Z) in [0, 1]."""
        kept, _ = self.reading.read(self.scans[place])
        return (frame or self.frame).volume(kept, self.extents[place])

    def with_look(self, place: int, frame: Frame) -> tuple[Volume, str]:
        """Return a scan in a frame, and its perceptual hash."""
        kept, _ = self.reading.read(self.scans[place])
        return frame.volume(kept, self.extents[place]), kept.look()


def framing_of(scans: Scans, wishes: Wishes, folder: Path, *, quiet: bool) -> Framing:
    """Survey all scans and return their common frame.

    Headers tell it, unless the body is looked for: then every scan is read once more.
    """
    reading = Reading.of(wishes)
    digest = digest_of(VERSION, scans.digest, wishes.body, wishes.spacing, reading.facts)
    shape = {SURVEY: ((len(scans), 9), "f8")}

    def survey(place: int) -> Extent:
        scan = scans[place]
        if wishes.body == "whole":
            (x, y, z), spacing = reading.geometry(scan)
            return Extent((0, 0, 0), (x, y, z), spacing)
        kept, spacing = reading.read(scan)
        return Extent(*body_of(kept, scan.modality), spacing)

    def write(filling: Filling, place: int, one: Extent) -> None:
        row = [*one.low, *one.high, *(one.spacing or (0.0,) * 3)]
        filling.write(SURVEY, place, np.array([row]))

    left_out = over_scans(
        SURVEY, shape, survey, write, scans, wishes, folder, digest, tolerated=(), quiet=quiet
    )
    rows = np.load(folder / f"{SURVEY}.npy")
    gone = {one.name for one in left_out}
    extents = {
        place: extent_of(row) for place, row in enumerate(rows) if scans[place].name not in gone
    }
    frame = frame_of(list(extents.values()), spacing=wishes.spacing, fit=wishes.body == "fit")
    return Framing(scans, reading, frame, extents, left_out, digest)


def extent_of(row: NDArray[np.float64]) -> Extent:
    """Return the extent that a row of the survey tells."""
    a, b, c, d, e, f = (int(one) for one in row[:6])
    spacing = tuple(float(one) for one in row[6:])
    return Extent((a, b, c), (d, e, f), spacing if any(spacing) else None)


def volumes_of(framing: Framing, wishes: Wishes, folder: Path, *, quiet: bool) -> Framing:
    """Bring every scan to the auto-encoder's sides, in a file; return those that could be read."""
    digest = volumes_digest(framing, wishes)
    shape = {VOLUMES: ((len(framing.scans), *wishes.volume), "f2")}

    def make(place: int) -> Volume:
        return shrunk(framing.volume(place), wishes.volume)

    def write(filling: Filling, place: int, made: Volume) -> None:
        filling.write(VOLUMES, place, made[None])

    left_out = over_scans(
        VOLUMES, shape, make, write, framing.scans, wishes, folder, digest,
        tolerated=framing.left_out, quiet=quiet,
    )  # fmt: skip
    return framing.without(left_out)


def volumes_digest(framing: Framing, wishes: Wishes) -> str:
    """Return what the small volumes depend on."""
    return digest_of(framing.digest, framing.frame.sides, framing.frame.spacing, wishes.volume)


def over_scans(
    name: str,
    shape: Mapping[str, tuple[tuple[int, ...], str]],
    work: Callable[[int], Result],
    write: Callable[[Filling, int, Result], None],
    scans: Scans,
    wishes: Wishes,
    folder: Path,
    digest: str,
    *,
    tolerated: tuple[LeftOut, ...],
    quiet: bool,
) -> tuple[LeftOut, ...]:
    """Do something with every scan and keep what comes of it in files; return what is left out.

    tolerated: what was left out before. What was done already is taken as it is.
    """
    reasons = REASONS.format(name)
    if (sealed(folder, name) or {}).get("digest") == digest:
        return told_by(np.load(folder / f"{reasons}.npy"), scans)
    before = {one.name: one for one in tolerated}
    failed: dict[int, LeftOut] = {}
    arrays = {**shape, reasons: ((len(scans),), REASON)}
    with (
        Filling(folder, name, arrays, len(scans), digest) as filling,
        tqdm(total=len(scans), disable=quiet or None, unit="scan", desc=name) as bar,
    ):
        todo = [place for place in filling.todo if scans[place].name not in before]
        bar.update(len(scans) - len(todo))
        for place, made in ahead(work, todo, wishes.workers):
            bar.update()
            if isinstance(made, Exception):
                failed[place] = LeftOut.by(made, scans[place].name, scans[place].paths)
                if len(failed) + len(before) > wishes.tolerate * len(scans):
                    break
                continue
            write(filling, place, made)
            filling.finish([place])
        refuse_many([*tolerated, *failed.values()], len(scans), tolerate=wishes.tolerate)
        for place, one in failed.items():
            text = one.reason.encode("utf-8", "replace")[:240]
            filling.write(reasons, place, np.array([text], dtype=REASON))
        # Only now: what could not be read is tried again by a call that follows a kill.
        filling.finish(filling.todo)
        filling.close()
    seal(folder, name, {"digest": digest})
    return tuple(failed.values())


def told_by(reasons: NDArray[Any], scans: Scans) -> tuple[LeftOut, ...]:
    """Return what a file says was left out."""
    return tuple(
        LeftOut(scans[place].name, scans[place].paths[0], text.decode("utf-8", "ignore"))
        for place, text in enumerate(reasons)
        if text
    )


class WholeVolumes:
    """Whole scans as items, (1, X, Y, Z) in [0, 1], from the file that `volumes_of` filled."""

    def __init__(self, folder: Path, places: tuple[int, ...]) -> None:
        self.path, self.places = folder / f"{VOLUMES}.npy", places
        self.rows: Any = np.load(self.path, mmap_mode="r")

    @property
    def sides(self) -> Sides:
        """Their sides."""
        x, y, z = self.rows.shape[1:]
        return x, y, z

    def __len__(self) -> int:
        return len(self.places)

    def item(self, index: int, seed: int) -> Batch:
        """Return one scan; nothing of it is drawn."""
        values = np.asarray(self.rows[self.places[index]], dtype=np.float32)
        return {"image": torch.from_numpy(values[None])}
