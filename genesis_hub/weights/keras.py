"""Keras 2 weights in HDF5, plain or inside a full model: datasets only, no links followed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis_hub.errors import UnsafeFile
from genesis_hub.extras import require
from genesis_hub.weights.containers import Refusing

LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
NORM_LEAVES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
LAYER_LEAVES = {"weight": "kernel", "bias": "bias"}
# A full model keeps its weights in this group, beside the optimizer's.
MODEL = "model_weights"
MOST_DEPTH = 8
MOST_DATASETS = 10_000


class KerasFile(Refusing):
    """The weights of a Keras model under torch's leaf names and in torch's order of axes.

    A layer is named by its outermost group, as Keras does; what lies between is scopes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.h5py = require("h5py", "convert")
        self.size = path.stat().st_size
        self.rows: dict[str, tuple[str, torch.dtype, tuple[int, ...]]] = {}
        self.beside: dict[str, str] = {}
        try:
            with self.h5py.File(path, "r", locking=False) as file:
                self.describe(file)
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, UnicodeError,
                OverflowError, MemoryError) as error:  # fmt: skip
            if isinstance(error, UnsafeFile):
                raise
            raise self.unsafe(f"its HDF5 is damaged ({str(error)[:120]})") from error
        if not self.rows:
            raise self.unsafe("it holds no weights of Keras layers")

    def describe(self, file: Any) -> None:
        """Note every weight below the root, or below the group of a full model."""
        names = list(file)
        root = file[MODEL] if MODEL in names and self.is_group(file, MODEL) else file
        if root is not file:
            self.beside = {name: "group of a full model" for name in names if name != MODEL}
        todo: list[tuple[tuple[str, ...], Any]] = [((name,), root) for name in root]
        total = 0
        while todo:
            path, group = todo.pop()
            if len(path) > MOST_DEPTH or len(self.rows) > MOST_DATASETS:
                raise self.unsafe("it is nested deeper or wider than any network")
            self.check_link(group, path[-1])
            node = group[path[-1]]
            if isinstance(node, self.h5py.Group):
                todo += [((*path, str(name)), node) for name in node]
            elif isinstance(node, self.h5py.Dataset) and len(path) > 1:
                total += self.check_data(node)
                if total > self.size:
                    raise self.unsafe("its weights claim more bytes than it has")
                self.note(path, node)
            else:
                self.beside["/".join(path)] = type(node).__name__

    def is_group(self, file: Any, name: str) -> bool:
        """Say whether a name leads to a group of this very file."""
        self.check_link(file, name)
        return isinstance(file[name], self.h5py.Group)

    def check_link(self, group: Any, name: str) -> None:
        """Refuse links out of the file or around in it."""
        link = group.get(name, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            raise self.unsafe(f"{name!r} is a link to elsewhere, which Keras never writes")

    def check_data(self, data: Any) -> int:
        """Return a dataset's bytes; refuse one that is not simply there."""
        properties = data.id.get_create_plist()
        if properties.get_external_count() or data.is_virtual:
            raise self.unsafe(f"{data.name!r} keeps its values in another file")
        if properties.get_nfilters():
            raise self.unsafe(f"{data.name!r} is compressed, which Keras never does to weights")
        if data.dtype.kind not in "fiu" or data.dtype.itemsize > 8 or data.shape is None:
            raise self.unsafe(f"{data.name!r} holds no numbers ({data.dtype})")
        if data.id.get_storage_size() < data.nbytes:
            raise self.unsafe(f"{data.name!r} of shape {data.shape} has no values behind it")
        return int(data.nbytes)

    def note(self, path: tuple[str, ...], data: Any) -> None:
        """Note one weight under torch's name for it."""
        leaf = path[-1].split(":")[0]
        if leaf not in LEAVES:
            raise self.unsafe(f"{'/'.join(path)!r} is no weight of a layer that a U-Net has")
        name = f"{path[0]}.{LEAVES[leaf]}"
        if name in self.rows:
            raise self.unsafe(f"it holds {name!r} twice")
        dtype = torch.from_numpy(data.dtype.newbyteorder("=").type(0).reshape(1)).dtype
        shape = tuple(int(side) for side in data.shape)
        self.rows[name] = (data.name, dtype, turned(shape))

    def keys(self) -> tuple[str, ...]:
        """Return torch's names of the weights."""
        return tuple(self.rows)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a weight's shape in torch's order of axes."""
        return self.rows[name][2]

    def dtype(self, name: str) -> torch.dtype:
        """Return a weight's type."""
        return self.rows[name][1]

    def read(self, name: str) -> Tensor:
        """Read one weight and turn its axes to torch's order."""
        place, dtype, _ = self.rows[name]
        try:
            with self.h5py.File(self.path, "r", locking=False) as file:
                values = np.asarray(file[place][()])
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
            raise self.unsafe(f"{name!r} cannot be read ({str(error)[:120]})") from error
        tensor = torch.from_numpy(values.astype(values.dtype.newbyteorder("="))).to(dtype)
        # Keras keeps kernels as (k, k, k, in, out) and (in, out); neither library flips them.
        if tensor.ndim == 5:
            return tensor.permute(4, 3, 0, 1, 2).contiguous()
        return tensor.t().contiguous() if tensor.ndim == 2 else tensor

    def spell(self, name: str) -> str:
        """Return where a weight lies in the file, or would lie if it were there."""
        if name in self.rows:
            return self.rows[name][0].removeprefix(f"/{MODEL}").removeprefix("/")
        layer, _, leaf = name.rpartition(".")
        leaves = NORM_LEAVES if layer.endswith("_bn") else LAYER_LEAVES
        return f"{layer}/{layer}/{leaves.get(leaf, leaf)}:0"


def turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a kernel's shape in torch's order of axes."""
    if len(shape) == 5:
        return (shape[4], shape[3], *shape[:3])
    return shape[::-1] if len(shape) == 2 else shape


def write_keras(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors under torch's names as Keras 2 weights: the reader's work, backwards."""
    h5py = require("h5py", "convert")
    with h5py.File(path, "w") as file:
        layers = list(dict.fromkeys(name.split(".")[0] for name in tensors))
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer)
            leaves = [name for name in tensors if name.split(".")[0] == layer]
            own = NORM_LEAVES if f"{layer}.running_mean" in tensors else LAYER_LEAVES
            paths = [f"{layer}/{own[name.split('.')[1]]}:0" for name in leaves]
            group.attrs["weight_names"] = [place.encode() for place in paths]
            for name, place in zip(leaves, paths, strict=True):
                value = tensors[name].detach().cpu()
                if value.ndim == 5:
                    value = value.permute(2, 3, 4, 1, 0)
                elif value.ndim == 2:
                    value = value.t()
                group.create_dataset(place, data=value.contiguous().numpy())
