"""Reading and writing safetensors: headers checked before a byte of data is believed."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from genesis_hub.errors import BadInput, UnsafeFile

HEADER_LIMIT = 16 * 2**20
DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
FACTS = "genesis_hub"


class TensorFile:
    """A safetensors file, opened and checked; tensors are read one at a time, on demand.

    safetensors' own reader takes duplicate names and tensors of any size, and maps the file into
    memory, which counts twice while a model is filled. So the header is read here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Held open: what is read later is the file that was checked, whatever takes its name.
            self.file = path.open("rb")
            size = os.fstat(self.file.fileno()).st_size
            length = self.file.read(8)
            self.start, header = read_header(path, length, self.file.read, size)
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
        self.metadata: dict[str, str] = header.pop("__metadata__", {})
        check_metadata(path, self.metadata)
        self.rows = {name: row_of(path, name, row) for name, row in header.items()}
        self.check_layout(size - self.start)

    def check_layout(self, data: int) -> None:
        """Raise `UnsafeFile` unless the tensors fill the file exactly, without gap or overlap."""
        at = 0
        for name, (_, _, begin, end) in sorted(self.rows.items(), key=lambda row: row[1][2:]):
            if begin != at:
                raise UnsafeFile(
                    f"{self.path}: tensor {name!r} begins at byte {begin}, but the one before "
                    f"ends at {at}; the file is damaged or made to mislead; get it again"
                )
            at = end
        if at != data:
            raise UnsafeFile(
                f"{self.path}: its header describes {at} bytes of data, but {data} follow; "
                "the file is cut short or padded; get it again"
            )

    def keys(self) -> tuple[str, ...]:
        """Return the names of the tensors, in the file's order."""
        return tuple(self.rows)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape without reading it."""
        return self.rows[name][1]

    def dtype(self, name: str) -> torch.dtype:
        """Return a tensor's type without reading it."""
        return self.rows[name][0]

    def read(self, name: str) -> Tensor:
        """Read one tensor into memory of its own."""
        dtype, shape, begin, end = self.rows[name]
        buffer = bytearray(end - begin)
        self.file.seek(self.start + begin)
        if self.file.readinto(buffer) != end - begin:
            raise UnsafeFile(f"{self.path} became shorter while it was read; get it again")
        if not buffer:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(buffer, dtype=dtype).reshape(shape)

    def sha256(self) -> str:
        """Return the sha256 of the whole file, as it was opened."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()

    def __del__(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


def read_header(
    path: Path, length_bytes: bytes, read: Any, size: int
) -> tuple[int, dict[str, Any]]:
    """Return where the data starts and the header, each key met once."""
    length = int.from_bytes(length_bytes, "little")
    if len(length_bytes) < 8 or length > min(HEADER_LIMIT, size - 8):
        raise UnsafeFile(
            f"{path} is no safetensors file: {describe(length_bytes)}; "
            "`genesis-hub inspect` tells what it holds"
        )
    try:
        header = json.loads(read(length).decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise UnsafeFile(
            f"{path}: its header cannot be believed ({error}); get it again"
        ) from error
    if not isinstance(header, dict):
        raise UnsafeFile(f"{path}: its header is no table of tensors; get it again")
    return 8 + length, header


def describe(start: bytes) -> str:
    """Say what a file that is none of ours seems to be, from its first bytes."""
    if not start:
        return "it is empty"
    text = start.lstrip().lower()
    if text.startswith((b"<!doct", b"<html", b"<?xml")):
        return "it is a web page, perhaps an error page saved as weights"
    if text.startswith(b"version"):
        return "it is a Git LFS pointer; fetch the real file with `git lfs pull`"
    if start.startswith(b"PK"):
        return "it is a zip archive, perhaps a torch checkpoint; `genesis-hub import` reads those"
    if start.startswith(b"\x89HDF"):
        return "it is HDF5, perhaps Keras weights; `genesis-hub import` reads those"
    return f"it begins with {start[:8]!r}"


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a dict from JSON pairs, refusing a name that comes twice."""
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} comes twice")
    return table


def check_metadata(path: Path, metadata: Any) -> None:
    """Raise `UnsafeFile` unless the metadata is text for text."""
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise UnsafeFile(f"{path}: its metadata is not text for text; get it again")


def row_of(path: Path, name: str, row: Any) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    """Return one header row as (dtype, shape, begin, end), checked against itself."""
    try:
        dtype, shape = DTYPES[row["dtype"]], tuple(row["shape"])
        begin, end = row["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise UnsafeFile(f"{path}: tensor {name!r} has no usable header row ({row!r})") from error
    numbers = (*shape, begin, end)
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
        raise UnsafeFile(f"{path}: tensor {name!r} has an impossible header row ({row!r})")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise UnsafeFile(
            f"{path}: tensor {name!r} of shape {shape} does not fill its {end - begin} bytes"
        )
    return dtype, shape, begin, end


def write_tensors(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, Any]) -> str:
    """Write tensors and facts to a new file, flushed to the disk; return its sha256."""
    put_tensors(tensors, path, facts)
    return sha256_of(path)


def put_tensors(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, Any]) -> None:
    """Write tensors and facts to a new file, flushed to the disk.

    The same tensors and facts give the same bytes: one metadata key, its JSON sorted.
    """
    try:
        save_file(own_memory(tensors), path, {FACTS: json.dumps(facts, sort_keys=True)})
    except SafetensorError as error:  # Its own name for a full or unwritable disk.
        raise OSError(f"the tensors cannot be written ({error})") from error
    # safetensors makes files for the owner's eyes alone, whatever the umask says.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def own_memory(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with memory of their own each; safetensors refuses shared memory."""
    seen: set[int] = set()
    own = {}
    for name, tensor in tensors.items():
        if tensor.is_meta:
            raise BadInput(f"the tensor {name!r} has no values (meta device); load weights first")
        tensor = tensor.detach().cpu().contiguous()
        where = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone() if where in seen else tensor
        seen.add(where)
    return own


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
