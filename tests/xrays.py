"""Made-up samples of the data sets that X-ray encoders are compared by, laid out as published."""

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from genesis_hub.data import phantoms
from genesis_hub.data.cases.published.xrays.chestxray14 import FINDINGS
from genesis_hub.data.cases.published.xrays.chexpert import OBSERVATIONS
from genesis_hub.data.cases.published.xrays.vindrcxr import LABELS

SIDES = (40, 36)


@cache
def chest(seed: int, finding: str | bool) -> np.ndarray:
    return phantoms.chest_xray(seed, size=SIDES, finding=finding).image[0].astype(int)


def film(seed: int, finding: str | bool = False) -> np.ndarray:
    """A chest of three, with grain of its own: no two are the same, and all are made at once."""
    grain = np.random.default_rng(seed).integers(-6, 7, SIDES)
    return np.clip(chest(seed % 3, finding) + grain, 0, 255).astype(np.uint8)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def blob(seed: int, sides: tuple[int, int] = SIDES, value: int = 255) -> np.ndarray:
    mask = np.zeros(sides, np.uint8)
    mask[5 + seed % 4 : 20, 6 : 16 + seed % 5] = value
    return mask


def rows(path: Path, lines: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def chestxray14(folder: Path) -> Path:
    """The authors' lists above two folders of images; each patient has two pictures."""
    told: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number in range(10):
        split = "train" if number < 6 else "val" if number < 8 else "test"
        for picture in range(2):
            name = f"{number + 1:08d}_{picture:03d}.png"
            save(
                folder / f"images_{1 + number % 2:03d}" / "images" / name,
                film(2 * number + picture),
            )
            # Hernia, the last, is nowhere; others are here and there.
            labels = [(number + picture + k) % 3 % 2 for k in range(13)] + [0]
            told[split].append(" ".join([name, *map(str, labels)]))
    for split, lines in told.items():
        (folder / f"Xray14_{split}_official.txt").write_text("\n".join(lines) + "\n\n")
    return folder


def nih(folder: Path) -> Path:
    """The same, as NIH gives it out."""
    lines: list[list[object]] = [["Image Index", "Finding Labels", "Follow-up #", "Patient ID"]]
    names: dict[str, list[str]] = {"train_val_list": [], "test_list": []}
    for number in range(12):
        name = f"{number + 1:08d}_000.png"
        save(folder / "images" / name, film(number))
        said = "No Finding" if number % 3 == 0 else f"{FINDINGS[number % 14]}|Mass"
        lines.append([name, said, 0, number + 1])
        names["test_list" if number > 8 else "train_val_list"].append(name)
    rows(folder / "Data_Entry_2017_v2020.csv", lines)
    for stem, held in names.items():
        (folder / f"{stem}.txt").write_text("\n".join(held) + "\n")
    return folder


def chexpert(folder: Path) -> Path:
    """Train and valid; a frontal and a lateral picture of each patient, some labels uncertain."""
    for split, numbers in (("train", range(8)), ("valid", range(8, 11))):
        head = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *OBSERVATIONS]
        lines: list[list[object]] = [head]
        for number in numbers:
            for place, view in enumerate(("frontal", "lateral")):
                inner = f"{split}/patient{number:05d}/study1/view{place + 1}_{view}.jpg"
                save(folder / inner, film(3 * number + place))
                pattern = ["1.0", "", "0.0", "-1.0" if split == "train" else ""]
                labels = [pattern[(number + k) % 4] for k in range(14)]
                said = [f"CheXpert-v1.0-small/{inner}", "Male", 50, view.capitalize(), "AP"]
                lines.append([*said, *labels])
        rows(folder / f"{split}.csv", lines)
    return folder


def shenzhen(folder: Path, *, lists: bool = True) -> Path:
    told: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number in range(16):
        name = f"CHNCXR_{number + 1:04d}_{number % 2}.png"
        finding = "effusion" if number % 2 else False
        save(folder / "CXR_png" / name, film(number, finding))
        split = "train" if number < 8 else "val" if number < 12 else "test"
        told[split].append(f"{name},{number % 2}")
    for split, lines in told.items() if lists else ():
        (folder / f"Shenzhen_{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


def vindrcxr(folder: Path) -> Path:
    """The publishers' tables: three radiologists of each picture for training, one consensus."""
    for split, number in (("train", 8), ("test", 4)):
        other = "Other diseases" if split == "train" else "Other disease"
        names = [*LABELS[:4], other, LABELS[5]]
        lines: list[list[object]] = [
            ["image_id", *(["rad_id"] * (split == "train")), *names, "COPD"]
        ]
        for place in range(number):
            name = f"{place + 100 * len(split):032x}"
            save(folder / split / f"{name}.jpeg", film(place + 20 * len(split)))
            for reader in range(3 if split == "train" else 1):
                # The first label is the first reader's alone, the second all but the third's.
                labels = [int(reader == 0), int(reader < 2), *((place + k) % 2 for k in range(4))]
                lines.append([name, *([f"R{reader}"] * (split == "train")), *labels, 0])
        rows(folder / "annotations" / f"image_labels_{split}.csv", lines)
    return folder


def vindrcxr_lists(folder: Path) -> Path:
    for split, number in (("train", 6), ("val", 2), ("test", 2)):
        lines = []
        for place in range(number):
            name = f"{place + 100 * len(split):032x}"
            save(folder / "images" / f"{name}.jpeg", film(place + 20 * len(split)))
            lines.append(" ".join([name, *(str((place + k) % 2) for k in range(6))]))
        (folder / f"VinDrCXR_{split}_pe_global_one.txt").write_text("\n".join(lines))
    return folder


def siim(folder: Path) -> Path:
    """Twelve pictures; a third are empty, one has two rows."""
    lines: list[list[object]] = [["ImageId", " EncodedPixels"]]
    for number in range(12):
        name = f"1.2.276.0.{number}"
        save(folder / "dicom-images-train" / name / f"{name}.png", film(number, "opacity"))
        if number % 3 == 0:
            lines.append([name, " -1"])
            continue
        parts = [blob(number)]
        if number == 1:  # Two rows: the upper part and the lower.
            upper, lower = parts[0].copy(), parts[0].copy()
            upper[10:], lower[:10] = 0, 0
            parts = [upper, lower]
        lines += [[name, f" {runs_of(part)}"] for part in parts]
    rows(folder / "train-rle.csv", lines)
    return folder


def runs_of(mask: np.ndarray) -> str:
    """Write a mask as the publishers do: down the columns, each start counted from the last end."""
    flat = np.concatenate([[0], (mask.T > 0).ravel().astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(flat) == 1), np.flatnonzero(np.diff(flat) == -1)
    said, at = [], 0
    for start, end in zip(starts, ends, strict=True):
        said += [start - at, end - start]
        at = end
    return " ".join(map(str, said))


def jsrt(folder: Path) -> Path:
    """SCR's halves with masks at half the size of the pictures."""
    small = (SIDES[0] // 2, SIDES[1] // 2)
    for number in range(12):
        name = f"JPCLN{number + 1:03d}"
        save(folder / "images" / f"{name}.IMG.png", film(number))
        masks = folder / f"fold{1 + number % 2}" / "masks"
        for place, part in enumerate(("heart", "left clavicle", "right clavicle")):
            mask = np.zeros(small, np.uint8)
            mask[4 + place : 9 + place, 3 + 4 * place : 6 + 4 * place] = 255
            save(masks / part / f"{name}.gif", mask)
    return folder


def montgomery(folder: Path) -> Path:
    for number in range(8):
        name = f"MCUCXR_{number + 1:04d}_{number % 2}.png"
        home = folder / "MontgomerySet"
        save(home / "CXR_png" / name, film(number))
        left, right = blob(number), blob(number)[:, ::-1]
        save(home / "ManualMask" / "leftMask" / name, left)
        save(home / "ManualMask" / "rightMask" / name, right)
    return folder


def vindrrib(folder: Path) -> Path:
    """Boxes for ribs R1, R2 and L10; one picture lacks L10."""
    for split, number in (("train", 6), ("val", 3)):
        told: dict[str, dict[str, object]] = {"img": {}, "R1": {}, "R2": {}, "L10": {}}
        for place in range(number):
            name = f"VinDr_RibCXR_{split}_{place:03d}.png"
            save(folder / "data" / split / "img" / name, film(place + 30 * len(split)))
            told["img"][str(place)] = f"data/{split}/img/{name}"
            for rib, top in (("R1", 4), ("R2", 14), ("L10", 24)):
                box = [(4, top), (12, top), (12, top + 5), (4, top + 5)]
                told[rib][str(place)] = [{"x": x + 0.2, "y": y + 0.2} for x, y in box]
        told["L10"]["0"] = "None"
        file = folder / "data" / split / f"Vindr_RibCXR_{split}_mask.json"
        file.write_text(json.dumps(told))
    return folder


def chestxdet(folder: Path) -> Path:
    square = [[4, 6], [14, 6], [14, 20], [4, 20]]
    other = [[20, 6], [30, 6], [30, 12], [20, 12]]
    for split, number in (("train", 8), ("test", 4)):
        told = []
        for place in range(number):
            name = f"{36000 + place + 100 * len(split)}.png"
            save(folder / f"{split}_data" / split / name, film(place + 40 * len(split)))
            both = {"syms": ["Effusion", "Nodule"], "boxes": [], "polygons": [square, other]}
            none: dict[str, list[object]] = {"syms": [], "boxes": [], "polygons": []}
            told.append({"file_name": name, **(none if place % 4 == 3 else both)})
        (folder / f"ChestX_Det_{split}.json").write_text(json.dumps(told))
    return folder


def drive(folder: Path) -> Path:
    """Coloured pictures, the first observer's vessels as GIF, and the masks of the eye's ground."""
    for part, numbers in (("training", range(21, 27)), ("test", range(1, 4))):
        for number in numbers:
            home = folder / "DRIVE" / part
            colours = np.stack([film(number), film(number) // 2, film(number) // 3], -1)
            save(home / "images" / f"{number:02d}_{part}.tif", colours)
            save(home / "1st_manual" / f"{number:02d}_manual1.gif", blob(number))
            save(home / "mask" / f"{number:02d}_{part}_mask.gif", blob(number))
    return folder


def busi(folder: Path) -> Path:
    for kind in ("benign", "malignant", "normal"):
        for number in range(4):
            stem = f"{kind} ({number + 1})"
            seed = number + 10 * len(kind)
            home = folder / "Dataset_BUSI_with_GT" / kind
            save(home / f"{stem}.png", film(seed))
            mask = np.zeros(SIDES, np.uint8) if kind == "normal" else blob(seed)
            save(home / f"{stem}_mask.png", mask)
            if kind == "benign" and number == 0:
                save(home / f"{stem}_mask_1.png", blob(seed)[::-1])
    return folder


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "chestxray14": chestxray14, "chexpert": chexpert, "shenzhen": shenzhen, "vindr-cxr": vindrcxr,
    "siim": siim, "montgomery": montgomery, "jsrt": jsrt, "vindr-rib": vindrrib,
    "chestx-det": chestxdet, "drive": drive, "busi": busi,
}  # fmt: skip
