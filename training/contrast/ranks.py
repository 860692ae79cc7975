"""What the processes of a run tell each other; one process alone tells itself nothing."""

import torch
import torch.distributed as dist
from torch import Tensor


def world() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which of the processes this is."""
    return dist.get_rank() if world() > 1 else 0


@torch.no_grad()
def gathered(part: Tensor) -> Tensor:
    """Return the parts of all processes, one after the other; all are of one shape."""
    if world() == 1:
        return part
    parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(world())]
    dist.all_gather(parts, part.contiguous())
    return torch.cat(parts)


def own(whole: Tensor) -> Tensor:
    """Return this process's part of what all of them make up together."""
    return whole.chunk(world())[rank()] if world() > 1 else whole
