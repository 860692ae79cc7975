"""Two views of a picture, as MoCo v2 and Adam take them: cropped, jittered, blurred and turned."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genesis_hub.errors import BadInput
from training.views.blur import Blurs, blurred, draw_blurs
from training.views.colours import Jitters, draw_jitters, jittered
from training.views.crops import Crops, draw_crops, resized
from training.views.draws import Draws
from training.views.pieces import by_sample
from training.views.presets import PICTURES, Pictures
from training.views.tilt import Tilts, draw_tilts, tilted, tilted_within


class Changes(NamedTuple):
    """All that happens to the samples of a batch in one of their views."""

    aspect: Tensor
    crops: Crops
    jitters: Jitters
    blurs: Blurs
    tilts: Tilts

    def of(self, rows: slice) -> "Changes":
        """Return what happens to some samples."""
        return Changes(
            self.aspect[rows],
            self.crops.of(rows),
            self.jitters.of(rows),
            self.blurs.of(rows),
            self.tilts.of(rows),
        )


def moco_views(
    x: Tensor, aspect: Tensor, draws: Draws, preset: Pictures = PICTURES["adam"]
) -> tuple[Tensor, Tensor]:
    """Return two views of each picture, (N, 3, side, side) float32, normalised.

    x: (N, 1 or 3, S, S) uint8, never changed; grey pictures are repeated in the end. aspect: (N,),
    height over width of what each square holds, in its own pixels. A sample's views are a pure
    function of its picture and its key.
    """
    query, key = made(x, aspect, draws, [preset, preset])
    return query, key


def made(
    x: Tensor,
    aspect: Tensor,
    draws: Draws,
    presets: Sequence[Pictures],
    plans: Sequence[Changes] | None = None,
) -> list[Tensor]:
    """Return a view of each picture by each preset. plans: what happens, where that is drawn."""
    for preset in presets:
        checked(x, aspect, draws, preset)
    aspect = aspect.to(torch.float32)
    if plans is None:
        each = draws.each(len(presets))
        plans = [
            draw_changes(each.of(slice(one, None, len(presets))), aspect, x.shape[2], preset)
            for one, preset in enumerate(presets)
        ]
    with torch.autocast(x.device.type, enabled=False):  # Views are made in full precision.
        if not by_sample(x):
            whole = x.to(torch.float32)
            return [changed(whole, p, preset) for p, preset in zip(plans, presets, strict=True)]
        views = [torch.empty(len(x), 3, preset.side, preset.side) for preset in presets]
        for row in range(len(x)):  # All steps of one picture while it lies in a core's cache.
            one = slice(row, row + 1)
            whole = x[one].to(torch.float32)
            for view, plan, preset in zip(views, plans, presets, strict=True):
                view[one] = changed(whole, plan.of(one), preset)
        return views


def draw_changes(draws: Draws, aspect: Tensor, side: int, preset: Pictures) -> Changes:
    """Draw one view of pictures held as squares of a side."""
    tilts = draw_tilts(draws, preset.turn)
    strengths = (preset.brightness, preset.contrast, preset.saturation, preset.hue)
    crops = draw_crops(
        draws,
        aspect,
        side,
        area=preset.area,
        ratio=preset.ratio,
        angle=tilts.angle if preset.margin else None,
    )
    jitters = draw_jitters(draws, preset.jitter_share, strengths)
    blurs = draw_blurs(draws, preset.blur_share, preset.blur_sigma)
    return Changes(aspect, crops, jitters, blurs, tilts)


def changed(x: Tensor, plan: Changes, preset: Pictures) -> Tensor:
    """Make one view of each sample. x: (N, C, S, S) float32 in [0, 255]."""
    crops = plan.crops
    if preset.margin:
        x, crops = tilted_within(x, plan.tilts, crops, plan.aspect)
    x = resized(x, crops, preset.side).div_(255)
    x = blurred(jittered(x, plan.jitters), plan.blurs)
    if not preset.margin:
        x = tilted(x, plan.tilts)
    return normalised(x, preset)


def normalised(x: Tensor, preset: Pictures) -> Tensor:
    """Return pictures in three channels, less the mean and divided by the deviation."""
    mean, std = (torch.tensor(v, device=x.device).view(-1, 1, 1) for v in (preset.mean, preset.std))
    return (x - mean) / std


def checked(x: Tensor, aspect: Tensor, draws: Draws, preset: Pictures) -> None:
    """Raise `BadInput` with what the batch should be."""
    if x.ndim != 4 or x.dtype != torch.uint8 or x.shape[2] != x.shape[3]:
        raise BadInput(
            f"x is {tuple(x.shape)} in {x.dtype}, but squares (N, C, S, S) in torch.uint8 are "
            "expected; the height over the width of what they hold is said by aspect"
        )
    if x.shape[1] not in ((3,) if preset.colour else (1, 3)):
        wanted = "3 channels" if preset.colour else "1 or 3 channels"
        raise BadInput(f"x has {x.shape[1]} channels, but these views are of {wanted}")
    devices = {draws.keys.device, aspect.device, x.device}
    if len(draws) != len(x) or aspect.shape != (len(x),) or len(devices) > 1:
        raise BadInput(
            f"there are {len(draws)} keys on {draws.keys.device} and aspects "
            f"{tuple(aspect.shape)} on {aspect.device} for {len(x)} pictures on {x.device}; each "
            "picture needs one of both on its own device"
        )
