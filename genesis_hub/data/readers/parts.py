"""Parts of files: what stands behind a "#" in a path, and what tells one part from another.

`x_train.npy#17`, `pneumoniamnist.npz#train_images/17`, `scan.mhd#lps=-128.7,-175.3,-298.4&box=64`,
`train-rle.csv#mask=runs&of=1.2.3&on=1.2.3.dcm`.
"""

import hashlib
import os
import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from genesis_hub.data.readers.boxes import is_box
from genesis_hub.data.readers.stacks import item_of


def parted(path: str | Path) -> tuple[Path, str]:
    """Return the file and the part of it that a path names; no part where the path is a file."""
    text = str(path)
    if "#" not in text or stands(text):
        return Path(path), ""
    cut = text.rfind("#")
    while cut > 0:
        if stands(text[:cut]):
            return path_of(text[:cut]), text[cut + 1 :].replace("\\", "/")
        cut = text.rfind("#", 0, cut)
    return Path(path), ""


def stands(text: str) -> bool:
    """Say whether a path exists; a word that can be no path does not."""
    try:
        return os.path.exists(os.path.expanduser(text))  # noqa: PTH110, PTH111 - for its speed
    except ValueError:  # a NUL
        return False


@lru_cache(maxsize=1024)  # Half a million boxes lie in a thousand volumes.
def path_of(text: str) -> Path:
    """Return words as a path."""
    return Path(text).expanduser()


def is_there(path: Path) -> bool:
    """Say whether a path, or the file that it names a part of, exists."""
    return stands(str(parted(path)[0]))


def words_of(part: str) -> str:
    """Return a part as it may stand in a file's name: the place of a box, the number of an item."""
    place = part.removeprefix("lps=").partition("&")[0] if is_box(part) else part
    return re.sub(r"[^\w.-]+", "_", place).strip("_")


def likeness(path: Path, files: Sequence[Path]) -> Hashable:
    """Return what two copies of an image have in common, told without reading their values.

    files: that the image lies in.
    """
    file, part = parted(path)
    if part and not is_box(part):
        stack, _ = item_of(file, part)
        return stack.shape[1:], stack.dtype.str
    return part, tuple(one.stat().st_size for one in files)


def fingerprint(path: Path, files: Sequence[Path]) -> bytes:
    """Return a digest of an image: of its values for an item, of its files for any other.

    Boxes of one place in two volumes are the same where the volumes are.
    """
    file, part = parted(path)
    if part and not is_box(part):
        stack, index = item_of(file, part)
        return hashlib.sha256(np.ascontiguousarray(stack[index]).data).digest()
    whole = hashlib.sha256(part.encode("utf-8", "surrogateescape"))
    for one in files:
        facts = one.stat()
        whole.update(digest_of(one, (facts.st_mtime_ns, facts.st_size)))
    return whole.digest()


@lru_cache(maxsize=4096)  # A volume is read once, however many boxes it has.
def digest_of(file: Path, stamp: tuple[int, int]) -> bytes:
    """Return the sha256 of a file's bytes; stamp: when it was written, and its size."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
