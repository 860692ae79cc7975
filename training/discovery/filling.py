"""NPY files of known shapes, filled in any order: a kill loses what is at hand, no more."""

import hashlib
import io
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput, GenesisHubError

Result = TypeVar("Result")

OFTEN = 5.0  # Seconds between flushes: what a power cut may cost.
SPARE = 64 << 20  # Bytes that are left free on the disk.
Shape = tuple[tuple[int, ...], str]  # of an array, with its dtype


class Filling:
    """Arrays that grow in files beside where they will stay, and take their names when all is done.

    Nothing is held in memory: rows go straight to their place. Units (a scan, say) may come in any
    order; each is marked as done only after what it wrote is on the disk, so that the same call
    after a kill goes on with the others. `digest` tells one wish from another: what was begun for
    another is thrown away.
    """

    def __init__(
        self, folder: Path, name: str, arrays: Mapping[str, Shape], units: int, digest: str
    ) -> None:
        self.folder, self.arrays, self.units = folder, dict(arrays), units
        self.mark = f"{name}.{digest[:16]}"
        self.files: dict[str, BinaryIO] = {}
        self.starts: dict[str, int] = {}
        self.waiting: list[int] = []
        self.last = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{name}.*.part*"):
                if not left.name.startswith(f"{self.mark}."):
                    left.unlink()
            self.refuse_full()
            self.done = self.marks()
            for one in self.arrays:
                self.open(one)
        except OSError as error:
            raise unwritable(folder, error) from error

    def path(self, array: str) -> Path:
        """Return where an array will stay."""
        return self.folder / f"{array}.npy"

    def part(self, array: str) -> Path:
        """Return where an array grows."""
        return self.folder / f"{self.mark}.part.{array}.npy"

    @property
    def marked(self) -> Path:
        """Return where it is kept which units are done."""
        return self.folder / f"{self.mark}.part.done"

    def refuse_full(self) -> None:
        """Raise `BadInput` before a disk is filled that cannot hold the whole."""
        need = 0
        for array, (shape, dtype) in self.arrays.items():
            part = self.part(array)
            have = part.stat().st_blocks * 512 if part.exists() else 0  # Sparse at first.
            need += max(0, int(np.prod(shape)) * np.dtype(dtype).itemsize - have)
        free = shutil.disk_usage(self.folder).free
        if need + SPARE > free:
            raise BadInput(
                f"{self.folder}: {need / 1e9:.1f} GB are to be written, but only {free / 1e9:.1f} "
                "GB are free; make room, choose another place, or ask for fewer or smaller cubes"
            )

    def marks(self) -> "NDArray[np.uint8]":
        """Return which units are done."""
        if self.marked.is_file() and self.marked.stat().st_size == self.units:
            return np.fromfile(self.marked, dtype=np.uint8)
        self.marked.write_bytes(bytes(self.units))
        return np.zeros(self.units, dtype=np.uint8)

    def open(self, array: str) -> None:
        """Open a file, made anew where it is not whole."""
        shape, dtype = self.arrays[array]
        part, final = self.part(array), self.path(array)
        if self.done.all() and self.units and final.exists() and not part.exists():
            return  # Killed while the names were being taken: this one has its own already.
        kind = np.dtype(dtype)
        header = header_of(shape, kind)
        size = len(header) + int(np.prod(shape)) * kind.itemsize
        self.starts[array] = len(header)
        if not part.is_file() or part.stat().st_size != size:
            if self.done.any():
                self.done[:] = 0
                self.marked.write_bytes(bytes(self.units))
            with part.open("wb") as file:
                file.write(header)
                file.truncate(size)
        self.files[array] = part.open("r+b")

    @property
    def todo(self) -> tuple[int, ...]:
        """Return which units are not done."""
        return tuple(int(unit) for unit in np.flatnonzero(self.done == 0))

    def write(self, array: str, row: int, values: NDArray[Any]) -> None:
        """Write rows (N, ...) from one on."""
        shape, dtype = self.arrays[array]
        assert values.shape[1:] == shape[1:], (array, values.shape, shape)
        assert 0 <= row <= row + len(values) <= shape[0], (array, row, len(values), shape)
        each = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(dtype).itemsize
        file = self.files[array]
        try:
            file.seek(self.starts[array] + row * each)
            file.write(np.ascontiguousarray(values, dtype=dtype).reshape(-1).view(np.uint8).data)
        except OSError as error:
            raise unwritable(self.part(array), error) from error

    def finish(self, units: Sequence[int]) -> None:
        """Mark units as done, in a while, when what they wrote is on the disk."""
        self.waiting += units
        if time.monotonic() - self.last > OFTEN:
            self.flush()

    def flush(self) -> None:
        """Bring all that was written to the disk, then the marks."""
        try:
            for file in self.files.values():
                file.flush()
                os.fsync(file.fileno())
            self.done[self.waiting] = 1
            with self.marked.open("r+b") as file:
                file.write(self.done.tobytes())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self.waiting, self.last = [], time.monotonic()

    def close(self) -> dict[str, Path]:
        """Give every array its name; return where they are."""
        self.flush()
        assert self.done.all(), "units are left"
        for file in self.files.values():
            file.close()
        for array in self.files:
            os.replace(self.part(array), self.path(array))
        self.marked.unlink(missing_ok=True)
        return {array: self.path(array) for array in self.arrays}

    def __enter__(self) -> "Filling":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Keep what is done, whatever ended it."""
        if any(not file.closed for file in self.files.values()):
            self.flush()
            for file in self.files.values():
                file.close()


def header_of(shape: tuple[int, ...], dtype: "np.dtype[Any]") -> bytes:
    """Return how an NPY file of a shape begins."""
    made = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype.newbyteorder("<"))
    facts = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(made, facts)
    return made.getvalue()


def seal(folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Write down what was made and by what, when it is whole."""
    with new_file(folder / f"{name}.json") as aside:
        aside.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def sealed(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what was written down of something whole; None where nothing was."""
    path = folder / f"{name}.json"
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None


def digest_of(*facts: Any) -> str:
    """Return what tells one wish from another."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def ahead(
    work: Callable[[int], Result], units: Sequence[int], workers: int
) -> Iterator[tuple[int, Result | Exception]]:
    """Give what comes of each unit, in order, made in threads; few are ahead: memory stays small.

    What can be wrong with a scan is given in place of what would have come of it.
    """

    def tried(unit: int) -> Result | Exception:
        try:
            return work(unit)
        except (GenesisHubError, OSError, MemoryError) as error:
            return error

    waiting: deque[tuple[int, Future[Result | Exception]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for unit in units:
                waiting.append((unit, pool.submit(tried, unit)))
                if len(waiting) > workers:
                    first, made = waiting.popleft()
                    yield first, made.result()
            while waiting:
                first, made = waiting.popleft()
                yield first, made.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def unwritable(path: Path, error: OSError) -> BadInput:
    """Return the error for a place that could not be written to."""
    return BadInput(
        f"{path} cannot be written: {error.strerror or error}; make room or choose another place; "
        "the same call goes on from there"
    )
