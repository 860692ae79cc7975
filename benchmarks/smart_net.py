"""What each of SMART-Net's tasks gives, and the agreement of two of them: the figure's ablation.

    python -m benchmarks.smart_net RUNS [--steps N] [--learned] [--write]

Pre-trains smartnet-mini's network with each task alone, each pair, all three, and with consistency
where it can be, 150 steps and two seeds each, unless RUNS holds them. Then measures
their own tasks on the patients that were kept for validation, and how well a regression on frozen
features tells head CTs with a haemorrhage (images and labels that none of them saw), below
GENESIS_HUB_DATA, by `genesis-hub benchmark`. What was begun goes on. --write: into
results/smart_net.md.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import genesis_hub
from benchmarks.comparing import Asked, compared, write
from benchmarks.timing import place_of_data
from genesis_hub.engine.feed import stacked
from genesis_hub.evaluate import (
    Interval,
    Sample,
    Together,
    adjusted,
    classified,
    compare,
    intervals,
    means,
)
from training.methods.roster import recipe_of
from training.minis import smart_net
from training.multitask.measures import dices
from training.network import facts_of
from training.pretrain import pretrain
from training.slices.items import SliceItems
from training.slices.opening import slices_of

RESULTS = Path(__file__).parent / "results" / "smart_net.md"
SEEDS = (0, 1)
STEPS = 150
AGREE = " + consistency"
VARIANTS: dict[str, dict[str, Any]] = {
    "cls": {"tasks": "cls"},
    "seg": {"tasks": "seg"},
    "rec": {"tasks": "rec"},
    "cls + seg": {"tasks": "cls,seg"},
    f"cls + seg{AGREE}": {"tasks": "cls,seg"},
    "cls + rec": {"tasks": "cls,rec"},
    "seg + rec": {"tasks": "seg,rec"},
    "cls + seg + rec": {"tasks": "cls,seg,rec"},
    f"cls + seg + rec{AGREE}": {"tasks": "cls,seg,rec"},
}
# The first less the second: what the agreement gives, and what each task gives to the others.
PAIRS = (
    (f"cls + seg{AGREE}", "cls + seg"),
    (f"cls + seg + rec{AGREE}", "cls + seg + rec"),
    ("cls + seg", "cls"),
    ("cls + rec", "cls"),
    ("cls + seg", "seg"),
    ("seg + rec", "seg"),
    ("cls + rec", "rec"),
    ("seg + rec", "rec"),
)
MEASURES = ("auc", "dice", "mae")
HEAD_CT = "head_ct/kitamura_labels.csv"
WORDS = "--labels hemorrhage --patient dup_group --set range=[0,255] --set size=[64,64]"
ASKED = {
    "test": Asked(HEAD_CT, f"--fractions 1 --folds 1 {WORDS}"),
    "all": Asked(HEAD_CT, f"--fractions 1 --folds 5 --set split= {WORDS}"),
}
AT_ONCE = 32

Answers = dict[str, Any]  # Of each measure, both seeds together.


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS, help="of each variant")
    parser.add_argument("--learned", action="store_true", help="pre-train alone")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    place = place_of_data(parser)
    folders = learned(place, options.runs, options.steps)
    if options.learned:
        return
    tables = [*own_tasks(folders, kept(options.runs))]
    print("\n".join(tables), flush=True)
    for seed in SEEDS:
        called = {str(folders[name, seed]): name for name in VARIANTS}
        models = ",".join([*called, "smartnet-mini", "scratch"])
        for what, asked in ASKED.items():
            name = f"head-ct-{what}-seed-{seed}"
            tables.append(compared(name, asked, models, place, options.runs, called))
            print(tables[-1], flush=True)
    if options.write:
        write(RESULTS, tables)


def learned(data: Path, runs: Path, steps: int) -> dict[tuple[str, int], Path]:
    """Pre-train each variant with each seed, or go on, and return the folders of their weights."""
    runs.mkdir(parents=True, exist_ok=True)
    table = runs / "slices.csv"
    if not table.is_file():
        smart_net.gather(data, runs, torch.device("cpu"), True)
    found = {}
    for seed in SEEDS:
        for name, keys in VARIANTS.items():
            wishes = {
                **keys, "consistency": name.endswith(AGREE), "seed": seed, "steps": steps,
                "warm_up": steps // 10, "validate_every": steps, "pictures": False,
                "cache": str(runs / "kept"),
            }  # fmt: skip
            print(f"pretrain smartnet-mini {name}, seed {seed}", flush=True)
            out = runs / f"seed-{seed}" / name.replace(" + ", "-")
            found[name, seed] = pretrain(
                "smartnet-mini", table, out, wishes=wishes, quiet=True
            ).model
    return found


def kept(runs: Path) -> SliceItems:
    """Return the slices of the patients that are validated on, as they are."""
    recipe: Any = recipe_of("smartnet-mini", {"cache": str(runs / "kept")})
    source = slices_of(runs / "slices.csv", recipe, facts_of(recipe))
    items = source.read(runs / "kept", shared=False, quiet=True).validation
    assert isinstance(items, SliceItems)
    return items


def own_tasks(folders: Mapping[tuple[str, int], Path], items: SliceItems) -> list[str]:
    """Return how well each variant does what it learned, and what differs, as Markdown."""
    samples: dict[str, Answers] = {}
    for name in VARIANTS:
        each = [answered(folders[name, seed], name, items) for seed in SEEDS]
        samples[name] = {
            measure: Together(tuple(one[measure] for one in each))
            for measure in MEASURES
            if measure in each[0]
        }
    lines = [
        "### Own tasks", "",
        f"{len(items)} slices of {len(patients_of(items)[1])} patients that were kept for "
        f"validation, the mean of {len(SEEDS)} seeds; intervals over patients.", "",
        "| tasks | AUC | Dice | mean absolute error |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, found in samples.items():
        cells = [
            number(intervals(found[measure], draw=drawn())[measure]) if measure in found else ""
            for measure in MEASURES
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return ["\n".join([*lines, ""]), differences(samples)]


def differences(samples: Mapping[str, Answers]) -> str:
    """Return what a task or the agreement gives to the others, as Markdown; p by Holm over all."""
    rows = [
        (first, second, measure)
        for first, second in PAIRS
        for measure in MEASURES
        if measure in samples[first] and measure in samples[second]
    ]
    found = adjusted(
        compare(samples[a][measure], samples[b][measure], draw=drawn(), measures=[measure])[0]
        for a, b, measure in rows
    )
    lines = [
        "| tasks | less | measure | difference | adjusted p |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for (first, second, measure), one in zip(rows, found, strict=True):
        apart = f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
        lines.append(f"| {first} | {second} | {measure} | {apart} | {one.adjusted:.3f} |")
    return "\n".join([*lines, ""])


def answered(folder: Path, name: str, items: SliceItems) -> dict[str, Sample]:
    """Return a network's answers to slices as samples, by measure, those of what it learned."""
    network: Any = genesis_hub.from_pretrained(folder, task="pretext").eval()
    parts: list[dict[str, Any]] = []
    for start in range(0, len(items), AT_ONCE):
        batch = stacked(
            [items.item(at, 0) for at in range(start, min(start + AT_ONCE, len(items)))]
        )
        with torch.inference_mode():
            said = network(batch["image"])
        parts.append({
            "told": torch.sigmoid(said["classification"]).flatten(),
            "label": batch["label"],
            "dice": dices(said["segmentation"], batch["mask"], batch["masked"]),
            "mae": (said["reconstruction"] - batch["image"]).abs().mean((1, 2, 3)),
        })  # fmt: skip
    of = {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}
    patients, among = patients_of(items)
    found: dict[str, Sample] = {}
    if "cls" in name:
        shares = two_columns(of["told"])
        found["auc"] = classified(shares, of["label"], patients=patients, among=among)
    if "seg" in name:
        found["dice"] = means({"dice": of["dice"]}, patients=patients, among=among)
    if "rec" in name:
        found["mae"] = means({"mae": of["mae"]}, patients=patients, among=among)
    return found


def patients_of(items: SliceItems) -> tuple[list[str], list[str]]:
    """Return whose each slice is, and all of them."""
    files = items.files
    whose = [files.patients[files.scan_of[place]] for place in items.slices]
    return whose, sorted(set(whose))


def two_columns(told: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what is told of slices as shares of two classes."""
    share = told.astype(np.float64)
    return np.column_stack([1 - share, share])


def number(found: Interval) -> str:
    """Return a number with its interval."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def drawn() -> np.random.Generator:
    """Return the same draws for every comparison."""
    return np.random.default_rng(0)


if __name__ == "__main__":
    main()
