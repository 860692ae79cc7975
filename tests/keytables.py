"""The authors' tensors, by the layout that writes them (names and shapes, no values)."""

import json
import re
from pathlib import Path

from genesis_hub.entry import Entry, Layout
from genesis_hub.registry import ENTRIES

FOLDER = Path(__file__).parent / "keys"

# The file of a layout where one architecture has several.
TABLES = {
    ("smartnet-resnet50", "upstream v1"): "smartnet",
    ("smartnet-resnet50", "volume classification v1"): "smartnet-lstm",
    ("smartnet-resnet50", "volume segmentation v1"): "smartnet-conv3d",
}


def table(entry: Entry, layout: Layout) -> dict[str, tuple[int, ...]] | None:
    """Return the authors' keys and shapes; None where only another layout's table is known.

    Keras' rows come as its reader gives them: torch's leaf names, torch's order of axes.
    """
    stem = TABLES.get((entry.name, layout.name))
    if stem is None and len(entry.layouts) == 1:
        stem = entry.architecture
    path = FOLDER / f"{stem}.json"
    if not path.exists():
        return None
    rows = {key: tuple(shape) for key, shape in json.loads(path.read_text()).items()}
    if layout.name != "Keras":
        return rows
    return {torch_name(key): torch_shape(shape) for key, shape in rows.items()}


def torch_name(key: str) -> str:
    layer, _, leaf = key.partition("/")
    leaves = {"kernel": "weight", "gamma": "weight", "beta": "bias",
              "moving_mean": "running_mean", "moving_variance": "running_var"}  # fmt: skip
    return f"{layer}.{leaves.get(leaf, leaf)}"


def torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) == 5:
        return (shape[4], shape[3], *shape[:3])
    return shape[::-1]


def tables() -> list[tuple[Entry, Layout, dict[str, tuple[int, ...]]]]:
    """Return every table that is known."""
    found = []
    for entry in ENTRIES.values():
        for layout in entry.layouts:
            rows = table(entry, layout)
            if rows is not None:
                found.append((entry, layout, rows))
    return found


def name_of(value: object) -> str:
    """Name a row in a test's id."""
    if isinstance(value, Entry | Layout):
        return re.sub(r"\W+", "-", value.name)
    return "keys"
