"""Writing so that a reader sees the old or the new, never something between."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genesis_hub.errors import BadInput

# Written last: it names the sha256 of the tensors, so a folder caught between two states is told.
SEAL = "config.json"
# What is written aside, by both functions below.
LEFT = re.compile(r"\..+\.[0-9a-f]{12}\.part(\.\w+)?$")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` to fill; at the end it takes the target's place.

    Where the target is a folder already, its files of the same names are replaced one by one,
    the sealing `config.json` last. On an error nothing of the new is left and the old stays.
    """
    work = target.parent / f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.part"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir()
        yield work
        for file in work.iterdir():
            flush(file)
        if not target.exists():
            try:
                os.rename(work, target)
            except OSError:
                if not target.is_dir():
                    raise
        if work.exists():
            for file in sorted(work.iterdir(), key=lambda path: path.name == SEAL):
                os.replace(file, target / file.name)
        flush(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to; at the end it takes the target's place."""
    aside = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        flush(aside)
        os.replace(aside, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder; nobody may be writing there now."""
    for left in folder.iterdir() if folder.is_dir() else ():
        if LEFT.match(left.name):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def unwritable(target: Path, error: OSError) -> BadInput:
    """Return the error for a place that could not be written to."""
    return BadInput(
        f"{target} cannot be written: {error.strerror or error}; nothing was left behind; "
        "make room or choose another place"
    )


def flush(path: Path) -> None:
    """Force a file or folder out to the disk, where the system can."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle for the entries of a folder.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
