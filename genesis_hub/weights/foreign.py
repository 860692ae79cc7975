"""Files that other people wrote: which format, which tensors, none of them believed unseen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from genesis_hub.errors import BadInput, UnsafeFile
from genesis_hub.weights.fill import Tensors
from genesis_hub.weights.keras import KerasFile
from genesis_hub.weights.tensorfile import TensorFile, describe
from genesis_hub.weights.torchfile import Described, TorchFile, flatten

# Where checkpoints keep the weights, in order of preference. Of a teacher and a student the
# teacher is the one that is published.
WRAPPERS = (
    "state_dict", "model_state_dict", "teacher", "model", "student", "encoder", "backbone",
    "network", "net", "weights",
)  # fmt: skip


@dataclass(frozen=True)
class Foreign:
    """A file's weights, opened but not read, and what lies beside them.

    wrapper: the key of the checkpoint that the weights were found under; "" at the top.
    spell: turns a tensor's name into what stands in the file.
    """

    path: Path
    kind: str
    tensors: Tensors
    wrapper: str = ""
    beside: tuple[str, ...] = ()
    spell: Callable[[str], str] = str


class Checkpoint:
    """One mapping of names to tensors inside a torch file."""

    def __init__(self, file: TorchFile, described: Mapping[str, Described]) -> None:
        self.file, self.described = file, dict(described)

    def keys(self) -> tuple[str, ...]:
        """Return the names of the tensors, in the file's order."""
        return tuple(self.described)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape without reading it."""
        return self.described[name].shape

    def dtype(self, name: str) -> torch.dtype:
        """Return a tensor's type without reading it."""
        return self.described[name].dtype

    def read(self, name: str) -> Tensor:
        """Read one tensor into memory of its own."""
        return self.file.read(self.described[name])


def open_foreign(path: Path) -> Foreign:
    """Open a file of weights in any format we know, or refuse it by name."""
    start = first_bytes(path)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        keras = KerasFile(path)
        return Foreign(path, "Keras HDF5", keras, beside=tuple(keras.beside), spell=keras.spell)
    if start.startswith(b"PK\x03\x04") or start[:1] == b"\x80":
        return open_torch(path)
    if start[8:9] == b"{":
        return Foreign(path, "safetensors", TensorFile(path))
    raise UnsafeFile(
        f"{path} is in no format that weights come in: {describe(start)}; known are torch "
        "checkpoints, safetensors and Keras HDF5; get the file again"
    )


def open_torch(path: Path) -> Foreign:
    """Open a torch checkpoint and find the one mapping in it that holds the weights."""
    file = TorchFile(path)
    tensors, beside = flatten(file)
    tensors.pop((), None)  # A tensor alone has no name to know it by.
    if not tensors:
        raise BadInput(
            f"{path} is a torch file without any named tensors; give the file of weights"
        )
    groups: dict[str, dict[str, Described]] = {}
    for place, tensor in tensors.items():
        groups.setdefault("/".join(place[:-1]), {})[place[-1]] = tensor
    wrapper = next((w for w in WRAPPERS if w in groups), "" if "" in groups else None)
    if wrapper is None:
        wrapper = next((g for w in WRAPPERS for g in groups if g.endswith(f"/{w}")), None)
    if wrapper is None:
        found = ", ".join(sorted(groups)[:8]) or "nothing"
        raise BadInput(
            f"{path} holds tensors under {found}, but none of the usual places of weights "
            f"({', '.join(WRAPPERS)}); save the state_dict alone and import that"
        )
    others = {name.split("/")[0] for name in groups if name != wrapper}
    return Foreign(
        path,
        "torch checkpoint",
        Checkpoint(file, groups[wrapper]),
        wrapper,
        tuple(sorted((others | set(beside)) - {wrapper, ""})),
    )


def first_bytes(path: Path) -> bytes:
    """Return how a file begins, or say why it cannot be read."""
    try:
        if path.is_dir():
            raise BadInput(f"{path} is a folder; give the file of weights")
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
