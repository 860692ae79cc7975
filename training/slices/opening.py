"""From what a user points at to labelled slices: found, read once, drawn with their lesions."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.readers.picture import SUFFIXES
from genesis_hub.engine.objective import Items
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.inputs import Inputs
from training.corpus.listing import Scan
from training.corpus.material import Material, Source
from training.kinds import SliceRecipe
from training.pictures.room import room_for
from training.slices.files import SliceFiles
from training.slices.items import Places, ScanItems, SliceItems
from training.slices.listing import Labelled, listed

FRAME = "PLS"  # Slices lie as pictures do, rows first, as `predict` shows them.
READERS = {2: 4, 3: 2}  # Threads: each holds a whole scan meanwhile.


def slices_of(data: str | Path, recipe: SliceRecipe, facts: InputFacts) -> Source:
    """Return the labelled slices of a place, or raise `BadInput`.

    data: a folder or a table of volumes or pictures with masks or labels. facts: what their values
    become.
    """
    listing = listed(data, seed=recipe.seed, validation=recipe.validation, positive=recipe.positive)
    scans = [scan for scan in listing.scans if isinstance(scan, Labelled)]
    depths = [depth_of(scan) for scan in scans]
    ndim = 3 if any(depth for depth in depths) else 2
    count = sum(max(1, n) for n, scan in zip(depths, scans, strict=True) if scan.split != "val")
    if recipe.per_scan:
        count = recipe.per_scan * sum(scan.split != "val" for scan in scans)

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        folder = Path(recipe.cache).expanduser() if recipe.cache else spare
        every, side = sum(max(1, n) for n in depths), recipe.input_side
        what = f"{every} slices of {side} a side"
        room_for(every * side**2 * 17 // 8, what, folder, kept="*-slices.npy", key="input_side")
        files = SliceFiles(
            scans, folder, inputs=Inputs(facts, 1, FRAME), ndim=ndim, side=recipe.input_side,
            least=recipe.least_spot,
            tolerate=recipe.tolerate, check=not recipe.no_check, workers=READERS[ndim], quiet=quiet,
        )  # fmt: skip
        return material(files, recipe)

    return Source(listing.cases, count, listing.notes, read)


def depth_of(scan: Scan) -> int:
    """Return how many slices a volume has by its header; 0 of a picture, or where it is unread."""
    if scan.paths[0].name.lower().endswith(SUFFIXES):
        return 0
    try:
        image = scan.open()
        return image.framed_sides(FRAME)[-1] if image.ndim == 3 else 0
    except (GenesisHubError, OSError):
        return 0  # Reading it will say what is wrong.


def material(files: SliceFiles, recipe: SliceRecipe) -> Material:
    """Return slices that were read, to learn from and to validate on."""
    split = np.array(files.splits)[files.scan_of]
    learned, kept = (np.flatnonzero(split == name).astype(np.int64) for name in ("train", "val"))
    if not len(learned):
        raise BadInput("no scan that can be read is left to learn from; mend them")
    refuse_unsaid(files, learned, recipe)
    label = files.facts["label"][learned]
    train: Items = SliceItems(files, learned)
    if recipe.per_scan:
        train = ScanItems(files, learned, recipe.per_scan)
    notes = [f"left out: {one}" for one in files.left_out]
    return Material(
        train,
        SliceItems(files, kept) if len(kept) else None,
        files.left_out,
        (*notes, *files.notes, *(said(files, some, to) for some, to in
         ((learned, "learn from"), (kept, "validate on")))),
        files.seen,
        weights_for(label == 1, recipe.lesions) if recipe.lesions else None,
    )  # fmt: skip


def refuse_unsaid(files: SliceFiles, learned: Places, recipe: SliceRecipe) -> None:
    """Raise `BadInput` where nothing says what is to be learned."""
    facts = files.facts[learned]
    if "mask" in recipe.needs and not facts["lesion"].any():
        raise BadInput(
            "no slice to learn from has a mask with something in it, so nothing can be outlined; "
            "give masks, or leave seg out of tasks"
        )
    if "label" in recipe.needs and not {0, 1} <= set(facts["label"].tolist()):
        have = "none" if not (facts["label"] >= 0).any() else "all alike"
        raise BadInput(
            f"of the slices to learn from, the labels that are known are {have}, so nothing can be "
            "told apart; give scans with and without lesions, or leave cls out of tasks"
        )


def weights_for(lesion: Any, share: float) -> tuple[float, ...]:
    """Return how often each slice comes where a share of those drawn shall have a lesion."""
    count = int(lesion.sum())
    if not 0 < count < len(lesion):
        raise BadInput(
            f"lesions={share:g}, but {count} of {len(lesion)} slices have one; leave it away"
        )
    return tuple(np.where(lesion, share / count, (1 - share) / (len(lesion) - count)).tolist())


def said(files: SliceFiles, slices: Places, what: str) -> str:
    """Return in words which slices there are."""
    facts = files.facts[slices]
    scans = len(np.unique(files.scan_of[slices]))
    return (
        f"{len(facts)} slices of {scans} scans to {what}: {(facts['label'] == 1).sum()} with a "
        f"lesion, {(facts['label'] == 0).sum()} without, {facts['masked'].sum()} with a mask"
    )
