"""The door to timm's own networks by name: which there are, what they saw, what they learned."""

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import timm
from torch import nn

from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class GuestFacts:
    """What timm says of a network.

    fixed: it takes no other size. address: where its weights lie; empty where nobody published any.
    """

    size: tuple[int, int]
    fixed: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]
    license: str
    address: str


def is_timm(name: str) -> bool:
    """Say whether timm knows a network of this name; after a dot stands whose weights."""
    return bool(timm.is_model(name)) and (
        "." not in name or name in timm.list_models(pretrained=True)
    )


def close_to(name: str) -> list[str]:
    """Return the names of timm's that are near."""
    bare = name.partition(".")[0]
    if timm.is_model(bare):
        return timm.list_models(f"{bare}.*", pretrained=True)[:3]
    return difflib.get_close_matches(bare, timm.list_models(), n=3, cutoff=0.6)


def guest_facts(name: str) -> GuestFacts:
    """Return what timm says of one of its networks."""
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.first_conv or not config.classifier:
        raise BadInput(
            f"timm does not say where {name!r} takes its image and gives its answer, so it cannot "
            "be adapted; take another of its networks"
        )
    _, height, width = config.input_size
    return GuestFacts(
        (height, width), config.fixed_input_size, tuple(config.mean), tuple(config.std),
        config.license or "", str(config.hf_hub_id or config.url or ""),
    )  # fmt: skip


def guest_network(name: str) -> nn.Module:
    """Return a headless network with the weights that timm fetches or has here.

    Whatever keeps timm from it is raised as `ConnectionError`.
    """
    try:
        with without_complaints():
            network: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # What a download may raise is no part of any interface.
        raise ConnectionError(" ".join(str(error).split())[:200]) from error
    return network.eval()


@contextmanager
def without_complaints() -> Iterator[None]:
    """Keep the log quiet of retries: what fails is raised."""
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
