"""What recipes of the proxy tasks say beside the images: their heads, and the grid of patches."""

from dataclasses import dataclass

from genesis_hub.errors import BadInput
from genesis_hub.networks.heads import normed
from training.kinds import WholeRecipe
from training.proxy.heads import TOPS
from training.views.patches import Patches
from training.views.whole import Loading


@dataclass(frozen=True)
class TellingRecipe(WholeRecipe):
    """A recipe that learns by telling classes apart.

    top_architecture: the head that tells them; "none" is two layers without norm or dropout.
    dropout_rate: of the head.
    """

    top_architecture: str = "big_fully"
    dropout_rate: float = 0.5

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        if self.top_architecture.startswith("unet_"):
            raise BadInput(
                f"top_architecture={self.top_architecture!r} outlines, but {self.method} tells "
                f"classes apart; choose from {', '.join(TOPS)}, and give a decoder when the "
                "weights are fine-tuned"
            )
        self.one_of("top_architecture", TOPS)
        self.within("dropout_rate", -1e-9, 1)
        refuse_ones(self, normed(self.top_architecture))


@dataclass(frozen=True)
class PatchRecipe(WholeRecipe):
    """A recipe that learns from a grid of patches.

    patches_per_side: of the grid, so P^2 patches in 2D and P^3 in 3D. patch_jitter: how much
    smaller a patch is than its cell, in which it may lie anywhere; below 0, patches overlap.
    """

    patches_per_side: int = 3
    patch_jitter: int | None = None

    @property
    def grid(self) -> Patches:
        """The grid of patches."""
        return self.grid_at(self.data_dim, self.patches_per_side)

    def grid_at(self, side: int, per_side: int) -> Patches:
        """Return the grid of images of another side, with other patches a side."""
        return Patches(side, per_side, self.ndim, self.patch_jitter or 0)

    @property
    def inputs(self) -> tuple[int, int]:
        return self.grid.count, self.grid.patch

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        self.at_least(2, "patches_per_side")
        if self.patch_jitter is not None and -self.patch_jitter >= self.data_dim // 2:
            raise BadInput(
                f"patch_jitter={self.patch_jitter} overlaps by half of data_dim={self.data_dim} or "
                f"more; give {1 - self.data_dim // 2} or more"
            )
        super().check()

    def remedy(self) -> str:
        """Return which other grid, image or pooling would make patches large enough."""
        least, per_side = self.least, self.patches_per_side
        sides = range(self.data_dim, 100 * (self.data_dim + least))
        fits = next(side for side in sides if self.grid_at(side, per_side).patch >= least)
        said = [f"data_dim={fits}"]
        for fewer in range(per_side - 1, 1, -1):
            if self.grid_at(self.data_dim, fewer).patch >= least:
                said.append(f"patches_per_side={fewer}")
                break
        free = self.data_dim // per_side - least
        if self.patch_jitter is not None and 0 <= free < self.patch_jitter:
            said.append(f"patch_jitter={free}")
        own = not self.encoder_architecture
        if self.pooling != "none" and own and self.grid.patch >= least // 2:
            said.append("pooling=none")
        return f"give {' or '.join(said)}"

    def notes(self) -> tuple[str, ...]:
        return (*super().notes(), *left_over(self))


@dataclass(frozen=True)
class GridRecipe(PatchRecipe, TellingRecipe):
    """A recipe that tells classes of patches apart."""


def left_over(recipe: PatchRecipe) -> tuple[str, ...]:
    """Return what is to be said of a grid that does not cover its image."""
    grid, side = recipe.grid, recipe.data_dim
    if not grid.left_over:
        return ()
    fits = [
        next(n for n in way if not recipe.grid_at(n, grid.per_side).left_over)
        for way in (range(side, 0, -1), range(side, 10 * side))
    ]
    return (
        f"data_dim={side} is not parted evenly by patches_per_side={grid.per_side}: the last "
        f"{grid.left_over} of each side are in no patch; data_dim={fits[0]} or {fits[1]} would "
        "leave none",
    )


def refuse_ones(recipe: WholeRecipe, normed: bool) -> None:
    """Raise `BadInput` where a head's batch norm would see one sample."""
    alone = recipe.batch_size // (recipe.accumulate * recipe.devices)
    if normed and alone < 2:
        raise BadInput(
            f"batch_size={recipe.batch_size} in {recipe.accumulate * recipe.devices} part(s) gives "
            "the head's batch norm one sample; give batch_size="
            f"{2 * recipe.accumulate * recipe.devices}, or top_architecture=none"
        )


def loading_of(recipe: WholeRecipe, *, training: bool) -> Loading:
    """Return how images are changed as they are loaded."""
    low, high = recipe.augment_zoom_range
    zoom_only = recipe.augment_zoom_only if training else recipe.val_augment_zoom_only
    augment = recipe.augment if training else recipe.val_augment
    if recipe.ndim == 3:
        return Loading(turn=augment)
    if zoom_only:
        return Loading((low, high))
    return Loading((low, high), turn=True) if augment else Loading()
