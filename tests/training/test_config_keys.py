"""Each documented key of a config of pre-training, set otherwise: what becomes otherwise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from genesis_hub import from_pretrained
from genesis_hub.catalog.proxy_tasks import ENCODERS
from genesis_hub.engine.feed import Order
from tests.training.configs import pretrained, volume
from tests.training.wholes import film, films
from training.configs.becoming import Asked
from training.methods.base import Method
from training.methods.roster import METHODS
from training.network import facts_of, network_of, parts_of
from training.pretrain import asked_of, found
from training.recipe import Recipe
from training.views.draws import Draws

BASE: dict[str, Any] = {
    "algorithm": "rotation", "dataset_name": "mine", "data_is_3D": False, "data_dim": 32,
    "number_channels": 1, "batch_size": 4, "enc_filters": 2, "pooling": None, "code_size": 8,
    "model_params": {"dropout": 0},
}  # fmt: skip


def asked(folder: Path, **keys: Any) -> Asked:
    """Return what the small config asks for, with some keys set otherwise."""
    config = folder / "mine.json"
    said = {**BASE, **keys}
    if said["algorithm"] in ("cpc", "rpl", "jigsaw"):
        said = {"patches_per_side": 3, "data_dim": 64, "top_architecture": "none", **said}
        said["data_dim"] = max(64, said["data_dim"])
    config.write_text(json.dumps(said))
    return asked_of(config, {}, keys.get("data_dir", folder), None)


def recipe(folder: Path, **keys: Any) -> Any:
    return asked(folder, **keys).recipe


def method(made: Any) -> Method:
    """Return what a recipe trains, with fixed weights to begin with."""
    torch.manual_seed(0)
    facts = facts_of(made)
    row = METHODS[made.method]
    return row.build(network_of(made, facts, task=row.task), made, facts)


def views(made: Any, *, training: bool = True) -> dict[str, torch.Tensor]:
    """Return what images become, always the same draws."""
    one = method(made).train(training)
    draw = torch.Generator().manual_seed(0)
    shape = (2, made.number_channels, *made.size)
    x = 0.1 + 0.9 * torch.rand(shape, generator=draw)
    keys = torch.arange(2)
    return one.views({"image": x, "key": keys}, Draws(keys))


def channels(one: Method) -> tuple[int, int]:
    """Return how many channels the first layer takes and makes."""
    first = next(part for part in one.network.modules() if isinstance(part, nn.Conv2d))
    return first.in_channels, first.out_channels


def widths(one: Method) -> list[int]:
    """Return the widths of the layers beside the network."""
    inner = set(one.network.modules())
    layers = [part for part in one.modules() if part not in inner]
    return [layer.out_features for layer in layers if isinstance(layer, nn.Linear)]


def test_algorithm_and_data_is_3d_choose_the_task(tmp_path: Path) -> None:
    methods = {
        recipe(tmp_path, algorithm=name, data_is_3D=solid).method
        for name in ("cpc", "rotation", "rpl", "jigsaw", "exemplar")
        for solid in (False, True)
    }
    assert len(methods) == 10
    assert views(recipe(tmp_path, data_is_3D=True, data_dim=16))["image"].ndim == 5


def test_dataset_name_and_base_workspace_name_the_runs_folder(tmp_path: Path) -> None:
    assert asked(tmp_path).out == Path("workspace/rotation_mine")
    there = asked(tmp_path, dataset_name="any words", base_workspace="/runs")
    assert there.out == Path("/runs/rotation_any words")
    assert there.facts == {"dataset_name": "any words"}


def test_data_dir_is_where_images_are_read_and_data_overrules_it(tmp_path: Path) -> None:
    config = tmp_path / "mine.json"
    config.write_text(json.dumps({**BASE, "data_dir": str(tmp_path)}))
    assert asked_of(config, {}, None, None).data == str(tmp_path)
    assert asked_of(config, {}, "elsewhere", None).data == "elsewhere"


def test_batch_size_counts_pretext_samples(tmp_path: Path) -> None:
    assert recipe(tmp_path, batch_size=6).batch_size == 6
    flat = asked(tmp_path, algorithm="cpc", batch_size=13)
    assert flat.recipe.batch_size == 13 // (2 * 3)
    assert any("at 6 of each image" in note for note in flat.notes)
    solid = recipe(tmp_path, algorithm="cpc", data_is_3D=True, batch_size=36)
    assert solid.batch_size == 36 // (2 * 9)
    assert recipe(tmp_path, algorithm="cpc", batch_size=1).batch_size == 1


def test_lr_and_epochs_are_as_said_else_as_published(tmp_path: Path) -> None:
    made = recipe(tmp_path, lr=0.003, epochs=7)
    assert (made.lr, made.epochs, made.pace, made.optimizer) == (0.003, 7, made.pace, "adam")
    assert (made.weight_decay, made.warm_up, made.clip, made.schedule) == (0, 0, 0, "constant")
    usual = [recipe(tmp_path, algorithm=name).lr for name in ("cpc", "rpl", "jigsaw", "exemplar")]
    assert usual == [1e-3, 1e-3, 1e-4, 1e-4]
    assert recipe(tmp_path).epochs == 250


@pytest.mark.parametrize("name", [name for name, _ in ENCODERS])
def test_encoder_architecture_takes_all_eight_names(tmp_path: Path, name: str) -> None:
    made = recipe(tmp_path, encoder_architecture=name, data_dim=96)
    assert parts_of(made)["encoder"] == name
    assert parts_of(recipe(tmp_path))["encoder"] is None


def test_top_architecture_is_the_head(tmp_path: Path) -> None:
    heads = {top: widths(method(recipe(tmp_path, top_architecture=top))) for top in
             ("big_fully", "simple_multiclass", None)}  # fmt: skip
    assert heads == {
        "big_fully": [2048, 1024, 4], "simple_multiclass": [1024, 4], None: [1024, 1024, 4],
    }  # fmt: skip
    left = asked(tmp_path, algorithm="cpc", top_architecture="big_fully")
    assert any("no use for top_architecture" in note for note in left.notes)


def test_data_dim_and_number_channels_are_what_the_network_sees(tmp_path: Path) -> None:
    assert views(recipe(tmp_path, data_dim=48))["image"].shape[2:] == (48, 48)
    assert channels(method(recipe(tmp_path, number_channels=3)))[0] == 3


def test_enc_filters_and_model_params_are_of_the_built_in_encoder(tmp_path: Path) -> None:
    assert channels(method(recipe(tmp_path, enc_filters=6)))[1] == 6
    assert recipe(tmp_path, enc_filters=None).enc_filters == 16
    assert recipe(tmp_path, enc_filters=None, data_is_3D=True).enc_filters == 8
    dropped = method(recipe(tmp_path, model_params={"dropout": 0.3})).network.modules()
    assert {part.p for part in dropped if isinstance(part, nn.Dropout)} <= {0.3}
    assert (recipe(tmp_path).dropout, recipe(tmp_path, model_params={}).dropout) == (0, 0.5)


def test_pooling_halves_the_last_map(tmp_path: Path) -> None:
    tops = {"top_architecture": "none", "data_dim": 64}
    inputs = {
        pooling: next(
            part.in_features
            for part in method(recipe(tmp_path, pooling=pooling, **tops)).modules()
            if isinstance(part, nn.Linear)
        )
        for pooling in (None, "max", "avg")
    }
    assert inputs == {None: 16 * 32, "max": 4 * 32, "avg": 4 * 32}
    assert recipe(tmp_path, pooling="None").pooling == "none"


@pytest.mark.parametrize("algorithm", ["cpc", "rpl", "jigsaw"])
def test_patches_per_side_and_patch_jitter_make_the_grid(tmp_path: Path, algorithm: str) -> None:
    def patches(**keys: Any) -> torch.Tensor:
        return views(recipe(tmp_path, algorithm=algorithm, **keys))["patches"]

    plain, jittered = patches(patch_jitter=0), patches(patch_jitter=4)
    assert plain.shape[3] == 64 // 3
    assert jittered.shape[3] == 64 // 3 - 4
    assert patches(patch_jitter=-8).shape[3] == (64 - 8) // 3 + 8
    if algorithm != "rpl":
        assert plain.shape[1] == 9
        assert patches(patches_per_side=4, patch_jitter=0).shape[1] == 16
    else:
        head = widths(method(recipe(tmp_path, algorithm="rpl", patches_per_side=4)))
        assert head[-1] == 15


def test_crop_size_lays_zeros_around_what_cpc_sees(tmp_path: Path) -> None:
    empty = [
        float((views(recipe(tmp_path, algorithm="cpc", crop_size=crop))["patches"] == 0).sum())
        for crop in (64, 40)
    ]
    assert empty[1] > 2 * empty[0]


@pytest.mark.parametrize("algorithm", ["cpc", "exemplar"])
def test_code_size_is_of_the_codes_and_embed_dim_its_older_name(
    tmp_path: Path, algorithm: str
) -> None:
    assert widths(method(recipe(tmp_path, algorithm=algorithm, code_size=24)))[0] == 24
    old = asked(tmp_path, algorithm=algorithm, code_size=None, embed_dim=12)
    assert old.recipe.code_size == 12  # type: ignore[attr-defined]
    both = asked(tmp_path, algorithm=algorithm, code_size=24, embed_dim=12)
    assert both.recipe.code_size == 24  # type: ignore[attr-defined]
    assert any("embed_dim=12 was left aside" in note for note in both.notes)


def test_suffix_takes_files_of_that_ending_alone(tmp_path: Path) -> None:
    films(tmp_path / "data", 4)
    for seed in range(3):
        Image.fromarray(film(seed, 48)).save(tmp_path / "data" / f"photo{seed}.jpeg")

    def files(**keys: Any) -> dict[str, set[str]]:
        source = found(tmp_path / "data", recipe(tmp_path, val_split=0.4, **keys))
        return {
            split: {case.images[0].suffix for case in source.cases.of(split)}
            for split in ("train", "val")
        }

    both = {".png", ".jpeg"}
    assert files() == {"train": both, "val": both}
    png, jpeg = {"suffix": ".png"}, {"suffix": "jpeg"}
    assert files(train_data_generator_args=png) == {"train": {".png"}, "val": {".png"}}
    parted = files(train_data_generator_args=png, val_data_generator_args=jpeg)
    assert parted == {"train": {".png"}, "val": {".jpeg"}}


def test_multilabel_is_said_to_be_of_labels(tmp_path: Path) -> None:
    plain = asked(tmp_path)
    coded = asked(tmp_path, train_data_generator_args={"multilabel": True, "n_classes": 5})
    assert plain.recipe == coded.recipe
    assert any("pre-training looks at no labels" in note for note in coded.notes)


@pytest.mark.parametrize("solid", [False, True])
@pytest.mark.parametrize("split", ["train", "val"])
def test_augment_changes_images_of_its_split(tmp_path: Path, split: str, solid: bool) -> None:
    size = {"data_is_3D": solid, "data_dim": 16, "algorithm": "exemplar", "batch_size": 4}

    def seen(split: str, **args: Any) -> torch.Tensor:
        keys = {**size, f"{split}_data_generator_args": args}
        made = recipe(tmp_path, **keys)
        return views(made, training=split == "train")["image"]

    assert not torch.equal(seen(split, augment=True), seen(split))
    other = {"train": "val", "val": "train"}[split]
    keys = {**size, f"{other}_data_generator_args": {"augment": True}}
    still = views(recipe(tmp_path, **keys), training=split == "train")["image"]
    assert torch.equal(still, seen(split))


def test_augment_zoom_only_wins_over_augment(tmp_path: Path) -> None:
    def seen(**args: Any) -> torch.Tensor:
        made = recipe(tmp_path, algorithm="exemplar", train_data_generator_args=args)
        return views(made)["image"]

    zoomed = seen(augment_zoom_only=True)
    assert not torch.equal(zoomed, seen())
    assert not torch.equal(zoomed, seen(augment=True))
    assert torch.equal(zoomed, seen(augment=True, augment_zoom_only=True))


def test_shuffle_gives_every_epoch_another_order(tmp_path: Path) -> None:
    def orders(**keys: Any) -> list[list[int]]:
        made: Recipe = recipe(tmp_path, **keys)
        order = Order(8, 4, 0, None, made.shuffle)
        return [order.epoch(epoch).tolist() for epoch in (0, 1)]

    lying = [[*range(8)], [*range(8)]]
    mixed = orders(train_data_generator_args={"shuffle": True})
    assert mixed[0] != mixed[1]
    assert orders(train_data_generator_args={"shuffle": False}) == lying
    assert orders() == lying  # As published, where nothing is said of pictures.
    assert orders(data_is_3D=True) != lying


def test_val_split_keeps_a_share_and_none_keeps_nothing(tmp_path: Path) -> None:
    films(tmp_path / "data", 10)

    def kept(**keys: Any) -> int:
        return len(found(tmp_path / "data", recipe(tmp_path, **keys)).cases.of("val"))

    assert [kept(val_split=0.3), kept(), kept(val_split=None), kept(val_split=0)] == [3, 1, 0, 0]
    assert kept(train_val_split=0.8) == 2


def test_sample_neg_examples_from_says_where_others_come_from(tmp_path: Path) -> None:
    pairs = {
        source: recipe(tmp_path, algorithm="exemplar", sample_neg_examples_from=source).pairs
        for source in ("batch", "dataset")
    }
    assert pairs == {"batch": False, "dataset": True}
    assert not recipe(tmp_path, algorithm="exemplar").pairs


def test_every_so_many_epochs_the_network_is_kept_better_or_not(tmp_path: Path) -> None:
    films(tmp_path / "films", 4)
    config = tmp_path / "mine.json"
    keys = {**BASE, "data_dim": 16, "epochs": 5, "save_checkpoint_every_n_epochs": 2}
    keys |= {"val_split": None, "top_architecture": "none"}
    config.write_text(json.dumps(keys))
    road = ("--data", str(tmp_path / "films"), "--out", str(tmp_path / "run"))
    assert pretrained(config, *road, pictures=False) == 0
    kept = sorted((tmp_path / "run/backups").iterdir())
    assert [one.name for one in kept] == ["epoch-0002", "epoch-0004"]
    two, four, last = (from_pretrained(one).state_dict() for one in (*kept, tmp_path / "run/model"))
    weights = [name for name, tensor in last.items() if tensor.ndim == 4]
    assert any(not torch.equal(two[name], four[name]) for name in weights)
    assert any(not torch.equal(four[name], last[name]) for name in weights)


def test_patch_size_cuts_parts_from_anywhere_in_a_scan(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for seed in range(3):
        np.save(tmp_path / "data" / f"{seed}.npy", volume(seed, 2))
    cut = {"patch_size": [16, 14, 12], "patches_per_scan": 3}
    keys = {"data_is_3D": True, "number_channels": 2, "data_dim": 16, "val_split": None}
    made = recipe(tmp_path, **keys, train_data_generator_args=cut)
    items = found(tmp_path / "data", made).read(tmp_path / "spare", shared=False, quiet=True).train
    assert len(items) == 9
    parts = [items.item(0, seed)["image"] for seed in range(12)]
    assert all(part.shape == (2, 16, 16, 16) for part in parts)
    assert len({part.numpy().tobytes() for part in parts}) > 3
    whole = recipe(tmp_path, **keys)
    assert len(found(tmp_path / "data", whole).cases) == 3


def test_arrays_may_have_their_channels_last(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    for seed in range(2):
        values = film(seed, 48).astype(np.float32)[..., None] / 255
        np.save(tmp_path / "flat" / f"{seed}.npy", values)
    made = recipe(tmp_path, val_split=None)
    items = found(tmp_path / "flat", made).read(tmp_path / "s", shared=False, quiet=True).train
    x = items.item(0, 0)["image"]
    assert x.shape == (1, 32, 32)
    assert float(x[:, -8:].mean()) > float(x[:, :8].mean()) + 0.1


def test_stale_names_are_read_and_said(tmp_path: Path) -> None:
    config = tmp_path / "old.json"
    keys = {"algorithm": "cpc", "train3D": True, "n_channels": 4, "split_per_side": 4}
    config.write_text(json.dumps({**keys, "data_dim": 128, "embed_dim": 128, "patch_dim": 64}))
    old = asked_of(config, {}, tmp_path, None)
    made: Any = old.recipe
    assert (made.method, made.number_channels) == ("cpc-3d", 4)
    assert (made.patches_per_side, made.code_size) == (4, 128)
    assert sum("older name" in note for note in old.notes) == 4
    assert any("patch_dim=64 was left aside" in note for note in old.notes)
