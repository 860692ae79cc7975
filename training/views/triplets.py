"""Copies of images for triplets: turned, mirrored, brightened and, in 3D, zoomed."""

import math

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from training.views.draws import Draws
from training.views.whole import PLANES, Moves, brightened, moved, planar

STRENGTH = 0.2  # Of brightness and contrast, in 2D.
ZOOM = (0.8, 1.2)
ZOOMED = 0.15  # Share of the volumes.


def copies(x: Tensor, draws: Draws) -> Tensor:
    """Return a copy of each image (N, C, S, S[, S]), changed as published.

    2D: turned by quarters, mirrored along each axis in half of the cases, brighter or darker and of
    more or less contrast, in [0, 1]. 3D: mirrored so; in each plane in half of the cases turned, by
    quarters or by any angle; brightened in half of the cases; zoomed along each axis by itself in
    15 of 100. All of a volume's moves are made at once, linearly, where the authors' are made one
    by one with cubic splines.
    """
    return flat_copies(x, draws) if x.ndim == 4 else solid_copies(x, draws)


def flat_copies(x: Tensor, draws: Draws) -> Tensor:
    """Return copies of pictures."""
    quarters = draws.integers("copy.turn", 0, 3)
    mirrored = draws.chance("copy.flip", 0.5, 2)
    made = []
    for one, turn, odd in zip(x, quarters.tolist(), mirrored.tolist(), strict=True):
        dims = [axis for axis, flip in zip((1, 2), odd, strict=True) if flip]
        made.append(torch.rot90(one, turn, (1, 2)).flip(dims))
    amounts = (2 * draws.uniform("copy.bright", 2) - 1) * STRENGTH
    shift, factor = amounts[:, 0].view(-1, 1, 1, 1), 1 + amounts[:, 1].view(-1, 1, 1, 1)
    return (torch.stack(made) * factor + shift).clamp(0, 1)


def solid_copies(x: Tensor, draws: Draws) -> Tensor:
    """Return copies of volumes."""
    return brightened(moved(x, *solid_moves(draws)), draws, 0.5)


def solid_moves(draws: Draws) -> tuple[Moves, Tensor]:
    """Draw how volumes are mirrored, turned and zoomed, and by how much they are shifted then."""
    signs = 1.0 - 2.0 * draws.chance("copy.flip", 0.5, 3).float()
    matrix = torch.diag_embed(signs)
    still = (signs == 1).all(1)
    for plane in PLANES:
        name = f"copy.{plane[0]}{plane[1]}"
        quarter = draws.integers(f"{name}.quarter", 0, 3).float() * (math.pi / 2)
        free = draws.uniform(f"{name}.angle") * (2 * math.pi)
        angle = torch.where(draws.chance(f"{name}.free", 0.5), free, quarter)
        angle = angle * draws.chance(name, 0.5)
        matrix = matrix @ planar(angle, plane, 3)
        still = still & (angle == 0)
    on = draws.chance("copy.zoomed", ZOOMED)
    zoom = ZOOM[0] + (ZOOM[1] - ZOOM[0]) * draws.uniform("copy.zoom", 3)
    zoom = torch.where(on[:, None], zoom, 1.0)
    # What became larger than the side is cropped, at a place drawn; what is smaller has zeros
    # around it.
    room = (1 - 1 / zoom).clamp_min(0)
    offset = room * (2 * draws.uniform("copy.place", 3) - 1)
    shift = (matrix @ offset[:, :, None])[:, :, 0]
    return Moves(matrix @ torch.diag_embed(1 / zoom), still & ~on), shift


def deranged(draws: Draws) -> Tensor:
    """Return for each sample of a batch another one: one cycle through all (Sattolo), (N,) int64.

    It depends on the keys of the batch together.
    """
    count = len(draws)
    if count < 2:
        raise BadInput(
            "a batch of one has no other image to be told from; give batch_size=2 or more, or "
            'sample_neg_examples_from="dataset"'
        )
    numbers = draws.uniform("other").double().cpu()
    cycle = numbers.argsort()
    following = torch.empty_like(cycle)
    following[cycle] = cycle.roll(-1)
    return following.to(draws.keys.device)
