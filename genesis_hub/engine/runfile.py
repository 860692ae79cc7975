"""`run.json`: what a run was made of and by, written when it begins and true when it is over."""

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file, unwritable
from genesis_hub.engine.checkpoint import BEST, LAST
from genesis_hub.engine.origin import origin, other_versions
from genesis_hub.engine.recipe import difference, plain
from genesis_hub.engine.record import TABLE
from genesis_hub.errors import BadInput

RUN = "run.json"


def begin(
    folder: Path,
    facts: Mapping[str, Any],
    recipe: Any,
    *,
    beside: Mapping[str, Callable[[Path], None]],
    free: Collection[str] = (),
    scratch: Collection[str] = (),
    more: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    quiet: bool,
    leading: bool = True,
) -> dict[str, Any]:
    """Write down what the run is made of, or refuse a folder that was begun otherwise.

    facts: what may not change when the run goes on, beside the recipe. beside: files that are
    written with it. free: keys of the recipe that may change. scratch: what a run keeps in its
    folder while it lasts. more: what is only worth knowing.
    leading: of several processes, the one that writes.
    """
    kept = {key: value for key, value in plain(recipe).items() if key not in free}
    told = {"format_version": 1, **facts, "recipe": kept}
    path = folder / RUN
    # Before its first checkpoint a run has nothing to lose: it may begin again, otherwise.
    if path.is_file() and ((folder / LAST).is_file() or not leading):
        then = json.loads(path.read_text(encoding="utf-8"))
        now = {key: value for key, value in plain(recipe).items() if key in free}
        other = difference({**then["recipe"], **now}, recipe)
        other += [
            f"{key}: {then.get(key)!r} then, {fact!r} now"
            for key, fact in facts.items()
            if then.get(key) != fact
        ]
        if other:
            raise BadInput(
                f"{folder} was begun otherwise ({'; '.join(other)}); give the same arguments to go "
                "on, or another RUN"
            )
        changed = other_versions(then.get("versions", {}))
        if changed and not quiet:
            sys.stderr.write(f"{'; '.join(changed)}: the end may differ in its last bits\n")
        return told
    # A kill while the run was begun may have left what lies beside it or a file half written.
    names = [mark + name for name in beside for mark in ("", ".")]
    ours = (*names, *scratch, RUN, f".{RUN}", "log.", "tensorboard", BEST, f".{BEST}", f".{LAST}")
    if folder.exists() and any(not one.name.startswith(ours) for one in folder.iterdir()):
        raise BadInput(f"{folder} holds other files; give a new folder for the run")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    for stale in (BEST, TABLE):
        (folder / stale).unlink(missing_ok=True)
    for name, write_one in beside.items():
        write_one(folder / name)
    write(path, {**told, **origin(), **(more or {})})
    if not quiet:
        sys.stderr.writelines(f"data: {note}\n" for note in notes)
    return told


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
