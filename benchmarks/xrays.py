"""What adam-mini is worth on labelled X-rays: frozen at several shares of the labels, and few-shot.

    python -m benchmarks.xrays RUNS [--only NAME ...] [--write]

Calls `genesis-hub benchmark` (its words stand above each table) on the labelled X-ray sets below
GENESIS_HUB_DATA: classes by a regression on frozen features, over five folds; organs fine-tuned
from 3, 6, 12 and 24 pictures. Scratch is three draws of random weights, or those of each run's
seed where all learns; a gain is one over each of them, corrected over all comparisons of a table.
Of the set "xray-classes", adam-mini has seen the training pictures of two classes, without labels.
What was begun goes on. --write: into results/xrays.md.
"""

import argparse
from pathlib import Path

from benchmarks.comparing import Asked, compared, write
from benchmarks.timing import place_of_data

RESULTS = Path(__file__).parent / "results" / "xrays.md"
MODELS = "adam-mini,scratch:adam-mini"
SETS = {
    "pneumonia": Asked(
        "medmnist/pneumoniamnist.npz",
        "--fractions 0.01,0.05,0.1,1 --folds 5 --set size=[96,96]",
    ),
    "xray-classes": Asked(
        "cxr/labels.csv",
        "--fractions 0.01,0.05,0.1,1 --folds 5 --patient group --set size=[96,96]",
    ),
    "xray-organs": Asked(
        "cxr_seg/cases.csv",
        "--mode finetune --shots 3,6,12,24 --folds 3 --mask lungs --task segmentation "
        "--set size=[96,96] --set steps=150 --set batch_size=8 --set validate_every=50",
    ),
}


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", choices=SETS, action="append")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = place_of_data(parser)
    tables = [
        compared(name, SETS[name], MODELS, data, options.runs) for name in options.only or SETS
    ]
    print("\n".join(tables))
    if options.write:
        if options.only:
            parser.error("--write writes all tables; leave --only away: what was run is not again")
        write(RESULTS, tables)


if __name__ == "__main__":
    main()
