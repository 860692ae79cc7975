"""DICOM series become volumes in order, in HU where they are CT; projections become pictures.

pydicom reads headers and unpacks pixels; order and gaps are ours.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.data.image import Affine, Array, Image, sound_affine, spacing_of
from genesis_hub.data.readers.fields import damaged
from genesis_hub.data.readers.pixels import fill, pixels_of, stored_limits, within_bits
from genesis_hub.data.readers.raw import rescaled
from genesis_hub.data.readers.series import Series, is_picture, place_of
from genesis_hub.data.readers.slices import Slice
from genesis_hub.errors import BadInput

MODALITIES = {"CT": "ct", "MR": "mri", "CR": "xray", "DX": "xray", "RG": "xray", "MG": "xray"}
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
LARGE = 1 << 28
EVEN = 0.05  # Distances between slices may differ by this share, or this many millimetres.


def read_series(series: Series, *, path: Path, uneven: bool = False) -> Image:
    """Return the image of a series: a picture (C, rows, columns), or a volume (C, X, Y, Z)."""
    one = series.slices[0]
    if is_picture(one):
        return picture_of(one, path, series)
    notes: list[str] = []
    slices, affine = in_order(series, path, notes, uneven=uneven)
    check_slope(slices, path, notes)
    return Image(
        path=path,
        kind="dicom",
        shape=(one.samples, one.columns, one.rows, len(slices)),
        load=lambda: volume_of(slices),
        affine=affine,
        spacing=spacing_of(affine),
        unit="HU" if one.modality == "CT" else "",
        modality=MODALITIES.get(one.modality, one.modality.lower()),
        sources=tuple(dict.fromkeys(s.path for s in slices)),
        notes=tuple(notes),
        name=series.name,
    )


def check_slope(slices: list[Slice], path: Path, notes: list[str]) -> None:
    """Refuse a slope that is none, and note a CT that does not say how its values become HU."""
    bad = next((one for one in slices if one.slope == 0), None)
    if bad is not None:
        raise BadInput(f"{bad.path}: RescaleSlope is 0; every value would be the same")
    if slices[0].modality == "CT" and all((s.slope, s.intercept) == (1, 0) for s in slices):
        notes.append("a CT whose rescale slope is 1 and intercept 0: its values are taken as HU")


def in_order(
    series: Series, path: Path, notes: list[str], *, uneven: bool
) -> tuple[list[Slice], Affine]:
    """Return the slices from one end to the other, and where they lie."""
    one = series.slices[0]
    if any(s.position is None for s in series.slices) or one.directions is None:
        raise BadInput(
            f"{path}: slices of series {series} do not say where they lie (ImagePositionPatient, "
            "ImageOrientationPatient), so their order is not known; export it again with them"
        )
    across, down = one.directions[:3], one.directions[3:]
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    if abs(across @ down) > 1e-2 or not all(0.9 < n < 1.1 for n in lengths):
        raise damaged(one.path, f"ImageOrientationPatient is {one.directions.tolist()}")
    normal = np.cross(across, down)
    slices = without_twins(
        sorted(series.slices, key=lambda s: (float(normal @ placed(s)), s.instance)),
        path, series, notes,
    )  # fmt: skip
    places = np.array([placed(s) for s in slices])
    if one.spacing is None:
        notes.append("no PixelSpacing: 1 mm is taken")
    between_rows, between_columns = one.spacing or (1.0, 1.0)
    if len(slices) > 1:
        check_even(slices, places, normal, path, notes, uneven=uneven)
        step = (places[-1] - places[0]) / (len(slices) - 1)
    else:
        step = normal * (one.thickness or 1.0)
    affine = np.eye(4)
    affine[:3, 0] = across * between_columns
    affine[:3, 1] = down * between_rows
    affine[:3, 2] = step
    affine[:3, 3] = places[0]
    return slices, sound_affine(LPS_TO_RAS @ affine, path)


def placed(one: Slice) -> NDArray[np.float64]:
    """Return the position of a slice that has one."""
    assert one.position is not None
    return one.position


def without_twins(slices: list[Slice], path: Path, series: Series, notes: list[str]) -> list[Slice]:
    """Drop slices that are there twice; refuse different ones at one place."""
    kept: list[Slice] = []
    for one in slices:
        if kept and place_of(kept[-1]) == place_of(one):
            if fingerprint(kept[-1]) != fingerprint(one):
                raise BadInput(
                    f"{path}: series {series} has different slices at one place: {kept[-1].path} "
                    f"and {one.path} both lie at {place_of(one)}; it mixes time points, echoes or "
                    "reconstructions: put each in a folder of its own"
                )
            notes.append(f"{one.path.name} repeats {kept[-1].path.name} and was left away")
            continue
        kept.append(one)
    return kept


def fingerprint(one: Slice) -> str:
    """Return a digest of a slice's values."""
    return sha256(np.ascontiguousarray(pixels_of(one)).tobytes()).hexdigest()


def check_even(
    slices: list[Slice],
    places: NDArray[np.float64],
    normal: NDArray[np.float64],
    path: Path,
    notes: list[str],
    *,
    uneven: bool,
) -> None:
    """Refuse a series with gaps, or whose slices do not lie on one line."""
    along = places @ normal
    distances = np.diff(along)
    usual = float(np.median(distances))
    wrong = np.flatnonzero(np.abs(distances - usual) > max(EVEN * usual, EVEN))
    line = places[0] + np.linspace(0, 1, len(places))[:, None] * (places[-1] - places[0])
    aside = np.linalg.norm((places - line) - ((places - line) @ normal)[:, None] * normal, axis=1)
    if not wrong.size and aside.max() < 1:
        return
    if wrong.size:
        at = int(wrong[0])
        what = (
            f"{len(wrong)} of {len(distances)} distances between slices are not {usual:.4g} mm: "
            f"{distances[at]:.4g} mm between {slices[at].path.name} and {slices[at + 1].path.name}"
        )
        if distances[at] > 1.5 * usual:
            what += f"; {round(distances[at] / usual) - 1} slice(s) seem to be missing there"
    else:
        what = f"slices lie up to {aside.max():.3g} mm beside the line from the first to the last"
    if not uneven:
        raise BadInput(
            f"{path}: {what}; add what is missing, or pass uneven=True (--uneven) to take the "
            "slices as evenly spaced"
        )
    notes.append(f"{what}; taken as evenly spaced")


def volume_of(slices: list[Slice]) -> Array:
    """Return the values of slices in order: (C, X, Y, Z)."""
    one = slices[0]
    scales = {(s.slope, s.intercept) for s in slices}
    kinds = {(s.dtype, s.bits) for s in slices}
    alike = len(kinds) == 1 and len(scales) == 1 and one.samples == 1
    whole: dict[Path, Any] = {}  # Files of many packed frames are parsed once.
    if alike:
        if one.offset is None and one.size * len(slices) > LARGE:
            pixels_of(one)  # A header that lies is found out before memory is taken for it.
        stack = np.empty((len(slices), one.rows, one.columns), dtype=one.dtype)
        for place, s in zip(stack, slices, strict=True):
            fill(place, s, whole)
        stack = rescaled(within_bits(stack, one), one.slope, one.intercept)[..., None]
    else:
        stack = np.stack(
            [rescaled(pixels_of(s, whole), s.slope, s.intercept).astype(np.float32) for s in slices]
        ).reshape(len(slices), one.rows, one.columns, one.samples)
    return stack.transpose(3, 2, 1, 0)


def picture_of(one: Slice, path: Path, series: Series) -> Image:
    """Return the image of a projection: bright is dense, as readers of X-rays expect."""
    lo, hi = limits(one)
    notes: list[str] = []
    window = one.window
    inverted = one.photometric == "MONOCHROME1"
    if inverted:
        notes.append("MONOCHROME1: inverted, so that bright is dense")
        window = None if window is None else (lo + hi - window[1], lo + hi - window[0])

    def load() -> Array:
        values = rescaled(pixels_of(one), one.slope, one.intercept)
        if inverted:
            wide: Any = values.astype(np.float32 if values.dtype.kind == "f" else np.int64)
            values = (lo + hi - wide).astype(values.dtype)
        return np.atleast_3d(values).transpose(2, 0, 1) if values.ndim == 3 else values[None]

    return Image(
        path=path,
        kind="dicom",
        shape=(one.samples, one.rows, one.columns),
        load=load,
        spacing=one.spacing,
        modality=MODALITIES.get(one.modality, one.modality.lower()),
        grey=window or (lo, hi),
        sources=(one.path,),
        notes=tuple(notes),
        name=series.name,
    )


def limits(one: Slice) -> tuple[float, float]:
    """Return the least and greatest value a slice can hold, after its rescaling."""
    least, most = stored_limits(one)
    ends = (least * one.slope + one.intercept, most * one.slope + one.intercept)
    return min(ends), max(ends)
