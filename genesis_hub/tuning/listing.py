"""The cases that a recipe means by its data."""

from pathlib import Path
from typing import Any

from genesis_hub.data.cases import CaseList, load_cases
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
    return cases


def named(classes: tuple[str, ...]) -> dict[str, str] | tuple[str, ...] | None:
    """Return names in order, or what stands in the data with the name it has ("1=lung")."""
    if not any("=" in word for word in classes):
        return classes or None
    pairs = [word.partition("=") for word in classes]
    if not all(sign and value.strip() and name.strip() for value, sign, name in pairs):
        raise BadInput(f"classes={list(classes)}; give all as VALUE=NAME, or all as names in order")
    return {value.strip(): name.strip() for value, _, name in pairs}
