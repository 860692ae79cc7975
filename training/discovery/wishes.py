"""What a discovery is made by: plain numbers and words, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from genesis_hub.engine.fabric import PRECISIONS
from genesis_hub.engine.recipe import filled
from genesis_hub.errors import BadInput
from training.corpus import Sides

PUBLISHED_SIDE = 64  # Of the cubes that the published crops and shifts were meant for.
BODIES = ("whole", "crop", "fit")
LAYOUTS = ("compact", "seed")
MODALITIES = ("ct", "mri")
STRIDE = 8  # Of the auto-encoder's network.


@dataclass(frozen=True)
class Wishes:
    """What is to be discovered; None is chosen from the data, and written down.

    classes: anatomical patterns, each a place and the patients nearest to its reference.
    neighbours, neighbours_val: patients of a class, the reference among them; of those kept for
    validation, None: the lesser of 30 and all.
    resolutions: cubes of each patient: 1, or 3 with two crops of other sizes. min_patch, max_patch:
    their least side and the side they stay below, in rows; None: 50 and 80 at 64 rows, and in
    proportion. crop_rows, crop_cols: of the first resolution, resized to the cube.
    input_rows, input_cols, input_deps: sides of the cubes, (X, Y, Z).
    distance: voxels between the anchors of any two classes, at least. borders: what the borders
    that anchors keep from are multiplied by; 0: none. padding: the share of a cube's side that may
    lie outside of a patient's scan, where scans do not cover the same.
    modality: of scans whose table says none: "ct" or "mri". range: (low, high), the values that
    become 0 and 1, or "image". is_normalized: values are in [0, 1] already.
    spacing: millimetres of the common frame; None: the median of the scans.
    body: "whole" scans are centred, "crop" to the body first, or "fit" each body to one size.
    volume_rows, volume_cols, volume_deps: what whole volumes become for the auto-encoder.
    steps or epochs, batch_size, width, lr, save_every: the auto-encoder's. precision: its own,
    "fp32", "bf16" or "fp16"; bf16 on a GPU, else fp32, by itself. weights: a trained one to begin
    with. seed: of the split, the auto-encoder, references, anchors and crops.
    faithful: as published: skips in the auto-encoder, borders of 100, 100 and 30 voxels, and the
    tissue rule that takes air around a patient for lung.
    layout: "compact", or "seed", the file names of the authors' scripts.
    validation: share of the patients kept for it where the data have no such folder.
    tolerate: share of the scans that may be left out. no_check: take scans as they are.
    hashes: perceptual hashes of what was cut from. workers: threads that read.
    """

    classes: int = 44
    neighbours: int = 200
    neighbours_val: int | None = None
    resolutions: int = 3
    min_patch: int | None = None
    max_patch: int | None = None
    crop_rows: int | None = None
    crop_cols: int | None = None
    input_rows: int = 64
    input_cols: int = 64
    input_deps: int = 32
    distance: float = 5.0
    borders: float = 1.0
    padding: float = 0.125
    modality: str = "ct"
    range: tuple[float, ...] | str | None = None
    is_normalized: bool = False
    spacing: tuple[float, ...] | None = None
    body: str = "whole"
    volume_rows: int = 128
    volume_cols: int = 128
    volume_deps: int = 64
    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 8
    width: float = 1.0
    lr: float = 1e-3
    precision: str | None = None
    save_every: int = 100
    weights: str | None = None
    seed: int = 0
    faithful: bool = False
    layout: str = "compact"
    validation: float = 0.1
    tolerate: float = 0.1
    no_check: bool = False
    hashes: bool = True
    workers: int = 2

    @property
    def size(self) -> Sides:
        """The sides of the cubes."""
        return (self.input_rows, self.input_cols, self.input_deps)

    @property
    def crop(self) -> Sides:
        """What is cut at the first resolution."""
        rows = self.crop_rows or self.input_rows
        return (rows, self.crop_cols or self.input_cols, self.input_deps)

    @property
    def patches(self) -> tuple[int, int]:
        """The least and the greatest side, in rows, of crops at other resolutions."""
        scale = self.input_rows / PUBLISHED_SIDE
        least = self.min_patch or max(1, round(50 * scale))
        most = (self.max_patch or max(2, round(80 * scale))) - 1
        return least, max(least, most)

    @property
    def volume(self) -> Sides:
        """The sides that the auto-encoder sees whole volumes at."""
        return (self.volume_rows, self.volume_cols, self.volume_deps)

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        for name, allowed in (
            ("body", BODIES), ("layout", LAYOUTS), ("modality", MODALITIES),
            ("precision", (None, *PRECISIONS)), ("resolutions", (1, 3)),
        ):  # fmt: skip
            value = getattr(self, name)
            if value not in allowed:
                said = ", ".join(str(one) for one in allowed if one is not None)
                raise BadInput(f"{name}={value!r}; choose from {said}")
        for names, least in (
            (("classes", "neighbours", "neighbours_val", "min_patch", "crop_rows", "crop_cols",
              "input_rows", "input_cols", "input_deps", "steps", "epochs", "batch_size",
              "save_every", "workers"), 1),
            (("max_patch",), 2),
            (("seed", "distance", "borders", "padding", "validation", "tolerate"), 0),
        ):  # fmt: skip
            for name in names:
                value = getattr(self, name)
                if value is not None and value < least:
                    raise BadInput(f"{name}={value!r}, but it must be {least} or more")
        if self.width <= 0 or not 0 < self.lr < 10:
            raise BadInput(f"width={self.width!r}, lr={self.lr!r}; both must be above 0")
        if self.min_patch and self.max_patch and self.min_patch >= self.max_patch:
            raise BadInput(
                f"min_patch={self.min_patch}, but it must be below max_patch={self.max_patch}"
            )
        if self.range not in (None, "image") and len(self.range or ()) != 2:
            raise BadInput(f"range={self.range!r}; give two numbers, low and high, or 'image'")
        if self.spacing is not None and (len(self.spacing) != 3 or min(self.spacing) <= 0):
            raise BadInput(f"spacing={self.spacing!r}; give three numbers of millimetres above 0")
        if self.steps is not None and self.epochs is not None:
            raise BadInput("steps and epochs were both given; give one")
        if any(side % STRIDE or side < STRIDE for side in self.volume):
            fitting = " ".join(
                f"volume_{name}={max(STRIDE, round(side / STRIDE) * STRIDE)}"
                for name, side in zip(("rows", "cols", "deps"), self.volume, strict=True)
            )
            raise BadInput(
                f"volume_rows, volume_cols, volume_deps are {self.volume}, but the auto-encoder "
                f"halves them three times and needs multiples of {STRIDE}; {fitting} would do"
            )


def wishes_of(asked: Mapping[str, Any]) -> Wishes:
    """Return what is asked for, checked."""
    made = filled(Wishes(), asked, source="the command")
    made.check()
    return made


def key_names() -> list[str]:
    """Return all keys."""
    return [field.name for field in fields(Wishes)]
