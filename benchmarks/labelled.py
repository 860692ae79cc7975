"""What fine-tuning from scratch reaches on real labelled sets, one command each, seed by seed.

    python -m benchmarks.labelled RUNS [--seeds 0 1 2] [--only NAME ...] [--write]

Reads the sets below GENESIS_HUB_DATA, runs `genesis-hub finetune` (the commands of SETS, printed)
for each seed into RUNS, and sums up. A quarter of the width and small sizes, so that two cores
without a GPU do. What was begun goes on, so it may be stopped at any time. --write sums the runs up
in benchmarks/results/labelled.md.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import place_of_data

RESULTS = Path(__file__).parent / "results" / "labelled.md"
THREE_D = "models-genesis --scratch --width 0.25"
TWO_D = "adam-resnet50 --scratch --width 0.25"


@dataclass(frozen=True)
class Set:
    """A labelled set: where it lies, the words after it, what to look at, what is published."""

    data: str
    words: str
    measures: tuple[str, ...]
    published: str


SETS = {
    "contrast": Set(
        "ct_slices_tcia/labels.csv",
        f"{TWO_D} --task classification --labels contrast --range 24,2024 --epochs 40 "
        "--set size=[128,128]",
        ("auc", "accuracy"),
        "none known to us",
    ),
    "head-ct": Set(
        "head_ct/kitamura_labels.csv",
        f"{TWO_D} --task classification --labels hemorrhage --patient dup_group --epochs 40 "
        "--set size=[128,128]",
        ("auc", "accuracy"),
        "none for this split",
    ),
    "pneumonia": Set(
        "medmnist/pneumoniamnist.npz",
        f"{TWO_D} --epochs 10 --set size=[32,32]",
        ("auc", "accuracy"),
        "MedMNIST v2, 28 px: ResNet-18 AUC .944, accuracy .854; ResNet-50 .948, .854",
    ),
    "hippocampus": Set(
        "brain_mri/hippocampus/cases.csv",
        f"{THREE_D} --task segmentation --modality mri --range image --steps 300 --batch-size 2 "
        "--set size=[32,40,32] --set validate_every=100",
        ("dice", "dice/1", "dice/2"),
        "nnU-Net, five folds of the whole set: Dice about .90 and .89",
    ),
    "lungs-ct": Set(
        "lung_ct_2d/cases.csv",
        f"{TWO_D} --task segmentation --range 24,2024 --epochs 15 --batch-size 8 "
        "--set size=[128,128] --set validate_every=60",
        ("dice",),
        "none for this split",
    ),
    "xray-organs": Set(
        "cxr_seg/cases.csv",
        f"{TWO_D} --task segmentation --mask lungs --epochs 30 --batch-size 8 "
        "--set size=[128,128] --set validate_every=60",
        ("dice", "dice/1", "dice/2", "dice/3"),
        "none for this split",
    ),
    "xray-classes": Set(
        "cxr/labels.csv",
        f"{TWO_D} --task classification --epochs 12 --set size=[128,128]",
        ("auc", "accuracy"),
        "DarkCovidNet, five folds of all 1,125 images, 256 px: accuracy .870",
    ),
    "adrenal": Set(
        "medmnist/adrenalmnist3d_64.npz",
        f"{THREE_D} --range 0,255 --no-check --steps 900 --batch-size 8 --set spacing=[2,2,2] "
        "--set size=[32,32,32] --set validate_every=150",
        ("auc", "accuracy"),
        "MedMNIST v2, 28 cubed: ResNet-18 in 3D AUC .827, accuracy .721; with ACS .839, .754",
    ),
}


def command(name: str, data: Path, runs: Path, seed: int) -> list[str]:
    """Return the command of one run."""
    words = SETS[name].words.split()
    return [
        "genesis-hub", "finetune", words[0], "--data", str(data / SETS[name].data), *words[1:],
        "--seed", str(seed), "--out", str(runs / f"{name}-{seed}"),
    ]  # fmt: skip


def run(name: str, data: Path, runs: Path, seed: int) -> bool:
    """Run one set with one seed, or go on with it; say whether it ended well."""
    words = command(name, data, runs, seed)
    print(" ".join(words), flush=True)
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "genesis_hub", *words[1:]], check=False)
    took = runs / f"{name}-{seed}" / "minutes.txt"
    if done.returncode == 0 and not took.is_file():
        took.write_text(f"{(time.monotonic() - begin) / 60:.1f}\n")
    return done.returncode == 0


def summary(runs: Path, seeds: list[int]) -> str:
    """Return the table of what is there."""
    lines = [
        "| set | measure | mean of seeds | each seed | 95 % over patients | published |",
        "|---|---|---|---|---|---|",
    ]
    for name, facts in SETS.items():
        folders = [runs / f"{name}-{seed}" for seed in seeds]
        found = [
            json.loads((folder / "metrics.json").read_text("utf-8"))
            for folder in folders
            if (folder / "metrics.json").is_file()
        ]
        if not found:
            lines.append(f"| {name} | | not measured | | | {facts.published} |")
            continue
        for place, measure in enumerate(facts.measures):
            values = [value_of(one, measure) for one in found]
            spread = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            told = [one["intervals"][measure] for one in found if "intervals" in one]
            interval = f"{told[0][0]:.3f} to {told[0][1]:.3f}" if told else ""
            title = f"{name} ({found[0]['cases']} test cases)" if not place else ""
            lines.append(
                f"| {title} | {measure} | {np.mean(values):.3f}{spread} | "
                f"{', '.join(f'{value:.3f}' for value in values)} | {interval} | "
                f"{facts.published if not place else ''} |"
            )
    lines += ["", "The commands (seed 0):", "", "```console"]
    for name in SETS:
        words = command(name, Path("DATA"), Path("RUNS"), 0)
        lines.append("$ " + " ".join(words))
    return "\n".join([*lines, "```", ""])


def value_of(metrics: dict[str, Any], measure: str) -> float:
    """Return a number of a run: of all, or of one class where a class is named."""
    kind, _, name = measure.partition("/")
    return float(metrics["classes"][name][kind] if name else metrics[kind])


def main() -> int:
    """Run what is asked for, then sum up."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("runs", type=Path)
    asked.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    asked.add_argument("--write", action="store_true", help="write the results file, run nothing")
    options = asked.parse_args()
    data = place_of_data(asked)
    failed = []
    if not options.write:
        for seed in options.seeds:
            failed += [
                f"{name}-{seed}" for name in options.only if not run(name, data, options.runs, seed)
            ]
    told = summary(options.runs, options.seeds)
    print(told)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        before = RESULTS.read_text("utf-8").partition("| set |")[0] if RESULTS.is_file() else ""
        RESULTS.write_text(before + told, encoding="utf-8")
    if failed:
        print(f"not finished: {', '.join(failed)}; the same command goes on")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
