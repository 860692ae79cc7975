"""The page of a finished run: numbers, graphs, cases, features, recipe, data, commands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from genesis_hub import api
from genesis_hub.atomic import new_file
from genesis_hub.data.cases import CaseList
from genesis_hub.errors import GenesisHubError, some_of
from genesis_hub.extras import require
from genesis_hub.infer.settings import device_of
from genesis_hub.page import Markup, note, write_page
from genesis_hub.reporting.features import features
from genesis_hub.reporting.graphs import answers, training
from genesis_hub.reporting.leaks import leaks
from genesis_hub.reporting.looks import Gallery, looks
from genesis_hub.reporting.making import again, data, recipe
from genesis_hub.reporting.numbers import numbers
from genesis_hub.reporting.reading import Reading, read_run, unit_of
from genesis_hub.show.style import quoted

PAGE = "report.html"
Part = Callable[[], Markup | Sequence[Markup] | None]


def write_report(
    folder: str | Path,
    *,
    defaults: Mapping[str, Any],
    cases: Callable[[Reading], CaseList],
    device: str | torch.device = "auto",
) -> Path:
    """Write a run's report.html and return where it lies; see `report`.

    defaults: of the recipe. cases: gives those of the run.
    """
    require("matplotlib", "show")
    reading = read_run(folder)
    listed, missing = found(reading, cases)
    if listed is not None and reading.segmentation:
        reading = replace(reading, unit=unit_of(listed, reading.unit))
    parts = attempted("The numbers", lambda: numbers(reading))
    parts += attempted("The course of training", lambda: training(reading))
    parts += attempted("The answers", lambda: answers(reading))
    parts += [missing] if listed is None else pictures(reading, listed, device)
    parts += attempted("The recipe", lambda: recipe(reading, defaults))
    parts += attempted("The data", lambda: data(reading))
    if listed is not None:
        parts += attempted("The audit of the data", lambda: leaks(reading, listed))
    parts += attempted("The commands", lambda: again(reading, defaults))
    text = write_page(title(reading), *parts, lead=lead(reading))
    target = reading.folder / PAGE
    with new_file(target) as aside:
        aside.write_text(text, encoding="utf-8")
    return target


def found(reading: Reading, cases: Callable[[Reading], CaseList]) -> tuple[CaseList | None, Markup]:
    """Return the run's cases, or a note of why they are not there."""
    try:
        return cases(reading), note("")
    except GenesisHubError as error:
        return None, note(f"There are no pictures of cases, and no audit of the data: {error}")


def pictures(reading: Reading, listed: CaseList, device: str | torch.device) -> list[Markup]:
    """Return what takes the images and the model, or a note of why it is not there."""
    try:
        where = device if isinstance(device, torch.device) else device_of(device)
        model = api.from_pretrained(reading.folder / "model").to(where).eval()
    except GenesisHubError as error:
        return [note(f"There are no pictures of cases: {error}")]
    gallery = Gallery(reading, listed, model, where)
    parts = attempted("Pictures of cases", lambda: looks(gallery))
    return parts + attempted("The features", lambda: features(gallery))


def attempted(name: str, part: Part) -> list[Markup]:
    """Return a part of the page, or a note of why it is not there: the rest stands without it."""
    try:
        made = part()
    except Exception as error:  # whatever it is, a page without this part is worth more than none
        return [note(f"{name} could not be shown: {type(error).__name__}: {error}")]
    if made is None:
        return []
    return [made] if isinstance(made, Markup) else list(made)


def title(reading: Reading) -> str:
    """Return what the page is called."""
    name = Path(str(reading.run["model"])).name
    how = "from scratch" if reading.recipe.get("scratch") else "fine-tuned"
    kind = "segmentation" if reading.segmentation else "classification"
    return f"{name}, {how}: {kind}"


def lead(reading: Reading) -> str:
    """Return what stands below the title."""
    classes = some_of([quoted(name) for name in reading.classes], 8)
    begun = str(reading.run.get("begun", "")).replace("T", " ")[:16]
    return (
        f"Classes {classes}. Run {reading.folder.resolve().name}, "
        f"begun {begun}. For research; not for clinical use."
    )
