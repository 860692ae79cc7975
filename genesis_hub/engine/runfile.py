"""`run.json`: what a run was made of and by, written when it begins and true when it is over."""

import json
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from genesis_hub.atomic import new_file, unwritable
from genesis_hub.engine.checkpoint import BEST, LAST
from genesis_hub.engine.origin import origin, other_versions
from genesis_hub.engine.recipe import difference, plain
from genesis_hub.engine.record import TABLE
from genesis_hub.errors import BadInput, some_of

RUN = "run.json"
NAMED = 3


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
            f"{key}: {reported(then.get(key), fact, folder, beside)}"
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
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; give a new folder for the run to --out")
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


def forgotten(folder: Path, beside: Collection[str], scratch: Collection[str]) -> None:
    """Take away what `begin` wrote of a run that was refused before its first step."""
    if (folder / LAST).is_file() or (folder / TABLE).is_file():
        return
    for name in scratch:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (*beside, RUN):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # Whatever else lies there stays.
        folder.rmdir()


def reported(
    then: Any, now: Any, folder: Path, beside: Mapping[str, Callable[[Path], None]]
) -> str:
    """Return what of a fact is another now, in words; a digest alone says nothing to anybody."""
    if not (isinstance(then, dict) and isinstance(now, dict) and "digest" in now):
        return f"{then!r} then, {now!r} now"
    told = [
        f"{key} {then.get(key)!r} then, {value!r} now"
        for key, value in now.items()
        if key != "digest" and then.get(key) != value and not isinstance(value, dict)
    ]
    if then.get("digest") != now["digest"]:
        gone, new = moved(folder, beside)
        told += [f"gone: {some_of(gone, NAMED)}"] if gone else []
        told += [f"new: {some_of(new, NAMED)}"] if new else []
        if not gone and not new:
            told.append("of the same names, but their files, patients or splits are others")
    counts = (then.get("cases"), now.get("cases"))
    if all(isinstance(one, dict) for one in counts) and counts[0] != counts[1]:
        said = [", ".join(f"{many} {key}" for key, many in (one or {}).items()) for one in counts]
        told.append(f"{said[0]} then, {said[1]} now")
    return "; ".join(told)


def moved(
    folder: Path, beside: Mapping[str, Callable[[Path], None]]
) -> tuple[list[str], list[str]]:
    """Return the names that a run's split no longer has, and those that are new to it."""
    gone: list[str] = []
    new: list[str] = []
    for name, write_one in beside.items():
        with TemporaryDirectory() as aside:
            write_one(Path(aside) / name)
            held = [named_in(place / name) for place in (folder, Path(aside))]
        gone += sorted(held[0] - held[1])
        new += sorted(held[1] - held[0])
    return gone, new


def named_in(split: Path) -> set[str]:
    """Return the names in a split's file; none where it is not whole."""
    try:
        told = json.loads(split.read_text(encoding="utf-8"))["splits"]
        return {name for names in told.values() for name in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


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
