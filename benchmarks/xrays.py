"""What adam-mini is worth on labelled X-rays: frozen at several shares of the labels, and few-shot.

    python benchmarks/xrays.py RUNS [--only NAME ...] [--write]

Calls `genesis-hub benchmark` (its words stand above each table) on the labelled X-ray sets below
GENESIS_HUB_DATA: classes by a regression on frozen features, over five folds; organs fine-tuned
from 3, 6, 12 and 24 pictures. Scratch is three draws of random weights, or those of each run's
seed where all learns; a gain is one over each of them, corrected over all comparisons of a table.
Of the set "xray-classes", adam-mini has seen the training pictures of two classes, without labels.
What was begun goes on. --write: into results/xrays.md.
"""

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import Any

from genesis_hub.cli import main as genesis_hub

RESULTS = Path(__file__).parent / "results" / "xrays.md"
MARK = "<!-- tables -->"
MODELS = "adam-mini,scratch:adam-mini"
SETS = {
    "pneumonia": (
        "medmnist/pneumoniamnist.npz",
        "--fractions 0.01,0.05,0.1,1 --folds 5 --set size=[96,96]",
    ),
    "xray-classes": (
        "cxr/labels.csv",
        "--fractions 0.01,0.05,0.1,1 --folds 5 --patient group --set size=[96,96]",
    ),
    "xray-organs": (
        "cxr_seg/cases.csv",
        "--mode finetune --shots 3,6,12,24 --folds 3 --mask lungs --task segmentation "
        "--set size=[96,96] --set steps=150 --set batch_size=8 --set validate_every=50",
    ),
}


def compared(name: str, data: Path, runs: Path) -> str:
    """Compare the weights on one set; return its command and its table, as Markdown."""
    where, words = SETS[name]
    command = f"genesis-hub benchmark --data {where} --models {MODELS} --out which {words}"
    print(command, flush=True)
    out = runs / name
    call = ["benchmark", "--data", str(data / where), "--models", MODELS, "--out", str(out)]
    if status := genesis_hub([*call, *shlex.split(words), "--quiet"]):
        raise SystemExit(status)
    told: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    measures = {told["measure"]: told["measure"]}
    measures |= {key: key for key in told["standings"][0]["numbers"] if key.startswith("dice/")}
    lines = [
        f"### {name}", "", "```console", f"$ {command}", "```", "",
        f"| labelled | weights | {' | '.join(measures)} | over random weights | |",
        f"|---|---|{'---|' * len(measures)}---|---|",
    ]  # fmt: skip
    for one in told["standings"]:
        numbers = [number(one["numbers"][key]) for key in measures]
        against = one["against"]
        apart, said = ("", "the reference") if against is None else difference(against)
        row = [f"{one['training_cases']:.0f}", one["model"], *numbers, apart, said]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def number(found: dict[str, float]) -> str:
    """Return a number with its interval."""
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def difference(against: dict[str, Any]) -> tuple[str, str]:
    """Return a difference with its interval, and what it says."""
    apart = f"{against['difference']:+.3f} ({against['low']:+.3f} to {against['high']:+.3f})"
    return apart, str(against["said"])


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", choices=SETS, action="append")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    place = os.environ.get("GENESIS_HUB_DATA")
    if not place:
        parser.error("GENESIS_HUB_DATA is not set: it names the folder of real scans")
    tables = [compared(name, Path(place), options.runs) for name in options.only or SETS]
    print("\n".join(tables))
    if options.write:
        if options.only:
            parser.error("--write writes all tables; leave --only away: what was run is not again")
        head = RESULTS.read_text(encoding="utf-8").split(MARK)[0]
        RESULTS.write_text(head + "\n".join([MARK, "", *tables]), encoding="utf-8")


if __name__ == "__main__":
    main()
