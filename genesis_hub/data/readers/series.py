"""DICOM files become series: grouped by what one volume has in common, and named.

By hand, since no library refuses a series that is not one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.data.readers.slices import Slice, slices_of
from genesis_hub.errors import BadInput

# Projections: each file is a picture by itself, whatever its series.
PICTURES = ("CR", "DX", "MG", "RG", "IO", "PX", "XA", "RF", "US", "SC", "OT", "XC", "GM", "SM")
MOST_NAMED = 20  # Series listed in an error.


@dataclass(frozen=True, eq=False)
class Series:
    """Slices that belong together, in order."""

    name: str
    slices: tuple[Slice, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        one = self.slices[0]
        said = f" {one.description!r}" if one.description else ""
        return (
            f"{self.name} ({one.modality or 'no modality'}{said}, {len(self.slices)} of "
            f"{one.rows} x {one.columns})"
        )


def series_in(files: list[Path], *, stem: str, named: bool = False) -> list[Series]:
    """Return the series that a heap of files holds, by number; files that are no images aside."""
    groups: dict[tuple[Any, ...], list[list[Slice]]] = {}
    for path in files:
        for one in slices_of(path, named=named):
            alike = groups.setdefault(kind_of(one), [])
            group = next((group for group in alike if parallel(group[0], one)), None)
            if group is None:
                alike.append([one])
            else:
                group.append(one)
    parted = [part for alike in groups.values() for group in alike for part in apart(group)]
    parted.sort(key=lambda part: (part[0].number, str(part[0].path)))
    names = names_of(parted, stem)
    return [Series(name, tuple(part)) for name, part in zip(names, parted, strict=True)]


def only(found: list[Series], path: Path, wanted: str | None) -> Series:
    """Return the series that is meant, or raise `BadInput` naming all."""
    if wanted is not None:
        fitting = [s for s in found if wanted in (s.name, s.slices[0].series)]
        fitting = fitting or [s for s in found if wanted == str(s.slices[0].number)]
        if len(fitting) == 1:
            return fitting[0]
    elif len(found) == 1:
        return found[0]
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    said = ("; ".join(map(str, found[:MOST_NAMED])) or "none") + more
    asked = "several series lie here" if wanted is None else f"no one series is {wanted!r}"
    raise BadInput(
        f"{path}: {asked}: {said}; pass series= with a name, number or UID, or give each a folder "
        "of its own"
    )


def kind_of(one: Slice) -> tuple[Any, ...]:
    """Return what slices of one volume have in common."""
    if is_picture(one):
        return (str(one.path), one.frame)
    return (one.series, one.rows, one.columns, one.samples)


def parallel(one: Slice, other: Slice) -> bool:
    """Say whether two slices run alike and are as fine, but for what writing numbers costs."""
    pairs = ((one.directions, other.directions), (one.spacing, other.spacing))
    return all(
        a is None and b is None
        if a is None or b is None
        else bool(np.allclose(a, b, rtol=0, atol=1e-3))
        for a, b in pairs
    )


def is_picture(one: Slice) -> bool:
    """Say whether a slice is a picture by itself and no part of a volume."""
    return one.modality in PICTURES or (one.position is None and one.modality not in ("CT", "MR"))


def apart(group: list[Slice]) -> list[list[Slice]]:
    """Part slices that share positions by echo, time point or acquisition, where that helps."""
    places = [place_of(one) for one in group]
    if None in places or len(set(places)) == len(places):
        return [group]
    for rule in range(len(group[0].apart)):
        parts: dict[Any, list[Slice]] = {}
        for one in group:
            parts.setdefault(one.apart[rule], []).append(one)
        alone = all(len({place_of(one) for one in part}) == len(part) for part in parts.values())
        if len(parts) > 1 and alone:
            return list(parts.values())
    return [group]


def place_of(one: Slice) -> tuple[float, ...] | None:
    """Return a slice's position, rounded to a hundredth of a millimetre."""
    return None if one.position is None else tuple(np.round(one.position, 2) + 0.0)


def names_of(parts: list[list[Slice]], stem: str) -> list[str]:
    """Return a name for each series: the folder's or file's, told apart where there are several."""
    if len(parts) == 1:
        return [stem]
    names: list[str] = []
    for part in parts:
        one = part[0]
        words = one.path.stem if is_picture(one) else f"{one.number}_{one.description}"
        name = f"{stem}_{''.join(c if c.isalnum() else '_' for c in words).strip('_')}"
        count = sum(known == name or known.startswith(f"{name}__") for known in names)
        names.append(f"{name}__{count + 1}" if count else name)
    return names
