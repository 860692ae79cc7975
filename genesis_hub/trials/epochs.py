"""logs/: what a run measured of itself, a line for each epoch, as the published code leaves it."""

import csv
import io
import math
from collections import defaultdict
from pathlib import Path

from genesis_hub.atomic import new_file
from genesis_hub.engine.record import TABLE

LOGS = "logs"
VALIDATION = "val_"
# What the loop notes beside what was asked for.
OTHERS = ("lr", "score", "spread")


def log_name(percent: float, variant: str, repetition: int) -> str:
    """Return how a run's log is called."""
    return f"split{percent:g}{variant}_rep{repetition}.log"


def write_epochs(run: Path, log: Path, *, per_epoch: int) -> None:
    """Write a run's measures by epoch: means over its steps, then those of validation, val_ before.

    An epoch of the warm-up is one as any other: numbers go on after it.
    """
    epochs = by_epoch(run / TABLE, per_epoch)
    names = list(dict.fromkeys(name for row in epochs.values() for name in row))
    names.sort(key=lambda name: name.startswith(VALIDATION))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["epoch", *names])
    for epoch, row in sorted(epochs.items()):
        table.writerow([epoch, *(f"{row[n]:.8g}" if n in row else "" for n in names)])
    log.parent.mkdir(parents=True, exist_ok=True)
    with new_file(log) as aside:
        aside.write_text(text.getvalue(), encoding="utf-8")


def by_epoch(table: Path, per_epoch: int) -> dict[int, dict[str, float]]:
    """Return the mean of each measure in each epoch, from 0."""
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name, looked = row["name"], row["kind"] == "validation"
            if name in OTHERS:
                continue
            name = "loss" if name == "total" else name
            epoch = (int(row["step"]) - 1) // per_epoch
            found[epoch][f"{VALIDATION}{name}" if looked else name].append(float(row["value"]))
    return {
        epoch: {name: math.fsum(values) / len(values) for name, values in row.items()}
        for epoch, row in found.items()
    }
