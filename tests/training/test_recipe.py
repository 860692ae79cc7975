"""Recipes of pre-training: shipped, faithful, changed on the command, refused where they err."""

from pathlib import Path

import pytest

from genesis_hub import registry
from genesis_hub.errors import BadInput
from training.methods.models_genesis import ModelsGenesisRecipe
from training.methods.roster import recipe_of
from training.recipe import recipe_names


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("faithful", [False, True])
def test_every_shipped_recipe_is_of_a_known_name_and_checks(name: str, faithful: bool) -> None:
    recipe = recipe_of(name, {"faithful": faithful})
    # A row of the catalog says that this recipe makes it, or the one that this is a variant of.
    rows = {entry.made_by: entry for entry in registry.ENTRIES.values() if entry.made_by}
    made = max((by for by in rows if f"{name}-".startswith(f"{by}-")), key=len)
    network = registry.find(recipe.name).architecture
    assert network.removeprefix("timm:") == rows[made].architecture
    assert recipe.faithful is faithful


def test_faithful_is_as_published_and_the_default_is_mended() -> None:
    mended, published = (
        recipe_of("models-genesis", {}),
        recipe_of("Models_Genesis", {"faithful": True}),
    )
    assert (mended.lr, mended.clip, mended.preset) == (1e-3, 1.0, "mg")
    assert (published.lr, published.batch_size, published.preset) == (1.0, 6, "mg_v1")
    assert (published.halve_every, published.norm) == (40, "original")


def test_the_command_overrules_the_recipe_in_either_unit() -> None:
    recipe = recipe_of("models-genesis", {"epochs": 3, "input-deps": 16, "width": 0.25})
    assert (recipe.steps, recipe.epochs, recipe.input_deps, recipe.width) == (None, 3, 16, 0.25)
    assert recipe_of("models-genesis", {"faithful": True, "steps": 5}).epochs is None


def test_a_recipe_of_ones_own_is_read(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('method = "models-genesis"\nname = "models-genesis"\nsteps = 7\n')
    assert recipe_of(own, {}) == ModelsGenesisRecipe("models-genesis", "models-genesis", steps=7)


@pytest.mark.parametrize(
    ("source", "wishes", "said"),
    [
        ("model-genesis", {}, "close names: models-genesis"),
        ("models-genesis", {"stpes": 5}, "close names: steps"),
        ("models-genesis", {"steps": "many"}, "steps='many'"),
        ("models-genesis", {"steps": 0}, "steps=0"),
        ("models-genesis", {"steps": 5, "epochs": 5}, "give one"),
        ("models-genesis", {"optimizer": "adagrad"}, "choose from adamw"),
        ("models-genesis", {"modality": "pet"}, "choose from ct, mri"),
        ("models-genesis", {"name": "adam-resnet50"}, "a recipe has its own"),
        ("models-genesis", {"validation": 1.0}, "out of its range"),
    ],
)
def test_what_cannot_be_used_is_named(source: str, wishes: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        recipe_of(source, wishes)
