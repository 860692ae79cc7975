"""Low-rank adapters in the encoder (LoRA, Hu 2021), through peft; what is saved holds none."""

import re
from typing import Any

from torch import nn

from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.models import HubModel
from genesis_hub.tuning.parts import in_encoder, parted


def adapt(network: HubModel, *, rank: int, alpha: float) -> None:
    """Give the encoder's layers adapters and freeze all else in it; head and decoder learn whole.

    alpha: what an adapter adds counts alpha / rank.
    """
    peft = require("peft", "lora")
    layers = [
        name
        for name, module in network.named_modules()
        if in_encoder(network, name) and can_be_adapted(module)
    ]
    if not layers:
        raise BadInput(
            f"lora={rank}: the encoder of {network.spec.name!r} has no layer that takes adapters; "
            "leave lora away, or take freeze=true"
        )
    _, rest = parted(network)
    # One pattern that fits whole names: a list of them would fit endings of others, too.
    pattern = "|".join(map(re.escape, layers))
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=pattern)
    peft.inject_adapter_in_model(config, network)
    for parameter in rest.values():  # peft freezes all that is no adapter.
        parameter.requires_grad_(True)


def can_be_adapted(layer: nn.Module) -> bool:
    """Say whether an adapter on a layer can be merged into its weight afterwards.

    peft can merge none into a grouped convolution and builds none as dilated as its layer;
    subclasses may compute with their weight (standardise it), so that a sum is no merge.
    """
    if type(layer) is nn.Linear:
        return True
    if type(layer) not in (nn.Conv2d, nn.Conv3d):
        return False
    conv: Any = layer
    return conv.groups == 1 and set(conv.dilation) == {1} and conv.padding_mode == "zeros"


def merge(network: HubModel) -> None:
    """Add every adapter to the layer below it and put that in its place: a plain network again."""
    peft = require("peft", "lora")
    layers = peft.tuners.tuners_utils.BaseTunerLayer
    for name, layer in [(n, m) for n, m in network.named_modules() if isinstance(m, layers)]:
        layer.merge(safe_merge=True)
        network.set_submodule(name, layer.get_base_layer())
    del network.peft_config  # Left there by peft; the network has no adapters any more.
