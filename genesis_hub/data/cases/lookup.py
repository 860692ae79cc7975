"""From a word in a table to a file: as it stands there, or by name in a folder beside the table."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from genesis_hub.data.cases.listing import images_below, name_of
from genesis_hub.data.readers import is_plain

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


def is_there(path: Path) -> bool:
    """Say whether a path exists; a word that can be no path does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def holds_files(words: Sequence[str], folder: Path) -> bool:
    """Say whether a column's words are image files that exist."""
    filled = [word for word in words if word]
    return bool(filled) and all(is_plain(Path(w)) and is_there(folder / w) for w in filled[:50])
