"""Strengths to start from, by what the images are."""

from dataclasses import replace

from genesis_hub.errors import BadInput
from genesis_hub.tuning.augment.strengths import Augment

# CT values mean something (Hounsfield units), so they move little; MRI's come in no unit at all.
# Volumes are not shifted: a patch already comes from anywhere, and its outside would be made up.
VOLUMES = {
    "ct": Augment(
        flip=(0, 1, 2), quarter_turns=True, rotate=15, scale=(0.9, 1.2),
        gamma=(0.85, 1.2), contrast=(0.9, 1.1), brightness=0.03, noise=0.02, blur=0.7,
        low_resolution=0.7, blur_chance=0.1, low_resolution_chance=0.1,
    ),
    "mri": Augment(
        flip=(0,), rotate=15, scale=(0.9, 1.2),
        gamma=(0.7, 1.5), contrast=(0.75, 1.25), brightness=0.1, noise=0.05, blur=1.0,
        low_resolution=0.6, blur_chance=0.1, low_resolution_chance=0.1,
    ),
    "any": Augment(
        flip=(0,), rotate=10, scale=(0.9, 1.1),
        gamma=(0.8, 1.25), contrast=(0.85, 1.15), brightness=0.05, noise=0.02, blur=0.7,
        low_resolution=0.7, blur_chance=0.1, low_resolution_chance=0.1,
    ),
}  # fmt: skip
PICTURES = {
    "xray": Augment(
        flip=(1,), rotate=10, scale=(0.9, 1.1), shift=0.05, crop=0.85,
        gamma=(0.8, 1.25), contrast=(0.8, 1.15), brightness=0.05, noise=0.015, blur=1.0,
        gamma_chance=0.3, contrast_chance=0.5, brightness_chance=0.5, blur_chance=0.1,
    ),
    "ct": Augment(
        flip=(1,), rotate=15, scale=(0.9, 1.2), shift=0.05,
        gamma=(0.85, 1.2), contrast=(0.9, 1.1), brightness=0.03, noise=0.02, blur=0.7,
        low_resolution=0.7, blur_chance=0.1, low_resolution_chance=0.1,
    ),
    "mri": Augment(
        flip=(1,), rotate=15, scale=(0.9, 1.2), shift=0.05,
        gamma=(0.7, 1.5), contrast=(0.75, 1.25), brightness=0.1, noise=0.05, blur=1.0,
        low_resolution=0.6, blur_chance=0.1, low_resolution_chance=0.1,
    ),
    "any": Augment(
        flip=(1,), rotate=10, scale=(0.9, 1.1), shift=0.05, crop=0.85,
        gamma=(0.8, 1.25), contrast=(0.85, 1.15), brightness=0.05, noise=0.015, blur=0.8,
        blur_chance=0.1,
    ),
}  # fmt: skip
# What X-ray encoders are compared with: parts of the picture that may be small, turned a little.
BENCHMARK = {
    "classification": Augment(flip=(1,), rotate=7, area=0.08, ratio=4 / 3, rotate_chance=1.0),
    "segmentation": Augment(
        crop=0.7, elastic=0.03, gamma=(0.8, 1.2), contrast=(0.8, 1.2), brightness=0.2,
        crop_chance=0.25, elastic_chance=0.3, gamma_chance=0.15, contrast_chance=0.15,
        brightness_chance=0.15,
    ),
}  # fmt: skip

# What the proxy tasks' fine-tuning was published with: pictures are zoomed, turned and mirrored,
# volumes mirrored, turned in one plane or another, and brightened about their own mean.
PROXY = {
    2: Augment(
        flip=(0, 1), rotate=180, scale=(0.85, 1.15), scale_chance=1.0,
    ),
    3: Augment(
        flip=(0, 1, 2), rotate=180, tilt=90, brightness=0.125, contrast=(0.5, 1.5),
        rotate_chance=0.25, tilt_chance=0.25, brightness_chance=0.7, contrast_chance=0.7,
    ),
}  # fmt: skip
ZOOM = Augment(scale=(0.85, 1.15), scale_chance=1.0)


def for_volumes(modality: str = "any", *, mirror: bool = True) -> Augment:
    """Return strengths for volumes or patches of them: "ct", "mri" or "any".

    mirror: False where a side matters (situs, organs named left and right): neither flips nor
    quarter turns, which would both put left where right was.
    """
    return chosen(VOLUMES, "volumes", modality, mirror)


def for_pictures(modality: str = "any", *, mirror: bool = False) -> Augment:
    """Return strengths for pictures (rows, columns): "xray", "ct", "mri" or "any".

    mirror: True lets left and right change places; up stays up.
    """
    return chosen(PICTURES, "pictures", modality, mirror)


def for_benchmark(task: str, *, mirror: bool = False) -> Augment:
    """Return strengths as X-ray encoders are compared with: of "classification" or "segmentation".

    mirror: True lets left and right change places in classification, as the authors do.
    """
    augment = BENCHMARK[task]
    return augment if mirror else replace(augment, flip=())


def for_proxy(ndim: int, *, zoom_only: bool = False) -> Augment:
    """Return strengths as the proxy tasks' fine-tuning has them; zoom_only: pictures zoomed alone.

    Unlike there, a picture's two axes are zoomed alike.
    """
    return ZOOM if zoom_only else PROXY[ndim]


def chosen(table: dict[str, Augment], kind: str, modality: str, mirror: bool) -> Augment:
    """Return a row of a table, without what puts left where right was unless it is wanted."""
    if modality not in table:
        allowed = ", ".join(map(repr, table))
        raise BadInput(f"modality={modality!r}, but for {kind} one of {allowed} is expected")
    if not isinstance(mirror, bool):
        raise BadInput(f"mirror={mirror!r}, but True or False is expected")
    augment = table[modality]
    return augment if mirror else replace(augment, flip=(), quarter_turns=False)
