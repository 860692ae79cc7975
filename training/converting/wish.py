"""What a conversion is told, what it works on, and what it makes of each case."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput

WINDOW = (192, 192, 160)
LEARNED, TESTED, BARE = "images", "test", "unlabelled"  # The folders that cases go to.
LABELS = "_labels"  # Of the folder beside that holds the masks.


@dataclass(frozen=True)
class Wish:
    """How cases are converted.

    side: of the cubes and squares. pad: proportions are kept, in millimetres, with zeros around;
    else what is seen is stretched to the side, as published. flat: slices instead of volumes.
    window: so many voxels around the brain instead of a cube, as the published script cuts them.
    test: the share of the patients whose labelled cases are for testing; seed: that draws them.
    table: whose columns are names and grades.
    """

    side: int
    pad: bool = False
    flat: bool = False
    window: bool = False
    test: float = 0.2
    seed: int = 0
    table: str = ""

    def __post_init__(self) -> None:
        if self.side < 8:
            raise BadInput(f"side={self.side}; give 8 or more, such as 128")
        if not 0 <= self.test < 1:
            raise BadInput(f"test={self.test}; give a share of the patients from 0 to below 1")
        if self.seed < 0:
            raise BadInput(f"seed={self.seed}; give a whole number from 0")
        if self.window and self.pad:
            raise BadInput("window and pad were both given, but a window is not resized; give one")

    def facts(self, layout: str) -> dict[str, Any]:
        """Return what converted files depend on."""
        return {"layout": layout, **asdict(self)}


@dataclass(frozen=True)
class Item:
    """A case to convert. part: the folder it goes to. grade: its class, of pictures."""

    name: str
    images: tuple[Path, ...]
    mask: Path | None = None
    grade: str = ""
    part: str = LEARNED

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it is made of."""
        return self.images if self.mask is None else (*self.images, self.mask)


@dataclass(frozen=True)
class Piece:
    """An array to be written, or a picture (rows, columns, 3) of bytes, and its mask."""

    name: str
    image: NDArray[Any]
    mask: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Layout:
    """A way in which a data set is published.

    says: what it looks like. side: of what is made of it, where nothing else is said. suffix: of
    the files. options: keys of a wish that it knows beside those of all. parted: what is tested on
    has a folder of its own; else a table says which it is.
    finish: writes what stands beside the cases, once they are all written.
    """

    says: str
    side: int
    suffix: str
    options: tuple[str, ...]
    listed: Callable[[Path, Wish], tuple[Item, ...]]
    pieces: Callable[[Item, Wish], Iterator[Piece]]
    parted: bool = True
    finish: Callable[[Sequence[Item], Path, Wish], Sequence[Path]] = lambda items, folder, wish: ()
