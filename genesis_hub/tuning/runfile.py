"""`run.json`: what a run was made of and by, written when it begins and true when it is over."""

import json
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import CaseList, write_split
from genesis_hub.engine.recipe import difference, plain
from genesis_hub.errors import BadInput
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.version import __version__

RUN, SPLIT = "run.json", "split.json"
SPLITS = ("train", "val", "test")


def begin(
    folder: Path, source: str | Path, recipe: Recipe, cases: CaseList, *, quiet: bool
) -> dict[str, Any]:
    """Write down what the run is made of, or refuse a folder that was begun otherwise."""
    facts = {
        "format_version": 1,
        "model": str(source),
        "data": {"digest": cases.digest, "cases": {s: len(cases.of(s)) for s in SPLITS}},
        "classes": list(cases.classes),
        "recipe": plain(recipe),
    }
    path = folder / RUN
    if path.is_file():
        then = json.loads(path.read_text(encoding="utf-8"))
        other = difference(then["recipe"], recipe)
        other += [
            f"{key}: {then.get(key)!r} then, {facts[key]!r} now"
            for key in ("model", "data", "classes")
            if then.get(key) != facts[key]
        ]
        if other:
            raise BadInput(
                f"{folder} was begun otherwise ({'; '.join(other)}); give the same arguments to go "
                "on, or another RUN"
            )
        return facts
    # A kill while the run was begun may have left its split or a file half written.
    ours = (SPLIT, f".{SPLIT}", f".{RUN}")
    if folder.exists() and any(not one.name.startswith(ours) for one in folder.iterdir()):
        raise BadInput(f"{folder} holds other files; give a new folder for the run")
    folder.mkdir(parents=True, exist_ok=True)
    write_split(folder / SPLIT, cases)
    told = {
        **facts,
        "command": sys.argv,
        "versions": {
            "genesis_hub": __version__, "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "begun": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }  # fmt: skip
    write(path, told)
    if not quiet:
        sys.stderr.writelines(f"data: {note}\n" for note in cases.notes)
    return facts


def begun(folder: Path) -> dict[str, Any] | None:
    """Return the recipe of a run that goes on; None for a new one."""
    path = folder / RUN
    if not path.is_file():
        return None
    recipe: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["recipe"]
    return recipe


def amend(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write down what became known of a run since it began."""
    path = folder / RUN
    told = json.loads(path.read_text(encoding="utf-8"))
    if any(told.get(key) != fact for key, fact in facts.items()):
        write(path, {**told, **facts})


def write(path: Path, told: Mapping[str, Any]) -> None:
    """Write the file whole or not at all."""
    with new_file(path) as aside:
        aside.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
