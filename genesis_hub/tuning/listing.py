"""The cases that a recipe means by its data."""

from pathlib import Path
from typing import Any

from genesis_hub.data.cases import CaseList, load_cases, named
from genesis_hub.errors import BadInput
from genesis_hub.tuning.recipe import Recipe


def cases_of(data: str | Path, recipe: Recipe, *, check: bool = True) -> CaseList:
    """Return the cases, all with labels; check: every file is read to its end."""
    task: Any = recipe.task
    cases = load_cases(
        data,
        task=task,
        classes=named(recipe.classes),
        image=recipe.image or None,
        mask=recipe.mask,
        labels=(recipe.labels[0] if len(recipe.labels) == 1 else recipe.labels) or None,
        patient=recipe.patient,
        split=recipe.split,
        reader=recipe.reader,
        check=check,
    )
    if cases.task is None:
        raise BadInput(
            f"{data} holds images without labels; give images/ and labels/, a folder per class, or "
            "a CSV with a label or mask column"
        )
    if cases.task == "segmentation" and cases.classes and len(cases.classes) < 2:
        raise BadInput(
            f"{data}: every mask is empty, so there is nothing to learn; look at how they were "
            "saved, or name their values in classes="
        )
    return cases
