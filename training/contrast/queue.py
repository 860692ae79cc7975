"""The queue of keys: a ring that every batch is written into, kept in every checkpoint."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.errors import BadInput


class Queue(nn.Module):
    """The last `size` keys, the oldest written over first, wherever in the ring they lie.

    Begins with seeded noise on the unit sphere.
    """

    keys: Tensor
    place: Tensor

    def __init__(self, size: int, features: int, *, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        noise = F.normalize(torch.randn(size, features, generator=draw), dim=1)
        self.register_buffer("keys", noise)
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return len(self.keys)

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Write keys (B, features) over the oldest; B may be any number up to the queue's size."""
        if len(keys) > len(self):
            raise BadInput(
                f"{len(keys)} keys do not fit into a queue of {len(self)}; give queue={len(keys)} "
                "or more, or a smaller batch_size"
            )
        steps = torch.arange(len(keys), device=self.keys.device)
        self.keys[(self.place + steps) % len(self)] = keys.to(self.keys.dtype)
        self.place.copy_((self.place + len(keys)) % len(self))
