"""The files of cubes, named bat_...: what their names say, what lies beside them, how they grow."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput
from training.corpus import Sides

NAME = re.compile(r"bat_(\d+)_(?:s_)?(\d+)x(\d+)x(\d+)_(\d+)\.npy")
DTYPES = ("float16", "int16", "float32")
VERSION = 1
HU = (-1000.0, 1000.0)  # What becomes 0 and 1 of int16 that says nothing else.
UNIT = (0.0, 1.0)
STEPS = (0.0, 32767.0)
COLUMNS = (
    "row", "volume", "patient", "x", "y", "z", "rows", "cols", "deps", "score", "content",
    "accepted",
)  # fmt: skip


@dataclass(frozen=True)
class Bat:
    """What a file's name says."""

    path: Path
    scale: int
    size: Sides
    fold: int


def bat_of(path: Path) -> Bat | None:
    """Return what a file's name says: bat_32_s_64x64x32_0.npy or bat_32_64x64x32_0.npy."""
    found = NAME.fullmatch(path.name)
    if found is None:
        return None
    scale, x, y, z, fold = map(int, found.groups())
    return Bat(path, scale, (x, y, z), fold)


def bat_path(folder: Path, scale: int, size: Sides, fold: int) -> Path:
    """Return what a file is called, in the form that the published training reads."""
    return folder / f"bat_{scale}_s_{'x'.join(map(str, size))}_{fold}.npy"


@dataclass(frozen=True)
class Source:
    """A scan that cubes were cut from.

    cubes: how many; accepted: of these, by the rule. look: its perceptual hash, or nothing.
    """

    name: str
    patient: str
    modality: str
    cubes: int
    accepted: int
    look: str = ""


@dataclass(frozen=True)
class Beside:
    """What the JSON beside a file says.

    settings: what the cubes depend on. ends: the stored values that become 0 and 1. folds: all that
    hold scans. left_out: scans without cubes, and why.
    """

    settings: dict[str, Any]
    ends: tuple[float, float]
    folds: tuple[int, ...]
    sources: tuple[Source, ...]
    left_out: tuple[tuple[str, str], ...]
    format_version: int = VERSION


def write_beside(path: Path, beside: Beside) -> None:
    """Write the JSON beside a file of cubes."""
    with new_file(path.with_suffix(".json")) as aside:
        aside.write_text(json.dumps(asdict(beside), indent=1) + "\n", encoding="utf-8")


def read_beside(path: Path) -> Beside | None:
    """Return what the JSON beside a file of cubes says; None where there is none."""
    file = path.with_suffix(".json")
    if not file.is_file():
        return None
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        if held["format_version"] > VERSION:
            raise BadInput(f"{file}: written by a later version of genesis_hub; update this one")
        return Beside(
            held["settings"],
            (float(held["ends"][0]), float(held["ends"][1])),
            tuple(held["folds"]),
            tuple(Source(**one) for one in held["sources"]),
            tuple((name, reason) for name, reason in held["left_out"]),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BadInput(
            f"{file}: it is not what is written beside cubes ({error!r}); extract them again"
        ) from error


def write_rows(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write the table beside a file of cubes: for each, where it was cut and its score."""
    with (
        new_file(path.with_suffix(".csv")) as aside,
        aside.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(rows)


class Growing:
    """An NPY file that cubes are added to; nothing of them stays in memory."""

    def __init__(self, file: BinaryIO, size: Sides, dtype: str) -> None:
        self.file, self.size, self.dtype, self.count = file, size, np.dtype(dtype), 0
        file.write(self.header())

    def header(self) -> bytes:
        """Return the file's beginning; numpy leaves room in it for any number of cubes."""
        made = io.BytesIO()
        facts = {
            "descr": np.lib.format.dtype_to_descr(self.dtype.newbyteorder("<")),
            "fortran_order": False,
            "shape": (self.count, *self.size),
        }
        np.lib.format.write_array_header_1_0(made, facts)
        return made.getvalue()

    def add(self, cubes: NDArray[Any]) -> None:
        """Add cubes (N, X, Y, Z)."""
        assert cubes.shape[1:] == self.size, cubes.shape
        assert cubes.dtype == self.dtype, cubes.dtype
        self.file.write(np.ascontiguousarray(cubes, dtype=self.dtype.newbyteorder("<")).data)
        self.count += len(cubes)

    def finish(self) -> None:
        """Write how many there are."""
        end = self.file.tell()
        self.file.seek(0)
        header = self.header()
        assert len(header) + self.count * self.dtype.itemsize * np.prod(self.size) == end
        self.file.write(header)
        self.file.seek(end)


@contextmanager
def growing(path: Path, size: Sides, dtype: str) -> Iterator[Growing]:
    """Give a file to add cubes to; at the end it takes its place, on an error nothing is left."""
    with new_file(path) as aside, aside.open("wb") as file:
        cubes = Growing(file, size, dtype)
        yield cubes
        cubes.finish()


def stored(cubes: NDArray[np.float32], dtype: str, ends: tuple[float, float]) -> NDArray[Any]:
    """Return cubes in [0, 1] as they are stored."""
    if dtype != "int16":
        return cubes.astype(dtype)
    lo, hi = ends
    whole: NDArray[Any] = np.rint(cubes * np.float32(hi - lo) + np.float32(lo)).astype(np.int16)
    return whole
