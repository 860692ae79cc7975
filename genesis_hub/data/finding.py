"""Every image that files and folders hold, each to be opened when its turn comes."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from genesis_hub.data.image import Image
from genesis_hub.data.readers import existing, files_in, is_dicom, is_plain, read, stem_of
from genesis_hub.data.readers.dicom import read_series
from genesis_hub.data.readers.parts import parted
from genesis_hub.data.readers.series import Series, series_in
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Found:
    """An image that was found but not read: `open` reads it, or raises what is wrong with it.

    name: the file's stem or the series' name; told apart by parent folders where two are alike.
    """

    name: str
    path: Path
    open: Callable[[], Image]


def find_images(
    paths: str | Path | Iterable[str | Path],
    *,
    uneven: bool = False,
    without: Path | None = None,
) -> list[Found]:
    """Return all images in files and folders, in a fixed order, each once.

    A folder gives its files and, where DICOM files lie, one image per series. What cannot be read
    is found all the same: opening it says why.
    without: a folder whose files are not meant.
    """
    aside = None if without is None else without.resolve()
    found: dict[tuple[Path, str], Found] = {}
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    for given in paths:
        file, part = parted(given)
        if part:
            existing(file)
            whole = Path(given)
            inside = [Found(stem_of(whole), whole, partial(read, whole, uneven=uneven))]
        else:
            inside = found_in(existing(given), uneven=uneven)
        for one in inside:
            place = one.path.resolve()
            if aside is None or aside not in place.parents:
                found.setdefault((place, one.name), one)
    if not found:
        raise BadInput(f"no image lies in {', '.join(map(str, paths)) or 'nothing'}")
    return told_apart(list(found.values()))


def found_in(path: Path, *, uneven: bool) -> list[Found]:
    """Return the images of one file or folder."""
    if path.is_file():
        if is_plain(path) or not is_dicom(path):
            return [Found(stem_of(path), path, partial(read, path))]
        return in_heap([path], path, stem_of(path), uneven=uneven)
    images: list[Found] = []
    heaps: dict[Path, list[Path]] = {}
    for file in files_in(path):
        if is_plain(file):
            if not file.name.lower().endswith((".img", ".img.gz")):  # Its .hdr stands for both.
                images.append(Found(stem_of(file), file, partial(read, file)))
        elif is_dicom(file):
            heaps.setdefault(file.parent, []).append(file)
    for place, files in heaps.items():
        images += in_heap(files, place, place.resolve().name, uneven=uneven)
    return images


def in_heap(files: list[Path], path: Path, stem: str, *, uneven: bool) -> list[Found]:
    """Return one image per series of DICOM files that lie together."""
    try:
        series = series_in(files, stem=stem, named=path.is_file())
    except BadInput as error:
        return [Found(stem, path, partial(refuse, error))]

    def reader(one: Series) -> Callable[[], Image]:
        return partial(read_series, one, path=path, uneven=uneven)

    return [Found(one.name, path, reader(one)) for one in series]


def refuse(error: BadInput) -> Image:
    """Raise what was found wrong, when the image's turn comes."""
    raise error


def told_apart(found: list[Found]) -> list[Found]:
    """Give each image a name of its own: by its ending in one folder, by parent folders beyond."""
    names: list[str] = []
    taken: set[tuple[Path, str]] = set()
    for one in found:
        place, name = one.path.resolve().parent, one.name
        if (place, name) in taken:  # The same stem with two endings: scan.png and scan.jpg.
            name = f"{name}_{one.path.name.removeprefix(one.name).replace('.', '')}"
        while (place, name) in taken:
            name += "_"
        taken.add((place, name))
        names.append(name)
    short = list(names)
    parents = [one.path.resolve().parent.parts[1:] for one in found]
    for depth in range(1, 1 + max(map(len, parents))):
        counts = Counter(names)
        if len(counts) == len(names):
            break
        names = [
            "/".join([*above[-depth:], plain]) if counts[name] > 1 else name
            for name, plain, above in zip(names, short, parents, strict=True)
        ]
    return [Found(name, one.path, one.open) for one, name in zip(found, names, strict=True)]
