"""What these layouts share: lists with a picture a line, and pictures found by their names."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.draft import Row
from genesis_hub.data.cases.facts import SPLIT_NAMES, SPLITS
from genesis_hub.data.cases.listing import seen_in
from genesis_hub.data.cases.table import decoded
from genesis_hub.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom", ".img", ".gif")
LISTS = (".txt", ".csv")
BEGINNING = 4096  # Bytes that tell what a list is.
WORDS = re.compile(r"[^A-Za-z]+")


@dataclass(frozen=True)
class Line:
    """A line of a list: a picture's name, what stands behind it, and where it stands."""

    name: str
    labels: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class Pictures:
    """The pictures in a folder and below, by name and by name without ending."""

    folder: Path
    by_name: Mapping[str, tuple[Path, ...]]

    def find(self, name: str) -> Path | None:
        """Return a picture, None where there is none; two of one name are refused."""
        found = self.by_name.get(name) or self.by_name.get(Path(name.replace("\\", "/")).name, ())
        if len(found) > 1:
            both = " and ".join(os.path.relpath(one, self.folder) for one in found[:2])
            raise BadInput(f"{self.folder}: {both} are both {name}; leave the one that is meant")
        return found[0] if found else None


def pictures_below(folder: Path, *, without: Iterable[str] = ()) -> Pictures:
    """Return the pictures below a folder; without: names of folders that are passed over."""
    over = {name.lower() for name in without}
    found: dict[str, list[Path]] = {}
    for above, inner, files in os.walk(folder):
        inner[:] = sorted(d for d in inner if not d.startswith(".") and d.lower() not in over)
        for name in sorted(files):
            stem, dot, suffix = name.rpartition(".")
            if f"{dot}{suffix}".lower() in SUFFIXES and not name.startswith("."):
                for word in (name, stem):
                    found.setdefault(word, []).append(Path(above, name))
    return Pictures(folder, {name: tuple(paths) for name, paths in found.items()})


def base_of(path: Path) -> Path:
    """Return the folder that is meant: the one given, or that of a list that was given."""
    return path if path.is_dir() else path.parent


def around(path: Path) -> Iterator[Path]:
    """Yield where lists may lie: in the folder, in those in it, and above its images."""
    folder = base_of(path)
    yield folder
    yield from (one for one in seen_in(folder) if one.is_dir())
    if folder.name.lower().startswith("images") and folder.parent != folder:
        yield folder.parent


def lists_in(path: Path, line: re.Pattern[str]) -> dict[str | None, Path]:
    """Return the lists whose first line fits, by the split that their name says, None for none.

    Where one folder has lists, those of others are not looked for. A file that is given is one of
    them, or there are none.
    """
    if path.is_file() and not (path.name.lower().endswith(LISTS) and begins(path, line)):
        return {}
    for folder in around(path):
        found: dict[str | None, Path] = {}
        for file in texts_in(folder):
            if not begins(file, line):
                continue
            split = split_in(file.stem)
            other = found.setdefault(split, file)
            if other != file:
                raise BadInput(
                    f"{folder}: {other.name} and {file.name} are both lists of "
                    f"{split or 'all pictures'}; leave the one that is meant"
                )
        if found:
            return {split: found[split] for split in (*SPLITS, None) if split in found}
    return {}


def texts_in(folder: Path) -> list[Path]:
    """Return the files that may be lists; folders of a hundred thousand pictures are no effort."""
    try:
        with os.scandir(folder) as held:
            names = [one.name for one in held if one.name.lower().endswith(LISTS) and one.is_file()]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def begins(file: Path, line: re.Pattern[str]) -> bool:
    """Say whether the first line of a list, comments aside, fits."""
    try:
        with file.open("rb") as opened:
            text = opened.read(BEGINNING).decode("utf-8-sig", "replace")
    except OSError:
        return False
    first = next((one for one in text.splitlines() if said(one)), "")
    return line.fullmatch(first.strip()) is not None


def said(line: str) -> bool:
    """Say whether there is something in a line."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def split_in(stem: str) -> str | None:
    """Return the split that a file's name says, such as Xray14_train_official."""
    words = [SPLIT_NAMES.get(word.lower()) for word in WORDS.split(stem)]
    return next((word for word in words if word), None)


def lines_of(file: Path) -> list[Line]:
    """Return the lines of a list: a name, then labels, with spaces or commas between."""
    found = []
    for number, line in enumerate(decoded(file).splitlines(), 1):
        if said(line):
            name, *labels = line.replace(",", " ").split()
            found.append(Line(name, tuple(labels), f"{file.name}, line {number}"))
    if not found:
        raise BadInput(f"{file}: it names no picture; one a line is expected")
    return found


def listed(
    lists: Mapping[str | None, Path],
    pictures: Pictures,
    row_of: Callable[[Line, Path, str | None], Row],
) -> list[Row]:
    """Return a row for each line of the lists, or refuse pictures that are not there."""
    rows = []
    for split, file in lists.items():
        lines = lines_of(file)
        places = [pictures.find(line.name) for line in lines]
        refuse_missing(
            file, [line.name for line, one in zip(lines, places, strict=True) if not one],
            len(lines), pictures.folder,
        )  # fmt: skip
        rows += [row_of(line, one, split) for line, one in zip(lines, places, strict=True) if one]
    return rows


def refuse_missing(file: Path, missing: list[str], count: int, folder: Path) -> None:
    """Raise `BadInput` with how many pictures of a list are not there."""
    if missing:
        raise BadInput(
            f"{file}: {len(missing)} of its {count} pictures are not in {folder} or below it, such "
            f"as {', '.join(missing[:3])}; add them, or take their lines out of the list"
        )


def labels_of(line: Line, number: int) -> tuple[int, ...]:
    """Return the labels of a line, each 0 or 1, or raise `BadInput`."""
    if len(line.labels) != number or set(line.labels) - {"0", "1"}:
        raise BadInput(
            f"{line.place}: behind {line.name} stands {' '.join(line.labels) or 'nothing'}, but "
            f"{number} labels of 0 or 1 are expected"
        )
    return tuple(map(int, line.labels))
