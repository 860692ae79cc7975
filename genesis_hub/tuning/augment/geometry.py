"""Where things are moved: exact flips and turns, then one resampling for all the rest."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from genesis_hub.tuning.augment.drawing import Draw
from genesis_hub.tuning.augment.waves import wave


def turned(x: Tensor, draw: Draw, ndim: int, square: bool) -> Tensor:
    """Return `x` (..., X, Y[, Z]) flipped and turned by right angles; no value is changed.

    square: where it is not, a quarter turn would change the shape, so that turns become half
    turns: 1 and 3 are one, 2 is none.
    """
    if draw.flips:
        x = x.flip([axis - ndim for axis in draw.flips])
    turns = draw.turns if square else 2 * draw.turns % 4
    return torch.rot90(x, turns, (-ndim, 1 - ndim)) if turns else x


def is_moved(draw: Draw) -> bool:
    """Say whether a sample has to be resampled."""
    still = Draw()
    return any(
        getattr(draw, name) != getattr(still, name)
        for name in ("rotate", "tilt", "scale", "shift", "crop", "window", "bend")
    )


def stays_in_plane(draw: Draw, ndim: int) -> bool:
    """Say whether the slices of a sample stay slices; pictures are one slice."""
    return ndim == 2 or not (any(draw.tilt) or draw.bend)


def move(
    x: Tensor,
    labels: Tensor | None,
    draws: Sequence[Draw],
    *,
    fill: Tensor | None,
    label_fill: int,
    spacing: Sequence[float],
) -> tuple[Tensor, Tensor | None]:
    """Return images (n, C, X, Y[, Z]) and labels (n, X, Y[, Z]) of one kind of move, resampled.

    Either all draws stay in the plane or none does. fill: (1, C, 1, 1[, 1]), what lies outside;
    None continues the edges.
    """
    sides = tuple(x.shape[2:])
    ndim = len(sides)
    maps = torch.tensor([mapping(draw, sides, spacing) for draw in draws], dtype=torch.float32)
    flat = 2 if stays_in_plane(draws[0], ndim) else 3
    slides = ndim > flat and bool(((maps[:, 2, 2] != 1) | (maps[:, 2, 3] != 0)).any())
    maps = maps.to(x.device)
    outside = None if fill is None else label_fill
    if fill is not None:
        x = x - fill
    if slides:
        x, labels = along_slices(x, labels, maps, fill is None, outside)
    places = coordinates(maps, sides[:flat], waves(draws, sides[:flat], x.device))
    x = sample(x, places, flat, edges=fill is None)
    if labels is not None:
        labels = nearest(labels, places, flat, outside)
    return (x if fill is None else x + fill), labels


def mapping(draw: Draw, sides: Sequence[int], spacing: Sequence[float]) -> list[list[float]]:
    """Return the matrix, and last the offset, from a place in the answer to one in the image.

    Places are voxels from the middle. Forward, things are turned and scaled about the middle, in
    millimetres, then shifted; a crop looks at the outcome.
    """
    ndim = len(sides)
    turn = rotation(draw, ndim)
    shares = [draw.crop * window for window in draw.window]
    offset = [
        side * (draw.place[a] * (1 - draw.crop) / 2 - draw.shift[a])
        + side * draw.crop * draw.window_place[a] * (1 - draw.window[a]) / 2
        for a, side in enumerate(sides)
    ]
    rows = []
    for a in range(ndim):
        # The transpose of a rotation undoes it.
        back = [turn[b][a] * spacing[b] / spacing[a] / draw.scale for b in range(ndim)]
        moved = sum(back[b] * offset[b] for b in range(ndim))
        rows.append([*(value * shares[b] for b, value in enumerate(back)), moved])
    return rows


def rotation(draw: Draw, ndim: int) -> list[list[float]]:
    """Return the matrix that turns axis 0 towards axis 1, after tilting 1 to 2 and 0 to 2."""
    angles = [(0, 1, draw.rotate)]
    if ndim == 3:
        angles += [(1, 2, draw.tilt[0]), (0, 2, draw.tilt[1])]
    whole = torch.eye(ndim, dtype=torch.float64)
    for first, second, degrees in angles:
        part = torch.eye(ndim, dtype=torch.float64)
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        part[first, first], part[first, second] = cos, -sin
        part[second, first], part[second, second] = sin, cos
        whole = whole @ part
    rows: list[list[float]] = whole.tolist()
    return rows


def waves(draws: Sequence[Draw], sides: Sequence[int], device: torch.device) -> Tensor | None:
    """Return how far each place is bent, in voxels: (n, axes, *sides); None where none is."""
    if not any(draw.bend for draw in draws):
        return None
    return torch.stack([wave(draw, sides, device) for draw in draws])


def coordinates(maps: Tensor, sides: Sequence[int], bend: Tensor | None) -> list[Tensor]:
    """Return the index to read along each axis, (n, *sides) each."""
    ndim, ones = len(sides), (1,) * len(sides)
    places = []
    for axis, side in enumerate(sides):
        line = torch.arange(side, device=maps.device, dtype=maps.dtype) - (side - 1) / 2
        place = line.view(-1, *ones[axis + 1 :])
        places.append(place if bend is None else place + bend[:, axis])
    answer = []
    for axis, side in enumerate(sides):
        row = maps[:, axis].view(len(maps), -1, *ones)
        whole = row[:, -1] + (side - 1) / 2
        for other in range(ndim):
            whole = whole + row[:, other] * places[other]
        answer.append(whole)
    return answer


def sample(x: Tensor, places: list[Tensor], flat: int, *, edges: bool) -> Tensor:
    """Return `x` read at places by linear interpolation over its first `flat` axes.

    grid_sample is many times faster over planes than over volumes, so slices go as channels.
    """
    shape, sides = x.shape, x.shape[2 : 2 + flat]
    slices = x.ndim - 2 > flat
    if slices:
        x = x.movedim(-1, 2).reshape(len(x), -1, *sides)
    grid = torch.stack(
        [(2 * place + 1) / side - 1 for place, side in zip(places, sides, strict=True)][::-1], -1
    )
    mode = "border" if edges else "zeros"
    x = F.grid_sample(x, grid.to(x.dtype), padding_mode=mode, align_corners=False)
    return x.view(*shape[:2], -1, *sides).movedim(2, -1) if slices else x


def nearest(labels: Tensor, places: list[Tensor], flat: int, outside: int | None) -> Tensor:
    """Return labels (n, X, Y[, Z]) read at the nearest places, whatever their integer type."""
    sides = labels.shape[1 : 1 + flat]
    index = torch.zeros_like(places[0], dtype=torch.int64)
    inside = torch.ones_like(index, dtype=torch.bool)
    for place, side in zip(places, sides, strict=True):
        near = place.round().long()
        held = near.clamp(0, side - 1)
        index, inside = index * side + held, inside & (near == held)
    rows = labels.reshape(len(labels), math.prod(sides), -1)
    found = [row.index_select(0, at.flatten()) for row, at in zip(rows, index, strict=True)]
    read = torch.stack(found)
    if outside is not None:
        read = read.masked_fill(~inside.view(len(labels), -1, 1), outside)
    return read.view(labels.shape)


def along_slices(
    x: Tensor, labels: Tensor | None, maps: Tensor, edges: bool, outside: int | None
) -> tuple[Tensor, Tensor | None]:
    """Return images and labels resampled along their last axis only, where slices stay slices."""
    scale, offset = maps[:, 2, 2], maps[:, 2, 3]
    depth = x.shape[-1]
    line = torch.arange(depth, device=x.device, dtype=maps.dtype)
    middle = (depth - 1) / 2
    places = scale[:, None] * (line - middle) + offset[:, None] + middle
    held = places.clamp(0, depth - 1)
    weights = (1 - ((held if edges else places)[:, None] - line[:, None]).abs()).clamp(min=0)
    # One product per sample: a product of a whole batch may sum in an order that depends on it.
    x = torch.stack([one @ weight for one, weight in zip(x, weights.to(x.dtype), strict=True)])
    if labels is not None:
        near = places.round().long()
        index = near.clamp(0, depth - 1)
        labels = labels.gather(3, index[:, None, None].expand_as(labels))
        if outside is not None:
            labels = labels.masked_fill((near != index)[:, None, None], outside)
    return x, labels
