"""Fitting a first convolution to another number of channels, without changing its answer."""

from torch import Tensor


def adapt_channels(weight: Tensor, in_channels: int) -> Tensor:
    """Return a first convolution's weight (out, in, ...) for another number of channels.

    An image whose channels are all the same gets the same answer as before: the channels are
    repeated in turn, scaled, and the sum over channels is made exactly the old one.
    """
    old = weight.shape[1]
    total = weight.sum(dim=1, keepdim=True)
    repeats = -(-in_channels // old)
    repeated = weight.repeat(1, repeats, *(1,) * (weight.ndim - 2))[:, :in_channels]
    repeated = repeated * (old / in_channels)
    return repeated + (total - repeated.sum(dim=1, keepdim=True)) / in_channels
