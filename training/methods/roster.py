"""The only list of methods: name -> what it is told, and what builds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_hub.entry import InputFacts
from genesis_hub.models import HubModel
from training.kinds import ImageRecipe, SliceRecipe, VolumeRecipe, WholeRecipe
from training.methods.adam import Adam, AdamRecipe
from training.methods.adam_v2 import AdamV2, AdamV2Recipe
from training.methods.base import Method
from training.methods.cpc import CPC, CPC2DRecipe, CPCRecipe
from training.methods.exemplar import Exemplar, Exemplar2DRecipe, ExemplarRecipe
from training.methods.jigsaw import Jigsaw, Jigsaw2DRecipe, JigsawRecipe
from training.methods.models_genesis import ModelsGenesis, ModelsGenesisRecipe
from training.methods.relative import Relative, Relative2DRecipe, RelativeRecipe
from training.methods.rotation import Rotation, Rotation2DRecipe, RotationRecipe
from training.methods.semantic_genesis import SemanticGenesis, SemanticRecipe
from training.methods.smart_net import SmartNet, SmartNetRecipe
from training.recipe import Recipe, key_names, read_recipe


@dataclass(frozen=True)
class Row:
    """One method. recipe: the keys it takes; labelled: it needs patterns whose classes are known.

    task: of the network that it trains: "pretext", with all its heads, or "features", bare.
    """

    recipe: type[Recipe]
    build: Callable[[HubModel, Any, InputFacts], Method]
    labelled: bool = False
    task: str = "pretext"


SEMANTIC = Row(
    SemanticRecipe,
    lambda network, recipe, facts: SemanticGenesis(
        network,
        views=recipe.views,
        lambda_rec=recipe.lambda_rec,
        lambda_cls=recipe.lambda_cls,
        stage=recipe.stage,
    ),
    labelled=True,
)

METHODS: dict[str, Row] = {
    "models-genesis": Row(
        ModelsGenesisRecipe,
        lambda network, recipe, facts: ModelsGenesis(network, preset=recipe.preset, facts=facts),
    ),
    "semantic-genesis": SEMANTIC,
    "transvw": SEMANTIC,
    "adam-v2": Row(AdamV2Recipe, AdamV2, task="features"),
    "adam": Row(AdamRecipe, Adam, task="features"),
    "rotation-3d": Row(RotationRecipe, Rotation, task="features"),
    "rotation-2d": Row(Rotation2DRecipe, Rotation, task="features"),
    "rpl-3d": Row(RelativeRecipe, Relative, task="features"),
    "rpl-2d": Row(Relative2DRecipe, Relative, task="features"),
    "jigsaw-3d": Row(JigsawRecipe, Jigsaw, task="features"),
    "jigsaw-2d": Row(Jigsaw2DRecipe, Jigsaw, task="features"),
    "exemplar-3d": Row(ExemplarRecipe, Exemplar, task="features"),
    "exemplar-2d": Row(Exemplar2DRecipe, Exemplar, task="features"),
    "cpc-3d": Row(CPCRecipe, CPC, task="features"),
    "cpc-2d": Row(CPC2DRecipe, CPC, task="features"),
    "smart-net": Row(SmartNetRecipe, SmartNet),
}


def recipe_of(source: str | Path, wishes: Mapping[str, Any]) -> Recipe:
    """Return a shipped recipe, or one from a TOML file, with some of its keys set otherwise."""
    return read_recipe(source, wishes, {name: row.recipe for name, row in METHODS.items()})


def all_keys() -> str:
    """Return in words which keys there are: of all, of each kind of images, of a method."""
    said = [f"of all: {', '.join(key_names())}"]
    known = set(key_names())
    kinds = (
        (VolumeRecipe, "volumes"), (ImageRecipe, "pictures"), (WholeRecipe, "whole images"),
        (SliceRecipe, "labelled slices"),
    )  # fmt: skip
    for kind, what in kinds:
        said.append(f"of {what}: {', '.join(n for n in key_names(kind) if n not in known)}")
        known |= set(key_names(kind))
    for name, row in METHODS.items():
        own = [key for key in key_names(row.recipe) if key not in known]
        if own:
            said.append(f"of {name}: {', '.join(own)}")
    return "; ".join(said)
