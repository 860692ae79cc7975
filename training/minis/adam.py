"""What adam-mini is made of: chest X-rays of NIH and of PneumoniaMNIST, and phantoms."""

import csv
from pathlib import Path

import torch

from genesis_hub.data.phantoms import chest_xray
from genesis_hub.data.writers import write_picture
from training.minis.scans import Row, written

OPEN = ("No_findings", "Pneumonia")  # Of this set, the classes that are NIH's.
KEPT = 13  # Every so-manieth patient chooses the weights.
SMALL = 8  # Of PneumoniaMNIST's 28 pixels a side, every so-manieth: they show no detail.
PHANTOMS = 300


def gather(data: Path, work: Path, device: torch.device, quiet: bool) -> Path:
    """Return the table of the pictures."""
    pictures = work / "pictures"
    pictures.mkdir(exist_ok=True)
    return written([*nih(data), *small(data), *phantoms(pictures)], work / "pictures.csv")


def nih(data: Path) -> list[Row]:
    """Return the X-rays of NIH's patients that are for training."""
    folder = data / "cxr"
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (str(folder / row["file"]), row["group"])
            for row in csv.DictReader(file)
            if row["split"] == "train" and row["label"] in OPEN
        ]
    chosen = sorted({who for _, who in rows})[::KEPT]
    return [(path, who, "xray", "val" if who in chosen else "train") for path, who in rows]


def small(data: Path) -> list[Row]:
    """Return some of PneumoniaMNIST's training pictures."""
    stack = data / "medmnist" / "pneumoniamnist.npz"
    return [
        (f"{stack}#train_images/{number}", f"pneumoniamnist-{number}", "xray", "train")
        for number in range(0, 4708, SMALL)
    ]


def phantoms(folder: Path) -> list[Row]:
    """Make the phantoms up, each once, and return their rows."""
    rows: list[Row] = []
    for seed in range(PHANTOMS):
        path = folder / f"phantom-{seed:03d}.png"
        if not path.is_file():
            write_picture(path, chest_xray(seed).image[0])
        rows.append((str(path), path.stem, "xray", "train"))
    return rows
