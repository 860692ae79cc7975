"""The scans that weights may be made of and passed on, found through GENESIS_HUB_DATA."""

import csv
import os
from pathlib import Path

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput

DATA = "GENESIS_HUB_DATA"
# LIDC-IDRI, Lung-PET-CT-Dx and ACRIN-FLT-Breast of The Cancer Imaging Archive, CC BY.
CHESTS = ("lidc_0001", "lungdx_A0001", "acrinflt_001")
KEPT = 13  # Of the MRIs, every so-manieth chooses the weights; of the CTs, the abdomen does.
COLUMNS = ("path", "patient", "modality", "split")

Row = tuple[str, str, str, str]


def place_of_data() -> Path:
    """Return the folder of real scans, or raise `BadInput` where nothing names it."""
    place = os.environ.get(DATA)
    if not place:
        raise BadInput(f"{DATA} is not set; let it name the folder of real scans")
    return Path(place)


def hippocampi(data: Path) -> list[Row]:
    """Return the training images of the hippocampus set (Medical Segmentation Decathlon)."""
    folder = data / "brain_mri" / "hippocampus"
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file) if row["split"] == "train"]
    return [
        (
            str(folder / "images" / f"{name}.nii.gz"),
            name,
            "mri",
            ("train", "val")[place % KEPT == 0],
        )
        for place, name in enumerate(ids)
    ]


def chests(data: Path) -> list[Row]:
    """Return the chest CTs, and the abdomen that chooses."""
    folder = data / "chest_ct" / "images"
    rows = [(str(folder / f"{name}.nii.gz"), name, "ct", "train") for name in CHESTS]
    abdomen = str(data / "totalseg_example" / "image.nii.gz")
    return [*rows, (abdomen, "totalseg_example", "ct", "val")]


def written(rows: list[Row], path: Path) -> Path:
    """Write a table of scans, and return where it lies."""
    missing = [row[0] for row in rows if not Path(row[0].partition("#")[0]).is_file()]
    if missing:
        raise BadInput(f"{DATA}: {len(missing)} scans are not there, such as {missing[0]}")
    with new_file(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path
