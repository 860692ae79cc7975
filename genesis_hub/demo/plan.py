"""How much the demonstration does: as much as a minute or two on two cores allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """Numbers of cases, runs and steps.

    labelled: scans with masks that are learnt from, of which `choosing` choose the learning rate;
    kept: scans that are tested. rates: tried for each arm alike. steps, batch_size: of each run.
    runs: of each arm, each learning from another part of the labelled ones. probed: scans that the
    frozen features are learnt from, and tested on; folds: of the former.
    """

    labelled: int = 6
    choosing: int = 2
    kept: int = 20
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    steps: int = 60
    batch_size: int = 2
    runs: int = 3
    probed: tuple[int, int] = (40, 60)
    folds: int = 5
    fractions: tuple[float, ...] = (0.25, 1.0)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What every run is made by, whatever the scans and the arm."""
        return {
            "steps": self.steps, "batch_size": self.batch_size, "validate_every": self.steps,
            "save_every": self.steps, "report": False, "hashes": False,
        }  # fmt: skip
