"""From what a user points at to items: images found, read once, each brought to one side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genesis_hub.data.cases import Case
from genesis_hub.engine.objective import Items
from genesis_hub.errors import BadInput
from training.corpus.listing import Listing, Scan
from training.corpus.listing import listed as scans_listed
from training.corpus.material import Material, Source
from training.kinds import WholeRecipe
from training.pictures.kept import DEPTHS, SQUARES
from training.pictures.listing import listed as pictures_listed
from training.pictures.room import room_for
from training.wholes.files import WholeFiles
from training.wholes.items import WholeItems
from training.wholes.parts import PartFiles, PartItems

READERS = {2: 4, 3: 2}  # Threads: each holds a whole scan meanwhile.


def wholes_of(data: str | Path, recipe: WholeRecipe) -> Source:
    """Return the images of a place, whole, or raise `BadInput`.

    data: a folder, a table, in 2D also a published stack; with train_list the folder that its
    paths begin at.
    """
    listing = found(data, recipe)

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        folder = Path(recipe.cache).expanduser() if recipe.cache else spare
        how: dict[str, Any] = {
            "side": recipe.data_dim,
            "channels": recipe.number_channels,
            "tolerate": recipe.tolerate,
            "check": not recipe.no_check,
            "workers": READERS[recipe.ndim],
            "quiet": quiet,
        }
        if recipe.patch_size:
            folder.mkdir(parents=True, exist_ok=True)
            sides = recipe.patch_size
            return material(PartFiles(listing.scans, folder, sides=sides, **how), recipe)
        count, side = len(listing.scans), recipe.data_dim
        need = count * recipe.number_channels * side**recipe.ndim * DEPTHS[recipe.ndim].itemsize
        what = f"{count} images of {side} a side"
        room_for(need, what, folder, kept=SQUARES, key="data_dim")
        return material(WholeFiles(listing.scans, folder, ndim=recipe.ndim, **how), recipe)

    count = len(listing.cases.of("train")) * recipe.patches_per_scan
    return Source(listing.cases, count, listing.notes, read)


def found(data: str | Path, recipe: WholeRecipe) -> Listing:
    """Return which images there are."""
    ends = {"train": recipe.suffix, "val": recipe.val_suffix or recipe.suffix}
    drawn: dict[str, Any] = {
        "seed": recipe.seed,
        "validation": recipe.validation,
        "suffixes": sorted(set(ends.values())) if all(ends.values()) else (),
    }
    if recipe.ndim == 3:
        listing = scans_listed(data, modality="", **drawn)
    else:
        drawn |= {"train_list": recipe.train_list or None, "val_list": recipe.val_list or None}
        listing = pictures_listed(data, **drawn)
    return listing if len(set(ends.values())) == 1 else by_ending(listing, ends)


def by_ending(listing: Listing, ends: Mapping[str, str]) -> Listing:
    """Return the images of each split that end as those of that split do."""

    def fits(one: Case | Scan) -> bool:
        file = one.paths[0] if isinstance(one, Scan) else one.images[0]
        return file.name.lower().endswith(ends[one.split or "train"].lower())

    cases = replace(listing.cases, cases=tuple(filter(fits, listing.cases.cases)))
    for split, ending in ends.items():
        if listing.cases.of(split) and not cases.of(split):
            key = "suffix" if split == "train" else "val_suffix"
            raise BadInput(f"{key}={ending}: none of the images drawn for {split} ends so")
    return Listing(tuple(filter(fits, listing.scans)), cases, listing.notes)


def material(files: WholeFiles | PartFiles, recipe: WholeRecipe) -> Material:
    """Return images that were read, to learn from and to validate on."""
    learned, kept = files.of("train"), files.of("val")
    if not learned:
        raise BadInput("no image that can be read is left to learn from; mend them")

    def items(places: Sequence[int], others: Sequence[int]) -> Items:
        paired = others if recipe.pairs else ()
        if isinstance(files, PartFiles):
            return PartItems(files, places, recipe.patches_per_scan, paired)
        return WholeItems(files, places, paired)

    notes = [f"left out: {one}" for one in files.left_out]
    return Material(
        items(learned, learned),
        items(kept, kept if len(kept) > 1 else [*learned, *kept]) if kept else None,
        files.left_out,
        (*notes, *files.notes, said(recipe)),
        files.seen,
    )


def said(recipe: WholeRecipe) -> str:
    """Return in words what was done to every image."""
    sides = " x ".join(map(str, recipe.size))
    if recipe.patch_size:
        cut = " x ".join(map(str, recipe.patch_size))
        return (
            f"{recipe.patches_per_scan} parts of {cut} voxels are cut from each scan in an epoch "
            f"and brought to {sides} in {recipe.number_channels} channel(s); each scan went from "
            "its own least to its greatest value"
        )
    scaled = (
        "8 bits became 0 to 1, other values went from what their file calls black and white"
        if recipe.ndim == 2
        else "each went from its own least to its greatest value"
    )
    return (
        f"all images were resized, their proportions kept, and padded with zeros to {sides} in "
        f"{recipe.number_channels} channel(s); {scaled}"
    )
