"""What the bundled minis are worth: fine-tuned from few labels beside scratch, and frozen.

    python -m benchmarks.mini RUNS [--mini NAME] [--seeds 0 1 2] [--only tune|probe] [--write]

Fixed beforehand: the encoder is taken and the decoder is fresh; each arm has the same rates to
choose from, and chooses by validation; batch-norm statistics are made anew before any look; the
claim is of the mean over seeds, paired by patient, and it falls where its interval holds zero.
Reads hippocampus MRIs and AdrenalMNIST3D below GENESIS_HUB_DATA. Nobody saw the test cases; the
mini did see training images of the hippocampus set, without labels, which is how such weights are
meant to be used. What was begun goes on. --write: into benchmarks/results/mini.md.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import genesis_hub
from benchmarks.timing import place_of_data
from genesis_hub.engine.checkpoint import LAST, standing_of
from genesis_hub.evaluate import Together, compare
from genesis_hub.evaluate.together import over_runs
from genesis_hub.tuning.predictions import read_table

MINIS = ("models-genesis-mini", "semantic-genesis-mini")  # Of volumes.
RESULTS = Path(__file__).parent / "results" / "mini.md"
HIPPOCAMPUS = "brain_mri/hippocampus/cases.csv"
ADRENAL = "medmnist/adrenalmnist3d_64.npz"
FRACTIONS = (0.025, 0.05, 0.1)  # Of 80 labelled MRIs: 2, 4 and 8.
RATES = (1e-3, 3e-3)
ARMS = ("mini", "scratch")
RECIPE: dict[str, Any] = {
    "steps": 200, "batch_size": 4, "size": [32, 32, 32], "range": "image", "precision": "bf16",
    "validate_every": 100, "recalibrate": 10, "report": False, "hashes": False,
}  # fmt: skip
PROBED = (0.01, 0.05, 0.25, 1.0)


def tuned(mini: str, data: Path, folder: Path, fraction: float, seed: int, arm: str) -> Any:
    """Return the run of the rate that validation prefers."""
    runs = []
    for rate in RATES:
        recipe = {**RECIPE, "label_fraction": fraction, "seed": seed, "lr": rate}
        recipe |= {"scratch": True} if arm == "scratch" else {"transfer": "encoder"}
        out = folder / f"{fraction:g}-{seed}-{arm}-{rate:g}"
        begin = time.perf_counter()
        run = genesis_hub.finetune(mini, data, out, recipe=recipe, device="cpu", quiet=True)
        best = max(one["score"] for one in standing_of(out / LAST).measures)
        print(f"{out.name}: dice {run.metrics['dice']:.4f}, validation {best:.4f}, "
              f"{time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
        runs.append((best, rate, run))
    return max(runs, key=lambda one: one[0])


def row_of(mini: str, data: Path, folder: Path, fraction: float, seeds: Sequence[int]) -> str:
    """Return a line of the table: both arms, their paired difference, and what it says."""
    chosen = {
        arm: [tuned(mini, data, folder, fraction, seed, arm) for seed in seeds] for arm in ARMS
    }
    tables = {arm: [read_table(run.folder) for _, _, run in chosen[arm]] for arm in ARMS}
    everyone = sorted({who for some in tables.values() for one in some for who in one.patients})
    ours, theirs = (Together(tuple(one.sample(everyone) for one in tables[arm])) for arm in ARMS)
    draw = np.random.Generator(np.random.PCG64(0))
    (found,) = compare(ours, theirs, draw=draw, measures=["dice"])
    dice = {arm: [run.metrics["dice"] for _, _, run in chosen[arm]] for arm in ARMS}
    apart = [a - b for a, b in zip(dice["mini"], dice["scratch"], strict=True)]
    low, high = over_runs(apart)
    rates = {arm: ", ".join(f"{rate:g}" for _, rate, _ in chosen[arm]) for arm in ARMS}
    said = "no gain shown" if low <= 0 or found.low <= 0 else "a gain"
    if high < 0 and found.high < 0:
        said = "a loss"
    return (
        f"| {mini} | {round(fraction * 80)} "
        f"| {np.mean(dice['mini']):.3f} | {np.mean(dice['scratch']):.3f} "
        f"| {found.difference:+.3f} | {found.low:+.3f} to {found.high:+.3f} "
        f"| {low:+.3f} to {high:+.3f} | {rates['mini']} / {rates['scratch']} | {said} |"
    )


def probed(data: Path, folder: Path) -> list[str]:
    """Return the lines of the table of frozen features."""
    done = genesis_hub.benchmark(
        [*MINIS, "scratch"], data, folder, fractions=PROBED, folds=5, mode="probe",
        recipe={"size": [32, 32, 32], "range": [0.0, 1.0], "no_check": True}, quiet=True,
    )  # fmt: skip
    lines = []
    for one in done.standings:
        reached, against = one.numbers[done.measure], one.against
        said = ("", "the reference")
        if against is not None:
            said = (f"{against.difference:+.3f}", against.said)
        lines.append(
            f"| {one.fraction:.0%} | {one.model} | {reached.value:.3f} ({reached.low:.3f} to "
            f"{reached.high:.3f}) | {said[0]} | {said[1]} |"
        )
    return lines


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--fractions", type=float, nargs="+", default=list(FRACTIONS))
    parser.add_argument("--mini", choices=MINIS, action="append", help="fine-tuned ones (all)")
    parser.add_argument("--only", choices=("tune", "probe"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = place_of_data(parser)
    text = []
    if options.only != "probe":
        for mini in options.mini or MINIS:
            folder = options.runs / mini
            for fraction in options.fractions:
                row = row_of(mini, data / HIPPOCAMPUS, folder, fraction, options.seeds)
                text.append(row)
                print(row, flush=True)
    frozen = [] if options.only == "tune" else probed(data / ADRENAL, options.runs / "probe")
    print("\n".join(frozen))
    if options.write:
        if options.only:
            parser.error("--write writes both tables; leave --only away: what was run is not again")
        head = RESULTS.read_text(encoding="utf-8").split("<!-- tables -->")[0]
        tables = "\n".join([
            "<!-- tables -->", "",
            "| weights | labelled MRIs | mini | scratch | difference | 95 % over patients "
            "| 95 % over seeds | rates chosen | |",
            "|---|---|---|---|---|---|---|---|---|", *text, "",
            "| labels | frozen | AUC | difference | |", "|---|---|---|---|---|", *frozen, "",
            f"Seeds {', '.join(map(str, options.seeds))}; {json.dumps(RECIPE)}.", "",
        ])  # fmt: skip
        RESULTS.write_text(head + tables, encoding="utf-8")


if __name__ == "__main__":
    main()
