"""Cubes around the nodules of LIDC, as Models Genesis cut them: stacks of images and of masks."""

import re
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft, Row
from genesis_hub.data.cases.facts import SPLIT_NAMES
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers.stacks import stack_of
from genesis_hub.errors import BadInput

SAYS = "x_train_64x64x32.npy with m_train_64x64x32.npy, and the same for valid and test"
CUBES = re.compile(r"x_(train|valid|val|test)_\d+x\d+x\d+\.npy")


def seen(path: Path) -> bool:
    """Say whether cubes and their masks lie in a folder."""
    return path.is_dir() and any(mask_of(cubes).is_file() for cubes in cubes_in(path))


def cubes_in(folder: Path) -> list[Path]:
    """Return the stacks of images."""
    return sorted(path for path in folder.glob("x_*.npy") if CUBES.fullmatch(path.name))


def mask_of(cubes: Path) -> Path:
    """Return the stack of masks that goes with images."""
    return cubes.with_name(f"m{cubes.name[1:]}")


def read_lidc(path: Path, columns: Columns) -> Draft:
    """Return every cube with its mask, in the split that its file names."""
    found = cubes_in(path) if path.is_dir() else []
    if not found:
        raise BadInput(f"{path}: no cubes lie here; {SAYS} are expected")
    rows: list[Row] = []
    for cubes in found:
        mask, match = mask_of(cubes), CUBES.fullmatch(cubes.name)
        assert match is not None
        if not mask.is_file():
            beside = [other.name for other in path.iterdir()]
            raise BadInput(
                f"{path}: {cubes.name} has no {mask.name} beside it"
                f"{close_names(mask.name, beside, alike=0.8)}; put the masks there"
            )
        shapes = stack_of(cubes).shape, stack_of(mask).shape
        if shapes[0] != shapes[1]:
            raise BadInput(f"{cubes}: it is {shapes[0]}, but {mask.name} is {shapes[1]}")
        split = SPLIT_NAMES[match[1]]
        rows += [
            Row(
                name=f"{split}_{index}",
                images=(Path(f"{cubes}#{index}"),),
                mask=Path(f"{mask}#{index}"),
                split=split,
                modality="ct",
            )
            for index in range(shapes[0][0])
        ]
    return Draft(
        rows=tuple(rows),
        masks=((0, "background"), (1, "nodule")),
        notes=("cubes of LIDC in the splits of their files; whose they are is not known",),
    )
