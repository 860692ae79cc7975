"""From one of our folders to what other programs read: `genesis-hub export DIR --to FORMAT`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_hub.api import from_pretrained
from genesis_hub.atomic import new_file
from genesis_hub.entry import Layout
from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.models import HubModel
from genesis_hub.names import common_name
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.weights.keras import write_keras
from genesis_hub.weights.rename import authors_name

FORMATS = ("onnx", "torch-export", "torchvision", "nnunet", "authors")
SUFFIXES = {"onnx": ".onnx", "torch-export": ".pt2", "torchvision": ".pth", "nnunet": ".pth"}
SLICES = 4


def export(folder: str | Path, to: str, out: str | Path | None = None) -> Path:
    """Write a folder's model in another program's format; return the file.

    to: "onnx" and "torch-export" hold the network and its weights, for inputs of the size that
    the weights were trained at and any batch; "torchvision", "nnunet" and "authors" hold weights
    in the keys that torchvision, nnU-Net v2 or the authors' own code load.
    """
    if to not in FORMATS:
        raise BadInput(f"to={to!r} is not a format; choose from {', '.join(FORMATS)}")
    model = from_pretrained(folder)
    writers: dict[str, Callable[[HubModel, Path], None]] = {
        "onnx": to_onnx,
        "torch-export": to_torch_export,
        "torchvision": to_torchvision,
        "nnunet": to_nnunet,
        "authors": to_authors,
    }
    check(model, to)
    suffix = SUFFIXES.get(to) or (".h5" if layout_of(model).name == "Keras" else ".pt")
    target = Path(out).expanduser() if out else Path(f"{model.entry.name}-{to}{suffix}")
    with new_file(target) as aside:
        writers[to](model, aside)
    return target


def check(model: HubModel, to: str) -> None:
    """Raise `BadInput`, saying why, when a format cannot hold a model."""
    spec, row = model.spec, ARCHITECTURES[model.spec.architecture]
    if to == "torchvision" and not (
        (row.timm or "").startswith(("resnet5", "resnet1"))
        and row.stem_stride is None
        and spec.task in ("features", "classification")
        and not (spec.features_only or spec.operator or spec.head != "linear" or spec.width != 1.0)
        and not (spec.grade or spec.pooling)
    ):
        raise BadInput(
            f"{spec.name!r} ({spec.architecture}, task {spec.task!r}) is no plain ResNet of "
            "torchvision's; choose 'torch-export' or 'onnx', which hold any network"
        )
    if to == "nnunet" and spec.architecture != "genesis-nnunet":
        raise BadInput(
            f"{spec.name!r} is no nnU-Net: its network has other blocks, which nnU-Net v2 cannot "
            "load; only 'models-genesis-nnunet' can be exported so"
        )
    if to == "nnunet" and spec.task not in ("pretext", "segmentation"):
        raise BadInput(
            f"nnU-Net loads encoder and decoder together, but this folder holds task "
            f"{spec.task!r}; export a folder with task 'pretext' or 'segmentation'"
        )
    if to in ("onnx", "torch-export") and spec.operator == "lstm":
        raise BadInput(
            "a recurrence over slices of any number cannot be held by this format without fixing "
            "the batch; export the 2D encoder (task 'features') and run the recurrence in torch"
        )
    if to == "authors":
        layout_of(model)


def sample(model: HubModel) -> Tensor:
    """Return a random input of the size that the weights were trained at."""
    size = model.inputs.facts.size
    if model.spec.operator:
        size = (*size[:2], SLICES)
    return torch.rand(2, model.in_channels, *size)


def to_onnx(model: HubModel, target: Path) -> None:
    """Write ONNX, for any batch."""
    require("onnx", "export")
    require("onnxscript", "export")
    x = sample(model)
    program = torch.onnx.export(
        model, (x,), dynamo=True, dynamic_shapes=(any_batch(),), verbose=False, optimize=True
    )
    assert program is not None
    program.save(target, external_data=False)


def to_torch_export(model: HubModel, target: Path) -> None:
    """Write torch's own exported program, for any batch."""
    with torch.no_grad():
        program = torch.export.export(model, (sample(model),), dynamic_shapes=(any_batch(),))
    torch.export.save(program, target)


def any_batch() -> dict[int, Any]:
    """Return the shape of an input whose first axis is free."""
    return {0: torch.export.Dim("batch", min=1, max=1024)}


def to_torchvision(model: HubModel, target: Path) -> None:
    """Write a state dict that torchvision's ResNet of the same depth loads."""
    torch.save(model.state_dict(), target)


def to_authors(model: HubModel, target: Path) -> None:
    """Write the keys of the authors' files."""
    layout = layout_of(model)
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        key = authors_name(common_name(model.spec, name), layout)
        if key is None:
            raise BadInput(
                f"the tensor {name!r} has no place in the authors' files of {model.spec.name!r}; "
                "export a folder with the published network (task 'pretext' or the encoder)"
            )
        tensors[layout.written_prefix + key] = tensor
    if layout.name == "Keras":
        write_keras(target, {k: v for k, v in tensors.items() if v.is_floating_point()})
    else:
        torch.save({layout.wrapper: tensors} if layout.wrapper else tensors, target)


def layout_of(model: HubModel) -> Layout:
    """Return the authors' layout for what a model is: of its task and operator, the newest."""
    spec, entry = model.spec, model.entry
    for layout in entry.layouts:
        whole = (layout.task, layout.operator) == (spec.task, spec.operator)
        part = spec.task == "features" and not spec.features_only and spec.operator is None
        if whole or (part and layout.operator is None):
            return layout
    held = " or ".join(sorted({f"{lay.task!r}" for lay in entry.layouts})) or "none"
    raise BadInput(
        f"the authors of {entry.name!r} wrote no files of task {spec.task!r} (theirs: {held}); "
        "export a folder with such a task, or choose another format"
    )


def to_nnunet(model: HubModel, target: Path) -> None:
    """Write weights that nnU-Net v2 takes with `-pretrained_weights`.

    The plans must have this network: 32, 64, 128, 256, 320, 320 features, two convolutions a
    stage, kernels of 3 and strides of 2 but (1, 2, 2) in the last stage. nnU-Net v2 adds a bias
    to its transposed convolutions; version 1 had none, so it is zero here.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "encoder":
            stage, unit, kind, leaf = rest.removeprefix("stages.").split(".")
            for root in ("encoder", "decoder.encoder"):
                add_unit(weights, f"{root}.stages.{stage}.0.convs.{unit}", kind, leaf, tensor)
        elif rest.startswith("stages."):
            stage, unit, kind, leaf = rest.removeprefix("stages.").split(".")
            add_unit(weights, f"decoder.stages.{stage}.convs.{unit}", kind, leaf, tensor)
        elif rest.startswith("ups."):
            stage = rest.split(".")[1]
            weights[f"decoder.transpconvs.{stage}.weight"] = tensor
            weights[f"decoder.transpconvs.{stage}.bias"] = torch.zeros(tensor.shape[1])
    torch.save({"network_weights": weights}, target)


def add_unit(weights: dict[str, Tensor], stem: str, kind: str, leaf: str, tensor: Tensor) -> None:
    """Add a convolution or norm under both names that nnU-Net v2 registers it by."""
    weights[f"{stem}.{kind}.{leaf}"] = tensor
    weights[f"{stem}.all_modules.{('conv', 'norm').index(kind)}.{leaf}"] = tensor
