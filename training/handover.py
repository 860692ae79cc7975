"""What a run begins with: a whole run's last state, weights alone, or nothing."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import LAST
from genesis_hub.engine.runfile import RUN
from genesis_hub.errors import BadInput
from training.leaving import MODEL
from training.methods.base import Method
from training.recipe import Recipe

STAGES = "stages.json"  # Lies in the folder of a chain, and names its stages in order.


@dataclass(frozen=True)
class Beginning:
    """What a run begins with. recipe: whose `weights` are a model's folder or a name by now.

    state: the last checkpoint of a run of the same method; None where weights alone are taken.
    """

    recipe: Recipe
    state: Path | None = None

    def fill(self, method: Method) -> None:
        """Give a fresh method the whole state of another run: all but the optimiser's."""
        if self.state is None or not method.hands_over:
            return
        _, tensors = checkpoint.load(self.state)
        given: dict[str, Tensor] = method.adopted(tensors["model"])
        other = differing(given, method.state_dict())
        if other:
            raise BadInput(
                f"weights={str(self.state.parent)!r} is a run of another form ({other}); give the "
                "keys it was made with (encoder, width, queue, hidden, code), or weights="
                f"{str(self.state.parent / MODEL)!r} for its encoder alone"
            )
        method.load_state_dict(given)


def beginning(recipe: Recipe, run: Path) -> Beginning:
    """Return what a recipe's `weights` are: a RUN, a model's folder or a name.

    run: the folder of the run that begins; a stage names the one before it by where it lies beside.
    """
    if recipe.weights is None:
        return Beginning(recipe)
    asked = Path(recipe.weights).expanduser()
    staged = (run.parent / STAGES).is_file() and asked.parent == Path("..")
    folder = last_stage(run.parent / asked.name if staged else asked)
    if not (folder / RUN).is_file():
        return Beginning(recipe)
    told: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    if checkpoint.finished(folder) is None or not (folder / MODEL).is_dir():
        raise BadInput(
            f"weights={recipe.weights!r} is a run that is not finished; the command it was begun "
            "with goes on with it"
        )
    alike = told.get("recipe", {}).get("method") == recipe.method
    # The model's folder even so: the terms of what it began with itself travel with it.
    inner = replace(recipe, weights=str(folder / MODEL))
    return Beginning(inner, folder / LAST if alike else None)


def last_stage(folder: Path) -> Path:
    """Return the folder of the last stage where a folder holds a chain; else the folder."""
    table = folder / STAGES
    if not table.is_file():
        return folder
    names: list[str] = json.loads(table.read_text(encoding="utf-8"))["stages"]
    return folder / names[-1]


def differing(given: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """Return in words the first tensor that is not of the same form in both; nothing if all are."""
    for name in sorted(given.keys() | wanted.keys()):
        shapes = [tuple(one[name].shape) if name in one else None for one in (given, wanted)]
        if shapes[0] != shapes[1]:
            there, here = ("missing" if shape is None else str(shape) for shape in shapes)
            return f"{name} is {there} there, {here} here"
    return ""
