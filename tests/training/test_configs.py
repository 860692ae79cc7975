"""Every published config runs as it is, but for sizes; the road of JSON, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis_hub import from_pretrained
from genesis_hub.configs.shipped import SHIPPED as ALL
from genesis_hub.errors import BadInput
from tests.training.configs import NAMES, keys_in, laid_out, pretrained, shrunk
from tests.training.wholes import films
from training.pretrain import WHOLES, asked_of

SMALL: dict[str, Any] = {
    "data_dim": 16, "encoder_architecture": None, "enc_filters": 2, "pooling": "none",
    "batch_size": 2, "epochs": 1, "pictures": False, "number_channels": 1,
}  # fmt: skip


def told(folder: Path) -> dict[str, Any]:
    """Return what a run's file says."""
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def test_all_published_set_ups_come_along() -> None:
    assert len(NAMES) == 26
    assert len(list((ALL / "finetune").glob("*.json"))) == 21
    methods = {
        f"{keys['algorithm']}-{3 if keys['data_is_3D'] else 2}d" for keys in map(keys_in, NAMES)
    }
    assert methods == set(WHOLES)


@pytest.mark.parametrize("name", NAMES)
def test_a_published_config_runs_an_epoch_where_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    laid_out(tmp_path, name)
    keys, wishes = keys_in(name), shrunk(name)
    assert pretrained(name, **wishes) == 0
    run = tmp_path / "workspace" / f"{keys['algorithm']}_{keys['dataset_name']}"
    recipe = told(run)["recipe"]
    assert (recipe["lr"], recipe["optimizer"], recipe["schedule"]) == (
        keys["lr"], "adam", "constant",
    )  # fmt: skip
    assert recipe["validation"] == keys.get("val_split", 0.1)
    assert np.isfinite(json.loads((run / "metrics.json").read_text())["loss"])
    model = from_pretrained(run / "model")
    assert model.in_channels == keys["number_channels"]
    assert model.ndim == (3 if keys["data_is_3D"] else 2)


def test_every_published_config_asks_for_a_recipe_that_checks_at_its_own_sizes(
    tmp_path: Path,
) -> None:
    for name in NAMES:
        keys, asked = keys_in(name), asked_of(name, {}, tmp_path, None)
        assert asked.recipe.size[0] == keys["data_dim"]
        assert asked.recipe.epochs == keys["epochs"]
        images = {"cpc_2d.json": 6, "cpc_2d_pancreas.json": 25, "cpc_3d_brats.json": 2}
        if keys["algorithm"] != "cpc":
            assert asked.recipe.batch_size == keys["batch_size"]
        elif name in images:
            assert asked.recipe.batch_size == images[name]


def test_the_same_call_goes_on_and_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    films(tmp_path / "films")
    road = ("--data", "films", "--out", "run")
    assert pretrained("rotation_2d.json", *road, **SMALL) == 0
    assert pretrained("rotation_2d.json", *road, **SMALL) == 0
    assert "was finished before" in capsys.readouterr().out
    assert pretrained("rotation_2d.json", *road, **{**SMALL, "lr": 0.01}) == 2
    assert "lr: 1e-05 then, 0.01 now" in capsys.readouterr().err


def test_the_runs_own_copy_of_the_config_asks_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    films(tmp_path / "films")
    assert pretrained("rpl_2d.json", "--data", "films", **{**SMALL, "data_dim": 72}) == 0
    run = tmp_path / "workspace/rpl_kaggle_retina"
    again = asked_of(run / "train.json", {}, None, None)
    made = told(run)["recipe"]
    assert again.recipe.data_dim == made["data_dim"] == 72
    assert (again.data, again.out) == ("films", Path("workspace/rpl_kaggle_retina"))
    assert again.recipe.augment is True
    assert told(run)["dataset_name"] == "kaggle_retina"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"algorithm": "rotation", "epoch": 3}', "'epoch' is no key; close names: epochs"),
        ('{"algorithm": "rotations"}', "choose from cpc, rotation"),
        ('{"algorithm": "rotation", "batch_size": "two"}', "a whole number is expected"),
        ('{"algorithm": "rotation",}', "it is not JSON"),
        ('{"algorithm": "rotation", "lr": 1, "lr": 2}', "'lr' is given twice, as 1 and 2"),
        ('["rotation"]', "holds no keys"),
        ('{"dataset_name": "x"}', "algorithm is missing"),
        ('{"algorithm": "rotation", "loss": "mse"}', "loss is of fine-tuning"),
        ('{"algorithm": "rotation", "val_split": 20}', "val_split=20 is no share"),
        ('{"algorithm": "rotation", "num_layers": 5}', "leave num_layers=4"),
        (
            '{"algorithm": "cpc", "n_channels": 1, "number_channels": 3}',
            "give number_channels",
        ),
        ('{"algorithm": "rotation", "pooling": "mean"}', "choose from none, avg, max"),
        ('{"algorithm": "rotation", "cpc_loss": "bce"}', "it is one of cpc"),
        ('{"algorithm": "rotation", "dataset_name": "a/b"}', "leave out slashes"),
        ('{"algorithm": "rotation", "model_params": {"dropuot": 0}}', "close names: dropout"),
        ('{"algorithm": "rotation", "model_params": {"use_batch_norm": false}}', "as published"),
        ('{"algorithm": "rotation", "top_architecture": "unet_3d_upconv"}', "outlines, but"),
        (
            '{"algorithm": "rotation", "data_is_3D": true, "encoder_architecture": "ResNet50"}',
            "the built-in U-Net",
        ),
        (
            '{"algorithm": "rpl", "data_dim": 64, "patch_jitter": 8}',
            "the encoder would see sides of 13",
        ),
        ('{"algorithm": "cpc", "patches_per_side": 2}', "leaves no row to predict"),
        ('{"algorithm": "cpc", "data_dim": 224, "crop_size": 300}', "does not fit into data_dim"),
        ('{"algorithm": "rotation", "train_data_generator_args": {"augmen": true}}', "augment"),
        ('{"algorithm": "rotation", "train_data_generator_args": true}', "a table of keys"),
        (
            '{"algorithm": "rotation", "multilabel": true}',
            "give train_data_generator_args.multilabel",
        ),
        (
            '{"algorithm": "rotation", "data_is_3D": true, "number_channels": 1, '
            '"train_data_generator_args": {"augment_zoom_only": true}}',
            "is for pictures",
        ),
        (
            '{"algorithm": "rotation", "train_data_generator_args": {"patch_size": 9}}',
            "are for volumes",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_with_the_way_out(
    text: str, said: str, tmp_path: Path
) -> None:
    config = tmp_path / "mine.json"
    config.write_text(text)
    with pytest.raises(BadInput) as error:
        asked_of(config, {}, tmp_path, tmp_path / "run")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_that_is_no_file_is_told_its_neighbours(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"close names: rotation_3d\.json"):
        asked_of("rotations_3d.json", {}, tmp_path, None)
    with pytest.raises(BadInput, match="nothing lies there; give the folder"):
        asked_of("rotation_3d.json", {}, None, None)
    with pytest.raises(BadInput, match="--data is missing; a config in JSON may say it"):
        asked_of("rotation-3d", {}, None, None)
