"""Values of DICOM fields as plain numbers, or refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput


def first(sequence: Any) -> Any:
    """Return the first item of a sequence, or None."""
    return sequence[0] if sequence else None


def number(value: Any, default: float | None = None) -> Any:
    """Return a finite number, or the default."""
    found = float(value) if value not in (None, "") else None
    return found if found is not None and np.isfinite(found) else default


def scale(value: Any, default: float, path: Path) -> float:
    """Return a slope or an intercept."""
    found = float(value) if value not in (None, "") else default
    if not np.isfinite(found):
        raise damaged(path, f"its rescale slope or intercept is {found}")
    return found


def pair(value: Any, path: Path) -> tuple[float, float] | None:
    """Return the distances between rows and between columns."""
    if value in (None, ""):
        return None
    found = vector(value, 2)
    if found is None or min(found) <= 0:
        raise damaged(path, f"PixelSpacing is {value}")
    return float(found[0]), float(found[1])


def vector(value: Any, length: int) -> NDArray[np.float64] | None:
    """Return a list of numbers, or None where it is not there or not whole."""
    if value is None or isinstance(value, str) or len(value) != length:
        return None
    found = np.array([float(part) for part in value])
    return found if np.isfinite(found).all() else None


def window_of(center: Any, width: Any) -> tuple[float, float] | None:
    """Return the least and greatest value shown, of the first window."""
    if center in (None, "") or width in (None, ""):
        return None
    middle, span = (
        float(v if isinstance(v, str) or not hasattr(v, "__len__") else v[0])
        for v in (center, width)
    )
    return (middle - span / 2, middle + span / 2) if span > 1 else None


def damaged(path: Path, what: str) -> BadInput:
    """Return the error for a DICOM file that cannot be used."""
    return BadInput(
        f"{path}: not a DICOM image that can be read ({what:.300}); copy or export it again, or "
        "take it out of the folder"
    )
