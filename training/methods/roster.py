"""The only list of methods: name -> what builds it."""

from collections.abc import Callable

from genesis_hub.entry import InputFacts
from genesis_hub.models import HubModel
from training.methods.base import Method
from training.methods.models_genesis import ModelsGenesis
from training.recipe import Recipe

Build = Callable[[HubModel, Recipe, InputFacts], Method]

METHODS: dict[str, Build] = {
    "models-genesis": lambda network, recipe, facts: ModelsGenesis(
        network, preset=recipe.preset, facts=facts
    ),
}
