"""Scans as they are found: whose, of what kind, and how each is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.image import Image


@dataclass(frozen=True)
class Scan:
    """A scan that was found but not read: `open` reads it, or raises what is wrong with it.

    paths: one file or folder; several are channels. modality: "ct", "mri" or what else is said.
    split: "train" or "val"; None while it is not decided.
    """

    name: str
    patient: str
    paths: tuple[Path, ...]
    modality: str
    split: str | None
    open: Callable[[], Image]
