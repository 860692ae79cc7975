"""A model on a network of timm's, filled with the weights that timm has for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genesis_hub.errors import WeightsUnavailable
from genesis_hub.models import HubModel
from genesis_hub.names import common_name
from genesis_hub.networks.guests import guest_network
from genesis_hub.networks.heads import DROPOUT
from genesis_hub.networks.table import ARCHITECTURES, TIMM
from genesis_hub.weights.fill import fill


@dataclass(frozen=True)
class Held:
    """Tensors in memory, as `fill` takes them."""

    tensors: Mapping[str, Tensor]

    def keys(self) -> tuple[str, ...]:
        return tuple(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.tensors[name].shape)

    def dtype(self, name: str) -> torch.dtype:
        return self.tensors[name].dtype

    def read(self, name: str) -> Tensor:
        return self.tensors[name]


def hosted(model: HubModel) -> HubModel:
    """Fill a model's encoder with the weights that timm has, or fetches."""
    name, spec = model.entry.name, model.spec
    try:
        network = guest_network(name.removeprefix(TIMM))
    except ConnectionError as error:
        raise WeightsUnavailable(
            f"the weights of {name!r} are not on this machine and could not be fetched ({error}); "
            "connect it, or set HF_HOME to a cache that holds them; pretrained=False builds the "
            "architecture without weights"
        ) from error
    held = Held(network.state_dict())
    plain = replace(
        spec, task="features", num_classes=0, features_only=False, head="linear", decoder=None,
        operator=None, dropout=DROPOUT, grade=False, pooling=None, size=None,
    )  # fmt: skip
    wanted = {key: common_name(spec, key) for key in model.state_dict()}
    backbone = {key for key, common in wanted.items() if common.startswith("encoder.")}
    model.load_report = fill(
        model,
        held,
        wanted=wanted,
        offered={common_name(plain, key): key for key in held.keys()},
        backbone=backbone,
        required=backbone,
        first_conv=f"{ARCHITECTURES[spec.architecture].first_conv}.weight",
        source=name,
    )
    return model
