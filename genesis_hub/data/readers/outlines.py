"""Masks that are in no file of their own: runs in a table, outlines, or several masks as one.

`train-rle.csv#mask=runs&of=1.2.3&on=1.2.3.dcm` is what a table says of one picture, on its grid;
`left/1.png#mask=union&with=../right/1.png` is where either mask has something.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import numpy as np
import PIL.Image
import PIL.ImageDraw

from genesis_hub.data.image import Array, Image
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

Open = Callable[[Path], Image]
Polygon = Sequence[tuple[float, float]]
RIBS = tuple(f"{side}{number}" for side in "RL" for number in range(1, 11))
EMPTY = ("-1", "")  # What stands in place of runs where nothing is marked.
KEPT = 8  # Tables and lists of outlines held at a time.


@dataclass(frozen=True)
class Wishes:
    """What a part asks of a file: the kind, the name in it, the picture whose grid it is on."""

    kind: str
    of: str
    only: str
    on: Path | None
    others: tuple[Path, ...]


def is_mask(part: str) -> bool:
    """Say whether a part of a file is a mask that is made of it."""
    return part.startswith("mask=")


def mask_of(
    file: Path,
    kind: str,
    *,
    of: str = "",
    only: str = "",
    on: Path | None = None,
    others: Iterable[Path] = (),
) -> Path:
    """Return the path of a mask that is made of a file.

    kind: "union" of masks, "runs" of a table, "ribs" or "findings" of outlines. of: the picture's
    name in the file; only: one kind of finding. on: the picture whose grid the mask lies on.
    """
    words = [("mask", kind), ("of", of), ("only", only)]
    words += [("on", between(file, on))] if on is not None else []
    words += [("with", between(file, other)) for other in others]
    told = urlencode([pair for pair in words if pair[1]], safe="/", quote_via=quote)
    return Path(f"{file}#{told}")


def between(file: Path, other: Path) -> str:
    """Return the way from the folder of a file to another file."""
    return Path(os.path.relpath(other, file.parent)).as_posix()


def read_mask(file: Path, part: str, path: Path, opened: Open) -> Image:
    """Return a mask (1, rows, columns) of uint8; opened: how other files are read."""
    wishes = wished(file, part, path)
    grid = opened(wishes.on or file)
    if grid.ndim != 2:
        raise BadInput(f"{path}: {grid.path} is {grid.shape}, but a picture is expected")
    rows, columns = (int(side) for side in grid.shape[1:])

    def load() -> Array:
        return MAKERS[wishes.kind](file, wishes, (rows, columns), opened)[None]

    sources = (file, *wishes.others)
    return Image(path=path, kind="mask", shape=(1, rows, columns), load=load, sources=sources)


def wished(file: Path, part: str, path: Path) -> Wishes:
    """Return what a part asks for, or raise `BadInput` where it asks for nothing known."""
    pairs = parse_qsl(part)
    words = dict(pairs)
    kind = words.get("mask", "")
    if kind not in MAKERS or words.keys() - {"mask", "of", "only", "on", "with"}:
        raise BadInput(
            f"{path}: {part!r} names no mask; write #mask=KIND&of=NAME&on=PICTURE, KIND one of "
            f"{', '.join(MAKERS)}"
        )
    if kind != "union" and not (words.get("of") and words.get("on")):
        raise BadInput(f"{path}: mask={kind} needs of=NAME and on=PICTURE, the grid it lies on")
    beside = [file.parent / value for key, value in pairs if key in ("on", "with")]
    for other in beside:
        if not other.is_file():
            raise BadInput(f"{path}: {os.path.normpath(other)} is not there")
    on = file.parent / words["on"] if "on" in words else None
    others = tuple(file.parent / value for key, value in pairs if key == "with")
    return Wishes(kind, words.get("of", ""), words.get("only", ""), on, others)


def union(file: Path, wishes: Wishes, sides: tuple[int, int], opened: Open) -> Array:
    """Return where any of several masks has something, at the nearest places of the grid."""
    whole = np.zeros(sides, np.uint8)
    for one in (file, *wishes.others):
        mask = (opened(one).array != 0).any(0)
        index = [
            np.minimum(((np.arange(n) + 0.5) * side / n).astype(np.int64), side - 1)
            for n, side in zip(sides, mask.shape, strict=True)
        ]
        whole |= mask[np.ix_(*index)]
    return whole


def runs(file: Path, wishes: Wishes, sides: tuple[int, int], opened: Open) -> Array:
    """Return what runs mark: pairs of how far on, and how long, down one column after another."""
    flat = np.zeros(sides[0] * sides[1], np.uint8)
    for text in entry(table_of(file, stamp(file)), wishes.of, file):
        if text in EMPTY:
            continue
        words = text.split()
        if len(words) % 2 or not all(word.isdecimal() for word in words):
            raise BadInput(f"{file}: {wishes.of}: {text[:40]!r} are no runs; pairs are expected")
        steps = np.array(words, np.int64).reshape(-1, 2)
        # Each start counts from the end of the run before.
        ends = steps.sum(1).cumsum()
        if len(ends) and ends[-1] > flat.size:
            raise BadInput(
                f"{file}: {wishes.of}: its runs end at {ends[-1]}, but {sides[0]} x {sides[1]} "
                f"pixels are {flat.size}; give the pictures that the table was made for"
            )
        for end, length in zip(ends, steps[:, 1], strict=True):
            flat[end - length : end] = 1
    return np.ascontiguousarray(flat.reshape(sides[::-1]).T)


def ribs(file: Path, wishes: Wishes, sides: tuple[int, int], opened: Open) -> Array:
    """Return each rib by its number, R1 to R10 and L1 to L10; where two lie, the later one."""
    told = outlines_of(file, stamp(file))
    shapes = [
        (number, outline(told.get(rib, {}).get(wishes.of), file))
        for number, rib in enumerate(RIBS, 1)
    ]
    return drawn(shapes, sides)


def findings(file: Path, wishes: Wishes, sides: tuple[int, int], opened: Open) -> Array:
    """Return where any finding is outlined, or one kind of them."""
    one = entry(outlines_of(file, stamp(file)), wishes.of, file)
    pairs = zip(one["syms"], one["polygons"], strict=False)
    shapes = [(1, outline(points, file)) for name, points in pairs if wishes.only in ("", name)]
    return drawn(shapes, sides)


Maker = Callable[[Path, Wishes, tuple[int, int], Open], Array]
MAKERS: dict[str, Maker] = {"union": union, "runs": runs, "ribs": ribs, "findings": findings}


def drawn(shapes: Iterable[tuple[int, Polygon]], sides: tuple[int, int]) -> Array:
    """Return polygons of (column, row), filled with their numbers."""
    canvas = PIL.Image.new("L", sides[::-1])
    pen = PIL.ImageDraw.Draw(canvas)
    for number, points in shapes:
        if len(points) > 1:
            pen.polygon([(x, y) for x, y in points], fill=number, outline=number)
    return np.array(canvas)


def outline(points: Any, file: Path) -> Polygon:
    """Return the points of a polygon, written as pairs or as x and y; "None" stands for none."""
    if not points or points == "None":
        return ()
    try:
        pairs = [(p["x"], p["y"]) if isinstance(p, dict) else (p[0], p[1]) for p in points]
        return [(float(x), float(y)) for x, y in pairs]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BadInput(f"{file}: {str(points)[:60]} is no outline; points are expected") from error


def entry(told: dict[str, Any], name: str, file: Path) -> Any:
    """Return what a file says of a picture, or raise `BadInput` with the nearest names."""
    if name not in told:
        raise BadInput(f"{file}: it says nothing of {name!r}{close_names(name, told, alike=0.8)}")
    return told[name]


def stamp(file: Path) -> tuple[int, int]:
    """Return what tells a file that was written anew: when, and its size."""
    facts = file.stat()
    return facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=KEPT)
def table_of(file: Path, stamp: tuple[int, int]) -> dict[str, list[str]]:
    """Return the runs of each picture, by the first two columns of a table with a header."""
    found: dict[str, list[str]] = {}
    for row in list(csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline="")))[1:]:
        if len(row) > 1:
            found.setdefault(row[0].strip(), []).append(row[1].strip())
    return found


@lru_cache(maxsize=KEPT)
def outlines_of(file: Path, stamp: tuple[int, int]) -> dict[str, Any]:
    """Return what a JSON file says, by name: of each picture, or of each rib."""
    try:
        told = json.loads(file.read_bytes())
        if isinstance(told, list):
            told = {str(one["file_name"]): one for one in told}
            sound = all({"syms", "polygons"} <= one.keys() for one in told.values())
        else:
            sound = isinstance(told, dict) and isinstance(told.get("img"), dict)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{file}: not outlines that can be read ({error}); copy it again") from error
    if not sound:
        raise BadInput(f"{file}: it holds no outlines as VinDr-RibCXR or ChestX-Det write them")
    return dict(told)
