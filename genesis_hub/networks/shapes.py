"""Sizes: which volumes a network takes, what to pad others to, how many channels a width gives."""

from torch import Tensor

from genesis_hub.errors import BadInput


def scaled(channels: int, width: float) -> int:
    """Return a channel count multiplied by `width`, at least one."""
    return max(1, round(channels * width))


def check_size(x: Tensor, size: tuple[int, ...] | None) -> None:
    """Raise `BadInput` where a network that is built for one size is given another."""
    if size is not None and tuple(x.shape[2:]) != tuple(size):
        raise BadInput(
            f"x is {tuple(x.shape[2:])}, but this network was built for {tuple(size)} "
            f"alone, whose maps it flattens; bring images to that size, or build it with "
            f"size={tuple(x.shape[2:])}"
        )


def check_volume(x: Tensor, *, channels: int, stride: tuple[int, ...]) -> None:
    """Raise `BadInput`, with the size to pad to, unless x is (N, channels, ...) on the stride."""
    axes = "(N, C, X, Y, Z)" if len(stride) == 3 else "(N, C, X, Y)"
    if x.ndim != len(stride) + 2:
        raise BadInput(f"x is {tuple(x.shape)}, but this network takes {axes}")
    if x.shape[1] != channels:
        raise BadInput(
            f"x has {x.shape[1]} channels, but this network takes {channels}; "
            f"build it with in_channels={x.shape[1]}, which adapts the first convolution"
        )
    if not x.is_floating_point():
        raise BadInput(
            f"x holds {x.dtype}, but a network takes floats; `model.inputs(image)` makes them"
        )
    size = tuple(x.shape[2:])
    if any(side % step or side == 0 for side, step in zip(size, stride, strict=True)):
        fitting = tuple(
            max(-(-side // step), 1) * step for side, step in zip(size, stride, strict=True)
        )
        each = str(stride[0]) if len(set(stride)) == 1 else str(stride)
        raise BadInput(
            f"x is {size}, but each side must be a multiple of {each}; pad it to {fitting}"
        )
