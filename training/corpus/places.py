"""Where a packed corpus lies: a folder or an object store, read by ranges and written whole."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput
from genesis_hub.extras import require

T = TypeVar("T")
Span = tuple[str, int, int]  # a file, and the bytes from one place to before another

# Reading a gap is cheaper than asking again: 64 KB take a network of 1 Gbit/s half a millisecond.
GAP = 65_536
WAITS = (0.5, 2.0, 8.0)  # Seconds before an object store is asked again.


class Place:
    """A folder (`/data/packed`, `file://...`) or what fsspec opens (`s3://`, `gs://`, `memory://`).

    It is handed to other processes by its address alone: connections survive no fork.
    """

    def __init__(self, address: str | Path) -> None:
        self.address = str(address).rstrip("/") or "/"
        self.opened: tuple[int, Any, str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self.address, "opened": None}

    def __repr__(self) -> str:
        return f"Place({self.address!r})"

    @property
    def files(self) -> tuple[Any, str]:
        """The file system of this process, and where the place lies in it."""
        if self.opened is None or self.opened[0] != os.getpid():
            self.opened = (os.getpid(), *self.connected())
        return self.opened[1:]

    def connected(self) -> tuple[Any, str]:
        """Open the address, or raise `BadInput` with what is missing for it."""
        fsspec = require("fsspec", "training")
        try:
            system, root = fsspec.url_to_fs(self.address)
        except (ImportError, ValueError) as error:  # A store's own library; a protocol of nobody's
            raise BadInput(f"{self.address} cannot be opened: {error}") from error
        return system, str(root).rstrip("/")

    @property
    def folder(self) -> Path | None:
        """The folder on this machine, if that is what it is."""
        system, root = self.files
        protocols = [system.protocol] if isinstance(system.protocol, str) else system.protocol
        return Path(root) if "file" in protocols else None

    def put(self, path: str, content: bytes) -> None:
        """Write a file: afterwards it is there whole, or not at all."""
        if self.folder is not None:
            with new_file(self.folder / path) as aside:
                aside.write_bytes(content)
            return
        system, root = self.files
        try:
            system.pipe_file(f"{root}/{path}", content)
        except Exception as error:  # Each store raises its own.
            raise BadInput(f"{self.address}/{path} cannot be written: {said(error)}") from error

    def get(self, path: str) -> bytes | None:
        """Return a file's content; None where there is no such file."""
        if self.folder is not None:
            try:
                return (self.folder / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        system, root = self.files
        try:
            content: bytes = self.patiently(lambda: system.cat_file(f"{root}/{path}"))
        except FileNotFoundError:
            return None
        return content

    def names(self, folder: str) -> list[str]:
        """Return what files of a folder are called; none where there is no such folder."""
        system, root = self.files
        try:
            found = self.patiently(lambda: system.ls(f"{root}/{folder}", detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(one).rstrip("/").rpartition("/")[2] for one in found)

    def spans(self, asked: Sequence[Span]) -> list[bytes]:
        """Return parts of files, near ones read in one go; a file that ends early gives less.

        Raises FileNotFoundError where a file is not there.
        """
        joined, where = together(asked)
        if self.folder is not None:
            folder = self.folder
            parts = [read_span(folder / path, begin, end) for path, begin, end in joined]
        else:
            system, root = self.files
            paths = [f"{root}/{path}" for path, _, _ in joined]
            begins, ends = [one[1] for one in joined], [one[2] for one in joined]
            parts = self.patiently(lambda: system.cat_ranges(paths, begins, ends, on_error="raise"))
        return [
            parts[at][begin - joined[at][1] : end - joined[at][1]]
            for at, (_, begin, end) in zip(where, asked, strict=True)
        ]

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask an object store, again after a while where it fails: most failures pass."""
        for wait in (*WAITS, None):
            try:
                return ask()
            except (FileNotFoundError, NotADirectoryError):
                raise
            except Exception as error:  # Each store raises its own.
                if wait is None:
                    raise BadInput(
                        f"{self.address} cannot be read, asked {1 + len(WAITS)} times: "
                        f"{said(error)}; is it there, and may you read it?"
                    ) from error
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def together(asked: Sequence[Span]) -> tuple[list[Span], list[int]]:
    """Return spans with near ones joined, and for each that was asked for which one holds it."""
    joined: list[Span] = []
    where = [0] * len(asked)
    for place in sorted(range(len(asked)), key=lambda place: asked[place]):
        path, begin, end = asked[place]
        if joined and joined[-1][0] == path and begin <= joined[-1][2] + GAP:
            joined[-1] = (path, joined[-1][1], max(end, joined[-1][2]))
        else:
            joined.append((path, begin, end))
        where[place] = len(joined) - 1
    return joined, where


def read_span(path: Path, begin: int, end: int) -> bytes:
    """Return a part of a file on this machine."""
    with path.open("rb", buffering=0) as file:
        file.seek(begin)
        return file.read(end - begin)


def said(error: Exception) -> str:
    """Return an error in one line, with its kind where it says nothing else."""
    return " ".join(str(error).split()) or type(error).__name__
