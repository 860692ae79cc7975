"""The bones of a chest: spine, ribs, breastbone and shoulder blades, painted onto a canvas."""

import numpy as np

from genesis_hub.data.phantoms.anatomy import Chest, Rooms
from genesis_hub.data.phantoms.shapes import Array, Canvas, both, cover, either, oval, profile
from genesis_hub.data.phantoms.tubes import tube

VERTEBRA, RIB_PITCH = 22.5, 24.5


def paint_bones(canvas: Canvas, rooms: Rooms, labels: tuple[int, int, int, int]) -> None:
    """Paint the bones; `labels` are those of spine, ribs, breastbone and shoulder blades."""
    spine, ribs, breastbone, blades = labels
    paint_shoulder_blades(canvas, rooms.chest, blades)
    paint_ribs(canvas, rooms, ribs)
    paint_breastbone(canvas, rooms, breastbone)
    paint_spine(canvas, rooms.chest, spine)


def hollow(
    distance: Array, width: float, marrow: float, cortex: float, wall: float
) -> tuple[Array, Array]:
    """Return (cover, HU) of a bone: a hard wall around marrow."""
    inner = cover(distance + np.float32(wall), width)
    return cover(distance, width), cortex + inner * (marrow - cortex)


def paint_spine(canvas: Canvas, chest: Chest, label: int) -> None:
    """Paint vertebrae with their arches, discs between them, and the canal behind."""
    low, high = (-60.0, 0.0, -1e4), (60.0, 135.0, 1e4)
    where, grid = canvas.grid.crop(low, high)
    if 0 in grid.size:
        return
    width = grid.blur
    y = grid.y - chest.spine_y(grid.z)
    phase = ((grid.z + np.float32(chest.disc)) / VERTEBRA) % 1 - 0.5
    end = (np.abs(phase) - 0.5) * VERTEBRA  # 0 in the middle of a disc, negative away from it.
    # Seen from above a body is an oval, hollowed at the back, its waist narrower than its ends.
    waist = 1.5 * np.cos(2 * np.pi * phase)
    body = both(
        oval(grid.x, y, 18.0, 14.5, 2.4) + waist, 13 - oval(grid.x, y - 24, 11.0, 11.0) - 13
    )
    canvas.paint(cover(body - 0.5, width), 80, label, where)
    share, hu = hollow(both(body, end + 2.6, 2.0), width, 175 * chest.bone, 420 * chest.bone, 1.4)
    canvas.paint(share, hu, label, where)
    canal = oval(grid.x, y - 24, 9.5, 8.0)
    arch = both(oval(grid.x, y - 25, 16.0, 14.0), -canal)
    level = np.abs(phase + 0.12) * VERTEBRA - 7
    sweep = np.abs(grid.x) * 0.55
    across = both(np.abs(y - 22 - sweep * 0.75) - 4.2, np.abs(grid.x) - 34)
    side = both(across, 10 - np.abs(grid.x))
    # The thorns point down as well as back, so each lies a level below its body.
    thorn_level = np.abs((phase + 0.12 + (y - 30) / 50 + 0.5) % 1 - 0.5) * VERTEBRA - 6.5
    thorn = both(both(np.abs(grid.x) - 3.2, np.abs(y - 46) - 14), thorn_level)
    parts = either(both(either(arch, side, 3.0), level, 2.0), thorn, 2.0)
    share, hu = hollow(parts, width, 230 * chest.bone, 520 * chest.bone, 1.8)
    canvas.paint(share, hu, label, where)
    canvas.paint(cover(canal, width), 12, label, where)
    canvas.paint(cover(oval(grid.x, y - 24, 5.0, 4.2), width), 38, label, where)


def paint_ribs(canvas: Canvas, rooms: Rooms, label: int) -> None:
    """Paint twelve pairs of hoops that fall towards the front, gristle at their ends."""
    chest, grid = rooms.chest, canvas.grid
    shell = np.nonzero(np.abs(rooms.cage - 4.5) < 7.5 + grid.blur)
    x, y, z = (
        axis.ravel()[index] for axis, index in zip((grid.x, grid.y, grid.z), shell, strict=True)
    )
    off = rooms.cage[shell] - 4.5
    turn = np.abs(np.arctan2(x / chest.wide, (y - 4) / chest.deep)) / np.pi  # 0 behind, 1 in front.
    fall = profile(turn, ((0.0, 0.0), (0.12, 8.0), (0.4, 52.0), (0.7, 92.0), (1.0, 78.0)), 0.06)
    reach = chest.height(z)
    # High hoops are small: they fall less than low ones.
    rise = z + fall * chest.rib_fall * profile(reach, ((0.3, 1.0), (1.05, 0.55))) - chest.apex + 6
    number = np.clip(np.rint(-rise / RIB_PITCH), -1, 11)
    flat = np.abs(rise + number * RIB_PITCH) * np.float32(0.85)
    edge = np.sqrt((off / 3.4) ** 2 + (flat / 5.6) ** 2)
    distance = (edge - 1) * np.float32(4.0)
    last = np.where(number >= 10, 0.42, 0.97 - 0.002 * number)
    distance += 60 * np.maximum(turn - last, 0) + np.where(number < 0, 50, 0)
    distance += np.maximum(19 - np.abs(x), 0) * (turn < 0.5)  # Their heads meet the spine's sides
    gristle = profile(turn - 0.76 + 0.012 * number, ((-0.02, 0.0), (0.02, 1.0)))
    share = cover(distance.astype(np.float32), grid.blur)
    inner = cover(distance.astype(np.float32) + 2.0, grid.blur)
    bone = chest.bone * (620 - inner * 390)
    hu = bone + gristle * (95 - bone)
    canvas.hu[shell] += share * (hu - canvas.hu[shell])
    canvas.labels[tuple(index[share >= 0.5] for index in shell)] = label


def paint_breastbone(canvas: Canvas, rooms: Rooms, label: int) -> None:
    """Paint the plate in front: a broad handle above, a blade below, the collar bones' ends."""
    chest, grid = rooms.chest, canvas.grid
    where, part = grid.crop((-45.0, -1e4, -1e4), (45.0, 0.0, 1e4))
    up = chest.height(part.z)
    half = profile(up, ((0.05, 6.0), (0.3, 17.0), (0.6, 15.0), (0.72, 20.0), (0.86, 30.0)), 0.03)
    plate = np.abs(rooms.cage[where] - 6) - 4.8
    distance = both(both(plate, np.abs(part.x) - half, 5.0), np.abs(up - 0.46) * 180 - 74, 4.0)
    share, hu = hollow(distance, part.blur, 110 * chest.bone, 380 * chest.bone, 1.6)
    canvas.paint(share, hu, label, where)
    top, front = chest.level(0.93), -0.62 * chest.deep
    for side in (-1, 1):
        knots = (
            (side * 18.0, front - 6, top),
            (side * 55.0, front - 2, top + 14),
            (side * 100.0, front + 34, top + 26),
            (side * 140.0, front + 62, top + 32),
        )
        canvas.paint(tube(grid, knots, (8.0, 6.0, 5.5, 6.5)), 420 * chest.bone, label)


def paint_shoulder_blades(canvas: Canvas, chest: Chest, label: int) -> None:
    """Paint thin triangular plates behind the upper ribs, each with its ridge."""
    for side in (-1, 1):
        low = (-185.0 if side < 0 else 20.0, 0.0, chest.level(0.36))
        high = (-20.0 if side < 0 else 185.0, 130.0, chest.apex + 12)
        where, grid = canvas.grid.crop(low, high)
        if 0 in grid.size:
            continue
        x, up = grid.x * side, chest.height(grid.z)
        # The plate leans on the cage: from the inner edge behind to the joint at the side.
        inner = profile(up, ((0.4, 92.0), (0.6, 76.0), (0.9, 66.0), (1.05, 80.0)), 0.04)
        outer = profile(up, ((0.4, 100.0), (0.6, 118.0), (0.85, 136.0), (1.05, 130.0)), 0.04)
        rest = chest.deep + profile(up, ((0.4, -4.0), (0.7, -6.0), (1.05, -26.0)), 0.05)
        line = grid.y - rest + np.clip(x - 78, 0, None) ** 1.25 * np.float32(0.33)
        plate = both(np.abs(line) * np.float32(0.85) - 2.6, both(inner - x, x - outer), 2.0)
        # The edges are thicker than the blade.
        plate -= 2.2 * np.exp(-(((x - outer + 4) / 5) ** 2))
        ridge = tube(
            grid,
            (
                (side * 72.0, chest.deep + 10, chest.level(0.82)),
                (side * 108.0, chest.deep + 4, chest.level(0.92)),
                (side * 146.0, chest.deep - 42, chest.level(1.02)),
            ),
            (3.0, 4.5, 6.5),
        )
        canvas.paint(cover(plate, grid.blur), 430 * chest.bone, label, where)
        canvas.paint(ridge, 430 * chest.bone, label, where)
