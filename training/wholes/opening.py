"""From what a user points at to items: images found, read once, each brought to one side."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genesis_hub.errors import BadInput
from training.corpus.listing import Listing
from training.corpus.listing import listed as scans_listed
from training.corpus.material import Material, Source
from training.kinds import WholeRecipe
from training.pictures.kept import DEPTHS
from training.pictures.listing import listed as pictures_listed
from training.wholes.files import WholeFiles
from training.wholes.items import WholeItems

AND_ROOM = 1 << 30  # Bytes that what is kept leaves free.
READERS = {2: 4, 3: 2}  # Threads: each holds a whole scan meanwhile.


def wholes_of(data: str | Path, recipe: WholeRecipe) -> Source:
    """Return the images of a place, whole, or raise `BadInput`.

    data: a folder, a table, in 2D also a published stack; with train_list the folder that its
    paths begin at.
    """
    listing = found(data, recipe)

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        folder = Path(recipe.cache).expanduser() if recipe.cache else spare
        room_for(folder, len(listing.scans), recipe)
        files = WholeFiles(
            listing.scans,
            folder,
            ndim=recipe.ndim,
            side=recipe.data_dim,
            channels=recipe.number_channels,
            tolerate=recipe.tolerate,
            check=not recipe.no_check,
            workers=READERS[recipe.ndim],
            quiet=quiet,
        )
        return material(files, recipe)

    return Source(listing.cases, len(listing.cases.of("train")), listing.notes, read)


def found(data: str | Path, recipe: WholeRecipe) -> Listing:
    """Return which images there are."""
    drawn: dict[str, Any] = {"seed": recipe.seed, "validation": recipe.validation}
    if recipe.ndim == 3:
        return scans_listed(data, modality="", **drawn)
    return pictures_listed(
        data, train_list=recipe.train_list or None, val_list=recipe.val_list or None, **drawn
    )


def material(files: WholeFiles, recipe: WholeRecipe) -> Material:
    """Return images that were read, to learn from and to validate on."""
    learned, kept = (
        [place for place, split in enumerate(files.splits) if split == wanted]
        for wanted in ("train", "val")
    )
    if not learned:
        raise BadInput("no image that can be read is left to learn from; mend them")

    def seen() -> list[dict[str, Any]]:
        return [
            {
                "case": files.names[place],
                "patient": files.patients[place],
                "hashes": [files.look(place)],
            }
            for place in learned
        ]

    def items(places: Sequence[int], others: Sequence[int]) -> WholeItems:
        return WholeItems(files, places, others if recipe.pairs else ())

    notes = [f"left out: {one}" for one in files.left_out]
    return Material(
        items(learned, learned),
        items(kept, kept if len(kept) > 1 else [*learned, *kept]) if kept else None,
        files.left_out,
        (*notes, *files.notes, said(recipe)),
        seen,
    )


def said(recipe: WholeRecipe) -> str:
    """Return in words what was done to every image."""
    sides = " x ".join(map(str, recipe.size))
    scaled = (
        "8 bits became 0 to 1, other values went from what their file calls black and white"
        if recipe.ndim == 2
        else "each went from its own least to its greatest value"
    )
    return (
        f"all images were resized, their proportions kept, and padded with zeros to {sides} in "
        f"{recipe.number_channels} channel(s); {scaled}"
    )


def room_for(folder: Path, count: int, recipe: WholeRecipe) -> None:
    """Raise `BadInput` where the disk has no room for what is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    voxels = recipe.number_channels * recipe.data_dim**recipe.ndim
    need = count * voxels * DEPTHS[recipe.ndim].itemsize
    # What an earlier run kept here takes no room again; a file may be larger than what is in it.
    held = sum(getattr(file.stat(), "st_blocks", 0) * 512 for file in folder.glob("*.pixels"))
    free = shutil.disk_usage(folder).free + held
    if need + AND_ROOM > free:
        raise BadInput(
            f"{count} images of {recipe.data_dim} a side take {need / 1e9:.2f} GB in {folder}, "
            f"where {free / 1e9:.2f} GB are free; make room, lower data_dim, or give cache=FOLDER "
            "on a larger disk"
        )
