"""From a word in a table to a file: as it stands there, or by name in a folder beside the table."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from genesis_hub.data.cases.listing import images_below, name_of
from genesis_hub.data.readers import is_plain
from genesis_hub.data.readers.parts import is_there

Find = Callable[[str], Path]


def finders(folder: Path, inside: Sequence[str]) -> list[Find]:
    """Return the ways from a word to a file: as it stands, and by name in a folder beside."""

    @cache
    def index() -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name in inside:
            if (folder / name).is_dir():
                for path in images_below(folder / name):
                    found.setdefault(path.name, path)
                    found.setdefault(name_of(path), path)
        return found

    def direct(word: str) -> Path:
        found = folder / word
        if "\\" in word and not found.exists():
            found = folder / word.replace("\\", "/")  # Written on Windows.
        return Path(os.path.normpath(found))

    def beside(word: str) -> Path:
        file, sign, part = word.rpartition("#")
        if word not in index() and file in index():
            return Path(f"{index()[file]}{sign}{part}")
        return index().get(word, folder / inside[0] / word)

    return [direct, beside]


def best(words: Sequence[str], ways: Sequence[Find]) -> tuple[int, Find]:
    """Return the way that finds most files, and how many; the first where none does."""
    filled = [word for word in words if word]
    most, chosen = 0, ways[0]
    for way in ways:
        hits = sum(is_there(way(word)) for word in filled)
        if hits > most:
            most, chosen = hits, way
        if most == len(filled):
            break
    return most, chosen


def named_as_image(word: str) -> bool:
    """Say whether a word is called as an image file is, or a part of one."""
    return is_plain(Path(word)) or is_plain(Path(word.partition("#")[0]))


def holds_files(words: Sequence[str], folder: Path) -> bool:
    """Say whether a column's words are image files that exist."""
    filled = [word for word in words if word]
    return bool(filled) and all(
        named_as_image(word) and is_there(folder / word) for word in filled[:50]
    )
