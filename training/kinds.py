"""What recipes have beside the keys of all: those of volumes, and those of pictures."""

from dataclasses import dataclass
from typing import Literal

from genesis_hub.errors import BadInput
from training.recipe import Recipe

Parts = Literal["cells", "squares", "rectangles"]
MODALITIES = ("ct", "mri")


@dataclass(frozen=True)
class VolumeRecipe(Recipe):
    """A recipe that learns from cubes of volumes.

    modality: of scans whose table says none: "ct" or "mri". range: (low, high), the values that
    become 0 and 1, or "image", each scan's own ends; by modality if None.
    input_rows, input_cols, input_deps: sides of the cubes, (X, Y, Z).
    scale: windows of each scan in an epoch. phantoms: made-up chests beside the scans, a window of
    each in an epoch. balanced: scans of each modality, and phantoms, come equally often.
    classes: of discovered patterns that are learned, the first so many; 0: all that there are.
    """

    modality: str = "ct"
    range: tuple[float, ...] | str | None = None
    input_rows: int = 64
    input_cols: int = 64
    input_deps: int = 32
    scale: int = 32
    phantoms: int = 0
    balanced: bool = False
    classes: int = 0

    @property
    def size(self) -> tuple[int, int, int]:
        """The sides of the cubes."""
        return (self.input_rows, self.input_cols, self.input_deps)

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.one_of("modality", MODALITIES)
        if self.range not in (None, "image") and len(self.range or ()) != 2:
            raise BadInput(f"range={self.range!r}; give two numbers, low and high, or 'image'")
        self.at_least(1, "scale", "input_rows", "input_cols", "input_deps")
        self.at_least(0, "phantoms", "classes")


@dataclass(frozen=True)
class ImageRecipe(Recipe):
    """A recipe that learns from pictures, as X-rays are.

    encoder: any network of timm's by name; nothing: the recipe's own.
    input_side: of the square views. held_side: of the square that a picture, or its part, is
    resized to before views are made of it, with antialiasing.
    colour: pictures have three channels of their own; else they are grey, and repeated.
    train_list, val_list: files that name the pictures of each split, as ChestX-ray14's do.
    cache: keep all pictures decoded in one file, so that no epoch decodes again: in the run's
    folder while it lasts, if there is room (nothing said) or in any case (true); in a folder that
    is named, for other runs too; or not at all (false). cache_side: the greatest side of what it
    keeps.
    """

    encoder: str = ""
    input_side: int = 224
    held_side: int = 512
    colour: bool = False
    train_list: str = ""
    val_list: str = ""
    cache: bool | str | None = None
    cache_side: int = 1024

    @property
    def size(self) -> tuple[int, int]:
        """The sides of the views."""
        return (self.input_side, self.input_side)

    @property
    def parted(self) -> int:
        """The side of the grid that pictures are parted by; 0: they are whole."""
        return 0

    @property
    def parts(self) -> Parts:
        """What is drawn of a picture: a cell of that grid, or a region of its size anywhere."""
        return "cells"

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.at_least(8, "input_side", "held_side", "cache_side")
        if self.val_list and not self.train_list:
            raise BadInput(f"val_list={self.val_list!r} without train_list; give both")
