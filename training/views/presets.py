"""Set-ups of the views, row by row: as released, mended, and as for nnU-Net."""

from dataclasses import dataclass, replace

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

# A cube that is warped and nothing else had none of the four.
ONE_AT_LEAST = replace(INSIDE, boxes=(1, 5))


@dataclass(frozen=True)
class OneOf:
    """What Semantic Genesis does to a cube: a warp, then one of four things, each as often.

    elastic_sigma, elastic_alpha: as in `elastic`; elastic_side: the side, in the plane, that they
    are meant for: cubes of another are warped in the same proportion; 0: by as many voxels.
    shuffle_*, curve_inversion: as in `Preset`. inside, outside: in- and out-painting.
    """

    elastic_sigma: float = 8.0
    elastic_alpha: float = 991.0
    elastic_side: int = 64
    shuffle_windows: int = 10_000
    shuffle_pool: int = 256
    curve_inversion: float = 0.5
    inside: Painting = ONE_AT_LEAST
    outside: Painting = OUTSIDE


# As released, shuffling moves one voxel in a thousand, so that a quarter of the cubes is warped and
# nothing else; and one box is painted, where Models Genesis paints up to five.
SG_V1 = OneOf(
    elastic_side=0,
    shuffle_windows=5,
    shuffle_pool=0,
    inside=replace(INSIDE, boxes=(1, 1)),
    outside=replace(OUTSIDE, boxes=(1, 1)),
)
SEMANTIC = {
    "sg": OneOf(),
    "sg_torch_v1": SG_V1,
    "sg_keras_v1": replace(
        SG_V1,
        inside=Painting(boxes=(1, 1), sides=(10, 20), fill="constant"),
        outside=Painting(outside=True, boxes=(1, 1), sides=(10, 20), fill="constant"),
    ),
}
