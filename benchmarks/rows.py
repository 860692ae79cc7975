"""What a benchmark finds, as rows: what was measured, beside what, and the ratio."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

FILE = "GENESIS_HUB_ROWS"  # Where `python -m benchmarks` collects what its children find.
NEEDS = "not measured (needs a CUDA device)"


@dataclass(frozen=True)
class Row:
    """One comparison. ratio: in words that say which side is better, or why there is none."""

    what: str
    beside: str
    ratio: str


def tell(what: str, beside: str, ratio: str) -> None:
    """Print a row, and add it to those that `python -m benchmarks` collects."""
    row = Row(what, beside, ratio)
    print(f"{row.what} | beside {row.beside} | {row.ratio}", flush=True)
    if place := os.environ.get(FILE):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def faster(ratio: float) -> str:
    """Say how many times as fast as the yardstick ours is."""
    return f"{digits(ratio)} times as fast"


def of_memory(share: float) -> str:
    """Say which part of the yardstick's memory, or room, ours takes."""
    return f"{digits(share)} of its memory"


def digits(value: float) -> str:
    """Return a ratio with as many digits as a busy machine lets one believe."""
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}" if value >= 3 else f"{value:.2f}"


def needs_gpu(what: str, beside: str) -> None:
    """Tell a row that needs a GPU, where there is none."""
    if not torch.cuda.is_available():
        tell(f"{what}, on a GPU", beside, NEEDS)
