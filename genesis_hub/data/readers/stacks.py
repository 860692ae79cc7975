"""Stacks: many images in one array of an NPY or NPZ file, each opened by its number."""

import re
import tempfile
import threading
import zipfile
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np

from genesis_hub.data.image import Array, Image
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers.arrays import SUFFIXES, Stored, broken, header_of, member_of
from genesis_hub.data.readers.arrays import with_channels as channels_first
from genesis_hub.data.readers.raw import native
from genesis_hub.errors import BadInput

ITEM = re.compile(r"(?:(?P<member>.*)/)?(?P<index>-?\d{1,18})")
KEPT = 8  # Arrays held open at a time: images and masks of three splits, and two more.
IN_MEMORY = 1 << 30  # Bytes; what unpacks to more is kept in a temporary file.
LOCAL_HEADER = 30  # Bytes before the name in a zip archive's header of a member.
LOCK = threading.Lock()


def read_item(file: Path, part: str, path: Path) -> Image:
    """Return one image of a stack; the first axis counts the images.

    An item has the axes that a file of its own would have; a last axis of 1 is its one channel.
    """
    stack, index = item_of(file, part)

    def load() -> Array:  # A copy: what is held of an item must not hold the stack.
        found = stack_of(file, member_in(part))
        return native(item_channels(np.array(found[index]), path))

    shaped = item_channels(np.broadcast_to(np.zeros((), stack.dtype), stack.shape[1:]), path)
    return Image(
        path=path,
        kind="array",
        shape=shaped.shape,
        load=load,
        grey=(0.0, 255.0) if stack.dtype == np.uint8 and shaped.ndim == 3 else None,
        sources=(file,),
    )


def item_of(file: Path, part: str) -> tuple[Array, int]:
    """Return the stack that a part is of, and the number of its item."""
    match = ITEM.fullmatch(part)
    if match is None or not file.name.lower().endswith(SUFFIXES):
        raise BadInput(
            f"{file}#{part}: {part!r} names no part of it; an item of a .npy is #17, of a .npz "
            "#train_images/17, a box in a volume #lps=-128.7,-175.3,-298.4&box=64,64,32"
        )
    stack, index = stack_of(file, match["member"] or ""), int(match["index"])
    if not 0 <= index < len(stack):
        raise BadInput(
            f"{file}#{part}: there is no item {index}; its shape is {stack.shape}, so items 0 to "
            f"{len(stack) - 1} are there"
        )
    return stack, index


def member_in(part: str) -> str:
    """Return which array of an archive an item is of; empty where the part does not say."""
    return part.rpartition("/")[0]


def item_channels(item: Array, path: Path) -> Array:
    """Return an item with its channels first."""
    return channels_first(item[..., 0] if item.ndim > 2 and item.shape[-1] == 1 else item, path)


def stack_of(file: Path, member: str = "") -> Array:
    """Return a whole array, mapped where that can be; unpacked once where it is packed."""
    facts = file.stat()
    with LOCK:
        return opened(file, member, (facts.st_mtime_ns, facts.st_size))


@lru_cache(maxsize=KEPT)
def opened(file: Path, member: str, stamp: tuple[int, int]) -> Array:
    """Open an array; stamp: when the file was written and its size, so that a new one is seen."""
    try:
        if file.name.lower().endswith(".npy"):
            if member:
                raise BadInput(f"{file}: it holds one array, so none is named {member!r}; give #17")
            with file.open("rb") as raw:
                stack = header_of(raw, file).values()
        else:
            stack = from_archive(file, member)
    except BadInput:
        raise
    except Exception as error:  # numpy and zipfile raise whatever their parts raise
        raise broken(file, error) from error
    if stack.ndim < 2:
        raise BadInput(f"{file}: its shape is {stack.shape}: these are no items")
    return stack


def from_archive(file: Path, member: str) -> Array:
    """Return an array of an NPZ file: mapped where it lies there as it is, else unpacked."""
    with zipfile.ZipFile(file) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if not member and len(members) == 1:
            member = next(iter(members))
        if member not in members:
            said = f"no array is named {member!r}" if member else "it does not say of which array"
            raise BadInput(
                f"{file}: {said}{close_names(member, members)}; it holds "
                f"{', '.join(sorted(members)) or 'nothing'}; an item is "
                f"#{next(iter(members), 'name')}/17"
            )
        facts = archive.getinfo(members[member])
        stored = member_of(archive, members[member], file)
    if facts.compress_type == zipfile.ZIP_STORED and not facts.flag_bits & 1:
        with file.open("rb") as raw:
            raw.seek(facts.header_offset)
            header = raw.read(LOCAL_HEADER)
        # The name and what else is said there may be longer than in the archive's own list.
        skip = LOCAL_HEADER + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        row: Array = np.memmap(
            file, stored.dtype, "r", facts.header_offset + skip + stored.offset,
            (prod(stored.shape),),
        )  # fmt: skip
    elif stored.size > IN_MEMORY:
        row = set_aside(stored)
    else:
        row = stored.unzipped().view(stored.dtype)
    return row.reshape(stored.shape, order="F" if stored.fortran else "C")


def set_aside(stored: Stored) -> Array:
    """Return the values of a packed array in a temporary file that goes with the last use of it."""
    with tempfile.TemporaryFile() as aside:
        for piece in stored.pieces():
            try:
                aside.write(piece)
            except OSError as error:
                raise BadInput(
                    f"{stored.path}: {stored.member} unpacks to {stored.size} bytes, but "
                    f"{tempfile.gettempdir()} has no room for them ({error.strerror}); set TMPDIR "
                    "to a larger disk"
                ) from error
        aside.flush()
        return np.memmap(aside, stored.dtype, "r", 0, (prod(stored.shape),))
