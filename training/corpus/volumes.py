"""Scans as a corpus: read and checked once, then kept unpacked so that windows are cheap."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from tqdm.auto import tqdm

from genesis_hub.atomic import new_file
from genesis_hub.data.image import Array
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.inputs import Inputs
from training.corpus import Sides, Window
from training.corpus.kept import Kept, digest_of, ends_of, keep
from training.corpus.leftout import FEW, LeftOut, refuse_many
from training.corpus.listing import Scan

ROOM = 2 << 30
STEP = 16  # What every network halves its way down to one from.
OPEN = 256  # Files mapped at once.
Place = Literal["memory", "source", "spare"]


@dataclass(frozen=True)
class Admitted:
    """A scan that is learned from: its sides, and where its values lie unpacked.

    "source": in its own file, which maps as it is; "spare": in `file`.
    """

    scan: Scan
    sides: Sides
    place: Place
    file: Path | None = None


class Volumes:
    """Scans that windows are cut from, the same bytes for every process that reads them.

    Every scan is read once, in threads, and checked; bad ones are in `left_out` with their reason,
    and refused with the list if they are many (`tolerate`). A file that maps (int16 in .mhd with
    .raw, or in .nii) is read where it lies. Others are kept unpacked, two bytes a voxel: in memory
    up to `room` bytes, then in files of the folder `spare`, written whole or not at all, which a
    later run takes up again and which the caller removes. Mapped pages belong to the system: it
    drops them when it needs room, and worker processes share them, so memory does not grow with the
    corpus. What is in `room` is held once more by each process that was not forked, so workers want
    room=0. Ranks that share `spare` do best if one of them reads first: the others find it done.

    inputs_of: the input contract of a modality. least: sides below which a scan is left out.
    check: False takes scans whose values look like a mistake; NaN and the rest are refused still.
    workers: threads that read; each holds one scan meanwhile.
    """

    def __init__(
        self,
        scans: Iterable[Scan],
        inputs_of: Callable[[str], Inputs],
        *,
        room: int = ROOM,
        spare: Path | None = None,
        least: Sides = (1, 1, 1),
        tolerate: float = FEW,
        check: bool = True,
        workers: int = 4,
        quiet: bool = True,
    ) -> None:
        self.inputs_of, self.room, self.spare, self.least = inputs_of, room, spare, least
        self.check = check
        self.clear()
        scans = list(scans)
        self.admitted, self.left_out = self.read(scans, workers, quiet=quiet)
        refuse_many(self.left_out, len(scans), tolerate=tolerate)
        self.names = tuple(one.scan.name for one in self.admitted)
        self.patients = tuple(one.scan.patient for one in self.admitted)
        self.modalities = tuple(one.scan.modality for one in self.admitted)

    def clear(self) -> None:
        """Forget what was read."""
        self.lock = Lock()
        self.held: dict[str, Kept] = {}
        self.used = 0
        self.mapped: OrderedDict[int, Kept] = OrderedDict()

    def read(
        self, scans: Sequence[Scan], workers: int, *, quiet: bool
    ) -> tuple[tuple[Admitted, ...], tuple[LeftOut, ...]]:
        """Read all scans; return those to learn from and those that are left out, in order."""
        with (
            ThreadPoolExecutor(max(1, workers)) as pool,
            tqdm(total=len(scans), disable=quiet or None, unit="scan", desc="reading") as bar,
        ):
            seen = []
            try:
                for one in pool.map(self.admit, scans):
                    seen.append(one)
                    bar.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return (
            tuple(one for one in seen if isinstance(one, Admitted)),
            tuple(one for one in seen if isinstance(one, LeftOut)),
        )

    def admit(self, scan: Scan) -> Admitted | LeftOut:
        """Read a scan, or what was kept of it, and put it where it stays."""
        inputs = self.inputs_of(scan.modality)
        file = None if self.spare is None else self.spare / f"{digest_of(scan, inputs)}.npy"
        try:
            kept, place = taken_up(file, inputs), "spare"
            if kept is None:
                kept, place = keep(scan, inputs, check=self.check), ""
            refuse_small(kept.sides, self.least)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut.by(error, scan.name, scan.paths)
        if place == "spare":
            return Admitted(scan, kept.sides, "spare", file)
        if isinstance(kept.values, np.memmap):
            return Admitted(scan, kept.sides, "source")
        if self.has_room(scan, kept):
            return Admitted(scan, kept.sides, "memory")
        if file is None:
            raise BadInput(
                f"the scans take more than room={self.room} bytes unpacked; give spare=FOLDER for "
                "what is over, or more room"
            )
        with new_file(file) as aside:
            np.save(aside, kept.values, allow_pickle=False)
        return Admitted(scan, kept.sides, "spare", file)

    def has_room(self, scan: Scan, kept: Kept) -> bool:
        """Hold a scan in memory, if there is room."""
        with self.lock:
            if self.used + kept.values.nbytes > self.room:
                return False
            self.used += kept.values.nbytes
            self.held[scan.name] = kept
            return True

    def __len__(self) -> int:
        return len(self.admitted)

    def sides(self, index: int) -> Sides:
        return self.admitted[index].sides

    def window(self, index: int, start: Sides, size: Sides) -> Window:
        return self[index].window(start, size)

    def look(self, index: int) -> str:
        """Return the perceptual hash of a scan."""
        return self[index].look()

    def __getitem__(self, index: int) -> Kept:
        """Return a scan: held, or mapped."""
        one = self.admitted[index]
        with self.lock:
            if one.scan.name in self.held:
                return self.held[one.scan.name]
            if index in self.mapped:
                self.mapped.move_to_end(index)
                return self.mapped[index]
            inputs = self.inputs_of(one.scan.modality)
            kept = taken_up(one.file, inputs) or keep(one.scan, inputs, check=False)
            if one.place == "memory":  # A process that was handed this anew reads it anew.
                self.held[one.scan.name] = kept
                return kept
            self.mapped[index] = kept
            if len(self.mapped) > OPEN:
                self.mapped.popitem(last=False)
            return kept

    def __getstate__(self) -> Any:
        fresh = {"lock", "held", "used", "mapped"}
        return {name: value for name, value in vars(self).items() if name not in fresh}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.clear()


def taken_up(file: Path | None, inputs: Inputs) -> Kept | None:
    """Return a scan that was kept in a file, mapped; None where there is none that is whole."""
    if file is None or not file.is_file():
        return None
    try:
        values: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return None
    whole = values.ndim == 4 and values.dtype in (np.int16, np.uint16)
    return Kept(values, ends_of(values, inputs)) if whole else None


def refuse_small(sides: Sides, least: Sides) -> None:
    """Raise `BadInput` for a scan that no window fits into."""
    if any(side < need for side, need in zip(sides, least, strict=True)):
        x, y, z = sides
        a, b, c = least
        raise BadInput(
            f"the scan is {x} x {y} x {z}, smaller than a cube of {a} x {b} x {c}"
            f"{smaller(sides, least)}"
        )


def smaller(sides: Sides, least: Sides) -> str:
    """Return the keys that ask for cubes which fit into a scan; nothing where none do."""
    fitting = [side // STEP * STEP if side >= STEP else side // 8 * 8 for side in sides]
    if not all(fitting):
        return ""
    asked = zip(("rows", "cols", "deps"), fitting, sides, least, strict=True)
    keys = [f"input_{name}={fits}" for name, fits, side, need in asked if side < need]
    return f"; {' '.join(keys)} would do"
