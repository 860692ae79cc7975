"""Set-ups of the views, row by row: as released, mended, and as for nnU-Net or other pictures."""

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


@dataclass(frozen=True)
class Pictures:
    """What is done to a picture, in this order; the two views of one are drawn independently.

    side: of the views. area, ratio: least and greatest share of the cell that a crop takes, and its
    width over its height in the picture's own pixels. jitter_share: which samples change in
    brightness, contrast, saturation and hue, by these strengths, in any order. blur_share,
    blur_sigma: which are blurred, and how widely, in pixels of the view. turn: degrees that a view
    is turned by at most, to either side. margin: it is turned before it is cropped, and its crop
    moved or made smaller where it would reach beyond the cell, so that no view has black corners;
    else after all else, as released. colour: there must be three channels. mean, std: what is taken
    off and divided by in the end.
    """

    side: int = 224
    area: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    jitter_share: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    blur_share: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    turn: float = 30.0
    margin: bool = False
    colour: bool = False
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


PICTURES = {
    "adam": Pictures(margin=True),
    # As released: nearly every view has black corners, whose angle tells how it was turned.
    "adam_v1": Pictures(),
    "fundus": Pictures(margin=True, colour=True),
}
