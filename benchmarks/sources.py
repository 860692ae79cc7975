"""From a public source to the labelled set that is tried here: the same cases, in the same parts.

    python -m benchmarks.sources NAME SOURCE --out FOLDER

NAME: xray-classes (a checkout of github.com/muhammedtalo/COVID-19), haemorrhage (a folder of Felipe
Kitamura's head CTs, 000.png to 199.png), hippocampus (the unpacked Task04_Hippocampus of the
Medical Segmentation Decathlon), lung-tumour (a checkout of github.com/shizoda/data). FOLDER gets
the images and a table of cases. Which case is in which part stands in benchmarks/splits; cases of
a source that are not named there were kept back, and are left out. MedMNIST's two files are taken
as they are. docs/results.md says of each set where it comes from.
"""

import argparse
import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from training.minis.lung_tumours import patches

SPLITS = Path(__file__).parent / "splits"
SIDE = 256
QUALITY = 92
Row = dict[str, str]


def parts(name: str) -> list[Row]:
    """Return a set's cases and the part of each."""
    with (SPLITS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(out: Path, rows: list[Row]) -> Path:
    """Write the table of cases."""
    path = out / "cases.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return path


def small(source: Path, target: Path) -> None:
    """Write a picture in grey, its longer side 256, in the middle of a black square."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as file:
        grey = file.convert("L")
    share = SIDE / max(grey.size)
    sides = tuple(max(1, round(side * share)) for side in grey.size)
    square = Image.new("L", (SIDE, SIDE))
    at = tuple((SIDE - side) // 2 for side in sides)
    square.paste(grey.resize(sides, Image.Resampling.LANCZOS), at)
    square.save(target, quality=QUALITY)


def complete(name: str, source: Path, wanted: Iterable[Path]) -> None:
    """End the program, before anything is written, where a source lacks what the split names."""
    files = list(wanted)
    missing = [path for path in files if not (source / path).is_file()]
    if missing:
        raise SystemExit(
            f"{source} is no source of {name}: {len(missing)} of {len(files)} files are not there, "
            f"such as {missing[0]}; docs/results.md says where the set comes from"
        )


def pictures(name: str, source: Path, out: Path) -> Path:
    """Convert the pictures that a split names below a source."""
    complete(name, source, (Path(row["source"]) for row in parts(name)))
    rows = []
    for row in parts(name):
        path = Path("images", row["patient"] + "-" + Path(row["source"]).stem + ".jpg")
        small(source / row["source"], out / path)
        rows.append({**row, "image": str(path)})
    return written(out, rows)


def hippocampi(source: Path, out: Path) -> Path:
    """Copy the MRIs that the split names, and their masks."""
    names = [f"{row['id']}.nii.gz" for row in parts("hippocampus")]
    wanted = (Path(kind, name) for kind in ("imagesTr", "labelsTr") for name in names)
    complete("hippocampus", source, wanted)
    rows = []
    for row in parts("hippocampus"):
        for there, here in (("imagesTr", "images"), ("labelsTr", "labels")):
            (out / here).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(
                source / there / f"{row['id']}.nii.gz", out / here / f"{row['id']}.nii.gz"
            )
        rows.append(row)
    return written(out, rows)


def lung_tumours(source: Path, out: Path) -> Path:
    """Write the patches as pictures, by patient, and return the folder above them."""
    found = [*source.rglob("val_patches.npz")]
    if not found:
        raise SystemExit(f"{source}: there is no val_patches.npz below it")
    with np.load(found[0]) as file:
        images, masks = np.float32(file["images"]), np.uint8(file["labels"])
    folder = out / "lung-tumour"
    rows = []
    for row in parts("lung-tumour"):
        place = int(row["case"])
        names = {}
        for kind, values in (("image", np.uint8(255 * images[place])), ("mask", masks[place])):
            path = Path(f"{kind}s", f"{place:03d}.png")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / path)
            names[kind] = str(path)
        rows.append({**names, **row})
    written(folder, rows)
    return out


MAKERS: dict[str, Callable[[Path, Path], Path]] = {
    "xray-classes": lambda source, out: pictures("xray-classes", source, out),
    "haemorrhage": lambda source, out: pictures("haemorrhage", source, out),
    "hippocampus": hippocampi,
    "lung-tumour": lung_tumours,
}


def split_rows(data: Path) -> Iterator[tuple[str, list[Row]]]:
    """Return the splits as they stand in a pack of these sets; the committed ones came of it."""
    for name, (table, columns) in PACK.items():
        with (data / table).open(encoding="utf-8", newline="") as file:
            found = [named(row) for row in csv.DictReader(file)]
        yield (
            name,
            [{here: pattern.format_map(row) for here, pattern in columns.items()} for row in found],
        )
    yield (
        "lung-tumour",
        [{"case": str(one.case), "patient": one.patient, "split": one.split} for one in patches()],
    )


def named(row: Row) -> Row:
    """Return a row of the pack with its file's bare name beside."""
    return {**row, "stem": Path(row.get("file") or row.get("image") or "").stem}


# Of each set: its table in the pack, and what our columns are made of.
PACK: dict[str, tuple[str, Row]] = {
    "xray-classes": (
        "cxr/labels.csv",
        {"source": "{orig}", "label": "{label}", "patient": "{group}", "split": "{split}"},
    ),
    "xray-organs": (
        "cxr_seg/cases.csv",
        {"source": "{orig}", "patient": "{patient}", "split": "{split}"},
    ),
    "haemorrhage": (
        "head_ct/kitamura_labels.csv",
        {"source": "{stem}.png", "label": "{hemorrhage}", "patient": "group-{dup_group}",
         "split": "{split}"},
    ),
    "contrast": (
        "ct_slices_tcia/labels.csv",
        {"patient": "{patient}", "label": "{contrast}", "split": "{split}"},
    ),
    "lungs-ct": ("lung_ct_2d/cases.csv", {"source": "{stem}", "split": "{split}"}),
    "hippocampus": ("brain_mri/hippocampus/cases.csv", {"id": "{id}", "split": "{split}"}),
}  # fmt: skip


def main() -> None:
    """Convert what is asked for, and print where its table lies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=[*MAKERS, "splits"], help="splits: write benchmarks/splits")
    parser.add_argument("source", type=Path, help="what the publisher gives, as it comes")
    parser.add_argument("--out", type=Path, help="the folder to write")
    options = parser.parse_args()
    if options.name == "splits":
        for name, rows in split_rows(options.source):
            SPLITS.mkdir(exist_ok=True)
            os.replace(written(SPLITS, rows), SPLITS / f"{name}.csv")
        return
    if options.out is None:
        parser.error("--out is missing: the folder to write")
    print(MAKERS[options.name](options.source, options.out))


if __name__ == "__main__":
    main()
