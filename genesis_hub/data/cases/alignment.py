"""Whether two images of one case lie on the same grid, and in what words they do not."""

from itertools import combinations

import numpy as np

from genesis_hub.data.image import Affine, Image, codes_of, spacing_of

TOLERANCE = 1e-3  # Shares of the spacing.


def shape_mismatch(image: Image, other: Image) -> str:
    """Return how two images differ in shape; empty where they do not."""
    ours, theirs = image.shape[1:], other.shape[1:]
    if ours == theirs:
        return ""
    turned = " (its axes are in another order)" if sorted(ours) == sorted(theirs) else ""
    return f"is {by(theirs)}, but {image.title} is {by(ours)}{turned}"


def affine_mismatch(image: Image, other: Image) -> str:
    """Return how two images differ in where they lie; empty where they do not, or do not know."""
    if image.affine is None or other.affine is None:
        return ""
    ours, theirs = image.affine, other.affine
    spacing, theirs_spacing = np.array(spacing_of(ours)), np.array(spacing_of(theirs))
    said = []
    if (np.abs(spacing - theirs_spacing) > TOLERANCE * spacing).any():
        said.append(f"other spacing: {by(theirs_spacing)} mm, not {by(spacing)} mm")
    directions, theirs_directions = ours[:3, :3] / spacing, theirs[:3, :3] / theirs_spacing
    turned = np.abs(directions - theirs_directions).max() > TOLERANCE
    if turned:
        said.append(turned_words(ours, theirs, directions, theirs_directions))
    shift = np.linalg.norm(ours[:3, 3] - theirs[:3, 3])
    if not turned and shift > TOLERANCE * spacing.min():
        said.append(f"shifted by {shift:.3g} mm")
    return "; ".join(said)


def turned_words(
    ours: Affine, theirs: Affine, directions: Affine, theirs_directions: Affine
) -> str:
    """Return how two frames with different directions stand to each other."""
    codes, theirs_codes = codes_of(ours), codes_of(theirs)
    for count in (1, 2, 3):
        for axes in combinations(range(3), count):
            signs = np.ones(3)
            signs[list(axes)] = -1
            if np.abs(directions * signs - theirs_directions).max() <= TOLERANCE:
                named = ", ".join("XYZ"[axis] for axis in axes)
                return f"flipped along {named}: {theirs_codes}, not {codes}"
    if sorted_axes(codes) != sorted_axes(theirs_codes):
        return f"its axes run {theirs_codes}, not {codes}"
    cosine = (np.trace(directions.T @ theirs_directions) - 1) / 2
    return f"turned by {np.degrees(np.arccos(np.clip(cosine, -1, 1))):.3g} degrees"


def sorted_axes(codes: str) -> list[str]:
    """Return which patient axis each index runs along, whichever way."""
    return ["".join(pair for pair in ("LR", "AP", "IS") if code in pair) for code in codes]


def by(numbers: object) -> str:
    """Return lengths as 2x2x1.5."""
    return "x".join(f"{number:.4g}" for number in np.ravel(np.asarray(numbers)))
