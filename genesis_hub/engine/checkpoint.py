"""Where a run stands, written aside, flushed and renamed: a kill leaves the last good one."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput

LAST, BEST = "last.pt", "best.pt"
VERSION = 1


@dataclass
class Standing:
    """Where a run stands: `step` steps are done.

    measures: what every validation gave, in order; schedules and early stopping replay them.
    """

    step: int = 0
    measures: list[dict[str, float]] = field(default_factory=list)
    finished: str = ""


def save(path: Path, standing: Standing, tensors: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    content = {
        "version": VERSION,
        "step": standing.step,
        "measures": standing.measures,
        "finished": standing.finished,
        **tensors,
    }
    with new_file(path) as aside:
        try:
            torch.save(content, aside)
        except RuntimeError as error:  # torch's name for a full disk
            raise OSError(28, f"the checkpoint cannot be written ({error})") from error


def load(path: Path) -> tuple[Standing, dict[str, Any]]:
    """Return a checkpoint: where the run stands, and its tensors on the CPU."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("version") != VERSION:
            raise ValueError("another format")
        standing = Standing(content.pop("step"), content.pop("measures"), content.pop("finished"))
    except (OSError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, EOFError) as error:
        raise BadInput(
            f"{path} cannot be read ({' '.join(str(error).split())[:200]}); take it away to start "
            "over, or give another RUN"
        ) from error
    return standing, content
