"""`run.json`: what a run was made of and by, written when it begins and true when it is over."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file, unwritable
from genesis_hub.data.cases import CaseList, write_split
from genesis_hub.data.hashes import KIND
from genesis_hub.engine.checkpoint import BEST, LAST
from genesis_hub.engine.origin import origin, other_versions
from genesis_hub.engine.recipe import difference, plain
from genesis_hub.engine.record import TABLE
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.weights.seen import SEEN, noted

RUN, SPLIT = "run.json", "split.json"
SPLITS = ("train", "val", "test")


def begin(
    folder: Path,
    source: str | Path,
    recipe: Recipe,
    cases: CaseList,
    *,
    quiet: bool,
    leading: bool = True,
) -> dict[str, Any]:
    """Write down what the run is made of, or refuse a folder that was begun otherwise.

    leading: of several processes, the one that writes.
    """
    facts = {
        "format_version": 1,
        "model": str(source),
        "data": {"digest": cases.digest, "cases": {s: len(cases.of(s)) for s in SPLITS}},
        "classes": list(cases.classes),
        "recipe": {key: value for key, value in plain(recipe).items() if key != "report"},
    }
    path = folder / RUN
    # Before its first checkpoint a run has nothing to lose: it may begin again, otherwise.
    if path.is_file() and ((folder / LAST).is_file() or not leading):
        then = json.loads(path.read_text(encoding="utf-8"))
        other = difference({**then["recipe"], "report": recipe.report}, recipe)
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
        changed = other_versions(then.get("versions", {}))
        if changed and not quiet:
            sys.stderr.write(f"{'; '.join(changed)}: the end may differ in its last bits\n")
        return facts
    # A kill while the run was begun may have left its split or a file half written.
    ours = (SPLIT, f".{SPLIT}", RUN, f".{RUN}", "log.", "tensorboard", BEST, f".{BEST}", f".{LAST}")
    if folder.exists() and any(not one.name.startswith(ours) for one in folder.iterdir()):
        raise BadInput(f"{folder} holds other files; give a new folder for the run")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    for stale in (BEST, TABLE):
        (folder / stale).unlink(missing_ok=True)
    write_split(folder / SPLIT, cases)
    data = {"given": str(cases.given or cases.root), "notes": list(cases.notes)}
    write(path, {**facts, **origin(), **data})
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


def note_seen(folder: Path, samples: Samples, network: HubModel) -> None:
    """Note what the weights saw: names and hashes in the run's folder, hashes alone with them.

    What the weights saw before this run stays noted.
    """
    rows = [
        {"case": case.name, "patient": case.patient, "hashes": samples.hashes(index)}
        for index, case in enumerate(samples.cases)
    ]
    amend(folder, {"seen": {"kind": KIND, "cases": rows}})
    every = [one for row in rows for one in row["hashes"]]
    network.terms = {**network.terms, SEEN: noted(network.terms.get(SEEN, ""), KIND, every)}


def write(path: Path, told: Mapping[str, Any]) -> None:
    """Write the file whole or not at all."""
    with new_file(path) as aside:
        aside.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
