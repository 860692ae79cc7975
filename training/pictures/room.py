"""Room on a disk for what is kept of images, weighed before any is read."""

import shutil
from pathlib import Path

from genesis_hub.errors import BadInput

AND_ROOM = 1 << 30  # Bytes that what is kept leaves free.


def room_for(need: int, what: str, folder: Path, *, kept: str, key: str) -> None:
    """Raise `BadInput` where a folder has no room for so many bytes.

    what: they are. kept: a pattern of the files that they lie in. key: of the recipe, which makes
    them fewer.
    """
    free = free_in(folder, kept)
    if need + AND_ROOM > free:
        raise BadInput(lacking(need, free, what, folder, key=key))


def free_in(folder: Path, kept: str) -> int:
    """Return the free bytes of a folder, made if need be; an earlier run's files count as free."""
    folder.mkdir(parents=True, exist_ok=True)
    # A file may be larger than what is in it.
    held = sum(getattr(file.stat(), "st_blocks", 0) * 512 for file in folder.glob(kept))
    return shutil.disk_usage(folder).free + held


def lacking(need: int, free: int, what: str, folder: Path, *, key: str) -> str:
    """Return in words that there is no room, and the ways out."""
    return (
        f"{what} take {need / 1e9:.2f} GB in {folder}, where {free / 1e9:.2f} GB are free; make "
        f"room, lower {key}, or give cache=FOLDER on a larger disk"
    )
