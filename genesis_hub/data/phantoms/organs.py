"""The soft parts of a chest, painted onto a canvas: the wall, the belly and the heart."""

import numpy as np

from genesis_hub.data.phantoms.anatomy import Rooms
from genesis_hub.data.phantoms.pipes import paint_vessels
from genesis_hub.data.phantoms.shapes import (
    Canvas,
    both,
    cover,
    ellipsoid,
    profile,
    turned,
)

FAT, MUSCLE, SKIN = -104.0, 46.0, 10.0


def paint_wall(canvas: Canvas, rooms: Rooms, label: int) -> None:
    """Paint skin, the fat under it, muscle with its seams of fat, and the fat inside the cage."""
    chest, grid = rooms.chest, canvas.grid
    body, width = rooms.body, grid.blur
    canvas.paint(cover(body, width), SKIN, label)
    grain = chest.grain.on(grid)
    canvas.paint(cover(body + 2.2, width), FAT + 7 * grain)
    # Fat gathers at the flanks and in front, little of it over spine and shoulders.
    up = rooms.up
    share = profile(up, ((-0.8, 1.25), (0.0, 1.0), (0.7, 0.9), (1.0, 0.8)), 0.1)
    side = 0.55 + 0.65 * np.clip(np.abs(grid.x) / chest.wide, 0, 1) ** 2
    side = side + 0.25 * np.clip(-grid.y / chest.deep, 0, 1)
    depth = (chest.fat * share) * side + 3
    if chest.breast:
        place = np.exp(-(((np.abs(grid.x) - 72) / 50) ** 2) - ((up - 0.34) / 0.3) ** 2)
        depth = depth + np.float32(chest.breast) * place * np.clip(-grid.y / 50, 0, 1)
    flesh = body + depth + 2.0 * rooms.wobble
    # Without its fat the shape is a cage with a coat of muscle, thick behind and at the shoulders.
    back = 26 * np.exp(-(((np.abs(grid.x) - 28) / 26) ** 2)) * np.clip(grid.y / 60, 0, 1)
    girdle = 48 * profile(up, ((0.45, 0.0), (0.8, 1.0)), 0.1)
    breast_muscle = 9 * profile(up, ((0.2, 0.0), (0.5, 1.0)), 0.1) * np.clip(-grid.y / 60, 0, 1)
    coat = rooms.cage - 11 - chest.muscle * (0.6 + 0.4 * np.abs(grid.x) / chest.wide)
    coat = coat - back - girdle - breast_muscle
    canvas.paint(cover(both(flesh, coat, 6.0), width), MUSCLE + 7 * chest.fine.on(grid))
    # Muscles of the trunk lie in sheets: seams of fat follow the cage, and come and go.
    sheets = ((rooms.cage - 13 + 3 * rooms.wobble + 1.5 * grain) / 15) % 1
    seams = np.abs(sheets - 0.5) * np.float32(15) - (
        0.7 + 1.1 * grain + 1.6 * profile(up, ((0.5, 0.0), (0.8, 1.0)))
    )
    seams += 4 * profile(up, ((0.85, 0.0), (1.0, 1.0)))
    outside = both(both(seams, 10 - rooms.cage), flesh + 3)
    canvas.paint(cover(outside, width) * np.float32(0.8), -85)
    pit = (np.abs(grid.x) - chest.wide * 0.98) ** 2 / 30**2 + (grid.y + 6) ** 2 / 30**2
    pit = (np.sqrt(pit + ((up - 0.80) / 0.26) ** 2) - 1) * np.float32(24)
    canvas.paint(cover(both(pit + 7 * grain, both(flesh + 3, 10 - rooms.cage)), width), -95)
    canvas.paint(cover(rooms.cage + 1, width), -98 + 8 * grain)


def paint_belly(canvas: Canvas, rooms: Rooms, labels: tuple[int, int, int]) -> None:
    """Paint what the diaphragm covers: liver on the right, stomach and spleen on the left."""
    chest, grid, width = rooms.chest, canvas.grid, canvas.grid.blur
    liver, stomach, spleen = labels
    under = both(grid.z - rooms.dome, rooms.cage + 1, 8.0)
    canvas.paint(cover(both(under, -2.5 - under), width), 45)
    inside = under + 2.5
    where, part = grid.crop((-1e4, -1e4, -1e4), (1e4, 1e4, chest.dome + 12))
    if 0 in part.size:
        return
    grain = 5 * chest.fine.on(part)
    lifted = 25.0 if chest.blood[0] > 60 else 0.0
    edge = 40 - 0.6 * (chest.dome - part.z) - 0.35 * part.y + 6 * rooms.wobble[where]
    lobe = both(inside[where], part.x - edge, 20.0)
    notch = np.sqrt((part.x - 8) ** 2 + (part.y - chest.spine_y(part.z)) ** 2) - 48
    lobe = both(lobe, -notch, 14.0)
    centre = np.array([72.0, -14.0, chest.dome - chest.left_drop - 44])
    sac = ellipsoid(part, centre, (58.0, 40.0, 36.0), turned(40.0, 20.0))
    sac = sac + 4 * rooms.wobble[where]
    sac = both(both(sac, inside[where] + 2), 6 - lobe)
    shown = cover(sac, width)
    canvas.paint(shown, 42, stomach, where)
    # Gas rises to the front of a stomach, and its level is flat.
    gas = both(sac + 3.5, part.y - centre[1] + 14)
    canvas.paint(cover(gas, width), -940, 0, where)
    canvas.paint(
        cover(both(sac + 3.5, -(part.y - centre[1] + 14)), width), 22 + 3 * grain, 0, where
    )
    canvas.paint(cover(lobe, width), 53 + lifted + grain, liver, where)
    centre = np.array([98.0, 42.0, chest.dome - chest.left_drop - 52])
    pulp = ellipsoid(part, centre, (26.0, 44.0, 42.0), turned(15.0, 20.0))
    pulp = both(both(pulp, inside[where] + 1), 5 - sac, 4.0)
    canvas.paint(cover(pulp, width), 47 + 2 * lifted + grain, spleen, where)


def paint_heart(canvas: Canvas, rooms: Rooms, heart: int, aorta: int) -> None:
    """Paint the heart, its chambers where contrast shows them, and the vessels it feeds."""
    chest, grid, width = rooms.chest, canvas.grid, canvas.grid.blur
    right, left = chest.blood
    centre = np.array(chest.heart_centre)
    flesh = max(44.0, min(110.0, 0.45 * left))
    canvas.paint(cover(rooms.heart + 3 + 2.5 * rooms.wobble, width), flesh, heart)
    frame = turned(*chest.tilt)
    # Along the long axis, across it, and up: places of the four chambers in the heart's frame.
    chambers = (
        (left, (20.0, 8.0, 6.0), (32.0, 19.0, 19.0)),
        (right, (6.0, -22.0, -8.0), (38.0, 15.0, 22.0)),
        (left, (-26.0, 24.0, 10.0), (22.0, 18.0, 20.0)),
        (right, (-40.0, -10.0, -4.0), (20.0, 20.0, 24.0)),
    )
    for hu, place, radii in chambers:
        spot = centre + chest.heart * np.array(place) @ frame
        size = tuple(chest.heart * radius for radius in radii)
        reach = max(size) + 5
        where, part = grid.crop(tuple(spot - reach), tuple(spot + reach))
        canvas.paint(cover(ellipsoid(part, spot, size, frame), width), hu, 0, where)
    paint_vessels(canvas, chest, aorta)
