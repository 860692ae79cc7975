"""`benchmark.json`: what a benchmark is made of; another one is refused in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_hub.atomic import unwritable
from genesis_hub.benchmarking.contestants import Contestant
from genesis_hub.data.cases import CaseList
from genesis_hub.engine.origin import origin
from genesis_hub.engine.recipe import difference, plain
from genesis_hub.engine.runfile import write
from genesis_hub.errors import BadInput
from genesis_hub.tuning.recipe import Recipe

FILE = "benchmark.json"
VERSION = 2
# What a recipe may say where the encoder stands still; the rest is about training it.
FROZEN = (
    "task", "reader", "image", "mask", "labels", "patient", "split", "classes", "seed", "modality",
    "range", "no_check", "size", "spacing", "norm", "width", "precision", "batch_size",
)  # fmt: skip
OURS = {
    "label_fraction": "fractions=",
    "shots": "shots= of the benchmark itself",
    "scratch": "'scratch' among the models",
    "cache": "mode='probe'",
}


def check_recipe(keys: Mapping[str, Any], mode: str, *, tuning: bool) -> None:
    """Raise `BadInput` where a key means nothing here."""
    for key in (key.replace("-", "_") for key in keys):
        if key in OURS:
            raise BadInput(f"{key} cannot be set in a benchmark; {OURS[key]} is the way to it")
        if not tuning and key not in FROZEN:
            raise BadInput(
                f"{key} is about training, but mode={mode!r} keeps the encoder as it is; take "
                f"mode='finetune', or leave it away; what may be set: {', '.join(FROZEN)}"
            )


def check_place(folder: Path) -> None:
    """Raise `BadInput` for a place where no benchmark can be begun or gone on with."""
    try:
        if (folder / FILE).is_file():
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder} holds other files; give a new folder for the benchmark")
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        # It was only a question: what is refused later leaves nothing behind.
        for one in made:
            one.rmdir()
    except OSError as error:
        raise unwritable(folder, error) from error


def begin(
    folder: Path,
    among: Sequence[Contestant],
    cases: CaseList,
    recipe: Recipe,
    *,
    mode: str,
    fractions: Sequence[float],
    folds: int,
    draws: int,
) -> dict[str, Any]:
    """Write down what the benchmark is made of, or refuse a folder that was begun otherwise."""
    facts: dict[str, Any] = {
        "format_version": VERSION,
        "mode": mode,
        "models": [
            {"title": one.title, "model": str(one.source), "scratch": one.scratch,
             "width": one.width, "sha256": one.sha256}
            for one in among
        ],
        "fractions": list(fractions),
        "folds": folds,
        "draws": draws,
        "data": {"digest": cases.digest, "cases": len(cases)},
        "classes": list(cases.classes),
    }  # fmt: skip
    path = folder / FILE
    if path.is_file():
        then: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        other = [
            f"{key}: {then.get(key)!r} then, {facts[key]!r} now"
            for key in facts
            if then.get(key) != facts[key]
        ]
        other += difference(then["recipe"], recipe)
        if then.get("format_version") == 1:
            other = ["an older version of genesis_hub drew random weights once"]
        if other:
            raise BadInput(
                f"{folder} was begun otherwise ({'; '.join(other)}); give the same arguments to go "
                "on, or another OUT"
            )
        return then
    folder.mkdir(parents=True, exist_ok=True)
    facts = {**facts, "recipe": plain(recipe), **origin()}
    write(path, facts)
    return facts


def note_weights(folder: Path, title: str, sha256: str) -> None:
    """Note which weights a model had; others, since the benchmark was begun, are refused."""
    told = json.loads((folder / FILE).read_text(encoding="utf-8"))
    known = told.get("weights", {})
    if known.get(title, sha256) != sha256:
        raise BadInput(
            "its weights are others than when the benchmark was begun; take another OUT for them"
        )
    if title not in known:
        write(folder / FILE, {**told, "weights": {**known, title: sha256}})
