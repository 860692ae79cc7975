"""Where a run stands, written aside, flushed and renamed: a kill leaves the last good one.

A checkpoint is a safetensors file, like every file of ours: RUN folders are passed on, and what
torch.save writes is a program.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput, UnsafeFile
from genesis_hub.weights.tensorfile import FACTS, TensorFile, put_tensors

LAST, BEST = "last.safetensors", "best.safetensors"
VERSION = 1
TENSOR, TABLE = "$tensor", "$table"


@dataclass
class Standing:
    """Where a run stands: `step` steps are done.

    measures: what every validation gave, in order; schedules and early stopping replay them.
    inexact: operators met so far that are not deterministic, where determinism was asked for.
    """

    step: int = 0
    measures: list[dict[str, float]] = field(default_factory=list)
    finished: str = ""
    inexact: list[str] = field(default_factory=list)


def save(path: Path, standing: Standing, state: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all: where the run stands, and nested state of tensors."""
    tensors: dict[str, Tensor] = {}
    facts = {
        "version": VERSION,
        "step": standing.step,
        "measures": standing.measures,
        "finished": standing.finished,
        "inexact": standing.inexact,
        "state": flattened(state, "", tensors),
    }
    with new_file(path) as aside:
        put_tensors(tensors, aside, facts)


def load(path: Path) -> tuple[Standing, dict[str, Any]]:
    """Return a checkpoint: where the run stands, and its state on the CPU."""
    with readable(path):
        file, facts, standing = opened(path)
        return standing, nested(facts["state"], file)


def standing_of(path: Path) -> Standing:
    """Return where the run of a checkpoint stands; its tensors are not read."""
    with readable(path):
        return opened(path)[2]


def finished(folder: Path) -> Standing | None:
    """Return where the finished run of a folder stands; None for one that is not."""
    if not (folder / LAST).is_file():
        return None
    standing = standing_of(folder / LAST)
    return standing if standing.finished else None


def opened(path: Path) -> tuple[TensorFile, dict[str, Any], Standing]:
    """Return a checkpoint as a file, its facts, and where the run stands."""
    file = TensorFile(path)
    facts = json.loads(file.metadata[FACTS])
    if facts["version"] != VERSION:
        raise ValueError("it is of another format")
    standing = Standing(facts["step"], facts["measures"], facts["finished"])
    standing.inexact = facts.get("inexact", [])  # Early runs kept none.
    return file, facts, standing


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say what may be done about a checkpoint that cannot be read."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, UnsafeFile) as error:
        raise BadInput(
            f"{path} cannot be read ({' '.join(str(error).split())[:200]}); take it away to start "
            "over, or give another RUN"
        ) from error


def flattened(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return nested state as JSON holds it; its tensors are put aside by name."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {TENSOR: name}
    if isinstance(value, Mapping):
        # Pairs, since keys may be numbers, as an optimiser's are.
        pairs = [[key, flattened(part, f"{name}/{key}", tensors)] for key, part in value.items()]
        return {TABLE: pairs}
    if isinstance(value, list | tuple):
        return [flattened(part, f"{name}/{at}", tensors) for at, part in enumerate(value)]
    assert value is None or isinstance(value, bool | int | float | str), (name, type(value))
    return value


def nested(value: Any, file: TensorFile) -> Any:
    """Return state as it was before `flattened`."""
    if isinstance(value, list):
        return [nested(part, file) for part in value]
    if isinstance(value, dict):
        if TENSOR in value:
            return file.read(value[TENSOR])
        return {key: nested(part, file) for key, part in value[TABLE]}
    return value
