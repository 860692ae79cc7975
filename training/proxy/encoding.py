"""Images of any side through the hub's encoder, each once, to flat features."""

from copy import deepcopy

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from genesis_hub.models import Classifier, HubModel
from genesis_hub.networks.proxy import pooled


def encoded(network: HubModel, x: Tensor, pooling: str) -> Tensor:
    """Return the flattened map of each image: (N, F).

    pooling: "max" or "avg" halves the built-in encoder's map once more and makes one vector of
    timm's; "none" keeps it as it is.
    """
    found: Tensor = network.forward_features(x)  # type: ignore[operator]
    if isinstance(network, Classifier):
        return (found if pooling == "none" else pooled(found, pooling)).flatten(1)  # type: ignore[arg-type]
    if found.ndim != 4 or found.shape[1] != network.num_features:
        # Tokens, or channels last: what timm itself makes of them.
        made: Tensor = network.forward_head(found, pre_logits=True)  # type: ignore[operator]
        return made.flatten(1)
    if pooling == "none":
        return found.flatten(1)
    return found.amax((2, 3)) if pooling == "max" else found.mean((2, 3))


def encoded_each(network: HubModel, patches: Tensor, pooling: str) -> Tensor:
    """Return the features of patches (N, n, C, ...), each encoded once: (N, n, F)."""
    features = encoded(network, patches.flatten(0, 1), pooling)
    return features.view(*patches.shape[:2], -1)


def length_of(network: HubModel, side: int, pooling: str) -> int:
    """Return how many features an image of a side becomes, or raise `BadInput` if too small.

    It is weighed on torch's "meta" device, where nothing is computed.
    """
    light = deepcopy(network).to("meta").eval()
    x = torch.empty(2, network.in_channels, *(side,) * network.ndim, device="meta")
    try:
        with torch.no_grad():
            length = encoded(light, x, pooling).shape[1]
    except (BadInput, RuntimeError, AssertionError, ValueError) as error:
        raise BadInput(
            f"inputs of {side} a side do not go through {network.spec.architecture}: "
            f"{str(error).splitlines()[0]}; give a larger data_dim, fewer patches_per_side, or "
            "another encoder_architecture"
        ) from error
    if length == 0:
        raise BadInput(
            f"inputs of {side} a side leave nothing after pooling={pooling}; give pooling=none, a "
            "larger data_dim, or fewer patches_per_side"
        )
    return int(length)
