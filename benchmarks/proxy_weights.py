"""Which proxy task helps, and how much: the paper's question, on real data, from few labels to all.

    python -m benchmarks.proxy_weights RUNS [--only SET ...] [--learned] [--write]

Pre-trains each of the five tasks in 2D and in 3D, alike in steps and in what they see, unless RUNS
holds them; then compares them with random weights of the same network by `genesis-hub benchmark`
(its words stand above each table) at 10, 25, 50 and 100 % of the labels of three sets below
GENESIS_HUB_DATA. Organs are fine-tuned; of classes the features stay frozen, under a regression.
One pre-training seed each. The weights saw training images of these sets, without labels, which is
how they are meant to be used, and no test case. What was begun goes on. --learned: pre-train alone.
--write: into results/proxy_weights.md.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.comparing import Asked, compared, write
from benchmarks.timing import place_of_data
from training.methods.roster import METHODS
from training.minis import adam, proxy
from training.pretrain import pretrain
from training.recipe import key_names

RESULTS = Path(__file__).parent / "results" / "proxy_weights.md"
ALIKE: dict[str, Any] = {
    "lr": 1e-3, "warm_up": 30, "validate_every": 100, "save_every": 100,
    "top_architecture": "simple_multiclass", "dropout_rate": 0.2, "code_size": 256,
}  # fmt: skip
FLAT: dict[str, Any] = {
    "steps": 600,
    "data_dim": 96,
    "number_channels": 1,
    "encoder_architecture": "",
}
DEEP: dict[str, Any] = {"steps": 300, "data_dim": 48, "enc_filters": 8}
# Patches of 16 to 30 a side are too small for a pooling more.
TASKS: dict[str, dict[str, Any]] = {
    "rotation-2d": {**FLAT, "batch_size": 64},
    "rpl-2d": {**FLAT, "batch_size": 64, "patch_jitter": 2, "pooling": "none"},
    "jigsaw-2d": {**FLAT, "batch_size": 32, "patch_jitter": 2, "pooling": "none"},
    "exemplar-2d": {**FLAT, "batch_size": 32},
    "cpc-2d": {
        **FLAT, "batch_size": 24, "patches_per_side": 5, "crop_size": 96, "cpc_loss": "infonce",
    },
    "rotation-3d": {**DEEP, "batch_size": 16},
    "rpl-3d": {**DEEP, "batch_size": 24, "patch_jitter": 0, "pooling": "none"},
    "jigsaw-3d": {**DEEP, "batch_size": 8, "patch_jitter": 0, "pooling": "none"},
    "exemplar-3d": {**DEEP, "batch_size": 8},
    "cpc-3d": {
        **DEEP, "batch_size": 4, "data_dim": 64, "crop_size": 60, "pooling": "none",
        "cpc_loss": "infonce",
    },
}  # fmt: skip
FRACTIONS = "--fractions 0.1,0.25,0.5,1"
TUNED = "--set steps=120 --set validate_every=120 --set recalibrate=10"
DEEP_TUNED = f"--set size=[32,32,32] --set batch_size=4 --set lr=0.003 {TUNED}"
SETS = {
    "2d": {
        "xray-classes": Asked(
            "cxr/labels.csv", f"{FRACTIONS} --folds 5 --patient group --set size=[96,96]"
        ),
    },
    "3d": {
        "adrenal-shapes": Asked(
            "medmnist/adrenalmnist3d_64.npz",
            f"{FRACTIONS} --folds 5 --set size=[48,48,48] --no-check",
        ),
        "hippocampus": Asked(
            "brain_mri/hippocampus/cases.csv",
            f"--mode finetune {FRACTIONS} --folds 3 {DEEP_TUNED}",
        ),
    },
}
CORPORA = {"2d": adam, "3d": proxy}


def learned(ndim: str, data: Path, runs: Path) -> dict[str, Path]:
    """Pre-train each task, or go on, and return the folders of their weights."""
    work = runs / ndim
    work.mkdir(parents=True, exist_ok=True)
    corpus = CORPORA[ndim].gather(data, work, torch.device("cpu"), True)
    folders = {}
    for name, keys in TASKS.items():
        if not name.endswith(ndim):
            continue
        taken = told_of(name)
        wishes = {key: value for key, value in {**ALIKE, **keys}.items() if key in taken}
        print(f"pretrain {name} {words(wishes)}", flush=True)
        run = pretrain(name, corpus, runs / name, quiet=True, wishes=wishes)
        folders[name] = run.model
    return folders


def told_of(name: str) -> set[str]:
    """Return the keys that a task's recipe takes."""
    return set(key_names(METHODS[name].recipe))


def words(keys: Mapping[str, Any]) -> str:
    """Return keys as a command has them."""
    return " ".join(f"{key}={json.dumps(value)}" for key, value in keys.items())


def reached(folders: Mapping[str, Path]) -> str:
    """Return how well each task was learned, as Markdown."""
    lines = [
        "### What was learned", "", "| task | loss on unseen images | a guess costs | told right |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for name, folder in folders.items():
        told = json.loads((folder.parent / "metrics.json").read_text(encoding="utf-8"))
        right = told.get("accuracy")
        guess = told.get("chance")
        lines.append(
            f"| {name} | {told['loss']:.3f} | {'' if guess is None else f'{guess:.3f}'} "
            f"| {'' if right is None else f'{right:.0%}'} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    names = [name for sets in SETS.values() for name in sets]
    parser.add_argument("--only", choices=names, action="append")
    parser.add_argument("--learned", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = place_of_data(parser)
    tables = []
    for ndim, sets in SETS.items():
        wanted = [name for name in sets if name in (options.only or sets)]
        if not wanted:
            continue
        folders = learned(ndim, data, options.runs)
        called = {str(folder): name for name, folder in folders.items()}
        models = ",".join([*called, "scratch"])
        tables.append(reached(folders))
        print(tables[-1], flush=True)
        for name in () if options.learned else wanted:
            told = compared(name, sets[name], models, data, options.runs / "compared", called)
            tables.append(told)
            print(told, flush=True)
    if options.write:
        if options.only:
            parser.error("--write writes all tables; leave --only away: what was run is not again")
        write(RESULTS, tables)


if __name__ == "__main__":
    main()
