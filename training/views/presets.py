"""Set-ups of the views, row by row: as released, mended, and as for nnU-Net."""

from dataclasses import dataclass

from training.views.paint import INSIDE, OUTSIDE, Painting


@dataclass(frozen=True)
class Preset:
    """What is done to a cube, in this order; shares are of the samples.

    flip_*: as in `flip`; the target is mirrored alike. shuffle_*: as in `shuffle`. curve_*: as in
    `curve`; curve_ends: two percentiles of a cube between which its curve runs; None: 0 to 1.
    inside_share, outside_share: which samples are in- and out-painted, never both.
    per_channel: each channel is shuffled, mapped and painted by draws of its own.
    """

    flip_axes: tuple[str, ...] = ("x", "y", "z")
    flip_chain: float = 0.4
    flip_most: int = 3
    shuffle_share: float = 0.5
    shuffle_windows: int = 10_000
    shuffle_pool: int = 256
    curve_share: float = 0.9
    curve_inversion: float = 0.5
    curve_ends: tuple[float, float] | None = None
    inside_share: float = 0.18
    inside: Painting = INSIDE
    outside_share: float = 0.72
    outside: Painting = OUTSIDE
    per_channel: bool = False


PRESETS = {
    "mg": Preset(),
    # As released: depth is never mirrored, and one channel's order is nothing to reverse.
    "mg_v1": Preset(flip_axes=("channel", "x", "y"), shuffle_pool=0),
    "nnunet_v1": Preset(shuffle_pool=0, curve_ends=(0.1, 99.9), per_channel=True),
}
