"""Whether models can take a benchmark's images at all, told before anything is fetched."""

from collections.abc import Sequence

from genesis_hub.benchmarking.cells import FINETUNE
from genesis_hub.benchmarking.contestants import Contestant
from genesis_hub.data.cases import CaseList
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from genesis_hub.saved import read_spec
from genesis_hub.tuning.choose import SERVES
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.weights.folder import read_folder

KINDS = {2: "pictures", 3: "volumes"}


def misfits(
    among: Sequence[Contestant], cases: CaseList, recipe: Recipe, mode: str
) -> dict[str, str]:
    """Return which models cannot take images of so many axes, and why; refuse where none can."""
    sides = read(cases.cases[0].images[0]).ndim
    found = {}
    for one in among:
        why = misfit(one, sides, cases, recipe, mode)
        if why:
            found[one.title] = why
    if len(found) == len(among):
        title, why = next(iter(found.items()))
        others = f" (so it is with all {len(found)} models)" if len(found) > 1 else ""
        raise BadInput(f"{title}: {why}{others}")
    return found


def misfit(one: Contestant, sides: int, cases: CaseList, recipe: Recipe, mode: str) -> str:
    """Return why a model cannot take the images; nothing where it can."""
    if one.entry.ndim > sides:
        return (
            f"your data are {KINDS[sides]}, {one.title} takes {KINDS[one.entry.ndim]}; name a "
            f"{sides}D model (genesis-hub list)"
        )
    frozen_or_plain = mode != FINETUNE or one.entry.ndim == sides
    if frozen_or_plain or cases.task != "classification" or operator_of(one, recipe):
        return ""  # Frozen features are the mean over slices; masks are made slice by slice.
    return (
        f"your data are {KINDS[sides]}, {one.title} takes {KINDS[one.entry.ndim]}; give "
        "operator='lstm' (--set operator=lstm), which classifies volumes by their slices, or name "
        "a 3D model"
    )


def operator_of(one: Contestant, recipe: Recipe) -> str | None:
    """Return what makes a volume network of a 2D one: as asked for, or as its folder was saved."""
    if recipe.operator is not None or isinstance(one.source, str):
        return recipe.operator
    saved = read_spec(read_folder(one.source).facts).operator
    return saved if saved is not None and SERVES[saved] == "classification" else None
