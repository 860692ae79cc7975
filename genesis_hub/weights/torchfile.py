"""torch's own files, zip and legacy, described before a byte of data is read."""

import pickletools
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from genesis_hub.errors import UnsafeFile
from genesis_hub.weights.pickled import STORAGES, Call, Global, Persistent, as_mapping, read_pickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001
MOST_MEMBERS = 50_000
MOST_DEPTH = 6
# What zipfile lets out of a damaged archive.
ZIP_TROUBLE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, KeyError,
    struct.error, EOFError, MemoryError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Described:
    """A tensor as a checkpoint describes it: a view of a storage."""

    storage: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements of the tensor itself."""
        product = 1
        for side in self.shape:
            product *= side
        return product

    @property
    def reach(self) -> int:
        """Elements of the storage that the view needs."""
        if self.count == 0:
            return self.offset
        steps = zip(self.shape, self.stride, strict=True)
        return self.offset + sum((side - 1) * step for side, step in steps) + 1


class TorchFile:
    """A checkpoint: a tree of plain values whose tensors are described and read on demand."""

    def __init__(self, path: Path, *, globals_seen: set[str] | None = None) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}
        self.last: tuple[str, bytearray] | None = None
        self.fetched = 0
        self.fetch: Callable[[str], bytes]
        self.size = size = path.stat().st_size
        with path.open("rb") as file:
            zipped = file.read(4) == b"PK\x03\x04"
        open_it = self.open_zip if zipped else self.open_legacy
        self.tree = open_it(size, globals_seen)

    # --- the zip format ---------------------------------------------------------------------

    def open_zip(self, size: int, globals_seen: set[str] | None) -> Any:
        """Check the archive's table, then read its one pickle."""
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
        stored = {n.removeprefix(begins): m for n, m in members.items() if n.startswith(begins)}
        self.sizes = {key: member.file_size for key, member in stored.items()}

        def fetch(key: str) -> bytes:
            try:
                with zipfile.ZipFile(self.path) as archive:
                    return archive.read(stored[key])
            except ZIP_TROUBLE as error:
                raise self.unsafe(f"storage {key!r} is damaged ({first_line(error)})") from error

        self.fetch = fetch
        return read_pickle(data, str(self.path), globals_seen=globals_seen)

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

    # --- the legacy format ------------------------------------------------------------------

    def open_legacy(self, size: int, globals_seen: set[str] | None) -> Any:
        """Read the five pickles of a file from before torch 1.6, then note where data lies."""
        with self.path.open("rb") as file:
            magic = self.next_pickle(file, size, globals_seen)
            if magic != LEGACY_MAGIC:
                raise self.unsafe("it is no checkpoint of torch")
            version = self.next_pickle(file, size, globals_seen)
            system = self.next_pickle(file, size, globals_seen)
            if version != LEGACY_VERSION or not isinstance(system, dict):
                raise self.unsafe(f"its format is {version!r}, which torch never wrote")
            if system.get("little_endian") is not True:
                raise self.unsafe("its numbers are big-endian")
            tree = self.next_pickle(file, size, globals_seen)
            keys = self.next_pickle(file, size, globals_seen)
            if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
                raise self.unsafe("its list of storages is no list of names")
            begin = self.lay_out(tree, keys, file.tell(), size)

        def fetch(key: str) -> bytes:
            with self.path.open("rb") as file:
                file.seek(begin[key])
                return file.read(self.sizes[key])

        self.fetch = fetch
        return tree

    def next_pickle(self, file: BinaryIO, size: int, globals_seen: set[str] | None) -> Any:
        """Read one pickle and leave the file where it ends."""
        begin = file.tell()
        try:
            for opcode, _, _ in pickletools.genops(file):
                if opcode.name == "STOP":
                    break
                if file.tell() - begin > 64 * 2**20:
                    raise self.unsafe("its description of the tensors is too long")
        except (ValueError, IndexError, struct.error, UnicodeError, OverflowError, EOFError,
                MemoryError) as error:  # fmt: skip
            raise self.unsafe(f"it is no checkpoint of torch ({error})"[:200]) from error
        end = file.tell()
        file.seek(begin)
        data = file.read(end - begin)
        return read_pickle(data, str(self.path), globals_seen=globals_seen)

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

    # --- tensors ------------------------------------------------------------------------------

    def describe(self, call: Any) -> Described | None:
        """Return the tensor that a call would build, checked against its storage; else None."""
        if not isinstance(call, Call) or not isinstance(call.function, Global):
            return None
        name = call.function.name
        if name == "_rebuild_parameter" and call.arguments:
            return self.describe(call.arguments[0])
        if name not in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return None
        try:
            source, offset, shape, stride = call.arguments[:4]
            key, dtype = storage_of(source)
            described = Described(key, dtype, offset, tuple(shape), tuple(stride))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise self.unsafe(f"a tensor is described wrongly ({error})") from error
        return self.checked(described)

    def checked(self, tensor: Described) -> Described:
        """Return a description that its storage can fill, or refuse it."""
        numbers = (tensor.offset, *tensor.shape, *tensor.stride)
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
            raise self.unsafe(f"a tensor has the impossible sizes {numbers}")
        if len(tensor.shape) != len(tensor.stride) or len(tensor.shape) > 16:
            raise self.unsafe(f"a tensor has the sizes {tensor.shape} and steps {tensor.stride}")
        if tensor.storage not in self.sizes:
            raise self.unsafe(
                f"a tensor refers to the storage {tensor.storage!r}, which is missing"
            )
        have = self.sizes[tensor.storage] // tensor.dtype.itemsize
        if tensor.reach > have or tensor.count > have:
            raise self.unsafe(
                f"a tensor of shape {tensor.shape} claims {max(tensor.reach, tensor.count)} values "
                f"of a storage that has {have}"
            )
        return tensor

    def read(self, tensor: Described) -> Tensor:
        """Read one tensor into memory of its own."""
        data = self.storage(tensor.storage)
        if len(data) < tensor.reach * tensor.dtype.itemsize:
            raise self.unsafe(f"storage {tensor.storage!r} became shorter while it was read")
        count = len(data) // tensor.dtype.itemsize
        if tensor.count == 0 or count == 0:
            return torch.empty(tensor.shape, dtype=tensor.dtype)
        flat = torch.frombuffer(data, dtype=tensor.dtype, count=count)
        # A copy: tensors that share a storage in the file must not share memory here.
        return flat.as_strided(tensor.shape, tensor.stride, tensor.offset).clone(
            memory_format=torch.contiguous_format
        )

    def storage(self, key: str) -> bytearray:
        """Return a storage's bytes; the last one is kept, for tensors that share it."""
        if self.last is None or self.last[0] != key:
            self.fetched += self.sizes[key]
            if self.fetched > 4 * self.size + 64 * 2**20:
                raise self.unsafe("its tensors would have the same bytes read again and again")
            self.last = (key, bytearray(self.fetch(key)))
        return self.last[1]

    def unsafe(self, why: str) -> UnsafeFile:
        """Return the error for a file that is not to be believed."""
        return UnsafeFile(f"{self.path}: {why}; it was not read further")


def first_line(error: Exception) -> str:
    """Return an error's message as part of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def storage_dtype(kind: Any) -> torch.dtype:
    """Return the type of a storage's values from the class that the pickle names."""
    if not isinstance(kind, Global) or kind.name not in STORAGES:
        raise UnsafeFile(f"a storage is of the unknown kind {kind}; the file was not read further")
    dtype: torch.dtype = getattr(torch, STORAGES[kind.name])
    return dtype


def storage_of(source: Any) -> tuple[str, torch.dtype]:
    """Return a storage's key and type from the reference to it."""
    word, kind, key, _, _, *view = source.reference
    if word != "storage" or not isinstance(key, str) or any(v is not None for v in view):
        raise ValueError("no plain storage")
    return key, storage_dtype(kind)


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


def flatten(file: TorchFile) -> tuple[dict[tuple[str, ...], Described], dict[str, str]]:
    """Return the tensors of a tree by their path of keys, and what else lies at its top."""
    tensors: dict[tuple[str, ...], Described] = {}
    beside: dict[str, str] = {}
    claimed = 0
    todo: list[tuple[tuple[str, ...], Any]] = [((), file.tree)]
    seen: set[int] = set()
    while todo:
        path, node = todo.pop()
        described = file.describe(node)
        mapping = as_mapping(node)
        if described is not None:
            tensors[path] = described
            claimed += described.count * described.dtype.itemsize
            if claimed > 2 * file.size + 2**20:
                raise file.unsafe("its tensors claim more bytes than it has")
        elif mapping is not None and len(path) < MOST_DEPTH:
            if id(node) in seen:
                continue
            seen.add(id(node))
            todo += [((*path, str(key)), value) for key, value in reversed(mapping.items())]
        elif len(path) == 1:
            beside[path[0]] = type(node).__name__
    return tensors, beside
