"""The numbers of an augmentation, drawn before anything is done: one row of dice per sample."""

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch

from genesis_hub.errors import BadInput
from genesis_hub.tuning.augment.strengths import Augment

T = TypeVar("T")

# More than are used today: a strength to come takes from the end and leaves older draws as they
# were. Each is a multiple of 2 ** -53, and only sums and products follow, so that every platform
# draws the same.
DICE = 64


@dataclass(frozen=True)
class Draw:
    """What happens to one sample: plain numbers; `Draw()` changes nothing.

    place: where a crop lies, from -1 (all the way down an axis) to 1. window: share of each side
    that is cut out of it; window_place: where.
    bend, bend_points, bend_seed: an elastic field, as shares of the sides.
    cutout, cutout_place: sides of a box as shares, and where it lies, 0 to 1.
    """

    flips: tuple[int, ...] = ()
    turns: int = 0
    rotate: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    crop: float = 1.0
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    window: tuple[float, float, float] = (1.0, 1.0, 1.0)
    window_place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bend: float = 0.0
    bend_points: int = 7
    bend_seed: int = 0
    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0
    blur: float = 0.0
    low_resolution: float = 1.0
    cutout: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cutout_place: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Draws:
    """What happens to a batch, sample by sample; a slice of it fits the same slice of the batch."""

    ndim: int
    samples: tuple[Draw, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, part: slice) -> "Draws":
        return Draws(self.ndim, self.samples[part])


def draw(augment: Augment, n: int, ndim: Literal[2, 3], generator: torch.Generator) -> Draws:
    """Return the numbers for `n` samples of pictures (ndim 2) or volumes (3).

    A sample takes the same count of numbers from the generator whatever the strengths are.
    generator: on the CPU; it moves on.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise BadInput(f"n={n!r}, but a whole number of samples is expected")
    if ndim not in (2, 3):
        raise BadInput(f"ndim={ndim!r}, but 2 or 3 is expected")
    if generator.device.type != "cpu":
        raise BadInput(
            f"the generator is on {generator.device}, but only torch.Generator() on the CPU draws "
            "the same everywhere; what is drawn applies to a batch on any device"
        )
    rows = torch.rand(n, DICE, dtype=torch.float64, generator=generator).tolist()
    return Draws(ndim, tuple(draw_sample(augment, ndim, Dice(row)) for row in rows))


class Dice:
    """A row of numbers in [0, 1), handed out in order."""

    def __init__(self, row: list[float]) -> None:
        self.row = iter(row)

    def between(self, least: float, most: float) -> float:
        """Return a number between two others."""
        return least + (most - least) * next(self.row)

    def three(self, least: float, most: float) -> tuple[float, float, float]:
        """Return a number between two others for each axis."""
        return self.between(least, most), self.between(least, most), self.between(least, most)

    def factor(self, pair: tuple[float, float]) -> float:
        """Return a factor that is as often below 1 as above it."""
        least, most = pair
        number = 2 * next(self.row)
        return least + (1 - least) * number if number < 1 else 1 + (most - 1) * (number - 1)

    def seed(self) -> int:
        """Return a seed for what is too large to be drawn number by number."""
        return int(next(self.row) * 2**53)

    def when(self, chance: float, drawn: T, otherwise: T) -> T:
        """Return what was drawn, as often as `chance` says."""
        return drawn if next(self.row) < chance else otherwise


def draw_sample(augment: Augment, ndim: int, dice: Dice) -> Draw:
    """Return the numbers of one sample; the order of these lines is what a seed stands for."""
    a, zero = augment, (0.0, 0.0, 0.0)
    hits = [dice.when(a.flip_chance, True, False) for _ in range(3)]
    turns = dice.when(a.quarter_turns_chance, 1 + int(dice.between(0, 3)), 0)
    rotate = dice.when(a.rotate_chance, dice.between(-a.rotate, a.rotate), 0.0)
    tilts = dice.between(-a.tilt, a.tilt), dice.between(-a.tilt, a.tilt)
    tilt = dice.when(a.tilt_chance, tilts, (0.0, 0.0))
    scale = dice.when(a.scale_chance, dice.factor(a.scale), 1.0)
    shift = dice.when(a.shift_chance, dice.three(-a.shift, a.shift), zero)
    crop, place = dice.when(
        a.crop_chance, (dice.between(1.0, a.crop), dice.three(-1, 1)), (1.0, zero)
    )
    bend, bend_seed = dice.when(
        a.elastic_chance, (dice.between(0, a.elastic), dice.seed()), (0.0, 0)
    )
    gamma = dice.when(a.gamma_chance, dice.factor(a.gamma), 1.0)
    contrast = dice.when(a.contrast_chance, dice.factor(a.contrast), 1.0)
    brightness = dice.when(a.brightness_chance, dice.between(-a.brightness, a.brightness), 0.0)
    noise, noise_seed = dice.when(a.noise_chance, (dice.between(0, a.noise), dice.seed()), (0.0, 0))
    blur = dice.when(a.blur_chance, dice.between(0, a.blur), 0.0)
    low_resolution = dice.when(a.low_resolution_chance, dice.between(1.0, a.low_resolution), 1.0)
    cutout, cutout_place = dice.when(
        a.cutout_chance, (dice.three(0, a.cutout), dice.three(0, 1)), (zero, zero)
    )
    window, window_place = dice.when(
        a.area_chance, (sides_of(dice, a.area, a.ratio), dice.three(-1, 1)), ((1.0, 1.0, 1.0), zero)
    )
    return Draw(
        flips=tuple(axis for axis in a.flip if axis < ndim and hits[axis]),
        turns=turns if a.quarter_turns else 0,
        rotate=rotate,
        tilt=tilt if ndim == 3 else (0.0, 0.0),
        scale=scale,
        shift=shift,
        crop=crop,
        place=place,
        window=window,
        window_place=window_place,
        bend=bend,
        bend_points=a.elastic_points,
        bend_seed=bend_seed,
        gamma=gamma,
        contrast=contrast,
        brightness=brightness,
        noise=noise,
        noise_seed=noise_seed,
        blur=blur,
        low_resolution=low_resolution,
        cutout=cutout,
        cutout_place=cutout_place,
    )


def sides_of(dice: Dice, least: float, most: float) -> tuple[float, float, float]:
    """Return the sides of a window as shares: its area first, then how long it is for its width.

    torchvision draws anew what does not fit; here only what fits is drawn. A root and a logarithm
    are the same on every platform but for their last bit.
    """
    area = dice.between(least, 1.0)
    longest = min(math.log(most), -math.log(area))
    stretch = math.exp(dice.between(-longest, longest))
    return math.sqrt(area * stretch), math.sqrt(area / stretch), 1.0
