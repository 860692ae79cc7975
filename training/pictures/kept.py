"""What is kept of pictures that were read: facts of each, and if asked the pixels, all one size."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import flush, unwritable
from training.corpus.kept import stamp
from training.corpus.listing import Scan

Stored = NDArray[Any]
VERSION = 1  # Of how pictures are kept; those that are told otherwise are read again.
SIDES = [("whole", "u1"), ("height", "<u4"), ("width", "<u4")]
ROWS: dict[int, np.dtype[Any]] = {
    2: np.dtype([*SIDES, ("look", "u1", 32)]),
    3: np.dtype([*SIDES, ("look", "u1", 64)]),
}
ROW = ROWS[2]
# A volume has more greys than a picture.
DEPTHS: dict[int, np.dtype[Any]] = {2: np.dtype("u1"), 3: np.dtype("<u2")}
SQUARES = "*.pixels"  # The files of squares and cubes, whosever they are.
FLUSHED = 64  # Pictures whose pixels are on the disk before it is said that they are whole.


class Facts(NamedTuple):
    """What is known of a picture: its sides and its perceptual hash."""

    height: int
    width: int
    look: str


class Kept:
    """Rows of facts and squares of pixels in two files, filled in any order and taken up again.

    side: of the squares, uint8 (channels, side, side) each; 0: none are kept, and the first file
    stands alone. ndim: 3 keeps cubes, in uint16. A row is marked whole after its pixels are on the
    disk, so what was stopped at any moment goes on, and of two that fill the same files each writes
    what the other would. Processes share what is mapped.
    """

    def __init__(
        self, folder: Path, digest: str, count: int, channels: int, side: int, ndim: int = 2
    ) -> None:
        self.file, self.squares = folder / f"{digest}.facts", folder / f"{digest}.pixels"
        self.count, self.shape = count, (count, channels, *(side,) * ndim)
        self.row, self.depth = ROWS[ndim], DEPTHS[ndim]
        self.clear()
        # Pixels that were lost are not to be taken for whole by what is said of them.
        lost = bool(side) and grown(self.squares, int(np.prod(self.shape)) * self.depth.itemsize)
        grown(self.file, count * self.row.itemsize, anew=lost)
        self.rows: NDArray[Any] = np.fromfile(self.file, dtype=self.row, count=count)

    def clear(self) -> None:
        """Forget what is open."""
        self.lock = Lock()
        self.waiting: dict[int, Facts] = {}
        self.mapped: Stored | None = None

    def facts(self, index: int) -> Facts | None:
        """Return what is known of a picture; None where it was not read to its end."""
        row = self.rows[index]
        if not row["whole"]:
            return None
        return Facts(int(row["height"]), int(row["width"]), row["look"].tobytes().hex())

    def put(self, index: int, facts: Facts, pixels: Stored | None) -> None:
        """Keep a picture."""
        with self.lock:
            if pixels is not None:
                assert pixels.shape == self.shape[1:], pixels.shape
                # Written, not mapped: a full disk is then an error, and not the end of the process.
                written(self.squares, index * pixels.nbytes, pixels.tobytes())
            self.waiting[index] = facts
            if len(self.waiting) >= FLUSHED:
                self.settle()

    def finish(self) -> None:
        """Mark what was put last."""
        with self.lock:
            self.settle()

    def settle(self) -> None:
        """Mark pictures as whole whose pixels are on the disk."""
        if self.shape[-1] and self.waiting:
            flush(self.squares)
        for index, facts in self.waiting.items():
            look = np.frombuffer(bytes.fromhex(facts.look), dtype=np.uint8)
            self.rows[index] = (1, facts.height, facts.width, look)
            row = self.rows[index : index + 1].tobytes()
            written(self.file, index * self.row.itemsize, row)
        self.waiting.clear()

    def pixels(self, index: int) -> Stored:
        """Return a picture's square, mapped; the system reads it when it is looked at."""
        if self.mapped is None:
            self.mapped = np.memmap(self.squares, self.depth, "r", shape=self.shape)
        square: Stored = self.mapped[index]
        return square

    def __getstate__(self) -> dict[str, Any]:
        fresh = {"lock", "waiting", "mapped"}
        return {name: value for name, value in vars(self).items() if name not in fresh}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.clear()


def digest_of(scans: Sequence[Scan], *, colour: bool, side: int, least: int) -> str:
    """Return what tells kept pictures from others: their files as they are now, and their kind."""
    files = [[str(path.absolute()), *stamp(path)] for scan in scans for path in scan.paths]
    text = json.dumps([VERSION, colour, side, least, files])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def grown(file: Path, size: int, *, anew: bool = False) -> bool:
    """Let a file of zeros be there with a size; say whether it was not.

    What lies there at another size is of no use, nor is anything where it is to be made anew.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as opened:
            have = opened.tell()
            if have not in (0, size) or anew:
                opened.truncate(0)
            # Two that begin at once both make it longer, and neither loses what the other wrote.
            opened.truncate(size)
            return have != size
    except OSError as error:
        raise unwritable(file, error) from error


def written(file: Path, at: int, content: bytes) -> None:
    """Write bytes into their place."""
    try:
        with file.open("r+b") as opened:
            opened.seek(at)
            opened.write(content)
    except OSError as error:
        raise unwritable(file, error) from error
