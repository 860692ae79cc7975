"""How many cases fit into a step: what one needs, weighed without memory, against what is free."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

# Gradients of activations come and go beside what is saved; weights have a gradient and two
# averages; a third of what is free is left to images, the system and what else runs.
PASSING, STATES, SHARE = 1.5, 4, 0.66
MEMINFO = Path("/proc/meminfo")
LIMITS = (  # What a container may use, and what it does.
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def fitting(network: nn.Module, shape: tuple[int, ...], room: int | None, most: int) -> int:
    """Return how many images (C, X, Y[, Z]) of a step fit into `room` bytes: `most`, or fewer.

    network: on torch's "meta" device, where nothing is computed and nothing held.
    """
    if room is None:
        return most
    one, fixed = needed(network, shape)
    while most > 1 and most * one * PASSING + fixed > room * SHARE:
        most //= 2
    return most


def needed(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the bytes that a step keeps for each image (C, X, Y[, Z]), and those beside them."""
    # Batch norm cannot train on one image, so one is the difference of three and two.
    two, three = (saved(network, (number, *shape)) for number in (2, 3))
    fixed = STATES * sum(p.numel() * p.element_size() for p in network.parameters())
    return three - two, fixed


def saved(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the bytes that a forward pass keeps for the backward pass."""
    held: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage()._cdata] = tensor  # Views share what they show.
        return tensor

    def give(tensor: Any) -> Any:
        return tensor

    with saved_tensors_hooks(keep, give):
        answer = network.train()(torch.empty(shape, device="meta"))
    del answer
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


def free(device: torch.device) -> int | None:
    """Return the bytes that are free on a device; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.driver_allocated_memory())
    known = [number for number in (of_system(), of_container()) if number is not None]
    return min(known, default=None)


def of_system() -> int | None:
    """Return the memory that the system could give, caches included."""
    if MEMINFO.is_file():
        for line in MEMINFO.read_text("ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # Windows.
        return None


def of_container() -> int | None:
    """Return what a container's limit leaves; None without one."""
    for limit, usage in LIMITS:
        try:
            most, used = limit.read_text("ascii").strip(), usage.read_text("ascii").strip()
        except OSError:
            continue
        return max(0, int(most) - int(used)) if most.isdigit() else None
    return None
