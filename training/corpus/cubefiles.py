"""Files of cubes as items: the published ones and those of `training.cubes`, mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from training.corpus import Sides
from training.corpus.bat import HU, UNIT, Bat, Beside, bat_of, read_beside
from training.corpus.folds import TRAIN, VALID

KINDS = ("float64", "float32", "float16", "int16")
LOOKED_AT = 16  # Cubes of a file that are looked at before any is learned from.
ROOM = 1e-3  # How far beyond 0 and 1 rounding may go.


@dataclass(frozen=True)
class CubeFile:
    """One file of cubes. beside: what its JSON says; the published files have none."""

    bat: Bat
    dtype: str
    count: int
    ends: tuple[float, float]
    beside: Beside | None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.bat.path.name


class CubeItems:
    """Cubes of some folds: item i is the i-th cube, file after file.

    folds: which; None: those that the paper trained on, 0 to 4 (`VALID` has those it validated on,
    5 and 6; 7 to 9 are for testing and never taken unasked). scale, size: which files, where a
    folder holds several kinds.
    Floats are in [0, 1]; int16 goes from the ends that the JSON beside it gives, or from HU.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        folds: Sequence[int] | None = None,
        scale: int | None = None,
        size: Sides | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        chosen = one_kind(all_in(self.folder), self.folder, scale, size)
        self.size = chosen[0].size
        files = [opened(bat) for bat in in_folds(chosen, self.folder, folds)]
        self.files = tuple(files)
        self.ends = np.cumsum([file.count for file in files])
        self.maps: dict[int, NDArray[Any]] = {}
        for number, file in enumerate(files):
            check_values(file, self.map(number))

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds that are there."""
        return tuple(file.bat.fold for file in self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """The scans that the cubes are of; a file that does not say so stands for its own."""
        return tuple(name for file in self.files for name, _, _ in sources(file))

    @property
    def patients(self) -> tuple[str, ...]:
        """Whose scan each of `names` is."""
        return tuple(patient for file in self.files for _, patient, _ in sources(file))

    @property
    def looks(self) -> dict[str, str]:
        """What each scan looks like, as a perceptual hash, where that is known."""
        return {name: look for file in self.files for name, _, look in sources(file) if look}

    def __len__(self) -> int:
        return int(self.ends[-1])

    def item(self, index: int, seed: int) -> Batch:
        """Return one cube (1, X, Y, Z) in [0, 1] and its key."""
        number = int(np.searchsorted(self.ends, index, side="right"))
        file = self.files[number]
        row = index - (int(self.ends[number - 1]) if number else 0)
        cube = self.map(number)[row].astype(np.float32)[None]
        if file.dtype == "int16":
            lo, hi = file.ends
            cube = (cube.clip(lo, hi) - np.float32(lo)) / np.float32(hi - lo)
        if not np.isfinite(cube.sum()):
            raise BadInput(
                f"{file.bat.path}: cube {row} holds NaN or infinite values; extract it again"
            )
        return {"image": torch.from_numpy(cube), "key": torch.tensor(seed, dtype=torch.int64)}

    def map(self, number: int) -> NDArray[Any]:
        """Return a file, mapped."""
        if number not in self.maps:
            self.maps[number] = mapped(self.files[number].bat.path)
        return self.maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "maps": {}}


def all_in(folder: Path) -> list[Bat]:
    """Return the files of cubes in a folder."""
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: there is no such folder of cubes; python -m training.cubes makes one"
        )
    found = [bat for path in sorted(folder.iterdir()) if (bat := bat_of(path))]
    if not found:
        raise BadInput(
            f"{folder}: no file of cubes lies here, such as bat_32_s_64x64x32_0.npy; python -m "
            "training.cubes makes them"
        )
    return found


def one_kind(found: list[Bat], folder: Path, scale: int | None, size: Sides | None) -> list[Bat]:
    """Return the files of one scale and size."""
    kinds = sorted({(bat.scale, bat.size) for bat in found})
    meant = [
        kind for kind in kinds if scale in (None, kind[0]) and (size is None or size == kind[1])
    ]
    if len(meant) != 1:
        said = "; ".join(f"{of} cubes of each scan, {keys_for(side)}" for of, side in kinds)
        if meant:
            raise BadInput(
                f"{folder}: several kinds of cubes lie here ({said}); keys tell sizes apart, but "
                "of one size there may be one kind: move the others to a folder of their own"
            )
        asked = f" of {'x'.join(map(str, size))}" if size else ""
        of = "" if scale is None else f" with scale={scale}"
        raise BadInput(f"{folder}: no cubes{asked}{of} lie here; there are: {said}")
    return [bat for bat in found if (bat.scale, bat.size) == meant[0]]


def keys_for(size: Sides) -> str:
    """Return the keys that ask for cubes of a size."""
    sides = zip(("rows", "cols", "deps"), size, strict=True)
    return " ".join(f"input_{name}={side}" for name, side in sides)


def in_folds(found: list[Bat], folder: Path, folds: Sequence[int] | None) -> list[Bat]:
    """Return the files of the folds that are meant, all of them, each once.

    Where the JSON beside a file says that a corpus fills fewer folds, those it fills are enough.
    """
    held: dict[int, Bat] = {}
    for bat in found:
        if bat.fold in held:
            raise BadInput(
                f"{folder}: {held[bat.fold].path.name} and {bat.path.name} are both of fold "
                f"{bat.fold}; take one away"
            )
        held[bat.fold] = bat
    meant = tuple(TRAIN if folds is None else folds)
    filled = filled_folds(found)
    missing = [fold for fold in meant if fold not in held and (filled is None or fold in filled)]
    if missing or not any(fold in held for fold in meant):
        raise BadInput(
            f"{folder}: of the folds {words(meant)}, {words(missing or meant)} is missing; there "
            f"are {words(held)}; python -m training.cubes --fold {words(missing or meant, ' ')} "
            "makes the rest, or name the folds to be taken"
        )
    return [held[fold] for fold in meant if fold in held]


def filled_folds(found: list[Bat]) -> tuple[int, ...] | None:
    """Return the folds that hold scans, as far as anything says so."""
    said = [beside.folds for bat in found if (beside := read_beside(bat.path))]
    return said[0] if said else None


def words(folds: Any, between: str = ", ") -> str:
    """Return folds in words."""
    return between.join(map(str, sorted(folds)))


def mapped(path: Path) -> NDArray[Any]:
    """Return the values of a file, mapped."""
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadInput(
            f"{path}: it is torn or no NPY file ({error}); copy or extract it again"
        ) from error
    return values


def opened(bat: Bat) -> CubeFile:
    """Return what a file holds, or raise `BadInput` where that is not what its name says."""
    values = mapped(bat.path)
    kind = values.dtype.name
    if values.ndim != 4 or values.shape[1:] != bat.size or not len(values):
        raise BadInput(
            f"{bat.path}: it holds {values.shape}, but (cubes, "
            f"{', '.join(map(str, bat.size))}) is what its name says; rename or extract it again"
        )
    if kind not in KINDS:
        raise BadInput(f"{bat.path}: its values are {kind}; {', '.join(KINDS)} are read")
    beside = read_beside(bat.path)
    ends = beside.ends if beside else HU if kind == "int16" else UNIT
    return CubeFile(bat, kind, len(values), ends, beside)


def check_values(file: CubeFile, values: NDArray[Any]) -> None:
    """Raise `BadInput` where some cubes of a file are not what is learned from."""
    low, high = ends_found(file.bat.path, values, np.arange(file.count))
    if file.dtype != "int16" and (low < -ROOM or high > 1 + ROOM):
        raise BadInput(
            f"{file.bat.path}: values run from {low:.4g} to {high:.4g}, but floats are expected in "
            "[0, 1]; scale them, or save HU as int16"
        )
    if file.dtype == "int16" and file.beside is None and low >= 0:
        raise BadInput(
            f"{file.bat.path}: int16 from {low:.4g} to {high:.4g} with no JSON beside it is taken "
            "for HU, which go below 0; save it as floats in [0, 1]"
        )


def ends_found(path: Path, values: NDArray[Any], rows: NDArray[Any]) -> tuple[float, float]:
    """Return the least and greatest value of some cubes, of those that the rows name.

    Raises `BadInput` where they hold no numbers, or one value only.
    """
    some = rows[np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).astype(int))]
    low, high = np.inf, -np.inf
    for row in some:
        cube = values[row]
        if not np.isfinite(cube.sum(dtype=np.float64)):
            raise BadInput(f"{path}: cube {row} holds NaN or infinite values; extract it again")
        low, high = min(low, float(cube.min())), max(high, float(cube.max()))
    if low == high:
        raise BadInput(f"{path}: every value is {low:g}; extract it again")
    return low, high


def sources(file: CubeFile) -> list[tuple[str, str, str]]:
    """Return the scans of a file: name, patient, perceptual hash."""
    if file.beside is None:
        return [(file.bat.path.stem, file.bat.path.stem, "")]
    return [(one.name, one.patient, one.look) for one in file.beside.sources]


__all__ = ["TRAIN", "VALID", "CubeFile", "CubeItems"]
