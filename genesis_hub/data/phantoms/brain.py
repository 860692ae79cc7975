"""The painting of a head: scalp, skull, brain with its folds and nuclei, fluid, falx and blood."""

import numpy as np

from genesis_hub.data.phantoms.bleeds import Blood, blood_cover
from genesis_hub.data.phantoms.shapes import Array, Canvas, both, cover, ellipsoid
from genesis_hub.data.phantoms.skull import Vault
from genesis_hub.data.phantoms.tubes import tube

NAMES = {
    0: "outside",
    1: "scalp",
    2: "skull",
    3: "brain",
    4: "ventricles",
    5: "fluid around the brain",
}
WHITE, GREY, FLUID = 27.0, 37.5, 7.0

# Grey nuclei on the left: middle, radii.
NUCLEI = (
    ((15.0, -21.0, 46.0), (6.0, 11.0, 10.0)),
    ((27.0, -7.0, 38.0), (7.0, 17.0, 12.0)),
    ((11.5, 9.0, 38.0), (8.5, 15.0, 11.0)),
)


def paint_head(canvas: Canvas, vault: Vault, blood: Blood | None, level: float) -> Array:
    """Paint the head on its canvas and return the share of each voxel that is blood."""
    head, grid, width = vault.head, canvas.grid, canvas.grid.blur
    outside = vault.outer - head.scalp * (1 + 0.12 * vault.wobble) - 2.5 * temple(vault)
    canvas.paint(cover(outside, width), 15, 1)
    canvas.paint(cover(both(outside + 1.8, -vault.outer), width), -75)
    flesh = both(vault.outer - 6.0 * temple(vault), 2.5 - vault.outer)
    canvas.paint(cover(flesh, width), 55)
    paint_skull(canvas, vault)
    inside = cover(vault.inner, width)
    canvas.paint(inside, FLUID, 5)
    grey = np.minimum(-vault.brain, vault.sulci) - (3.4 + vault.wobble)
    grain = 1.6 * head.grain.on(grid)
    canvas.paint(cover(vault.brain, width), WHITE + grain, 3)
    ribbon = cover(grey, width * 1.6)
    canvas.paint(ribbon * cover(vault.brain, width), GREY + grain)
    for (x, y, z), radii in NUCLEI:
        for side in (-1, 1):
            middle = np.array([side * x, y, z]) * head.scale
            frame = np.eye(3)
            lump = ellipsoid(grid, middle, radii, frame) + 1.5 * vault.wobble
            canvas.paint(cover(lump, width * 1.6), GREY + 0.5 + grain)
    fluid = cover(np.minimum(np.minimum(vault.sulci, vault.cleft), vault.cisterns), width)
    fluid = np.maximum(fluid, cover(-vault.brain, width)) * inside
    canvas.paint(fluid, FLUID, 5)
    canvas.paint(vault.ventricles * inside, FLUID, 4)
    paint_falx(canvas, vault, inside)
    paint_base(canvas, vault)
    share = np.zeros(grid.size, np.float32)
    if blood:
        if blood.kind == "subarachnoid":  # Blood opens the furrows that it fills.
            fluid = cover(
                np.minimum(np.minimum(vault.sulci, vault.cleft), vault.cisterns) - 0.9, width
            )
        share = paint_blood(canvas, vault, blood, level, fluid)
    return share


def paint_blood(canvas: Canvas, vault: Vault, blood: Blood, level: float, fluid: Array) -> Array:
    """Paint a bleed, and the swelling around one that lies in the brain."""
    share = blood_cover(vault, blood, level, fluid)
    if blood.kind == "intraparenchymal":
        spot = blood.spot + np.array([0, 0, level])
        radii = (blood.radii[0] + 6, blood.radii[1] + 6, blood.radii[2] + 6)
        halo = ellipsoid(canvas.grid, spot, radii, np.eye(3)) + 3 * vault.wobble
        canvas.paint(cover(both(halo, vault.brain + 2), 5.0) * np.float32(0.8), 19)
    canvas.paint(share, blood.hu + 2.5 * vault.head.grain.on(canvas.grid))
    return share


def paint_skull(canvas: Canvas, vault: Vault) -> None:
    """Paint the vault with its marrow."""
    head, grid, width = vault.head, canvas.grid, canvas.grid.blur
    shell = both(vault.outer, -vault.inner)
    canvas.paint(cover(shell, width), 1350, 2)
    marrow = both(vault.outer + 0.33 * head.bone, 0.33 * head.bone - vault.inner)
    canvas.paint(cover(marrow, width), 640 + 90 * head.grain.on(grid))


def paint_base(canvas: Canvas, vault: Vault) -> None:
    """Paint the floor the brain rests on: ridges with air cells, wings, the sinus in front."""
    head, grid, s = vault.head, canvas.grid, vault.head.scale
    if grid.z.min() > 32:
        return
    for side in (-1, 1):
        ridge = (
            (side * 62 * s, 26.0, 10.0),
            (side * 42 * s, 16.0, 10.0),
            (side * 15 * s, 0.0, 9.0),
        )
        canvas.paint(tube(grid, ridge, (12.0, 8.0, 4.0)), 1100, 2)
        cells = ((side * 62 * s, 27.0, 8.0), (side * 48 * s, 19.0, 9.0))
        holes = tube(grid, cells, (9.0, 5.0)) * np.clip(0.6 + 1.5 * head.grain.on(grid), 0, 1)
        canvas.paint(holes, -700)
        wing = (
            (side * 64 * s, -36.0, 16.0),
            (side * 38 * s, -26.0, 14.0),
            (side * 9 * s, -18.0, 12.0),
        )
        canvas.paint(tube(grid, wing, (4.0, 3.0, 3.5)), 1000, 2)
    sinus = ((-12.0, -head.deep * s + 13, 2.0), (12.0, -head.deep * s + 13, 2.0))
    canvas.paint(tube(grid, sinus, 6.0), -950)


def paint_falx(canvas: Canvas, vault: Vault, inside: Array) -> None:
    """Paint the sheet between the halves, the great vein behind, and what turns to chalk."""
    head, grid, width = vault.head, canvas.grid, canvas.grid.blur
    sheet = np.abs(grid.x + 0.8 * vault.wobble) - 0.7
    hem = np.minimum(np.minimum(grid.y + 40, 44 - grid.y), 70 - grid.z)
    falx = both(sheet, np.asarray(hem, np.float32) * 0.4)
    canvas.paint(cover(falx, width) * inside * np.float32(0.75), 52)
    sinus = np.abs(grid.x) * 1.2 + np.maximum(-vault.inner - 1, 0) - 5
    behind = both(np.asarray(sinus, np.float32), 30 - grid.y)
    canvas.paint(cover(behind, width) * inside * np.float32(0.8), 56)
    if head.chalk:
        for x, y, z, radius in (
            (0.0, 20.0, 36.0, 2.2),
            (-25.0, 32.0, 47.0, 2.4),
            (25.0, 32.0, 47.0, 2.0),
        ):
            grain = tube(grid, ((x, y, z - 2.5), (x, y + 1.5, z + 2.5)), radius)
            canvas.paint(grain, 220)


def temple(vault: Vault) -> Array:
    """Return where the chewing muscle covers the skull: low, at the sides, in front."""
    grid = vault.grid
    side = np.clip(np.abs(grid.x) / vault.head.wide, 0, 1) ** 3
    low = np.clip((52 - grid.z) / 40, 0, 1)
    return np.asarray(side * low * np.exp(-(((grid.y + 22) / 30) ** 2)), np.float32)
