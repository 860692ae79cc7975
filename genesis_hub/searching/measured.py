"""How well places were found: pixels from the truth and shares near enough, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis_hub.errors import BadInput
from genesis_hub.evaluate import Interval, intervals, means

if TYPE_CHECKING:
    from genesis_hub.searching.places import Place

SHARE = 0.1
# What is measured, in words.
WORDS = {
    "error": "mean error (px)",
    "copied_error": "mean error, place copied (px)",
    "within": "found within the tolerance",
    "copied_within": "within it, place copied",
    "gain": "found within, less copied",
}


@dataclass(frozen=True)
class Tolerance:
    """How far from the truth is near enough: pixels, or None for a tenth of the longer side."""

    pixels: float | None = None

    def __post_init__(self) -> None:
        if self.pixels is not None and not 0 < self.pixels < float("inf"):
            raise BadInput(f"within={self.pixels!r}, but it is a number of pixels above 0")

    def of(self, longer: int) -> float:
        """Return the pixels that are near enough in a picture with this longer side."""
        return SHARE * longer if self.pixels is None else self.pixels

    def __str__(self) -> str:
        if self.pixels is None:
            return "a tenth of a picture's longer side"
        return f"{self.pixels:g} px"


def measured(
    places: Sequence["Place"], tolerance: Tolerance, draw: np.random.Generator
) -> dict[str, Interval]:
    """Return the measures of places whose truth is known, over all and as "error/heart" of each.

    Patients are resampled, those in whose pictures places were looked for. Beside each stands what
    copying the place from the picture asked with would give: pictures taken alike lie alike.
    """
    known = [place for place in places if place.truth is not None]
    if not known:
        return {}
    error, copied = (np.array([getattr(p, n) for p in known]) for n in ("error", "copied"))
    near = np.array([tolerance.of(place.longer) for place in known])
    columns = {
        "error": error, "copied_error": copied, "within": (error <= near) * 1.0,
        "copied_within": (copied <= near) * 1.0, "gain": (error <= near) * 1.0 - (copied <= near),
    }  # fmt: skip
    names = sorted({place.landmark for place in known})
    values: dict[str, Any] = dict(columns)
    if len(names) > 1:
        for name in names:
            own = np.array([place.landmark == name for place in known])
            values |= {f"{of}/{name}": np.where(own, v, np.nan) for of, v in columns.items()}
    sample = means(
        values, patients=[place.patient for place in known], bounded=("within", "copied_within")
    )
    return intervals(sample, draw=draw)
