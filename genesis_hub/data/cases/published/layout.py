"""The layouts that are known by name, and which one a folder or a file has."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.columns import Columns
from genesis_hub.data.cases.draft import Draft
from genesis_hub.data.cases.published import brats, candidates, lidc, lits, luna16, medmnist
from genesis_hub.data.cases.published.xrays import (
    busi,
    chestxdet,
    chestxray14,
    chexpert,
    drive,
    jsrt,
    montgomery,
    shenzhen,
    siim,
    vindrcxr,
    vindrrib,
)
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Layout:
    """A way in which a data set is published.

    says: what it looks like. seen: whether a path surely has it, told by names and headers alone.
    options: of `load_cases`, those that it knows.
    """

    name: str
    says: str
    seen: Callable[[Path], bool]
    read: Callable[[Path, Columns], Draft]
    options: tuple[str, ...] = ()


LAYOUTS = (
    Layout("medmnist", medmnist.SAYS, medmnist.seen, medmnist.read_medmnist),
    Layout("luna16", luna16.SAYS, luna16.seen, luna16.read_luna16),
    Layout(
        "candidates", candidates.SAYS, candidates.seen, candidates.read_candidates,
        ("image", "mask", "labels", "patient", "split", "name"),
    ),
    Layout("lidc-cubes", lidc.SAYS, lidc.seen, lidc.read_lidc),
    Layout("lits", lits.SAYS, lits.seen, lits.read_lits),
    Layout("brats", brats.SAYS, brats.seen, brats.read_brats, ("image",)),
    Layout("chestxray14", chestxray14.SAYS, chestxray14.seen, chestxray14.read_chestxray14),
    Layout("chexpert", chexpert.SAYS, chexpert.seen, chexpert.read_chexpert, ("image",)),
    Layout("shenzhen", shenzhen.SAYS, shenzhen.seen, shenzhen.read_shenzhen),
    Layout("vindr-cxr", vindrcxr.SAYS, vindrcxr.seen, vindrcxr.read_vindrcxr),
    Layout("siim", siim.SAYS, siim.seen, siim.read_siim),
    Layout("montgomery", montgomery.SAYS, montgomery.seen, montgomery.read_montgomery),
    Layout("jsrt", jsrt.SAYS, jsrt.seen, jsrt.read_jsrt, ("mask",)),
    Layout("vindr-rib", vindrrib.SAYS, vindrrib.seen, vindrrib.read_vindrrib),
    Layout("chestx-det", chestxdet.SAYS, chestxdet.seen, chestxdet.read_chestxdet, ("mask",)),
    Layout("drive", drive.SAYS, drive.seen, drive.read_drive),
    Layout("busi", busi.SAYS, busi.seen, busi.read_busi),
)  # fmt: skip


def named_layout(name: str) -> Layout:
    """Return a layout by its name, or raise `BadInput` with the nearest ones."""
    known = {layout.name: layout for layout in LAYOUTS}
    wanted = str(name).lower().replace("_", "-")
    if wanted not in known:
        close = ", ".join(difflib.get_close_matches(wanted, known, 3, 0.5)) or "none"
        raise BadInput(
            f"reader={name!r}: no layout is called so; close names: {close}; all: "
            f"{', '.join(known)}; leave it away for folders and tables of your own"
        )
    return known[wanted]


def layout_of(path: Path) -> Layout | None:
    """Return the layout that a path surely has, or None where it is none of these."""
    return next((layout for layout in LAYOUTS if layout.seen(path)), None)
