"""The two containers that torch writes: a zip archive, and before 1.6 a chain of pickles."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any, Protocol

import torch

from genesis_hub.errors import UnsafeFile
from genesis_hub.weights.pickled import (
    MOST_BYTES,
    STORAGES,
    Call,
    Global,
    Persistent,
    read_pickle,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001
MOST_MEMBERS = 50_000
# What zipfile lets out of a damaged archive.
ZIP_TROUBLE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, KeyError,
    struct.error, EOFError, MemoryError, OverflowError,
)  # fmt: skip


class Container(Protocol):
    """What both are: a described tree, and storages of known size that can be fetched."""

    tree: Any
    sizes: dict[str, int]

    def fetch(self, key: str) -> bytes: ...


def open_container(path: Path, size: int, globals_seen: set[str] | None) -> Container:
    """Open a torch file, whichever container it is in."""
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    return (ZipContainer if zipped else LegacyContainer)(path, size, globals_seen)


class Refusing:
    """Shared by all files of others' weights: how they refuse."""

    path: Path

    def unsafe(self, why: str) -> UnsafeFile:
        """Return the error for a file that is not to be believed."""
        return UnsafeFile(f"{self.path}: {why}; it was not read further")


class ZipContainer(Refusing):
    """A zip archive with one pickle and one member for each storage."""

    def __init__(self, path: Path, size: int, globals_seen: set[str] | None) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = self.check_members(archive, size)
                root = self.root_of(members)
                self.check_byteorder(archive, members, root)
                data = archive.read(members[f"{root}/data.pkl"])
        except UnsafeFile:
            raise
        except ZIP_TROUBLE as error:
            raise self.unsafe(f"its archive is damaged ({first_line(error)})") from error
        begins = f"{root}/data/"
        self.stored = {
            name.removeprefix(begins): member
            for name, member in members.items()
            if name.startswith(begins)
        }
        self.sizes = {key: member.file_size for key, member in self.stored.items()}
        self.tree = read_pickle(data, str(path), globals_seen=globals_seen)

    def fetch(self, key: str) -> bytes:
        """Read one storage, its checksum checked."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.stored[key])
        except ZIP_TROUBLE as error:
            raise self.unsafe(f"storage {key!r} is damaged ({first_line(error)})") from error

    def check_members(self, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
        """Return the archive's members by name, once each, stored as they are, side by side."""
        infos = archive.infolist()
        if len(infos) > MOST_MEMBERS:
            raise self.unsafe(f"its archive has {len(infos)} members")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if info.filename in members:
                raise self.unsafe(f"its archive holds {info.filename!r} twice")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise self.unsafe(
                    f"its member {info.filename!r} is compressed, which torch never does"
                )
            if info.flag_bits & 0x1:
                raise self.unsafe(f"its member {info.filename!r} is encrypted")
            members[info.filename] = info
        at = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < at:
                raise self.unsafe(f"its member {info.filename!r} overlaps the one before it")
            at = info.header_offset + 30 + info.file_size
        if at > size:
            raise self.unsafe("its members are larger than the file")
        return members

    def root_of(self, members: dict[str, zipfile.ZipInfo]) -> str:
        """Return the one folder of the archive that holds data.pkl."""
        roots = [n.removesuffix("/data.pkl") for n in members if n.endswith("/data.pkl")]
        if len(roots) != 1 or "/" in roots[0]:
            raise self.unsafe("it is a zip archive, but none of torch's (no single data.pkl)")
        if f"{roots[0]}/constants.pkl" in members:
            raise self.unsafe(
                "it is a TorchScript program, not weights; save its state_dict() and import that"
            )
        return roots[0]

    def check_byteorder(
        self, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], root: str
    ) -> None:
        """Refuse numbers written most significant byte first."""
        member = members.get(f"{root}/byteorder")
        if member is not None and (member.file_size > 16 or archive.read(member) != b"little"):
            raise self.unsafe("its numbers are big-endian; save it again on an ordinary machine")


class LegacyContainer(Refusing):
    """Five pickles and the storages behind them, each after its length."""

    def __init__(self, path: Path, size: int, globals_seen: set[str] | None) -> None:
        self.path, self.sizes = path, dict[str, int]()
        # The descriptions stand before the data; no checkpoint's take more than this.
        with path.open("rb") as file:
            stream = io.BytesIO(file.read(MOST_BYTES))
        where = str(path)
        if read_pickle(stream, where, globals_seen=globals_seen) != LEGACY_MAGIC:
            raise self.unsafe("it is no checkpoint of torch")
        version = read_pickle(stream, where, globals_seen=globals_seen)
        system = read_pickle(stream, where, globals_seen=globals_seen)
        if version != LEGACY_VERSION or not isinstance(system, dict):
            raise self.unsafe(f"its format is {version!r}, which torch never wrote"[:200])
        if system.get("little_endian") is not True:
            raise self.unsafe("its numbers are big-endian")
        self.tree = read_pickle(stream, where, globals_seen=globals_seen)
        keys = read_pickle(stream, where, globals_seen=globals_seen)
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise self.unsafe("its list of storages is no list of names")
        self.begin = self.lay_out(self.tree, keys, stream.tell(), size)

    def fetch(self, key: str) -> bytes:
        """Read one storage."""
        with self.path.open("rb") as file:
            file.seek(self.begin[key])
            return file.read(self.sizes[key])

    def lay_out(self, tree: Any, keys: list[str], at: int, size: int) -> dict[str, int]:
        """Return where each storage begins: its length stands before it, in elements."""
        widths = {p[2]: storage_dtype(p[1]).itemsize for p in storages(tree)}
        begin = {}
        with self.path.open("rb") as file:
            for key in keys:
                if key in begin or key not in widths:
                    raise self.unsafe(f"storage {key!r} is listed twice or used by no tensor")
                file.seek(at)
                length = file.read(8)
                count = struct.unpack("<q", length)[0] if len(length) == 8 else -1
                if count < 0 or at + 8 + count * widths[key] > size:
                    raise self.unsafe(f"storage {key!r} reaches beyond the end of the file")
                begin[key], self.sizes[key] = at + 8, count * widths[key]
                at += 8 + count * widths[key]
        if at != size:
            raise self.unsafe(f"{size - at} bytes follow its last storage")
        return begin


def storage_dtype(kind: Any) -> torch.dtype:
    """Return the type of a storage's values from the class that the pickle names."""
    if not isinstance(kind, Global) or kind.name not in STORAGES:
        raise UnsafeFile(f"a storage is of the unknown kind {kind}; the file was not read further")
    dtype: torch.dtype = getattr(torch, STORAGES[kind.name])
    return dtype


def storages(tree: Any) -> list[tuple[Any, ...]]:
    """Return the references to storages in a tree, each node looked at once."""
    found, seen, todo = [], set(), [tree]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Persistent):
            if isinstance(node.reference, tuple) and len(node.reference) >= 5:
                found.append(node.reference)
        elif isinstance(node, dict):
            todo += node.values()
        elif isinstance(node, list | tuple):
            todo += node
        elif isinstance(node, Call):
            todo += [*node.arguments, *node.state, *(value for _, value in node.items)]
    return found


def first_line(error: Exception) -> str:
    """Return an error's message as part of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
