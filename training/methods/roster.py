"""The only list of methods: name -> what builds it, and what it must be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from training.methods.base import Method
from training.methods.models_genesis import ModelsGenesis
from training.methods.semantic_genesis import SemanticGenesis
from training.recipe import Recipe
from training.views.presets import PRESETS
from training.views.restorations import RESTORATIONS


@dataclass(frozen=True)
class Row:
    """One method. key, choices: of the recipe, what names its views; labelled: needs classes."""

    build: Callable[[HubModel, Recipe, InputFacts], Method]
    key: str
    choices: Mapping[str, object]
    labelled: bool = False


SEMANTIC = Row(
    lambda network, recipe, facts: SemanticGenesis(
        network,
        views=recipe.views,
        lambda_rec=recipe.lambda_rec,
        lambda_cls=recipe.lambda_cls,
        stage=recipe.stage,
    ),
    "views",
    RESTORATIONS,
    labelled=True,
)

METHODS: dict[str, Row] = {
    "models-genesis": Row(
        lambda network, recipe, facts: ModelsGenesis(network, preset=recipe.preset, facts=facts),
        "preset",
        PRESETS,
    ),
    "semantic-genesis": SEMANTIC,
    "transvw": SEMANTIC,
}


def row_of(recipe: Recipe) -> Row:
    """Return the method of a recipe, or raise `BadInput` where it or its views are unknown."""
    if recipe.method not in METHODS:
        raise BadInput(f"method={recipe.method!r}; choose from {', '.join(METHODS)}")
    row = METHODS[recipe.method]
    asked = getattr(recipe, row.key)
    if asked not in row.choices:
        raise BadInput(f"{row.key}={asked!r}; choose from {', '.join(row.choices)}")
    return row
