"""What a folder holds as images: files, and folders of DICOM slices that are one each."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from genesis_hub.data.readers import files_in, is_plain, stem_of
from genesis_hub.data.readers.series import is_picture, series_in
from genesis_hub.data.readers.slices import has_magic
from genesis_hub.errors import BadInput

DICOM = (".dcm", ".dicom", ".ima")
LITTER = ("Thumbs.db", "desktop.ini")
HALVES = (".img", ".img.gz")  # The values of an Analyze pair; its .hdr stands for both.


@dataclass(frozen=True)
class Listing:
    """The images that lie directly in a folder, and the folders that are no image themselves."""

    images: tuple[Path, ...]
    folders: tuple[Path, ...]


def list_folder(folder: Path) -> Listing:
    """Return what lies in a folder, in a fixed order; hidden files and other files aside."""
    images: list[Path] = []
    folders: list[Path] = []
    slices: list[Path] = []
    for path in seen_in(folder):
        if path.is_dir():
            if not returns(path):
                (images if is_series(path) else folders).append(path)
        elif is_plain(path):
            if not path.name.lower().endswith(HALVES):
                images.append(path)
        elif looks_dicom(path):
            slices.append(path)
    images += of_slices(slices, folder)
    return Listing(tuple(sorted(images)), tuple(folders))


def seen_in(folder: Path) -> list[Path]:
    """Return what lies in a folder, hidden things aside."""
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise BadInput(f"{folder} cannot be looked into: {error.strerror or error}") from error
    return [path for path in found if not path.name.startswith(".")]


def returns(folder: Path) -> bool:
    """Say whether a folder is a link to one that it lies in."""
    above = folder.parent.resolve()
    return folder.is_symlink() and folder.resolve() in (above, *above.parents)


def images_below(folder: Path) -> list[Path]:
    """Return the images in a folder and in all folders below."""
    listing = list_folder(folder)
    below = [image for inner in listing.folders for image in images_below(inner)]
    return [*listing.images, *below]


def others_below(folder: Path, images: Collection[Path]) -> list[Path]:
    """Return the files in a folder and below that are no image, what systems put there aside.

    images: those of the folder, files and folders of DICOM slices.
    """
    return [
        path
        for path in files_in(folder)
        if not is_plain(path)
        and path.name not in LITTER
        and not any(parent in images for parent in path.parents)
        and not has_magic(path)  # Last, since it opens the file.
    ]


def is_series(folder: Path) -> bool:
    """Say whether a folder is one image: DICOM slices of a volume, and no other image."""
    files = [path for path in seen_in(folder) if path.is_file()]
    if any(is_plain(path) for path in files):
        return False
    return of_slices([path for path in files if looks_dicom(path)], folder) == [folder]


def of_slices(files: list[Path], folder: Path) -> list[Path]:
    """Return the images that DICOM files lying together make: each one, or all together one."""
    if not files:
        return []
    try:
        series = series_in(files, stem=folder.name)
    except BadInput:  # A damaged file: reading the folder will say which and why.
        return [folder] if len(files) > 1 else files
    if not series:
        return []
    alone = all(len({one.path for one in part.slices}) == 1 for part in series)
    volume = len(series) == 1 and not is_picture(series[0].slices[0])
    if volume or not alone:  # Several series in one folder: reading it names them.
        return [folder]
    return sorted(part.slices[0].path for part in series)


def looks_dicom(path: Path) -> bool:
    """Say whether a file is called as DICOM files are, or begins as they do."""
    try:
        return path.suffix.lower() in DICOM or has_magic(path)
    except OSError:
        return False


def name_of(path: Path) -> str:
    """Return an image's name without its ending, accents spelled the same on every system."""
    return unicodedata.normalize("NFC", stem_of(path))


def names_for(paths: Sequence[Path], root: Path) -> list[str]:
    """Return a name for each image: its stem, with folders before it where stems are alike."""
    names = [name_of(path) for path in paths]
    above = [path.parent.relative_to(root).parts if root in path.parents else () for path in paths]
    for depth in range(1, 1 + max(map(len, above), default=0)):
        counts = Counter(names)
        names = [
            unicodedata.normalize("NFC", "/".join([*parts[-depth:], name_of(path)]))
            if counts[name] > 1
            else name
            for name, parts, path in zip(names, above, paths, strict=True)
        ]
    return told_apart(names, paths)


def told_apart(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Put endings behind names that are still alike, or numbers where those are alike too."""
    counts = Counter(names)
    ended = [
        f"{name}_{path.name[len(stem_of(path)) :].strip('.').replace('.', '_')}"
        for name, path in zip(names, paths, strict=True)
    ]
    endings = Counter(ended)
    apart = [
        end if counts[name] > 1 and endings[end] == 1 else name
        for name, end in zip(names, ended, strict=True)
    ]
    taken: set[str] = set()
    only = {name for name, count in Counter(apart).items() if count == 1}
    for place, name in enumerate(apart):
        new, number = name, 1
        while new in taken or (new in only and new != name):
            number += 1
            new = f"{name}_{number}"
        taken.add(new)
        apart[place] = new
    return apart


def usable(name: str) -> bool:
    """Say whether files can be called so without leaving the folder they are to lie in."""
    parts = PurePosixPath(name).parts
    plain = name.isprintable() and not set(name) & set('\\:*?"<>|')
    return plain and bool(parts) and not name.startswith("/") and ".." not in parts
