"""Tubes along curves, and trees of them that fill a space as vessels fill a lung."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.phantoms.shapes import Array, Grid

Points = NDArray[np.float64]
# Murray's law says 3: a parent's cube is the sum of its children's. A little more keeps the
# smallest vessels in sight of voxels of 2 mm.
MURRAY = 3.3
MOST_AT_ONCE = 2_000_000  # Voxels around balls, held in memory together.
# One level of a tree: where its branches start and end, and their radii there.
Branches = tuple[Points, Points, float, float]


def tube_cover(grid: Grid, points: Points, radii: NDArray[np.float64]) -> Array:
    """Return the share of each voxel inside balls strung along curves.

    points: (N, 3) millimetres, closer to each other than a voxel; radii: (N,) millimetres.
    """
    result = np.zeros(grid.size, np.float32)
    if not result.size:
        return result
    edges = (0.0, 1.0, 2.0, 4.0, 8.0, np.inf)
    for low, high in pairwise(edges):
        # What is a tenth of a voxel thick drowns in noise.
        chosen = (radii > max(low, 0.07 * grid.blur)) & (radii <= high)
        if not chosen.any():
            continue
        some, thick = points[chosen], radii[chosen].astype(np.float32)
        reach = [int(np.ceil((thick.max() + grid.blur / 2) / step - 0.5)) for step in grid.spacing]
        around = math.prod(2 * r + 1 for r in reach)
        pieces = -(-len(some) * around // MOST_AT_ONCE)
        for part, radius in zip(
            np.array_split(some, pieces), np.array_split(thick, pieces), strict=True
        ):
            stamp_balls(result, grid, part, radius, reach)
    return result


def stamp_balls(result: Array, grid: Grid, points: Points, radii: Array, reach: list[int]) -> None:
    """Raise `result` to the cover of balls, each within `reach` voxels of its middle."""
    apart, index = [], []
    for axis, line in enumerate((grid.x.ravel(), grid.y.ravel(), grid.z.ravel())):
        step = grid.spacing[axis]
        nearest = np.rint((points[:, axis] - line[0]) / step).astype(int)
        around = nearest[:, None] + np.arange(-reach[axis], reach[axis] + 1)
        place = (around * step + (line[0] - points[:, axis])[:, None]).astype(np.float32)
        outside = (around < 0) | (around >= line.size)
        apart.append(np.where(outside, np.float32(np.inf), place**2))
        index.append(np.clip(around, 0, line.size - 1))
    square = apart[0][:, :, None, None] + apart[1][:, None, :, None] + apart[2][:, None, None, :]
    limit = (radii + np.float32(grid.blur / 2)) ** 2
    ball, i, j, k = np.nonzero(square < limit[:, None, None, None])
    share = (radii[ball] - np.sqrt(square[ball, i, j, k])) / np.float32(grid.blur)
    share = np.minimum(share + np.float32(0.5), 1)
    # A tube thinner than a voxel fills only part of it, and shows the fainter for it.
    share *= np.minimum(1, (2 * radii / np.float32(grid.blur)) ** np.float32(1.3))[ball]
    at = (index[0][ball, i] * grid.y.size + index[1][ball, j]) * grid.z.size + index[2][ball, k]
    np.maximum.at(result.reshape(-1), at, share)


def along(
    knots: Points, radii: NDArray[np.float64], step: float
) -> tuple[Points, NDArray[np.float64]]:
    """Return points every `step` millimetres along a smooth curve through the knots."""
    legs = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    place = np.concatenate([[0.0], np.cumsum(legs)])
    fine = np.linspace(0, place[-1], max(2, int(place[-1] / step) + 1))
    # Averaging a shifted polyline rounds its corners and keeps its ends.
    reach = 0.3 * legs.mean()
    shifts = np.linspace(-1, 1, 7)[:, None] * np.minimum(reach, np.minimum(fine, fine[-1] - fine))
    curve = np.stack(
        [np.interp(fine + shifts, place, knots[:, axis]).mean(0) for axis in range(3)], axis=1
    )
    return curve, np.interp(fine, place, radii)


def tube(
    grid: Grid, knots: "tuple[tuple[float, ...], ...] | Points", radii: "float | tuple[float, ...]"
) -> Array:
    """Return the cover of one tube through knots in millimetres."""
    spots = np.asarray(knots, np.float64)
    thick = np.broadcast_to(np.asarray(radii, np.float64), len(spots))
    # Balls a third of their radius apart leave dents of 1 in 70 between them.
    step = max(0.6 * min(grid.spacing), 0.33 * float(thick.min()))
    return tube_cover(grid, *along(spots, thick, step))


def grow_tree(
    draw: np.random.Generator, root: Points, targets: Points, radius: float
) -> list[Branches]:
    """Return the branches of a tree from the root to every target, level by level.

    targets: (2^k, 3). Each level halves the targets and sends a branch towards each half, so the
    tree fills the space; radii follow Murray's law.
    """
    levels = int(np.log2(len(targets)))
    groups, here = targets[None], root[None]
    branches: list[Branches] = []
    for level in range(levels + 1):
        centres = groups.mean(1)
        pull = 1.0 if level == levels else 0.36 + 0.2 * level / levels
        bend = draw.normal(0, 0.10, centres.shape) * np.linalg.norm(centres - here, axis=1)[:, None]
        there = here + pull * (centres - here) + (bend if level < levels else 0)
        branches.append(
            (here, there, radius * 2 ** (-level / MURRAY), radius * 2 ** (-(level + 1) / MURRAY))
        )
        if level == levels:
            break
        # Cut across the longest side, a little aslant: straight cuts make branches at right angles.
        spread = groups.std(1)
        way = (spread == spread.max(1, keepdims=True)) + draw.normal(0, 0.35, spread.shape)
        keys = np.einsum("gnk,gk->gn", groups, way)
        order = np.argsort(keys, 1)[..., None]
        groups = np.take_along_axis(groups, order, 1).reshape(2 * len(groups), -1, 3)
        here = np.repeat(there, 2, 0)
    return branches


def tree_points(branches: list[Branches], step: float) -> tuple[Points, NDArray[np.float64]]:
    """Return points and radii along every branch of a tree, `step` millimetres apart or more."""
    points, radii = [], []
    for start, end, thick, thin in branches:
        longest = np.linalg.norm(end - start, axis=1).max()
        pace = max(step, 0.4 * thin)
        share = np.linspace(0, 1, max(2, int(longest / pace) + 1))[None, :, None]
        points.append((start[:, None] + share * (end - start)[:, None]).reshape(-1, 3))
        radii.append(
            np.broadcast_to(
                thick + share[..., 0] * (thin - thick), (len(start), share.size)
            ).ravel()
        )
    return np.concatenate(points), np.concatenate(radii)
