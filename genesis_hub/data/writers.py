"""Answers written back into the space of the image they are for, whole or not at all."""

import gzip
from pathlib import Path

import numpy as np
import PIL.Image

from genesis_hub.atomic import new_file
from genesis_hub.data.image import Affine, Array, Image
from genesis_hub.errors import BadInput
from genesis_hub.extras import require

# A picture's rows run down and its columns to the patient's left, 1 mm where it says nothing else.
LYING = np.array([[0.0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def write_nifti(path: Path, array: Array, image: Image) -> None:
    """Write an answer (X, Y[, Z]) or (K, X, Y[, Z]) in the space of `image` as .nii.gz.

    The same image and answer give the same bytes: no time and no name is written.
    """
    nibabel = require("nibabel", "medical")
    spatial = array.ndim - (array.ndim > image.ndim)
    if array.shape[array.ndim - spatial :] != image.shape[1:]:
        raise BadInput(f"the answer is {array.shape}, but {image.path} is {image.shape}")
    values = np.moveaxis(array, 0, -1) if array.ndim > spatial else array
    if spatial == 2:
        values = values[:, :, None]
    affine = affine_for(image)
    kind = nibabel.Nifti2Image if max(values.shape) > 32767 else nibabel.Nifti1Image
    written = kind(values, affine)
    written.header.set_xyzt_units("mm")
    written.set_sform(affine, code=1)
    written.set_qform(affine, code=1 if upright(affine) else 0)
    with (
        new_file(path) as aside,
        aside.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
    ):
        written.to_stream(packed)


def affine_for(image: Image) -> Affine:
    """Return where an image lies; one that does not know lies at the origin."""
    if image.affine is not None:
        return image.affine
    spacing = (*(image.spacing or (1.0,) * image.ndim), 1.0)[:3]
    frame = LYING if image.ndim == 2 else np.diag([-1.0, -1.0, 1.0, 1.0])
    return frame @ np.diag([*spacing, 1.0])


def upright(affine: Affine) -> bool:
    """Say whether the axes stand at right angles: a quaternion can hold no shear."""
    sides = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(sides.T @ sides, np.eye(3), atol=1e-5))


def write_picture(path: Path, labels: Array) -> None:
    """Write a label map (rows, columns) as PNG, its grey values the label numbers."""
    with new_file(path) as aside:
        PIL.Image.fromarray(np.ascontiguousarray(labels)).save(aside, format="PNG")
