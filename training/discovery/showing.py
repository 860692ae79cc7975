"""What was discovered, looked at: a sheet of every class over patients, and how classes spread."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub import api
from genesis_hub.atomic import new_file, unwritable
from genesis_hub.errors import BadInput
from genesis_hub.show.spread import plane, tsne
from genesis_hub.show.style import SCREEN, drawing, png
from training.corpus.patternfiles import discoveries
from training.discovery.found import Found, opened
from training.discovery.neighbours import nearest

INCH = 0.72  # Of a cube, drawn.
MOST = 1500  # Cubes that are embedded; evenly from all.
COLOURED = 12  # Classes that colours and shapes can tell apart.
COARSE = 4  # Voxels that one of the raw features is the mean of, along each side.
AT_ONCE = 16


def show(
    folder: Path,
    out: Path,
    *,
    weights: str | Path | None = None,
    classes: int = 12,
    patients: int = 8,
    device: torch.device | None = None,
) -> list[str]:
    """Draw the sheet of classes and the places of cubes; return what there is to be said.

    folder: what was discovered, here or by the authors, or a folder of such. weights: a trained
    network, whose features are placed and judged beside raw voxels.
    """
    for name, value in (("classes", classes), ("patients", patients)):
        if value < 1:
            raise BadInput(f"--{name} {value}; give a whole number from 1")
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; give a folder for the pictures to --out")
    every = discoveries(folder)
    if every and every != [folder]:
        lines = [
            show(
                one, out / one.name,
                weights=weights, classes=classes, patients=patients, device=device,
            )
            for one in every
        ]  # fmt: skip
        return [line for part in lines for line in part]
    found = opened(folder)
    labels = [int(one) for one in np.unique(found.classes)]
    drawn = picked(labels, classes)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    said = [
        f"{written(sheet(found, drawn, patients), out / 'classes.png')}: {len(drawn)} of "
        f"{len(labels)} classes"
    ]
    some = chosen(found)
    cubes = [found.cube(at) for at in some]
    told = [("raw voxels", np.stack([coarse(cube) for cube in cubes]), "raw")]
    if weights is not None:
        told.append(("learned features", embedded(weights, cubes, device), "learned"))
    of = found.classes[some]
    who = [found.patients[at] for at in some] if found.patients else list(map(str, some))
    whose = "another patient" if found.patients else "anybody, since these files name no patient,"
    for name, rows, file in told:
        share, chance = purity(rows, of, who)
        said.append(
            f"nearest-neighbour purity of {name}: {share:.3f} (chance {chance:.3f}; the nearest "
            f"cube of {whose} is of the same class)"
        )
        shown = np.isin(of, picked(labels, COLOURED))
        names = [f"class {label}" for label in of[shown]]
        path = written(plane(tsne(rows[shown]), names), out / f"tsne_{file}.png")
        said.append(
            f"{path}: t-SNE of {name}, {min(COLOURED, len(labels))} of {len(labels)} classes"
        )
    return said


def picked(labels: Sequence[int], most: int) -> list[int]:
    """Return at most so many, evenly."""
    many = min(most, len(labels))
    return [labels[at * len(labels) // many] for at in range(many)]


def sheet(found: Found, labels: Sequence[int], patients: int) -> Any:
    """Return a row for each class: the middle slice of the reference, of others by rank, the mean.

    Where one index is one anatomy the mean of all patients stays sharp.
    """
    across = min(patients, max(len(found.of(label)) for label in labels))
    with drawing(INCH * (across + 1) + 0.6, INCH * len(labels) + 0.6, theme=SCREEN) as figure:
        grid = figure.subplots(len(labels), across + 1, squeeze=False)
        middle = found.size[2] // 2
        for line, label in zip(grid, labels, strict=True):
            own = found.of(label)
            some = picked(own, across)
            slices = [found.cube(at)[:, :, middle] for at in some]
            mean = np.mean([found.cube(at)[:, :, middle] for at in own], axis=0)
            titles = [f"rank {found.ranks[at]}" for at in some]
            for axes in line:
                axes.axis("off")
            for axes, image, title in zip(
                [*line[: len(slices)], line[-1]], [*slices, mean],
                [*titles, f"mean of {len(own)}"], strict=True,
            ):  # fmt: skip
                axes.imshow(image.T, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                if label == labels[0]:
                    axes.set_title(title, fontsize=6, color=SCREEN.ink)
            line[0].text(
                -0.08, 0.5, f"class {label}", transform=line[0].transAxes, rotation=90,
                ha="right", va="center", fontsize=6, color=SCREEN.ink,
            )  # fmt: skip
        return figure


def written(figure: Any, path: Path) -> Path:
    """Write a figure; return where."""
    with new_file(path) as aside:
        aside.write_bytes(png(figure))
    return path


def chosen(found: Found) -> NDArray[np.int64]:
    """Return the cubes that are embedded: those kept for validation, or all, evenly."""
    val = np.array([split == "val" for split in found.splits])
    several = len({found.patients[at] for at in np.flatnonzero(val) if found.patients}) > 1
    some = np.flatnonzero(val) if several else np.arange(len(val))
    step = max(1, -(-len(some) // MOST))
    return some[::step]


def coarse(cube: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a cube's voxels, averaged in blocks, as one row."""
    x, y, z = (max(1, side // COARSE) for side in cube.shape)
    a, b, c = (min(COARSE, side) for side in cube.shape)
    blocks = cube[: x * a, : y * b, : z * c].reshape(x, a, y, b, z, c)
    return np.asarray(blocks.mean((1, 3, 5)).ravel(), dtype=np.float32)


@torch.no_grad()
def embedded(
    weights: str | Path, cubes: Sequence[NDArray[np.float32]], device: torch.device | None
) -> NDArray[np.float32]:
    """Return what a trained network's encoder makes of cubes, (N, features)."""
    model = api.from_pretrained(weights, task="features").float().eval().to(device or "cpu")
    facts = model.inputs.facts
    found = []
    for at in range(0, len(cubes), AT_ONCE):
        x = torch.from_numpy(np.stack(cubes[at : at + AT_ONCE])[:, None]).to(device or "cpu")
        if facts.mean:
            x = (x - facts.mean[0]) / facts.std[0]
        found.append(model(x).float().cpu().numpy())
    return np.concatenate(found)


def purity(
    rows: NDArray[np.float32], classes: NDArray[np.int64], patients: Sequence[str]
) -> tuple[float, float]:
    """Return the share of cubes whose nearest of another patient is of their class, and chance.

    Cubes of one patient overlap, so the nearest of its own would tell of voxels they share.
    """
    who = np.unique(np.asarray(patients), return_inverse=True)[1]
    order, _ = nearest(rows, rows, min(len(rows), int(np.bincount(who).max()) + 1))
    hits = asked = 0
    chance = 0.0
    for at, near in enumerate(order):
        others = near[who[near] != who[at]]
        if not len(others):
            continue
        asked += 1
        hits += int(classes[others[0]] == classes[at])
        theirs = classes[who != who[at]]
        chance += float((theirs == classes[at]).mean())
    if not asked:
        return float("nan"), float("nan")
    return hits / asked, chance / asked
