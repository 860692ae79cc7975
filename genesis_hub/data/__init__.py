"""Images on their way to a model: read, cased, split, and made up where none may be had."""

from genesis_hub.data import phantoms
from genesis_hub.data.cases import (
    Case,
    CaseList,
    audit,
    folds,
    label_fraction,
    load_cases,
    read_split,
    split_cases,
    write_split,
)
from genesis_hub.data.finding import find_images
from genesis_hub.data.image import Image
from genesis_hub.data.readers import read

__all__ = [
    "Case",
    "CaseList",
    "Image",
    "audit",
    "find_images",
    "folds",
    "label_fraction",
    "load_cases",
    "phantoms",
    "read",
    "read_split",
    "split_cases",
    "write_split",
]
