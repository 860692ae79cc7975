"""The weights that ship: what each is made of, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from training.minis import adam, models_genesis, proxy, semantic_genesis, smart_net


class Mini(NamedTuple):
    """gather: brings together what `training.pretrain` takes as its data, and goes on.

    half: numbers of two bytes, where four would be more than what ships may weigh.
    """

    gather: Callable[[Path, Path, torch.device, bool], Path]
    half: bool = False


MINIS: dict[str, Mini] = {
    "models-genesis-mini": Mini(models_genesis.gather),
    "semantic-genesis-mini": Mini(semantic_genesis.gather, half=True),
    "adam-mini": Mini(adam.gather, half=True),
    "rotation-3d-mini": Mini(proxy.gather, half=True),
    "rpl-2d-mini": Mini(adam.gather, half=True),
    "smartnet-mini": Mini(smart_net.gather, half=True),
}
