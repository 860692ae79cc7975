"""What was done to which case: appended line by line, so that a second call goes on from there.

One line is one write: a kill leaves at most a torn last line, which is dropped.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from genesis_hub.atomic import unwritable
from genesis_hub.data.finding import Found
from genesis_hub.data.readers.parts import parted
from genesis_hub.errors import BadInput

FILE = ".journal.jsonl"
VERSION = 1


@dataclass
class Journal:
    """The record of one output folder: what made it, and what became of each case."""

    folder: Path
    facts: Mapping[str, Any]
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        folder: Path,
        facts: Mapping[str, Any],
        images: Sequence[Found],
        *,
        overwrite: bool = False,
    ) -> Self:
        """Take up a folder's journal, or begin one; refuse a folder made in another way.

        facts: what its answers depend on; another model or setting is another folder.
        images: what will be answered; none of it may lie where answers are written.
        """
        guard(folder, images)
        facts = json.loads(json.dumps({"version": VERSION, **facts}))
        journal = cls(folder, facts)
        path = folder / FILE
        if folder.exists() and not folder.is_dir():
            raise BadInput(f"{folder} is a file; --out takes a folder")
        if folder.is_dir() and not path.is_file() and any(folder.iterdir()):
            raise BadInput(
                f"{folder} holds files that are not answers of ours, and some might be replaced; "
                "give a new or empty folder"
            )
        lines = [] if overwrite or not path.is_file() else read_lines(path)
        if lines and lines[0] != facts:
            other = [key for key in {**lines[0], **facts} if lines[0].get(key) != facts.get(key)]
            said = "; ".join(
                "another model"
                if key == "tensors"
                else f"{key}: {lines[0].get(key)!r} then, {facts.get(key)!r} now"
                for key in sorted(other)
            )
            raise BadInput(
                f"{folder} holds answers that were made in another way ({said}); choose another "
                "folder, or pass overwrite=True (--overwrite) to make them anew"
            )
        for line in lines[1:]:
            journal.lines[line["case"]] = line
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not lines:
                path.unlink(missing_ok=True)
                append(path, dict(facts))
            else:
                mend(path)
        except OSError as error:
            raise BadInput(f"{folder} cannot be written to: {error.strerror or error}") from error
        return journal

    def is_done(self, found: Found) -> bool:
        """Say whether a case was answered, from the same file, and its answer is still there."""
        line = self.lines.get(found.name)
        return (
            line is not None
            and line["state"] == "done"
            and line["source"] == source_of(found.path)
            and all((self.folder / name).is_file() for name in line["files"])
        )

    def done(self, found: Found, files: list[str], row: Any, notes: tuple[str, ...]) -> None:
        """Note a case that was answered."""
        self.note(found, {"state": "done", "files": files, "row": row, "notes": list(notes)})

    def failed(self, found: Found, reason: str) -> None:
        """Note a case that could not be answered, and why."""
        self.note(found, {"state": "failed", "files": [], "reason": reason})

    def note(self, found: Found, line: dict[str, Any]) -> None:
        """Append one line."""
        line = {
            "case": found.name, "path": str(found.path), "source": source_of(found.path), **line
        }  # fmt: skip
        self.lines[found.name] = line
        append(self.folder / FILE, line)


def guard(folder: Path, images: Sequence[Found]) -> None:
    """Raise `BadInput` if an image lies in the folder of answers: it could be written over."""
    place = folder.resolve()
    for one in images:
        path = one.path.resolve()
        if place == path or place in path.parents:
            raise BadInput(
                f"{one.path} is an image and lies in {folder}, where answers are written; give "
                "another folder for them"
            )


def source_of(path: Path) -> list[int]:
    """Return what tells a file from a changed one: its size and when it was written."""
    path, _ = parted(path)
    try:
        facts = path.stat()
    except OSError:
        return []
    return [0 if path.is_dir() else facts.st_size, facts.st_mtime_ns]


def append(path: Path, line: dict[str, Any]) -> None:
    """Write one line in one piece."""
    try:
        with path.open("ab", buffering=0) as file:
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise unwritable(path, error) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal; a torn last one is none."""
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise BadInput(
                f"{path} is damaged ({error}); choose another folder, or pass overwrite=True "
                "(--overwrite)"
            ) from error
    return found


def mend(path: Path) -> None:
    """Cut a torn last line off, so that the next one begins a line of its own."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
