"""Which of a network's tensors are the encoder's, which of them learn, and which stand still."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from genesis_hub.models import HubModel
from genesis_hub.names import common_name


def in_encoder(model: HubModel, name: str) -> bool:
    """Say whether a parameter, or a module, belongs to the encoder: what weights always bring."""
    return bool(name) and common_name(model.spec, f"{name}.").startswith("encoder.")


def stages(names: Sequence[str]) -> list[list[str]]:
    """Return the encoder's parameters by stage, from the image upwards."""
    order: dict[str, list[str]] = {}
    for name in names:
        parts = name.removeprefix("encoder.").removeprefix("model.").split(".")
        stage = ".".join(parts[:2]) if parts[0] in ("stages", "features") else parts[0]
        order.setdefault(stage, []).append(name)
    return list(order.values())


def trained_in(epoch: int, unfreeze: Sequence[int], names: Sequence[str]) -> set[str]:
    """Return which of the encoder's parameters are trained in an epoch.

    unfreeze: epochs from which the stages are, the last stage's first; those for which none is
    named come with the last.
    """
    begins = {
        name: unfreeze[min(depth, len(unfreeze) - 1)]
        for depth, stage in enumerate(reversed(stages(names)))
        for name in stage
    }
    return {name for name, begin in begins.items() if epoch >= begin}


def groups_of(model: HubModel, *, freeze: bool, layer_decay: float) -> list[dict[str, Any]]:
    """Return head and decoder at the full rate, the encoder's stages at less each.

    freeze: the encoder does not learn from now on. What does not learn is in no group.
    """
    encoder, rest = parted(model)
    if freeze:
        for parameter in encoder.values():
            parameter.requires_grad_(False)
    groups = [{"params": list(rest.values()), "share": 1.0}]
    for depth, names in enumerate(reversed(stages(list(encoder)))):
        some = [encoder[name] for name in names if encoder[name].requires_grad]
        groups.append({"params": some, "share": layer_decay ** (depth + 1)})
    return [group for group in groups if group["params"]]


def parted(model: HubModel) -> tuple[Mapping[str, nn.Parameter], Mapping[str, nn.Parameter]]:
    """Return the encoder's parameters, and the others."""
    known = dict(model.named_parameters())
    encoder = {name: known[name] for name in known if in_encoder(model, name)}
    return encoder, {name: known[name] for name in known if name not in encoder}


def learning(groups: Sequence[Mapping[str, Any]], model: nn.Module) -> tuple[int, int]:
    """Return how many numbers learn, and how many there are."""
    some = sum(parameter.numel() for group in groups for parameter in group["params"])
    return some, sum(parameter.numel() for parameter in model.parameters())


def still(model: HubModel, *, freeze: bool) -> None:
    """Keep the statistics of norms whose weights are frozen where they are.

    freeze: the whole encoder answers as it does in prediction, without dropout, too.
    """
    for name, module in model.named_modules():
        weight = module.weight if isinstance(module, _BatchNorm) else None
        stands = weight is not None and not weight.requires_grad
        if stands or (freeze and in_encoder(model, name)):
            module.eval()
