"""torch's own files: tensors described and checked before a byte of data is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_hub.weights.containers import Refusing, open_container, storage_dtype
from genesis_hub.weights.pickled import Call, Global, as_mapping

MOST_DEPTH = 6


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


class TorchFile(Refusing):
    """A checkpoint: a tree of plain values whose tensors are described and read on demand."""

    def __init__(self, path: Path, *, globals_seen: set[str] | None = None) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.container = open_container(path, self.size, globals_seen)
        self.tree = self.container.tree
        self.last: tuple[str, bytearray] | None = None
        self.fetched = self.given = 0

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
        if tensor.storage not in self.container.sizes:
            raise self.unsafe(
                f"a tensor refers to the storage {tensor.storage!r}, which is missing"
            )
        have = self.container.sizes[tensor.storage] // tensor.dtype.itemsize
        if tensor.reach > have or tensor.count > have:
            raise self.unsafe(
                f"a tensor of shape {tensor.shape} claims {max(tensor.reach, tensor.count)} values "
                f"of a storage that has {have}"
            )
        return tensor

    def read(self, tensor: Described) -> Tensor:
        """Read one tensor into memory of its own."""
        self.given += tensor.count * tensor.dtype.itemsize
        if self.given > 2 * self.size + 64 * 2**20:
            raise self.unsafe("its tensors claim more bytes than it has")
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
            self.fetched += self.container.sizes[key]
            if self.fetched > 4 * self.size + 64 * 2**20:
                raise self.unsafe("its tensors would have the same bytes read again and again")
            self.last = (key, bytearray(self.container.fetch(key)))
        return self.last[1]


def storage_of(source: Any) -> tuple[str, torch.dtype]:
    """Return a storage's key and type from the reference to it."""
    word, kind, key, _, _, *view = source.reference
    if word != "storage" or not isinstance(key, str) or any(v is not None for v in view):
        raise ValueError("no plain storage")
    return key, storage_dtype(kind)


def flatten(file: TorchFile) -> tuple[dict[tuple[str, ...], Described], dict[str, str]]:
    """Return the tensors of a tree by their path of keys, and what else lies at its top."""
    tensors: dict[tuple[str, ...], Described] = {}
    beside: dict[str, str] = {}
    todo: list[tuple[tuple[str, ...], Any]] = [((), file.tree)]
    seen: set[int] = set()
    while todo:
        path, node = todo.pop()
        described = file.describe(node)
        mapping = as_mapping(node)
        if described is not None:
            tensors[path] = described
        elif mapping is not None and len(path) < MOST_DEPTH:
            if id(node) in seen:
                continue
            seen.add(id(node))
            todo += [((*path, str(key)), value) for key, value in reversed(mapping.items())]
        elif len(path) == 1:
            beside[path[0]] = type(node).__name__
    return tensors, beside
