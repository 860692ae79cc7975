"""A shift of packing: one part of the scans, by one process or several, and its table."""

import csv
import io
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from math import prod
from multiprocessing import get_context

from tqdm.auto import tqdm

from genesis_hub.engine.feed import begin_worker
from genesis_hub.engine.stopping import asked_to_stop
from genesis_hub.errors import BadInput, GenesisHubError
from training.corpus.contents import TABLES, Row, read_table, table_name, write_table
from training.corpus.leftout import Bearing, LeftOut
from training.corpus.listing import Scan
from training.corpus.packing import Packing

EVERY = 60.0  # Seconds between writings of the table; a volume that is whole is found without it.
WATCHED, LOGGED = 0.5, 30.0  # Seconds between two words of progress, on a screen and in a log.

Packed = Generator[Row | LeftOut, None, None]


@dataclass(frozen=True)
class Outcome:
    """What became of a call: volumes packed now, how many were there before, those left out.

    stopped: the signal that ended it before its time; 0 if none did.
    """

    packed: tuple[Row, ...]
    kept: int
    left_out: tuple[LeftOut, ...]
    stopped: int = 0

    def __str__(self) -> str:
        said = [f"{len(self.packed)} packed"]
        if self.packed:
            size = sum(row.packed_bytes for row in self.packed)
            voxels = sum(prod(row.sides) for row in self.packed)
            said[0] += f" ({size / 1e9:.3g} GB, {size / voxels:.2f} bytes a voxel)"
            worst = max(self.packed, key=lambda row: row.error)
            if worst.error:
                said.append(f"values rounded by {worst.error:.2g} at most, in {worst.name}")
        said += [f"{self.kept} were there already"] if self.kept else []
        said += [f"{len(self.left_out)} left out"] if self.left_out else []
        said += ["stopped before the end"] if self.stopped else []
        return ", ".join(said)


class Shift:
    """Packs scans and keeps the table of its part.

    waiting: what is to be packed. kept: how many of the part are there already. tolerate: the
    share that may be left out.
    """

    def __init__(
        self,
        packing: Packing,
        part: tuple[int, int],
        waiting: Sequence[Scan],
        *,
        kept: int,
        tolerate: float,
    ) -> None:
        self.packing, self.waiting = packing, waiting
        self.kept = kept
        self.table = table_name(part)
        self.rows = {row.name: row for row in read_table(packing.place, self.table)}
        self.packed: list[Row] = []
        self.bearing = Bearing(kept + len(waiting), tolerate)
        self.recorded = time.monotonic()

    def work(self, workers: int, *, quiet: bool) -> Outcome:
        """Pack what is waiting; what is whole is in the table, however it ends."""
        interval = WATCHED if sys.stderr.isatty() else LOGGED
        quiet = quiet or not self.waiting
        bar = tqdm(total=len(self.waiting), disable=quiet, unit="volume", mininterval=interval)
        several = workers > 1 and len(self.waiting) > 1
        done = by_many(self.packing, self.waiting, workers) if several else self.by_one()
        with asked_to_stop() as asked, bar, closing(done):
            try:
                for one in done:
                    self.take(one)
                    bar.set_postfix_str(self.forecast(), refresh=False)
                    bar.update()
                    if asked():
                        break
            except BaseException:
                with suppress(GenesisHubError):  # A full disk takes no table either.
                    self.record()
                raise
            self.record()
            return Outcome(tuple(self.packed), self.kept, tuple(self.left_out), asked())

    def by_one(self) -> Packed:
        """Pack one scan after another, in this process."""
        return (self.packing(scan) for scan in self.waiting)

    def take(self, one: Row | LeftOut) -> None:
        """Note what became of a scan, or raise `BadInput` where too many cannot be packed."""
        if isinstance(one, Row):
            self.packed.append(one)
            self.rows[one.name] = one
        else:
            if not self.bearing.bears(one):
                done = {row.name for row in self.packed} | {bad.name for bad in self.left_out}
                rest = [scan for scan in self.waiting if scan.name not in done]
                self.bearing.refuse(rest, self.packing.unfit)
            if len(self.left_out) == self.bearing.total:
                self.bearing.settle()
        if time.monotonic() - self.recorded > EVERY:
            self.record()

    @property
    def left_out(self) -> list[LeftOut]:
        """What cannot be packed, of the whole call."""
        return self.bearing.left_out

    def forecast(self) -> str:
        """Return the size so far and in the end."""
        if not self.packed:
            return ""
        size = sum(row.packed_bytes for row in self.packed)
        end = size / len(self.packed) * (len(self.waiting) - len(self.left_out))
        return f"{size / 1e9:.3g} of {end / 1e9:.3g} GB, {len(self.left_out)} left out"

    @property
    def complaints(self) -> str:
        """Where the scans that were left out are listed."""
        return self.table.removesuffix(".csv") + ".left_out.csv"

    def record(self) -> None:
        """Write the table, and beside it that of what was left out."""
        place = self.packing.place
        if self.packed:
            write_table(place, self.table, self.rows.values())
        if self.left_out or self.complaints.removeprefix(f"{TABLES}/") in place.names(TABLES):
            text = io.StringIO()
            lines = ((one.name, one.path, one.reason) for one in self.left_out)
            csv.writer(text, lineterminator="\n").writerows([("name", "path", "reason"), *lines])
            place.put(self.complaints, text.getvalue().encode())
        self.recorded = time.monotonic()


def by_many(packing: Packing, scans: Sequence[Scan], workers: int) -> Packed:
    """Pack scans by processes of their own; what is done first comes first."""
    # Spawned: a fork would take along threads of torch and of the object store.
    pool = ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=begin_worker, initargs=(0,)
    )
    rest = iter(scans)
    try:
        running: set[Future[Row | LeftOut]] = set()
        while True:
            for scan in islice(rest, 2 * workers - len(running)):
                running.add(pool.submit(packing, scan))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for one in done:
                yield one.result()
    except BrokenProcessPool as error:
        raise BadInput(
            f"a process that packed was killed, most often for want of memory: with workers="
            f"{workers} so many volumes are held at once; take fewer. What is whole stays"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
