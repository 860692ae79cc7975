"""Shapes as signed distances in millimetres on a grid, and their painting onto a canvas."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Slices = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxel centres in millimetres: x to the left, y to the back, z to the head; 0 in the middle.

    The three axes are shaped to broadcast: (X, 1, 1), (1, Y, 1) and (1, 1, Z).
    """

    x: Array
    y: Array
    z: Array
    spacing: tuple[float, ...]

    @property
    def size(self) -> tuple[int, int, int]:
        return self.x.size, self.y.size, self.z.size

    @property
    def blur(self) -> float:
        """Millimetres over which a border fades: the partial volume of one voxel."""
        return float(np.cbrt(np.prod(self.spacing)))

    def crop(self, low: tuple[float, ...], high: tuple[float, ...]) -> tuple[Slices, "Grid"]:
        """Return the slices of a box in millimetres (it may be empty) and the grid in it."""
        cuts = []
        for axis, lo, hi in zip((self.x, self.y, self.z), low, high, strict=True):
            start, stop = np.searchsorted(axis.ravel(), (lo, hi))
            cuts.append(slice(int(start), int(stop)))
        i, j, k = cuts
        return (i, j, k), Grid(self.x[i], self.y[:, j], self.z[:, :, k], self.spacing)


def make_grid(
    size: tuple[int, ...], spacing: tuple[float, ...], centre: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> Grid:
    """Return the grid of a volume with its middle at `centre`."""
    axes = [
        ((np.arange(n) - (n - 1) / 2) * step + middle).astype(np.float32)
        for n, step, middle in zip(size, spacing, centre, strict=True)
    ]
    x, y, z = axes
    return Grid(x[:, None, None], y[None, :, None], z[None, None, :], spacing)


def spots_of(grid: Grid, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the places (N, 3), in millimetres, of the voxels chosen."""
    axes = zip((grid.x, grid.y, grid.z), np.nonzero(chosen), strict=True)
    return np.stack([axis.ravel()[index] for axis, index in axes], 1).astype(np.float64)


@dataclass(eq=False)
class Canvas:
    """A volume of HU and labels that shapes are painted onto, one over the other."""

    grid: Grid
    hu: Array = field(init=False)
    labels: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        self.hu = np.full(self.grid.size, -1000, np.float32)
        self.labels = np.zeros(self.grid.size, np.uint8)

    def paint(
        self, alpha: Array, hu: "float | Array", label: int = 0, where: Slices | None = None
    ) -> None:
        """Lay `hu` over what is there, as far as `alpha` covers it; label what it covers half."""
        place = where or (slice(None),) * 3
        spot = self.hu[place]
        spot += alpha * (hu - spot)
        if label:
            self.labels[place][alpha >= 0.5] = label


def cover(distance: Array, width: float) -> Array:
    """Return the share of each voxel inside a shape, from its signed distance."""
    share = distance * np.float32(-1 / width)
    share += np.float32(0.5)
    return np.clip(share, 0, 1, out=share)


def oval(x: Array, y: Array, a: "Array | float", b: "Array | float", power: float = 2.0) -> Array:
    """Return the distance to a superellipse of half axes a and b, which may vary along z."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    radius = (np.abs(x) / a) ** power + (np.abs(y) / b) ** power
    radius **= np.float32(1 / power)
    steep = (x / a**2) ** 2 + (y / b**2) ** 2
    np.sqrt(steep, out=steep)
    steep += np.float32(1e-6)
    return (radius - 1) * np.maximum(radius, 0.05) / steep


def ellipsoid(
    grid: Grid, centre: NDArray[np.float64], radii: tuple[float, ...], turn: NDArray[np.float64]
) -> Array:
    """Return the distance to an ellipsoid whose axes are the rows of `turn`."""
    axes = (grid.x - centre[0], grid.y - centre[1], grid.z - centre[2])
    near, steep = np.float32(0), np.float32(0)
    for row, radius in zip(turn.astype(np.float32), radii, strict=True):
        along = sum(part * share for part, share in zip(axes, row, strict=True))
        near = near + (along / np.float32(radius)) ** 2
        steep = steep + (along / np.float32(radius**2)) ** 2
    near = np.sqrt(near)
    return np.asarray(near * (near - 1) / (np.sqrt(steep) + np.float32(1e-6)), np.float32)


def turned(about_y: float, about_z: float) -> NDArray[np.float64]:
    """Return the rotation, in degrees, in the coronal and then in the axial plane."""
    (cb, cc), (sb, sc) = (
        np.cos(np.deg2rad([about_y, about_z])),
        np.sin(np.deg2rad([about_y, about_z])),
    )
    coronal = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    axial = np.array([[cc, sc, 0], [-sc, cc, 0], [0, 0, 1]])
    return np.asarray(coronal @ axial)


def both(one: Array, other: Array, round_off: float = 0.0) -> Array:
    """Return the distance to what lies in two shapes, its corner rounded off."""
    inner: Array = np.maximum(one, other)
    if round_off:
        near = np.abs(one - other)
        near -= np.float32(round_off)
        np.minimum(near, 0, out=near)
        near *= near
        near *= np.float32(0.25 / round_off)
        inner += near
    return np.asarray(inner)


def either(one: Array, other: Array, round_off: float = 0.0) -> Array:
    """Return the distance to the union of two shapes, the crease between them filled."""
    return np.asarray(-both(-one, -other, round_off))


def profile(at: Array, knots: "tuple[tuple[float, float], ...]", smooth: float = 0.0) -> Array:
    """Return a curve through (place, value) knots, its corners smoothed over `smooth`."""
    places, values = zip(*knots, strict=True)
    offsets = np.linspace(-1, 1, 9) * smooth if smooth else np.zeros(1)
    curves = [np.interp(at + step, places, values) for step in offsets]
    return np.asarray(np.mean(curves, axis=0), np.float32)


@dataclass(frozen=True, eq=False)
class Waves:
    """A smooth random field of mean 0 and deviation 1, the same on every grid.

    phase: (3, waves); pace: radians per millimetre, (3, waves).
    """

    phase: NDArray[np.float64]
    pace: NDArray[np.float64]

    def on(self, grid: Grid) -> Array:
        """Return the field on a grid, as a sum of products of cosines: one matrix product."""
        x, y, z = (
            np.cos(np.outer(axis.ravel(), pace) + phase).astype(np.float32)
            for axis, pace, phase in zip(
                (grid.x, grid.y, grid.z), self.pace, self.phase, strict=True
            )
        )
        plane = (x[:, None] * y[None]).reshape(-1, x.shape[1])
        scale = np.float32(np.sqrt(8 / x.shape[1]))
        field: Array = np.matmul(plane * scale, z.T)
        return field.reshape(grid.size)


def draw_waves(draw: np.random.Generator, length: float, count: int = 40) -> Waves:
    """Draw a smooth field whose bumps are about `length` millimetres wide."""
    pace = draw.normal(0, 1.6 / length, (3, count))
    return Waves(draw.uniform(0, 2 * np.pi, (3, count)), pace)


def soften(volume: Array, weight: float, axis: int) -> Array:
    """Return the volume run through the kernel (weight, 1 - 2 weight, weight) along one axis."""
    volume = np.moveaxis(volume, axis, 0)
    result = volume * np.float32(1 - 2 * weight)
    result[1:] += np.float32(weight) * volume[:-1]
    result[:-1] += np.float32(weight) * volume[1:]
    result[0] += np.float32(weight) * volume[0]
    result[-1] += np.float32(weight) * volume[-1]
    return np.moveaxis(result, 0, axis)
