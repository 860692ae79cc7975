"""What recipes of the proxy tasks say beside the images: their heads, and the grid of patches."""

from dataclasses import dataclass

from genesis_hub.errors import BadInput
from training.kinds import WholeRecipe
from training.proxy.heads import TOPS
from training.views.patches import Patches
from training.views.whole import Loading

NORMED = ("big_fully", "simple_multiclass")


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
        refuse_ones(self, self.top_architecture in NORMED)


@dataclass(frozen=True)
class GridRecipe(TellingRecipe):
    """A recipe that learns from a grid of patches.

    patches_per_side: of the grid, so P^2 patches in 2D and P^3 in 3D. patch_jitter: how much
    smaller a patch is than its cell, in which it may lie anywhere; below 0, patches overlap.
    """

    patches_per_side: int = 3
    patch_jitter: int = 0

    @property
    def grid(self) -> Patches:
        """The grid of patches."""
        return Patches(self.data_dim, self.patches_per_side, self.ndim, self.patch_jitter)

    @property
    def inputs(self) -> tuple[int, int]:
        return self.grid.count, self.grid.patch

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        self.at_least(2, "patches_per_side")
        super().check()

    def remedy(self) -> str:
        return grid_remedy(self)

    def notes(self) -> tuple[str, ...]:
        return (*super().notes(), *left_over(self.grid))


def grid_remedy(recipe: GridRecipe) -> str:
    """Return which other grid, image or pooling would make patches large enough."""
    least, extra = recipe.least, max(0, -recipe.patch_jitter)
    said = [f"data_dim={recipe.patches_per_side * (least + recipe.patch_jitter) + extra}"]
    for per_side in range(recipe.patches_per_side - 1, 1, -1):
        if Patches(recipe.data_dim, per_side, recipe.ndim, recipe.patch_jitter).patch >= least:
            said.append(f"patches_per_side={per_side}")
            break
    whole = recipe.data_dim // recipe.patches_per_side
    if 0 <= whole - least < recipe.patch_jitter:
        said.append(f"patch_jitter={whole - least}")
    if recipe.pooling != "none" and not recipe.encoder_architecture and recipe.grid.patch >= 16:
        said.append("pooling=none")
    return f"give {' or '.join(said)}"


def left_over(grid: Patches) -> tuple[str, ...]:
    """Return what is to be said of a grid that does not cover its image."""
    if not grid.left_over:
        return ()
    fits = grid.side - grid.left_over
    return (
        f"data_dim={grid.side} is not parted evenly by patches_per_side={grid.per_side}: the last "
        f"{grid.left_over} of each side are in no patch; data_dim={fits} or "
        f"{fits + grid.per_side} would leave none",
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
