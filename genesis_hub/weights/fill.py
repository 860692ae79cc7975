"""Putting a file's tensors into a network: strict, and with a receipt."""

from collections.abc import Collection, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from genesis_hub.errors import KeyMismatch, some_of
from genesis_hub.weights.adapt import adapt_channels
from genesis_hub.weights.receipt import LoadReport, TensorReceipt

COUNTER = "num_batches_tracked"
NAMED = 5


class Tensors(Protocol):
    """What a file has to offer: names, shapes and types at once, values on demand."""

    def keys(self) -> tuple[str, ...]: ...
    def shape(self, name: str) -> tuple[int, ...]: ...
    def dtype(self, name: str) -> torch.dtype: ...
    def read(self, name: str) -> Tensor: ...


def fill(
    model: nn.Module,
    tensors: Tensors,
    *,
    wanted: Mapping[str, str],
    offered: Mapping[str, str],
    backbone: Collection[str],
    required: Collection[str],
    first_conv: str,
    source: str,
    sha256: str | None = None,
) -> LoadReport:
    """Load every tensor that belongs into a model and account for each one.

    wanted: the model's name of a tensor -> the common name; offered: the common name -> the
    file's name. A required tensor that is missing or of another shape raises `KeyMismatch`; the
    others keep what the model was made with. `first_conv` (a common name) may differ in channels.
    """
    state = model.state_dict()
    receipts, missing, wrong, used = [], [], [], set()
    for name, target in state.items():
        key = offered.get(wanted[name])
        if key is None or name not in required:
            if name in required and not name.endswith(COUNTER):
                missing.append(name)
            else:
                receipts.append(keep(model, name, target, name in required))
            continue
        used.add(key)
        shape, kind = tensors.shape(key), tensors.dtype(key)
        if kind.is_floating_point != target.is_floating_point():
            wrong.append(f"{key} is {kind}, the model's is {target.dtype}")
        elif shape == tuple(target.shape):
            put(model, name, target, tensors.read(key))
            changed = "" if kind == target.dtype else f", converted from {kind}"
            receipts.append(TensorReceipt(name, "loaded", f"same name and shape{changed}", key))
        elif wanted[name] == first_conv and other_channels(shape, tuple(target.shape)):
            put(model, name, target, adapt_channels(tensors.read(key).float(), target.shape[1]))
            reason = f"first convolution, from {shape[1]} to {target.shape[1]} channels"
            receipts.append(TensorReceipt(name, "adapted", reason, key))
        else:
            wrong.append(f"{key} is {shape}, the model's {name} is {tuple(target.shape)}")
    if missing or wrong:
        raise KeyMismatch(complaint(source, missing, wrong, len(state)))
    for key in tensors.keys():
        if key not in used:
            receipts.append(TensorReceipt(key, "ignored", "no place in this model", key))
    weights = {name for name in backbone if not name.endswith(COUNTER)}
    covered = {t.name for t in receipts if t.action in ("loaded", "adapted")} & weights
    coverage = len(covered) / len(weights) if weights else 1.0
    return LoadReport(tuple(receipts), coverage, source, sha256)


def untouched(model: nn.Module, reason: str) -> LoadReport:
    """Return the report of a model that nothing was loaded into."""
    receipts = tuple(TensorReceipt(name, "initialised", reason) for name in model.state_dict())
    return LoadReport(receipts, 0.0, reason)


def keep(model: nn.Module, name: str, target: Tensor, absent: bool) -> TensorReceipt:
    """Leave a tensor as the model was made; a counter that no file has starts at zero."""
    if target.is_meta:
        put(model, name, target, torch.zeros(target.shape, dtype=target.dtype))
    reason = "a counter that the file does not have" if absent else "fresh part for this task"
    return TensorReceipt(name, "initialised", reason)


def put(model: nn.Module, name: str, target: Tensor, value: Tensor) -> None:
    """Copy a value into its place; a place without memory takes the value itself."""
    value = value.to(target.dtype)
    if not target.is_meta:
        target.copy_(value)
        return
    path, _, leaf = name.rpartition(".")
    owner = model.get_submodule(path)
    if leaf in owner._parameters:
        old = owner._parameters[leaf]
        assert old is not None
        owner._parameters[leaf] = nn.Parameter(value, requires_grad=old.requires_grad)
    else:
        owner._buffers[leaf] = value


def other_channels(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Say whether two first convolutions differ in their input channels only."""
    return (
        len(shape) == len(target)
        and shape[:1] + shape[2:] == target[:1] + target[2:]
        and shape[1] > 0
    )


def complaint(source: str, missing: list[str], wrong: list[str], total: int) -> str:
    """Say what does not fit: how many of how many, and which."""
    said = []
    if missing:
        said.append(
            f"{len(missing)} of the model's {total} tensors are missing: {some_of(missing, NAMED)}"
        )
    if wrong:
        said.append(f"{len(wrong)} do not fit: {some_of(wrong, NAMED)}")
    return (
        f"{source} does not fit this model: {'; '.join(said)}; "
        "nothing was loaded; check that name, task and weights belong together"
    )
