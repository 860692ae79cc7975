"""What the demonstration learns from: phantoms, or real scans where GENESIS_HUB_DATA is set."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genesis_hub.atomic import new_file
from genesis_hub.data import phantoms
from genesis_hub.data.readers import existing
from genesis_hub.demo.plan import Plan

FIELDS = ("image", "mask", "split")
# Of a phantom's labels: the lungs are easy, the heart with its aorta is not.
STRUCTURES = {"lungs": (2, 3), "heart": (4, 5)}
PROBED_FROM = 1000  # The first seed of those that are probed: none of them is segmented, too.
# From the voxels of a scan that lies otherwise, slices first and from head to feet, to ours.
TURNED = ((0, 1, 0), (0, 0, 1), (-1, 0, 0))


@dataclass(frozen=True)
class Task:
    """A table of cases, or a file of them, and the recipe's keys that tell how they are read."""

    said: str
    table: Path
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Segmenting(Task):
    """Scans with masks: `choosing` is a table of some of the labelled ones, none for testing.

    new: a scan that is in no table, its mask, and where it comes from.
    """

    choosing: Path = Path()
    new: Path = Path()
    truth: Path = Path()
    new_said: str = ""


class Scans(Protocol):
    """Where scans come from."""

    said: str

    def segmenting(self, folder: Path, plan: Plan) -> Segmenting: ...
    def probing(self, folder: Path, plan: Plan) -> Task: ...


class Phantoms:
    """Made-up chests: each the whole chest on a coarse grid, so that a cube sees a part of it."""

    said = (
        "made-up chest CTs (phantoms); the bundled weights have learned from others of their kind, "
        "without labels"
    )

    def __init__(self, size: tuple[int, int, int] = (48, 48, 32)) -> None:
        self.size = size

    def segmenting(self, folder: Path, plan: Plan) -> Segmenting:
        """Write chests, and masks of their lungs and hearts."""
        pairs = [self.masked(folder, seed) for seed in range(plan.labelled + plan.kept)]
        new, truth = self.masked(folder, len(pairs), turned=True)
        names = ("background", *STRUCTURES)
        choosing, table = tables(folder, pairs, plan)
        return Segmenting(
            f"{' and '.join(STRUCTURES)} in {plan.labelled} labelled phantoms",
            table,
            {"classes": tuple(f"{number}={name}" for number, name in enumerate(names))},
            choosing=choosing,
            new=new,
            truth=truth,
            new_said="a phantom it does not know, stored slices first and from head to feet",
        )

    def masked(self, folder: Path, seed: int, *, turned: bool = False) -> tuple[Path, Path]:
        """Write one chest and its mask; turned: stored in another orientation, at its place."""
        chest = phantoms.chest_ct(seed, size=self.size)
        mask = np.zeros(self.size, np.uint8)
        for number, labels in enumerate(STRUCTURES.values(), start=1):
            mask[np.isin(chest.labels, labels)] = number
        arrays, affine = {"image": chest.image, "mask": mask[None]}, chest.affine
        assert affine is not None
        if turned:
            back = np.eye(4)
            back[:3, :3] = TURNED
            back[2, 3] = self.size[2] - 1
            affine = affine @ back
            arrays = {
                name: np.ascontiguousarray(np.moveaxis(array, 3, 1)[:, ::-1])
                for name, array in arrays.items()
            }
        paths = [folder / f"{name}s" / f"chest-{seed:02}.npz" for name in arrays]
        for path, values in zip(paths, arrays.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, image=values, affine=affine)
        return paths[0], paths[1]

    def probing(self, folder: Path, plan: Plan) -> Task:
        """Write chests with contrast medium in the blood, and without."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for number in range(sum(plan.probed)):
            chest = phantoms.chest_ct(PROBED_FROM + number, size=self.size)
            affine: Any = chest.affine
            np.savez(folder / f"chest-{number:03}.npz", image=chest.image, affine=affine)
            label = ("plain", "contrast")[int(bool(chest.truth["contrast"]))]
            split = "train" if number < plan.probed[0] else "test"
            rows.append((f"chest-{number:03}.npz", label, split))
        table = write_table(folder / "cases.csv", ("image", "label", "split"), rows)
        return Task("was contrast medium given?", table)


class Real:
    """Hippocampi on MRI, and the shapes of adrenal glands, from a folder of real scans."""

    said = (
        "real scans; the bundled weights have seen the labelled MRIs without their labels, and "
        "none of those they are tested on"
    )

    def __init__(self, data: Path) -> None:
        self.mri = existing(data / "brain_mri" / "hippocampus")
        self.glands = existing(data / "medmnist" / "adrenalmnist3d_64.npz")

    def segmenting(self, folder: Path, plan: Plan) -> Segmenting:
        """Take labelled MRIs from the training cases, all others from the test cases."""
        with (self.mri / "cases.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        train, test = ([r["id"] for r in rows if r["split"] == s] for s in ("train", "test"))
        pairs = [self.pair(name) for name in (*train[: plan.labelled], *test[: plan.kept])]
        new, truth = self.pair(test[plan.kept])
        folder.mkdir(parents=True, exist_ok=True)
        choosing, table = tables(folder, pairs, plan)
        return Segmenting(
            f"both parts of the hippocampus in {plan.labelled} labelled MRIs",
            table,
            {"classes": ("0=background", "1=anterior", "2=posterior"), "range": "image"},
            choosing=choosing,
            new=new,
            truth=truth,
            new_said="an MRI it does not know",
        )

    def pair(self, name: str) -> tuple[Path, Path]:
        """Return where an MRI and its mask lie."""
        image, mask = (self.mri / kind / f"{name}.nii.gz" for kind in ("images", "labels"))
        return image, mask

    def probing(self, folder: Path, plan: Plan) -> Task:
        """Write some of AdrenalMNIST3D at half its resolution, thrice as many as of phantoms."""
        folder.mkdir(parents=True, exist_ok=True)
        draw = np.random.Generator(np.random.PCG64(0))
        kept: dict[str, NDArray[Any]] = {}
        with np.load(self.glands) as held:
            for split, number in zip(("train", "test"), plan.probed, strict=True):
                images, labels = held[f"{split}_images"], held[f"{split}_labels"]
                some = draw.permutation(len(images))[: 3 * number]
                kept[f"{split}_images"] = halved(images[some])
                kept[f"{split}_labels"] = labels[some]
        path = folder / "adrenal.npz"
        np.savez(path, **kept)  # type: ignore[arg-type]  # numpy's stub takes a name for a flag
        recipe = {"classes": ("0=normal", "1=hyperplasia"), "range": "image", "reader": "medmnist"}
        return Task("is the adrenal gland enlarged? (AdrenalMNIST3D)", path, recipe)


def tables(folder: Path, pairs: Sequence[tuple[Path, Path]], plan: Plan) -> tuple[Path, Path]:
    """Write who chooses the learning rate, and who is learnt from and tested."""
    whole = [(image.absolute(), mask.absolute()) for image, mask in pairs]
    labelled, kept = whole[: plan.labelled], whole[plan.labelled :]
    first = plan.labelled - plan.choosing
    rows = [(*pair, "train" if place < first else "val") for place, pair in enumerate(labelled)]
    choosing = write_table(folder / "choosing.csv", FIELDS, rows)
    rows = [(*pair, "train") for pair in labelled] + [(*pair, "test") for pair in kept]
    return choosing, write_table(folder / "cases.csv", FIELDS, rows)


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a table of cases."""
    with new_file(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def halved(volumes: NDArray[Any]) -> NDArray[Any]:
    """Return volumes (N, X, Y, Z) at half their resolution, as means of eight voxels."""
    number, *sides = volumes.shape
    parts = volumes.reshape(number, *(n for side in sides for n in (side // 2, 2)))
    means: NDArray[Any] = parts.mean((2, 4, 6))
    return means.round().astype(np.uint8)
