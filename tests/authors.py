"""Files as the authors' code would write them, with generated values (nobody's weights)."""

import argparse
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from genesis_hub.entry import Entry, Layout
from genesis_hub.registry import ENTRIES
from tests.keytables import table


def values(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Return tensors of sensible size for every key: activations neither vanish nor explode."""
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for key, shape in shapes.items():
        if key.endswith("num_batches_tracked"):
            made[key] = torch.tensor(7)
        elif key.endswith("running_var"):
            made[key] = torch.rand(shape, generator=draw) + 0.5
        elif key.endswith("running_mean"):
            made[key] = 0.2 * torch.randn(shape, generator=draw)
        elif len(shape) <= 1 and key.endswith("weight"):
            made[key] = torch.rand(shape, generator=draw) + 0.5
        elif len(shape) <= 1:
            made[key] = 0.1 * torch.randn(shape, generator=draw)
        else:
            fan_in = max(1, int(np.prod(shape[1:])))
            if "up_conv" in key or key.startswith("tu."):
                fan_in = shape[0]
            made[key] = torch.randn(shape, generator=draw) * (2 / fan_in) ** 0.5
    return made


def layout_of(name: str, label: str | None = None) -> tuple[Entry, Layout]:
    entry = ENTRIES[name]
    found = [lay for lay in entry.layouts if label in (None, lay.name)]
    return entry, found[0]


def tensors_of(name: str, label: str | None = None, seed: int = 0) -> dict[str, Tensor]:
    """Return an author's whole state dict under the author's own keys, without wrappers."""
    rows = table(*layout_of(name, label))
    assert rows is not None
    return values(rows, seed)


def checkpoint(name: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return what the author's script passes to torch.save."""
    wrapped = {f"module.{key}": value for key, value in tensors.items()}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=1.0, momentum=0.9)
    common = {"epoch": 12, "optimizer_state_dict": optimizer.state_dict()}
    if name.startswith("models-genesis-nnunet"):
        return {**common, "state_dict": tensors}
    if name in ("semantic-genesis", "transvw"):
        return {**common, "state_dict": wrapped, "num_epoch_no_improvement": 3,
                "best_loss": np.float64(0.5), "best_acc": np.float64(0.9)}  # fmt: skip
    if name.startswith("smartnet"):
        return {"model_state_dict": tensors, "optimizer": {}, "epoch": 3,
                "args": argparse.Namespace(lr=5e-4, name="smart")}  # fmt: skip
    return {**common, "state_dict": wrapped}


def write_torch(path: Path, content: Any, *, legacy: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def write_keras(path: Path, tensors: dict[str, Tensor], *, full: bool = False,
                last: str | None = None) -> Path:  # fmt: skip
    """Write Keras 2 weights: torch's names and axes turned back into Keras'."""
    leaves = {"running_mean": "moving_mean", "running_var": "moving_variance"}
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if full else file
        if full:
            file.create_group("optimizer_weights").create_dataset("Adam/m:0", data=np.ones(3))
            file.attrs["keras_version"] = "2.2.4"
        layers = list(dict.fromkeys(key.split(".")[0] for key in tensors))
        root.attrs["layer_names"] = [layer.encode() for layer in layers]
        for key, tensor in tensors.items():
            layer, leaf = key.split(".")
            norm = layer.endswith("bn")
            if last and layer.startswith(("conv3d", "final_conv")):
                layer = last
            name = leaves.get(leaf) or {
                ("weight", True): "gamma", ("bias", True): "beta",
                ("weight", False): "kernel", ("bias", False): "bias",
            }[leaf, norm]  # fmt: skip
            value = tensor
            if value.ndim == 5:
                value = value.permute(2, 3, 4, 1, 0)
            elif value.ndim == 2:
                value = value.t()
            root.create_dataset(f"{layer}/{layer}/{name}:0", data=value.contiguous().numpy())
    return path


def write_file(folder: Path, name: str, label: str | None = None, seed: int = 0) -> Path:
    """Write the file that an author's script leaves, for any layout with a key table."""
    tensors = tensors_of(name, label, seed)
    _, layout = layout_of(name, label)
    if layout.name == "Keras":
        return write_keras(folder / f"{name}.h5", tensors)
    return write_torch(folder / f"{name}.pt", checkpoint(name, tensors))
