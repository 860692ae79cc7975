"""How strongly images are augmented: plain numbers, all of them off unless said."""

from dataclasses import dataclass, fields
from typing import Any

from genesis_hub.data.cases.splits import is_number
from genesis_hub.errors import BadInput

# The least and the greatest value of each strength.
NUMBERS = {
    "rotate": (0.0, 180.0),
    "tilt": (0.0, 90.0),
    "shift": (0.0, 0.5),
    "crop": (0.1, 1.0),
    "area": (0.01, 1.0),
    "ratio": (1.0, 4.0),
    "elastic": (0.0, 0.4),
    "brightness": (0.0, 1.0),
    "noise": (0.0, 1.0),
    "blur": (0.0, 10.0),
    "low_resolution": (0.1, 1.0),
    "cutout": (0.0, 0.9),
}
PAIRS = {"scale": (0.2, 5.0), "gamma": (0.1, 10.0), "contrast": (0.0, 10.0)}
POINTS = (4, 32)
# A cubic B-spline whose coefficients stay below 1 / 2.48 of the distance between its points never
# folds space (Choi and Lee, "Injectivity conditions of 2D and 3D uniform cubic B-splines", 2000).
UNFOLDED = 0.4


@dataclass(frozen=True)
class Augment:
    """What may happen to a training image, how strongly, and how often.

    Every strength has a chance, drawn for each sample by itself. `Augment()` changes nothing.

    flip: axes that may be turned round, each by itself: 0, 1 and, for volumes, 2. Anatomy has
    sides: a flipped chest has its heart on the right.
    quarter_turns: by 90, 180 or 270 degrees in the plane of axes 0 and 1; half turns only where
    that plane is not square.
    rotate, tilt: greatest degrees in the plane, and out of it (volumes only).
    scale: least and greatest factor; above 1 makes things larger.
    shift: greatest share of each side.
    crop: least share of each side that is cut out, anywhere, and brought back to the full size.
    area: least share of the plane's area that is cut out, anywhere, and brought back to the full
    size; ratio: greatest factor that its sides differ by then.
    elastic: greatest bend as a share of each side, along smooth waves between `elastic_points`.
    gamma: exponents of a value between the ends of the range, 0 and 1; below 1 brightens.
    contrast: factors about the image's own mean.
    brightness: greatest share of the range that is added or taken away.
    noise: greatest deviation of Gaussian noise as a share of the range.
    blur: greatest deviation of a Gaussian in voxels.
    low_resolution: least share of the samples along each side that are left.
    cutout: greatest share of each side of a box that is painted over with the image's mean;
    labels keep what was there.
    """

    flip: tuple[int, ...] = ()
    quarter_turns: bool = False
    rotate: float = 0.0
    tilt: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    crop: float = 1.0
    area: float = 1.0
    ratio: float = 1.0
    elastic: float = 0.0
    elastic_points: int = 7
    gamma: tuple[float, float] = (1.0, 1.0)
    contrast: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    low_resolution: float = 1.0
    cutout: float = 0.0
    flip_chance: float = 0.5
    quarter_turns_chance: float = 0.75
    rotate_chance: float = 0.5
    tilt_chance: float = 0.5
    scale_chance: float = 0.5
    shift_chance: float = 0.5
    crop_chance: float = 0.5
    area_chance: float = 1.0
    elastic_chance: float = 0.2
    gamma_chance: float = 0.2
    contrast_chance: float = 0.2
    brightness_chance: float = 0.2
    noise_chance: float = 0.2
    blur_chance: float = 0.2
    low_resolution_chance: float = 0.2
    cutout_chance: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "flip", check_axes(self.flip))
        if not isinstance(self.quarter_turns, bool):
            raise BadInput(f"quarter_turns={self.quarter_turns!r}, but True or False is expected")
        for name, (least, most) in NUMBERS.items():
            check_number(name, getattr(self, name), least, most)
        for name, (least, most) in PAIRS.items():
            object.__setattr__(self, name, check_pair(name, getattr(self, name), least, most))
        for field in fields(self):
            if field.name.endswith("_chance"):
                check_number(field.name, getattr(self, field.name), 0.0, 1.0)
        self.check_elastic()

    @classmethod
    def none(cls) -> "Augment":
        """Return the strengths that change nothing."""
        return cls()

    def check_elastic(self) -> None:
        """Raise `BadInput` where a bend could fold an image over itself."""
        points, (least, most) = self.elastic_points, POINTS
        if isinstance(points, bool) or not isinstance(points, int) or not least <= points <= most:
            raise BadInput(
                f"elastic_points={points!r}, but a whole number from {least} to {most} is expected"
            )
        limit = UNFOLDED / (points - 3)
        if self.elastic > limit:
            raise BadInput(
                f"elastic={self.elastic!r} with elastic_points={points} could fold the image over "
                f"itself; at most {limit:.4g} can not; give less, or fewer points"
            )


def check_number(name: str, value: Any, least: float, most: float) -> None:
    """Raise `BadInput` unless a setting is a number inside its limits."""
    if not is_number(value) or not least <= value <= most:
        raise BadInput(f"{name}={value!r}, but a number from {least:g} to {most:g} is expected")


def check_pair(name: str, value: Any, least: float, most: float) -> tuple[float, float]:
    """Return (least, greatest) factor, or raise `BadInput` unless 1 lies between them."""
    pair = tuple(value) if isinstance(value, tuple | list) else ()
    if len(pair) == 2 and all(map(is_number, pair)) and least <= pair[0] <= 1 <= pair[1] <= most:
        return float(pair[0]), float(pair[1])
    raise BadInput(
        f"{name}={value!r}, but (least, greatest) is expected, from {least:g} to {most:g} and "
        "with 1, which changes nothing, between them"
    )


def check_axes(value: Any) -> tuple[int, ...]:
    """Return the axes that may be flipped, in order, or raise `BadInput`."""
    axes = tuple(value) if isinstance(value, tuple | list) else (None,)
    whole = all(isinstance(axis, int) and not isinstance(axis, bool) for axis in axes)
    if whole and len(set(axes)) == len(axes) and set(axes) <= {0, 1, 2}:
        return tuple(sorted(axes))
    raise BadInput(f"flip={value!r}, but axes out of 0, 1, 2 are expected, each once; () for none")
