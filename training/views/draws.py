"""Random numbers of a batch: each sample's are a pure function of its key and a name.

A counter is hashed, so that no generator has a state: a sample looks the same at every place of a
batch, on every device, among any number of processes and workers.
"""

from math import prod
from zlib import crc32

import torch
from torch import Tensor

# Odd constants of two integer hashes with little bias: splitmix64's (Steele et al. 2014), and
# lowbias32's (Wellons 2018).
GOLDEN = -7046029254386353131
MIX_64 = (-4658895280553007687, -7723592293110705685)
MIX_32 = (0x7FEB352D, -2073254261)  # The second is 0x846CA68B as a signed word.
STEPS_24 = 1 << 24  # What a float32 in [0, 1) can tell apart evenly.


class Draws:
    """Random numbers for the samples of a batch.

    keys: (N,) int64; equal keys draw equal numbers under equal names.
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def of(self, rows: Tensor) -> "Draws":
        """Return the draws of some samples, which stay what they were in the batch."""
        return Draws(self.keys[rows])

    def words(self, name: str, count: int) -> Tensor:
        """Return random 32-bit words (N, count), as int32."""
        first, second = self.streams(name)
        counter = torch.arange(count, dtype=torch.int32, device=self.keys.device)
        return mixed(mixed(counter ^ first).add_(second))

    def streams(self, name: str) -> tuple[Tensor, Tensor]:
        """Return two words (N, 1) that tell this sample's draws of a name from all others."""
        salt = scrambled(torch.tensor(crc32(name.encode()), device=self.keys.device))
        wide = scrambled((self.keys ^ salt) + GOLDEN)[:, None]
        return wide.to(torch.int32), (wide >> 32).to(torch.int32)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Return numbers in [0, 1), float32, of shape (N, *shape)."""
        words = self.words(name, prod(shape))
        numbers = words.bitwise_right_shift_(8).bitwise_and_(STEPS_24 - 1).to(torch.float32)
        return numbers.div_(STEPS_24).view(len(self), *shape)

    def integers(self, name: str, low: "int | Tensor", high: "int | Tensor", *shape: int) -> Tensor:
        """Return whole numbers from low to high, both included, int64, of shape (N, *shape)."""
        span = high - low + 1
        drawn = (self.uniform(name, *shape).double() * span).long()
        return low + drawn

    def chance(self, name: str, share: float, *shape: int) -> Tensor:
        """Return what is true for a share of the draws, of shape (N, *shape)."""
        return self.uniform(name, *shape) < share


def scrambled(x: Tensor) -> Tensor:
    """Return 64-bit words through splitmix64's finish."""
    x = (x ^ shifted(x, 30)) * MIX_64[0]
    x = (x ^ shifted(x, 27)) * MIX_64[1]
    return x ^ shifted(x, 31)


def shifted(x: Tensor, by: int) -> Tensor:
    """Return 64-bit words shifted right, zeros coming in: torch's shift repeats the sign."""
    return (x >> by) & ((1 << (64 - by)) - 1)


def mixed(x: Tensor) -> Tensor:
    """Scramble 32-bit words in place, by lowbias32."""
    for by, factor in ((16, MIX_32[0]), (15, MIX_32[1])):
        x.bitwise_xor_((x >> by).bitwise_and_((1 << (32 - by)) - 1)).mul_(factor)
    return x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF))
