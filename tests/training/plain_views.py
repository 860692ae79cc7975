"""The views once more, with loops and numpy's generator, as a yardstick for results and speed."""

import random
from collections.abc import Callable

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

Cube = NDArray[np.float64]  # (C, X, Y, Z)


class Dice:
    """Python's generator for single numbers, for numpy's is slow at those; numpy's for arrays."""

    def __init__(self, seed: int) -> None:
        self.single, self.many = random.Random(seed), np.random.default_rng(seed)


def upto(dice: Dice, low: int, high: int) -> int:
    return dice.single.randint(low, high)


def flips(dice: Dice, axes: tuple[int, ...]) -> list[int]:
    chosen: list[int] = []
    while dice.single.random() < 0.4 and len(chosen) < 3:
        chosen.append(axes[upto(dice, 0, len(axes) - 1)])
    return chosen


def bezier(points: NDArray[np.float64], knots: int) -> tuple[Cube, Cube]:
    t = np.linspace(0, 1, knots)
    weights = np.stack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3])
    x, y = np.array([(0, 0), *points.reshape(2, 2), (1, 1)]).T @ weights
    return x, y


def mapped(cube: Cube, points: NDArray[np.float64], falling: bool, knots: int = 100_000) -> Cube:
    x, y = bezier(points, knots)
    return np.interp(cube, np.sort(x), np.sort(y)[::-1] if falling else np.sort(y))


def curved(cube: Cube, dice: Dice) -> Cube:
    return mapped(cube, dice.many.random(4), dice.single.random() < 0.5)


def shuffled(cube: Cube, dice: Dice, windows: int = 10_000) -> Cube:
    out = cube.copy()
    for _ in range(windows):
        sides = [upto(dice, 1, side // 10) for side in cube.shape[1:]]
        start = [
            upto(dice, 0, whole - side) for whole, side in zip(cube.shape[1:], sides, strict=True)
        ]
        box = (0, *(slice(a, a + side) for a, side in zip(start, sides, strict=True)))
        window = cube[box].ravel().copy()
        dice.many.shuffle(window)
        out[box] = window.reshape(sides)
    return out


def place(cube: Cube, dice: Dice, length: Callable[[int], int]) -> tuple[slice, ...]:
    sides = [length(side) for side in cube.shape[1:]]
    starts = [
        upto(dice, 3, whole - side - 3) for whole, side in zip(cube.shape[1:], sides, strict=True)
    ]
    return tuple(slice(a, a + side) for a, side in zip(starts, sides, strict=True))


def painted_in(cube: Cube, dice: Dice, most: int = 5, chain: float = 0.95) -> Cube:
    out, left = cube.copy(), most
    while left > 0 and dice.single.random() < chain:
        box = place(cube, dice, lambda side: upto(dice, side // 6, side // 3))
        out[(slice(None), *box)] = dice.many.random([s.stop - s.start for s in box])
        left -= 1
    return out


def painted_out(cube: Cube, dice: Dice, most: int = 5) -> Cube:
    out, left = dice.many.random(cube.shape), most
    while left == most or (left > 0 and dice.single.random() < 0.95):
        box = place(cube, dice, lambda side: side - upto(dice, 3 * side // 7, 4 * side // 7))
        out[(slice(None), *box)] = cube[(slice(None), *box)]
        left -= 1
    return out


def pipeline(
    cube: Cube, dice: Dice, axes: tuple[int, ...] = (0, 1, 2), windows: int = 10_000
) -> tuple[Cube, Cube]:
    target = cube.copy()
    for axis in flips(dice, axes):
        target = np.flip(target, axis)
    view = target.copy()
    if dice.single.random() < 0.5:
        view = shuffled(view, dice, windows)
    if dice.single.random() < 0.9:
        view = curved(view, dice)
    if dice.single.random() < 0.9:
        view = painted_in(view, dice) if dice.single.random() < 0.2 else painted_out(view, dice)
    return view, target


def displaced(sides: tuple[int, ...], dice: Dice, sigma: float = 8, alpha: float = 991) -> Cube:
    noise = 2 * dice.many.random((2, *sides)) - 1
    smooth = [scipy.ndimage.gaussian_filter(one, sigma, mode="constant") for one in noise]
    return alpha * np.stack(smooth)


def fetched(cube: Cube, moved: Cube) -> Cube:
    at = np.meshgrid(*map(np.arange, cube.shape[1:]), indexing="ij")
    there = (at[0] + moved[0], at[1] + moved[1], at[2])
    return np.stack(
        [
            scipy.ndimage.map_coordinates(one, there, order=1, mode="reflect", output=np.float64)
            for one in cube
        ]
    )


def warped(cube: Cube, dice: Dice) -> Cube:
    return fetched(cube, displaced(cube.shape[1:], dice))


def semantic(cube: Cube, dice: Dice, windows: int = 5, most: int = 1) -> tuple[Cube, Cube]:
    view, drawn = warped(cube, dice), dice.single.random()
    if drawn <= 0.25:
        return shuffled(view, dice, windows), cube
    if drawn <= 0.5:
        return curved(view, dice), cube
    if drawn <= 0.75:
        return painted_in(view, dice, most, chain=1), cube
    return painted_out(view, dice, most), cube
