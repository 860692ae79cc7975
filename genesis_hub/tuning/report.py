"""The verb `report`, and the report that a run leaves by itself."""

import sys
from pathlib import Path

import torch

from genesis_hub.data.cases import CaseList
from genesis_hub.engine.recipe import filled, plain
from genesis_hub.reporting.reading import Reading, cases_again
from genesis_hub.reporting.report import PAGE, write_report
from genesis_hub.tuning.listing import cases_of
from genesis_hub.tuning.recipe import Recipe


def report(run: str | Path, *, data: str | Path | None = None, device: str = "auto") -> Path:
    """Write `report.html` into a finished run's folder and return where it lies.

    One page that holds all it shows: numbers, curves, best and worst cases, Grad-CAM, features,
    recipe, data, and the commands that use the model.
    data: where the labelled images lie now, if not where they lay; without them there are no
    pictures of cases.
    """

    def cases(reading: Reading) -> CaseList:
        recipe = filled(Recipe(), reading.recipe, source=f"{run}/run.json")
        return cases_again(reading, lambda path: cases_of(path, recipe, check=False), data)

    return write_report(run, defaults=plain(Recipe()), cases=cases, device=device)


def left_behind(folder: Path, cases: CaseList, device: torch.device, *, quiet: bool) -> None:
    """Write a run's report where it has none; what goes wrong is said, and the run stands."""
    if (folder / PAGE).is_file():
        return
    try:
        write_report(folder, defaults=plain(Recipe()), cases=lambda _: cases, device=device)
    except Exception as error:  # no drawing is worth a run
        if not quiet:
            sys.stderr.write(
                f"no {PAGE} was written: {error or type(error).__name__}; the run stands, and "
                f"genesis_hub.report({str(folder)!r}) draws it\n"
            )
