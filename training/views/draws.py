"""Random numbers of a batch: each sample's are a pure function of its key and a name.

A counter is hashed, so that no generator has a state: a sample looks the same at every place of a
batch, on every device, among any number of processes and workers.
"""

from dataclasses import dataclass
from functools import lru_cache
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
STEPS_16 = 1 << 16


class Draws:
    """Random numbers for the samples of a batch.

    keys: (N,) int64; equal keys draw equal numbers under equal names.
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def of(self, rows: Tensor | slice) -> "Draws":
        """Return the draws of some samples, which stay what they were in the batch."""
        return Draws(self.keys[rows])

    def each(self, count: int) -> "Draws":
        """Return draws of their own for the `count` parts (channels) of each sample, in order."""
        parts = torch.arange(1, count + 1, device=self.keys.device)
        return Draws(scrambled(self.keys[:, None] ^ scrambled(parts * GOLDEN)).flatten())

    def stream(self, name: str) -> "Stream":
        """Return all numbers of a name, to be drawn later and sample by sample."""
        salt = scrambled(torch.tensor(crc32(name.encode()), device=self.keys.device))
        wide = scrambled((self.keys ^ salt) + GOLDEN)[:, None]
        return Stream(wide.to(torch.int32).bitwise_or_(1), (wide >> 32).to(torch.int32))

    def streams(self, name: str, count: int) -> "list[Stream]":
        """Return several streams of a name, for what is drawn part by part."""
        words = self.words(name, 2 * count)
        factors, shifts = words[:, :count].bitwise_or(1), words[:, count:]
        return [Stream(factors[:, at, None], shifts[:, at, None]) for at in range(count)]

    def words(self, name: str, count: int) -> Tensor:
        """Return random 32-bit words (N, count), as int32."""
        return self.stream(name).words(count)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Return numbers in [0, 1), float32, of shape (N, *shape)."""
        return self.stream(name).uniform(*shape)

    def integers(self, name: str, low: "int | Tensor", high: "int | Tensor", *shape: int) -> Tensor:
        """Return whole numbers from low to high, both included, int64, of shape (N, *shape)."""
        return self.stream(name).integers(low, high, *shape)

    def chance(self, name: str, share: float, *shape: int) -> Tensor:
        """Return what is true for a share of the draws, of shape (N, *shape)."""
        return self.uniform(name, *shape) < share


@dataclass(frozen=True)
class Stream:
    """All numbers that the samples of a batch draw under one name.

    factor, shift: (N, 1) int32, which tell a sample's numbers from those of all others.
    """

    factor: Tensor
    shift: Tensor

    def __len__(self) -> int:
        return len(self.factor)

    def of(self, rows: slice) -> "Stream":
        """Return the numbers of some samples."""
        return Stream(self.factor[rows], self.shift[rows])

    def words(self, count: int) -> Tensor:
        """Return random 32-bit words (N, count), as int32.

        The counter's hash is common to all, so that a sample pays for one round of mixing; each
        step maps the words one to one, so a sample's own words stay as random as that hash.
        """
        table = hashed(max(count - 1, 1).bit_length(), self.factor.device)[:count]
        x = (table * self.factor).add_(self.shift)
        x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF)).mul_(MIX_32[0])
        return x.bitwise_xor_((x >> 15).bitwise_and_(0x1FFFF))

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers in [0, 1), float32, of shape (N, *shape)."""
        words = self.words(prod(shape))
        numbers = words.bitwise_right_shift_(8).bitwise_and_(STEPS_24 - 1).to(torch.float32)
        return numbers.div_(STEPS_24).view(len(self), *shape)

    def noise(self, *shape: int) -> Tensor:
        """Return numbers in [0, 1) in 65,536 steps, at half the price: two out of each word."""
        count = prod(shape)
        halves = self.words((count + 1) // 2).view(torch.int16)[:, :count]
        numbers = halves.to(torch.float32).div_(STEPS_16).add_(0.5)
        return numbers.view(len(self), *shape)

    def integers(self, low: "int | Tensor", high: "int | Tensor", *shape: int) -> Tensor:
        """Return whole numbers from low to high, both included, int64, of shape (N, *shape)."""
        words = self.words(prod(shape)).long().bitwise_and_(0xFFFFFFFF).view(len(self), *shape)
        return low + ((words * (high - low + 1)) >> 32)


@lru_cache(maxsize=32)
def hashed(bits: int, device: torch.device) -> Tensor:
    """Return the hashes of all numbers of so many bits, int32, kept: they are the same for all."""
    x = torch.arange(1 << bits, dtype=torch.int32, device=device)
    for by, factor in ((16, MIX_32[0]), (15, MIX_32[1])):
        x.bitwise_xor_((x >> by).bitwise_and_((1 << (32 - by)) - 1)).mul_(factor)
    return x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF))


def scrambled(x: Tensor) -> Tensor:
    """Return 64-bit words through splitmix64's finish."""
    x = (x ^ shifted(x, 30)) * MIX_64[0]
    x = (x ^ shifted(x, 27)) * MIX_64[1]
    return x ^ shifted(x, 31)


def shifted(x: Tensor, by: int) -> Tensor:
    """Return 64-bit words shifted right, zeros coming in: torch's shift repeats the sign."""
    return (x >> by) & ((1 << (64 - by)) - 1)
