"""What recipes have beside the keys of all: of cubes, of pictures, of whole images, of slices."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from genesis_hub.configs.shared import LAYERS, POOLINGS, check_layers
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
        if self.balanced and not self.shuffle:
            raise BadInput("balanced=True draws scans, so shuffle=False has no order; give one")
        check_range(self.range)
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
        check_lists(self.train_list, self.val_list)


@dataclass(frozen=True)
class WholeRecipe(Recipe):
    """A recipe that learns from whole images, each brought to one square or cube.

    data_dim: its side. An image keeps its proportions, in millimetres where they are known; what it
    leaves over is filled with zeros. number_channels: of the images; grey ones are repeated.
    encoder_architecture: in 2D one of the published eight ("DenseNet121", ...) or any name of
    timm's; nothing: the built-in U-Net. enc_filters: channels of the built-in one's first level;
    num_layers: how often it halves its input; dropout: between its convolutions; norm_momentum: how
    much of each step its norms' running statistics take. pooling: "max" or "avg" halves the
    built-in one's last map once more, and of timm's makes one vector; "none" keeps the map.
    augment: zoom, turn and mirror (2D); mirror, turn, brighten (3D). augment_zoom_only: zoom alone,
    in 2D, whatever `augment` says. augment_zoom_range: of each axis, by itself. val_augment,
    val_augment_zoom_only: the same of what is validated on. suffix: the ending of the files that
    are taken, such as ".png"; nothing: all. val_suffix: of those validated on; nothing: the same.
    patch_size: sides of sub-volumes, in voxels of the scan, that are cut from anywhere in it and
    brought to data_dim; nothing: whole volumes. patches_per_scan: how many of each in an epoch.
    cache: a folder that keeps the squares or cubes for other runs too; nothing: the run's own.
    train_list, val_list: files that name the pictures of each split, in 2D.
    """

    ndim: ClassVar[Literal[2, 3]] = 3
    data_dim: int = 128
    number_channels: int = 1
    encoder_architecture: str = ""
    enc_filters: int = 16
    num_layers: int = LAYERS
    dropout: float = 0.5
    norm_momentum: float = 0.01
    pooling: str = "max"
    augment: bool = False
    augment_zoom_only: bool = False
    augment_zoom_range: tuple[float, ...] = (0.85, 1.15)
    val_augment: bool = False
    val_augment_zoom_only: bool = False
    suffix: str = ""
    val_suffix: str = ""
    patch_size: tuple[int, ...] = ()
    patches_per_scan: int = 1
    cache: str = ""
    train_list: str = ""
    val_list: str = ""

    @property
    def size(self) -> tuple[int, ...]:
        """The sides of the square or the cube."""
        return (self.data_dim,) * self.ndim

    @property
    def inputs(self) -> tuple[int, int]:
        """How many inputs of the network an item becomes, and the side of each."""
        return 1, self.data_dim

    @property
    def pairs(self) -> bool:
        """Whether every item comes with another image of the corpus."""
        return False

    @property
    def least(self) -> int:
        """The smallest side that the encoder takes, as far as it is known by its name."""
        if self.encoder_architecture:
            return 75 if self.encoder_architecture.lower().startswith("inception") else 32
        return 16 if self.pooling == "none" else 32

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.one_of("pooling", POOLINGS)
        self.at_least(1, "data_dim", "number_channels", "enc_filters", "patches_per_scan")
        self.within("dropout", -1e-9, 1)
        self.within("norm_momentum", 0, 1)
        self.check_parts()
        if self.ndim == 3:
            for key in ("encoder_architecture", "train_list", "val_list"):
                if getattr(self, key):
                    raise BadInput(
                        f"{key}={getattr(self, key)!r} is for pictures, but {self.method} learns "
                        f"from volumes; leave it away, or take {self.method[:-2]}2d"
                    )
            if self.augment_zoom_only or self.val_augment_zoom_only:
                raise BadInput(
                    "augment_zoom_only=True is for pictures; volumes are mirrored, turned and "
                    "brightened with augment=True"
                )
        elif self.number_channels not in (1, 3):
            raise BadInput(
                f"number_channels={self.number_channels}, but pictures have 1 (grey) or 3 (colours)"
            )
        check_layers(self.num_layers)
        if not (
            len(self.augment_zoom_range) == 2
            and 0 < self.augment_zoom_range[0] <= self.augment_zoom_range[1]
        ):
            raise BadInput(
                f"augment_zoom_range={self.augment_zoom_range!r}; give two factors, the smaller "
                "one first, such as [0.85, 1.15]"
            )
        check_lists(self.train_list, self.val_list)
        self.check_side()

    def check_parts(self) -> None:
        """Raise `BadInput` where sub-volumes cannot be cut."""
        if self.patch_size and self.ndim == 2:
            raise BadInput(
                f"patch_size={self.patch_size!r} is of volumes; pictures are learned from whole"
            )
        if self.patch_size and (len(self.patch_size) != 3 or min(self.patch_size) < 1):
            raise BadInput(f"patch_size={self.patch_size!r}; give three sides, as [96, 96, 96]")
        if self.patches_per_scan > 1 and not self.patch_size:
            raise BadInput(
                f"patches_per_scan={self.patches_per_scan} without patch_size; give both"
            )

    def check_side(self) -> None:
        """Raise `BadInput`, with what would fit, where inputs are too small for the encoder."""
        side = self.inputs[1]
        if side < self.least:
            raise BadInput(
                f"the encoder would see sides of {side}, but needs {self.least} or more"
                f"{'' if self.pooling == 'none' else f' with pooling={self.pooling}'}; "
                f"{self.remedy()}"
            )

    def remedy(self) -> str:
        """Return what would make the encoder's inputs large enough."""
        return f"give data_dim={self.least}"


@dataclass(frozen=True)
class SliceRecipe(Recipe):
    """A recipe that learns from labelled slices: of volumes, or pictures that are slices.

    modality, range: as of cubes. input_side: slices are brought to this square, a multiple of 16.
    positive: classes that mean a lesion, where labels are classes; of two, one of which is called
    "normal" or the like, the other by itself.
    least_spot: pixels of a spot of a mask, at that side; smaller ones are left away, as published.
    per_scan: slices of each scan in an epoch, one around a lesion where the scan has any, as
    published; 0: all of them. lesions: the share of slices with a lesion in what is learned from,
    drawn anew; nothing: as they come.
    cache: a folder that keeps the slices for other runs too; nothing: the run's own.
    """

    modality: str = "ct"
    range: tuple[float, ...] | str | None = None
    input_side: int = 256
    positive: tuple[str, ...] = ()
    least_spot: int = 3
    per_scan: int = 0
    lesions: float | None = None
    cache: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """The sides of the slices."""
        return (self.input_side, self.input_side)

    @property
    def decoder(self) -> str | None:
        """Which of the network's decoders, as `create_model` takes it."""
        return None

    @property
    def needs(self) -> tuple[str, ...]:
        """What must be known of some slices at least: "mask", "label"."""
        return ()

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.one_of("modality", MODALITIES)
        check_range(self.range)
        self.at_least(16, "input_side")
        self.at_least(0, "per_scan", "least_spot")
        if self.lesions is None:
            return
        self.within("lesions", 0, 1)
        if self.per_scan:
            raise BadInput(
                f"lesions={self.lesions:g} draws from all slices, but per_scan={self.per_scan} "
                "chooses of each scan by itself; give one"
            )
        if not self.shuffle:
            raise BadInput("lesions draws slices, so shuffle=False has no order; give one")


def check_range(given: tuple[float, ...] | str | None) -> None:
    """Raise `BadInput` where the values that become 0 and 1 are not told."""
    if given not in (None, "image") and len(given or ()) != 2:
        raise BadInput(f"range={given!r}; give two numbers, low and high, or 'image'")


def check_lists(train: str, val: str) -> None:
    """Raise `BadInput` where files name pictures to validate on, but none to learn from."""
    if val and not train:
        raise BadInput(f"val_list={val!r} without train_list; give both")
