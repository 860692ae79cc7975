"""The usual mistakes with images, told apart by their values, each with its exact remedy.

Everything here looks at a sample of the values but NaN, which is searched everywhere: a check that
costs more than reading would be switched off.
"""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from genesis_hub.entry import InputFacts
from genesis_hub.sampling import Pixels, Sample, sampled

FEW = 256  # Fewer values than this say nothing about what they are.
LABELS = 6


def mistakes(
    image: Pixels, facts: InputFacts, ndim: int, spacing: tuple[float, ...] | None = None
) -> Iterator[str]:
    """Give what is wrong with an image in its own units, before the contract is applied."""
    # Where all sides of a voxel are alike, equal sides of the image tell nothing of its axes.
    if spacing is None or max(spacing) > 1.01 * min(spacing):
        yield from swapped(image, facts, ndim)
    seen = sampled(image, ndim)
    if len(seen.values) < FEW:
        return
    if seen.lo == seen.hi:
        if bool((image == image.reshape(-1)[0]).all()):
            yield f"every value is {seen.lo:g}: the image is constant; was the right file read?"
        return
    if facts.clip is None:
        if facts.modality == "mri":
            yield from ct_signs(seen)
        return
    lo, hi = facts.clip
    if labelled(image, seen, ndim):
        yield (
            "large areas have one value each: it looks like a label map, not an image; was the "
            "mask given for the image?"
        )
    elif seen.dtype == "bool" or (
        seen.whole and seen.hi <= 255 and seen.lo >= 0 and len(np.unique(seen.values)) <= LABELS
    ):
        yield (
            f"only {len(np.unique(seen.values))} values occur ({seen}): it looks like a label map, "
            "not an image; was the mask given for the image?"
        )
    elif facts.modality == "ct":
        yield from ct_mistakes(seen, lo, hi)
    elif facts.modality == "xray":
        yield from xray_mistakes(seen, image, hi)
    else:
        yield from range_mistakes(seen, lo, hi, facts.modality)


def labelled(image: Pixels, seen: Sample, ndim: int) -> bool:
    """Say whether a volume looks like a map of many labels: neighbours nearly always agree."""
    if ndim != 3 or not seen.whole or seen.lo < 0 or len(np.unique(seen.values)) > 256:
        return False
    middle = np.asarray(image[..., image.shape[-1] // 2]).reshape(-1, image.shape[-2])
    inside = (middle[1:] != 0) | (middle[:-1] != 0)
    agree = (middle[1:] == middle[:-1])[inside]
    return agree.size > FEW and float(agree.mean()) > 0.85


def swapped(image: Pixels, facts: InputFacts, ndim: int) -> Iterator[str]:
    """Give what is wrong with the order of the axes."""
    sides = tuple(int(side) for side in image.shape[-ndim:])
    if ndim == 3 and min(sides) > 7 and sides[1] == sides[2] != sides[0] and facts.modality == "ct":
        yield (
            f"the image is {sides} in space: the two equal sides of a CT are X and Y, so its axes "
            "look like (Z, Y, X); slices come last: image.transpose(0, 3, 2, 1)"
        )


def ct_mistakes(seen: Sample, lo: float, hi: float) -> Iterator[str]:
    """Give what is wrong with values that should be Hounsfield units."""
    want = f"expected HU, which are clipped to [{lo:g}, {hi:g}] here"
    if seen.share(32768, 65535) > 0.005 and seen.lo >= 0:
        yield (
            f"values run from {seen}: negative HU were stored as unsigned numbers; "
            "image.astype(numpy.int16) brings them back"
        )
    elif seen.lo >= 0 and seen.hi <= 1.001:
        yield f"values run from {seen}: windowed to [0, 1] already; {want}: give the HU themselves"
    elif seen.within(-1.001, 1.001):
        yield f"values run from {seen}: scaled to [-1, 1] already; {want}: give the HU themselves"
    elif seen.within(-25, 25) and not seen.whole:
        yield (
            f"values run from {seen}: normalised (z-score) or divided by 1000 already; "
            f"{want}: give the HU themselves"
        )
    elif seen.dtype == "uint8" or (
        seen.within(0, 255.5) and seen.hi > 100 and seen.share(0, 0) + seen.share(254.5, 256) > 0.05
    ):
        yield (
            f"values run from {seen} with none below 0: an 8-bit picture, windowed already, or no "
            f"CT; {want}: read the original image, or pass range= with what means black and white, "
            "or modality='mri' for MRI"
        )
    elif seen.lo < -200 and seen.share(800, 1100) > 0.2 and seen.share(-np.inf, -800) < 0.01:
        yield (
            f"{seen.share(800, np.inf):.0%} of the values are above 800 and none is below -800: "
            "air looks bright, so the sign is turned; give -image"
        )
    elif seen.lo > -200 and seen.at(0.05) < 300 and seen.at(0.99) > 500:
        yield (
            f"values run from {seen} with no air below -200: stored values without their rescale "
            f"intercept (most often image - 1024; or pass range=({lo + 1024:g}, {hi + 1024:g})), "
            "or no CT: pass modality='mri' for MRI"
        )
    elif seen.hi <= lo or seen.lo >= hi:
        yield f"values run from {seen}: nothing lies in the window; {want}"
    elif (seen.lo > lo + 0.01 * (hi - lo) and seen.share(seen.lo, seen.lo) > 0.1) or (
        seen.hi < hi - 0.01 * (hi - lo) and seen.share(seen.hi, seen.hi) > 0.01
    ):
        yield (
            f"values run from {seen} and many lie exactly at an end: clipped to a narrower window "
            f"already; {want}: give the HU themselves"
        )
    elif seen.hi > 20000 or seen.at(0.3) < -4000:
        yield (
            f"values run from {seen}, far beyond any tissue; {want}: was the rescale slope applied "
            "twice, or the byte order mistaken?"
        )


def ct_signs(seen: Sample) -> Iterator[str]:
    """Give what speaks for a CT where each image is scaled from its own least to its greatest."""
    # Air, from -1024 (or what lies outside of the scanner's circle) to -900: a CT has it around.
    if seen.whole and seen.lo >= -4096 and seen.share(-1030, -900) > 0.05:
        yield (
            f"values run from {seen}, {seen.share(-1030, -900):.0%} of them near -1000, where a CT "
            "has air: MRI has no such values; is it a CT? modality='ct'"
        )


def xray_mistakes(seen: Sample, image: Pixels, hi: float) -> Iterator[str]:
    """Give what is wrong with values that should be grey values from 0 to `hi`."""
    want = f"expected grey values from 0 to {hi:g}"
    most = next((m for m in (255, 1023, 4095, 16383, 65535) if seen.hi <= m), seen.hi)
    if seen.lo >= 0 and seen.hi <= 1.001:
        yield f"values run from {seen}: scaled to [0, 1] already; {want}: give image * {hi:g}"
    elif seen.lo < 0 and seen.within(-10, 10):
        yield (
            f"values run from {seen}: normalised already; {want}: give the picture itself, or pass "
            "what you have straight to the model"
        )
    elif seen.lo < 0:
        yield f"values run from {seen}, and grey values have no sign; {want}; is it a CT in HU?"
    elif seen.share(np.nextafter(hi, np.inf), np.inf) > 0.05:
        yield (
            f"values run from {seen}: more than {hi:g}; {want}: pass range=(0, {most:g}), or the "
            "window of the file"
        )
    elif seen.at(0.999) < hi / 16:
        yield f"values run from {seen}: nearly black; {want}: pass range=(0, {most:g})"
    elif seen.dtype != "bool" and inverted(image):
        yield (
            "the lungs look brighter than the spine: the X-ray is inverted (MONOCHROME1); "
            f"give {hi:g} - image"
        )


def range_mistakes(seen: Sample, lo: float, hi: float, modality: str) -> Iterator[str]:
    """Give what is wrong with values that should fill a range."""
    want = f"expected values that are clipped to [{lo:g}, {hi:g}] here"
    if hi - lo > 20 and seen.within(-1.001, 1.001):
        yield f"values run from {seen}: scaled already; {want}: give the image in its own units"
    elif modality == "mri" and seen.lo < -20 and seen.share(-np.inf, -500) > 0.01:
        yield f"values run from {seen}: MRI has no such negative values; is it a CT? modality='ct'"
    elif hi - lo > 20 and seen.lo < 0 and seen.within(-25, 25) and not seen.whole:
        yield f"values run from {seen}: normalised (z-score) already; {want}"
    elif seen.hi <= lo or seen.lo >= hi:
        yield f"values run from {seen}: nothing lies in the range; {want}; pass range= for yours"
    elif seen.share(np.nextafter(hi, np.inf), np.inf) > 0.2:
        share = seen.share(np.nextafter(hi, np.inf), np.inf)
        yield (
            f"values run from {seen}, {share:.0%} of them above {hi:g}, which become white; "
            f"{want}: pass range=(lo, hi) that holds them"
        )
    elif seen.at(0.999) - seen.at(0.001) < 0.01 * (hi - lo):
        yield (
            f"values run from {seen}, less than 1 % of the range; {want}: pass range=(lo, hi) for "
            "yours, or range='image' to scale each image from its own least and greatest value"
        )


def ready_mistakes(x: Pixels, facts: InputFacts, ndim: int) -> Iterator[str]:
    """Give what is wrong with a tensor that is about to enter the network."""
    call = "call model.inputs(image) on the image first"
    if not (x.is_floating_point() if isinstance(x, Tensor) else x.dtype.kind == "f"):
        yield f"it is {str(x.dtype).removeprefix('torch.')}, but the network takes floats; {call}"
        return
    seen = sampled(x, ndim)
    if len(seen.values) < FEW:
        return
    if seen.lo == seen.hi:
        yield f"every value is {seen.lo:g}: the image is constant"
        return
    ends = [0.0, 1.0] if facts.scale or facts.clip is None else list(facts.clip)
    if facts.mean:
        ends = [(end - m) / s for m, s in zip(facts.mean, facts.std, strict=True) for end in ends]
    lo, hi = min(ends), max(ends)
    room = 0.05 * (hi - lo)
    if not seen.within(lo - room, hi + room):
        what = "HU that were not windowed" if seen.lo < -100 else "values that were not scaled"
        yield (
            f"values run from {seen}, but {lo:.3g} to {hi:.3g} is what the weights saw: {what}; "
            f"{call}"
        )
    elif (
        facts.clip
        and facts.scale
        and seen.at(0.999) - seen.at(0.001) < 2.5 / (facts.clip[1] - facts.clip[0]) * (hi - lo)
    ):
        yield (
            f"values run from {seen} only: it looks windowed twice; call model.inputs once, on the "
            "image in its own units"
        )


def inverted(image: Pixels) -> bool:
    """Say whether a frontal chest X-ray looks like a negative.

    Three differences, in standard deviations, each positive in a right one: spine over lungs,
    abdomen over lungs, the whole over the upper corners. Over 1,031 real X-rays their sum was never
    below 0.1; in a negative it is that turned. 0.8 leaves room for pictures that are no chests.
    """
    held = image.detach().cpu().float() if isinstance(image, Tensor) else image
    grey = np.asarray(held, dtype=np.float32)
    grey = grey.reshape(-1, *grey.shape[-2:]).mean(0)
    step = max(1, min(grey.shape) // 128)
    grey = grey[::step, ::step]
    filled = grey > grey.min() + 0.01 * (grey.max() - grey.min())  # Without a black frame.
    rows, columns = np.flatnonzero(filled.any(1)), np.flatnonzero(filled.any(0))
    grey = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(grey.shape) < 16:
        return False

    def part(top: float, bottom: float, left: float, right: float) -> float:
        height, width = grey.shape
        rows = slice(int(height * top), int(height * bottom))
        return float(grey[rows, int(width * left) : int(width * right)].mean())

    lungs = (part(0.25, 0.6, 0.15, 0.38) + part(0.25, 0.6, 0.62, 0.85)) / 2
    spine, abdomen = part(0.25, 0.85, 0.44, 0.56), part(0.75, 1, 0.2, 0.8)
    corners = (part(0, 0.15, 0, 0.15) + part(0, 0.15, 0.85, 1)) / 2
    score = (spine - lungs) + (abdomen - lungs) + (float(grey.mean()) - corners)
    return score < -0.8 * float(grey.std())
