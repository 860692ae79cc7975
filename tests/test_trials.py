"""Trials by JSON: every shipped config on made-up data, and every key by what it changes."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.configs.reading import config_of
from genesis_hub.engine.checkpoint import BEST, LAST, load
from genesis_hub.trials.asked import FinetuneConfig
from genesis_hub.trials.trial import Trials, finetune_config
from tests import proxysets

Sets = Callable[[str], Path]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """Make each made-up data set once, by the name that configs have for it."""
    root = tmp_path_factory.mktemp("sets")

    def one(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            if name.startswith("kaggle_retina"):
                proxysets.graded(folder, many=10 if name.endswith("small") else 20)
            else:
                proxysets.masked(folder, name)
        return folder

    return one


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", proxysets.NAMES)
def test_every_shipped_config_runs(name: str, sets: Sets, weights: Path, tmp_path: Path) -> None:
    config = proxysets.shrunk(name)
    name = config["dataset_name"]
    data = sets(f"{name}_small" if name == "kaggle_retina" else name)
    config = proxysets.placed(config, data, weights)
    path = proxysets.written(config, tmp_path)
    done = finetune_config(path, out=tmp_path / "out", quiet=True)
    rows = table(done.folder)
    assert [row["Train Split"] for row in rows] == ["100%"]
    variants = done.summary["100"].keys() & ALL
    assert variants
    for variant in variants:
        for score in config["scores"]:
            for end in ("min", "avg", "max"):
                assert f"Weights_{variant}_{score}_{end}" in rows[0]
    assert len(done.runs) == config["repetitions"] * len(variants)
    log = next((done.folder / "logs").glob("split100*_rep0.log")).read_text().splitlines()
    assert log[0].startswith("epoch,loss,accuracy")
    assert (done.folder / "report.html").read_text().startswith("<!doctype html>")
    if "encoder_architecture" in config and "initialized" in done.summary["100"]:
        told = json.loads((next(iter(done.runs.values())).folder / "run.json").read_text())
        assert told["recipe"]["encoder"] == "densenet121"


ALL = {"frozen", "initialized", "random"}


@pytest.fixture(scope="module")
def base(sets: Sets, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Return a cheap config of masks or of grades, with keys set otherwise; None: left away."""

    def one(kind: str, **keys: Any) -> dict[str, Any]:
        masks = {
            "dataset_name": "pancreas2d", "number_channels": 1, "loss": "weighted_dice_loss",
            "prediction_architecture": "unet_2d_upconv", "scores": ["dice"],
        }  # fmt: skip
        bits = {"suffix": ".png", "multilabel": True}
        grades = {
            "dataset_name": "kaggle_retina", "number_channels": 3, "scores": ["qw_kappa"],
            "loss": "binary_crossentropy", "prediction_architecture": "simple_multiclass",
            "csv_file": "", "train_data_generator_args": bits, "test_data_generator_args": bits,
        }  # fmt: skip
        config: dict[str, Any] = {
            "algorithm": "rotation", "data_is_3D": False, "data_dim": 32, "enc_filters": 1,
            "batch_size": 4, "epochs": 1, "load_weights": False, "exp_splits": [100],
            "repetitions": 1, "val_split": 0.2, "metrics": ["accuracy"],
            **(masks if kind == "masks" else grades),
        }  # fmt: skip
        config = proxysets.placed({**config, "epochs": 0}, sets(config["dataset_name"]), Path())
        config = {**config, "epochs": 1, "csv_file": None, **keys}
        return {key: value for key, value in config.items() if value is not None}

    return one


def go(config: dict[str, Any], folder: Path, **options: Any) -> Trials:
    path = proxysets.written(config, folder)
    return finetune_config(path, out=folder / "out", quiet=True, **options)


def recipe_of(done: Trials, title: str = "split100/random_rep0") -> dict[str, Any]:
    told = json.loads((done.runs[title].folder / "run.json").read_text(encoding="utf-8"))
    return dict(told["recipe"])


def split_of(done: Trials, title: str) -> dict[str, list[str]]:
    told = json.loads((done.runs[title].folder / "split.json").read_text(encoding="utf-8"))
    return dict(told["splits"])


def log_of(done: Trials, name: str) -> list[dict[str, str]]:
    with (done.folder / "logs" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


ONE = "split100/random_rep0"


@pytest.fixture(scope="module")
def plain(
    base: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Trials]:
    """One run of masks and one of grades, which each key changes."""
    root = tmp_path_factory.mktemp("plain")
    return {kind: go(base(kind), root / kind) for kind in ("masks", "grades")}


def weights_of(done: Trials, title: str = ONE) -> bytes:
    return (done.runs[title].model / "model.safetensors").read_bytes()


BITS = {"suffix": ".png", "multilabel": True}
CLASSES = {"suffix": ".png"}
TRAINED = [
    ("grades", {"lr": 1e-2}, {"lr": 1e-2}),
    ("grades", {"batch_size": 6}, {"batch_size": 6}),
    ("grades", {"epochs": 2}, {"steps": 6}),
    ("grades", {"clipnorm": 1e-3}, {"clip_each": 1e-3}),
    ("grades", {"clipvalue": 1e-5}, {"clip_value": 1e-5}),
    ("grades", {"pooling": "avg"}, {"pooling": "avg"}),
    ("grades", {"pooling": "none"}, {"pooling": "none"}),
    ("grades", {"enc_filters": 2}, {"width": 0.125}),
    ("grades", {"data_dim": 48}, {"size": [48, 48]}),
    ("grades", {"dropout_rate": 0.0}, {"dropout": 0.0}),
    ("grades", {"loss": "mse"}, {"loss": "mse"}),
    ("grades", {"sample_classes_uniform": True}, {"balanced": True}),
    ("grades", {"train_data_generator_args": {**BITS, "augment": True}}, {"augment": "proxy"}),
    (
        "grades",
        {"train_data_generator_args": {**BITS, "augment_zoom_only": True}},
        {"augment": "zoom"},
    ),
    ("grades", {"train_data_generator_args": {**BITS, "shuffle": True}}, {"shuffle": True}),
    ("masks", {"loss": "jaccard_distance"}, {"loss": "jaccard_distance"}),
    ("masks", {"loss": "weighted_sum_loss"}, {"loss": "weighted_sum_loss"}),
    (
        "masks",
        {"loss": "weighted_categorical_crossentropy", "loss_weights": [1, 1, 1]},
        {"loss_weights": [1.0, 1.0, 1.0]},
    ),
    (
        "masks",
        {"encoder_architecture": "DenseNet121"},
        {"encoder": "DenseNet121", "decoder": "Unet"},
    ),
]


@pytest.mark.parametrize(("kind", "keys", "told"), TRAINED, ids=lambda value: str(value)[:40])
def test_a_key_of_training_changes_what_is_learned(
    kind: str, keys: dict[str, Any], told: dict[str, Any],
    base: Callable[..., dict[str, Any]], plain: dict[str, Trials], tmp_path: Path,
) -> None:  # fmt: skip
    done = go(base(kind, **keys), tmp_path)
    own, before = recipe_of(done), recipe_of(plain[kind])
    for key, value in told.items():
        assert own[key] == value != before[key]
    assert weights_of(done) != weights_of(plain[kind])


VIEWED = {"pancreas": ("masks", {}), "eyes": ("grades", BITS)}


@pytest.mark.parametrize(("kind", "args"), VIEWED.values(), ids=VIEWED)
def test_augment_of_validation_or_test_changes_what_is_measured_and_nothing_else(
    kind: str, args: dict[str, Any], base: Callable[..., dict[str, Any]], plain: dict[str, Trials],
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before, log = plain[kind], "split100random_rep0.log"
    for split in ("val", "test"):
        keys = {f"{split}_data_generator_args": {**args, "augment": True}}
        config = base(kind, **keys)
        done = finetune_config(
            proxysets.written(config, tmp_path / split), out=tmp_path / f"{split}o"
        )
        assert "each by a seed that follows from its name" in capsys.readouterr().err
        page = (done.folder / "report.html").read_text(encoding="utf-8")
        assert "each by a seed that follows from its name" in page
        assert weights_of(done) == weights_of(before)
        looked = log_of(done, log)[0]["val_loss"] != log_of(before, log)[0]["val_loss"]
        tested = [(one.runs[ONE].folder / "predictions.csv").read_text() for one in (done, before)]
        assert (looked, tested[0] != tested[1]) == (split == "val", split == "test")


def test_select_says_which_epochs_weights_are_scored(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    for select in ("last", "log_loss"):
        # A rate at which it only gets worse.
        done = go(base("grades", select=select, lr=1.0, epochs=3), tmp_path / select)
        standing, _ = load(done.runs[ONE].folder / BEST)
        measures = load(done.runs[ONE].folder / LAST)[0].measures
        best = min(measures, key=lambda one: one["log_loss"])["step"]
        assert best < 9
        assert standing.step == {"last": 9, "log_loss": best}[select]


def test_heads_and_losses_go_together_as_published(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    bare = {"train_data_generator_args": CLASSES, "test_data_generator_args": CLASSES}
    told = {
        "number": ({"prediction_architecture": "big_fully", "loss": "mse"}, "big_fully"),
        "plain": (
            {"prediction_architecture": None, "loss": "mse", "dim_prediction_layers": 8,
             "n_prediction_layers": 3},
            "dense-3x8",
        ),
        "classes": ({"loss": "categorical_crossentropy", "num_classes": 6}, "simple_multiclass"),
    }  # fmt: skip
    for name, (keys, head) in told.items():
        scores = ["qw_kappa", "cat_accuracy"]
        done = go(base("grades", **bare, **keys, scores=scores, metrics=["mse"]), tmp_path / name)
        assert recipe_of(done)["head"] == head
        log = log_of(done, "split100random_rep0.log")
        assert float(log[0]["val_mse"]) >= 0
        run = json.loads((done.runs[ONE].folder / "run.json").read_text())
        assert len(run["classes"]) == (6 if name == "classes" else 5)
        if name == "number":
            assert float(log[0]["loss"]) == pytest.approx(float(log[0]["mse"]), rel=1e-4)


def test_multilabel_has_one_bit_less_than_grades_or_as_many_as_published(
    base: Callable[..., dict[str, Any]], plain: dict[str, Trials], tmp_path: Path
) -> None:
    told = json.loads((plain["grades"].runs[ONE].folder / "run.json").read_text())
    assert told["classes"] == [f"at least {grade}" for grade in (1, 2, 3, 4)]
    args = {**BITS, "multilabel_coding": "reference"}
    keys = {"train_data_generator_args": args, "test_data_generator_args": args}
    done = go(base("grades", **keys), tmp_path)
    told = json.loads((done.runs[ONE].folder / "run.json").read_text())
    assert len(told["classes"]) == 5


def test_metrics_and_scores_are_those_asked_for(
    base: Callable[..., dict[str, Any]], plain: dict[str, Trials], tmp_path: Path
) -> None:
    assert set(plain["grades"].summary["100"]["random"]) == {"qw_kappa", "per_case"}
    scores = ["bin_accuracy", "cat_acc_kaggle"]
    done = go(base("grades", metrics=["accuracy", "mse"], scores=scores), tmp_path)
    row = log_of(done, "split100random_rep0.log")[0]
    assert {"epoch", "loss", "accuracy", "mse", "val_loss", "val_accuracy", "val_mse"} <= set(row)
    assert list(table(done.folder)[0])[1::3] == [f"Weights_random_{name}_min" for name in scores]
    assert 0 <= done.summary["100"]["random"]["bin_accuracy"]["mean"] <= 1


def test_val_split_says_how_many_are_kept_for_validation(
    base: Callable[..., dict[str, Any]], plain: dict[str, Trials], tmp_path: Path
) -> None:
    # The table of training has 15 rows.
    assert {name: len(own) for name, own in split_of(plain["grades"], ONE).items()} == {
        "train": 12, "val": 3, "test": 5,
    }  # fmt: skip
    for value in (None, 0):
        done = go({**base("grades"), "val_split": value}, tmp_path / str(value))
        assert {name: len(own) for name, own in split_of(done, ONE).items()} == {
            "train": 15, "val": 0, "test": 5,
        }  # fmt: skip
        assert "val_loss" not in log_of(done, "split100random_rep0.log")[0]


def test_splits_and_repetitions_are_run_in_order_each_by_its_own_seed(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    config = base("grades", exp_splits=[100, 12.5, 50], repetitions=2, shuffle_before_split=True)
    done = go(config, tmp_path)
    assert list(done.runs) == [
        f"split{share}/random_rep{rep}" for share in ("100", "12.5", "50") for rep in (0, 1)
    ]
    assert [row["Train Split"] for row in table(done.folder)] == ["100%", "12.5%", "50%"]
    parts = {title: split_of(done, title) for title in done.runs}
    for rep in (0, 1):
        whole = parts[f"split100/random_rep{rep}"]
        sizes = {s: len(parts[f"split{s}/random_rep{rep}"]["train"]) for s in ("100", "50", "12.5")}
        assert sizes == {"100": 12, "50": 6, "12.5": 1}
        for share in ("50", "12.5"):
            part = parts[f"split{share}/random_rep{rep}"]
            assert part["val"] == whole["val"]
            assert part["test"] == whole["test"]
            assert set(part["train"]) < set(whole["train"])
        assert recipe_of(done, f"split100/random_rep{rep}")["seed"] == rep
    assert parts["split100/random_rep0"]["val"] != parts["split100/random_rep1"]["val"]
    assert weights_of(done, "split100/random_rep0") != weights_of(done, "split100/random_rep1")


def test_cross_validation_tests_every_case_once(
    base: Callable[..., dict[str, Any]], sets: Sets, tmp_path: Path
) -> None:
    table = str(sets("kaggle_retina") / "labels.csv")
    config = base("grades", do_cross_val=True, repetitions=4, csv_file=table)
    config |= {"csv_file_train": "nowhere.csv", "csv_file_test": "nowhere.csv"}
    done = go(config, tmp_path)
    tested = [split_of(done, title)["test"] for title in done.runs]
    assert sorted(name for part in tested for name in part) == sorted(f"eye{k}" for k in range(20))
    assert tested[1] == sorted(["eye1", "eye5", "eye9", "eye13", "eye17"])


def test_variants_begin_as_they_are_called(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    config = base("grades", epochs=None, load_weights=None, epochs_frozen=1, epochs_initialized=2)
    config |= {"epochs_random": 1, "epochs_warmup": 1, "repetitions": 2}
    config["model_checkpoint"] = str(proxysets.checkpoint(tmp_path, config))
    done = go(config, tmp_path)
    assert list(done.runs)[:3] == [
        f"split100/{kind}_rep0" for kind in ("frozen", "initialized", "random")
    ]
    own = {kind: recipe_of(done, f"split100/{kind}_rep0") for kind in ALL}
    assert (own["frozen"]["freeze"], own["frozen"]["steps"]) == (True, 3)
    assert (own["initialized"]["unfreeze"], own["initialized"]["restart"]) == ([1], [1])
    assert own["initialized"]["steps"] == 6
    assert (own["random"]["scratch"], own["random"]["unfreeze"]) == (True, [])
    # Both phases of a run with warm-up are in one log.
    assert [row["epoch"] for row in log_of(done, "split100initialized_rep1.log")] == ["0", "1"]
    assert set(done.summary["100"]["against_random"]) == {"frozen", "initialized"}
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert "What can be said" in page
    assert "p (Holm)" in page
    assert list(table(done.folder)[0])[1::3] == [
        f"Weights_{kind}_qw_kappa_min" for kind in ("frozen", "initialized", "random")
    ]


def test_load_weights_says_whether_epochs_begin_with_them(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    config = base("grades", load_weights=None, epochs_warmup=0)
    config["model_checkpoint"] = str(proxysets.checkpoint(tmp_path, config))
    with_them = go(config, tmp_path / "with")
    assert list(with_them.runs) == ["split100/initialized_rep0"]
    told = json.loads((with_them.runs["split100/initialized_rep0"].folder / "run.json").read_text())
    assert Path(told["model"]) == Path(config["model_checkpoint"]) / "model"
    without = go({**config, "load_weights": False}, tmp_path / "without")
    assert list(without.runs) == [ONE]


def test_the_folder_and_the_model_may_be_absent_from_the_call(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    config = base("grades", load_weights=None, epochs_warmup=0)
    weights = proxysets.checkpoint(tmp_path, config)
    path = proxysets.written({**config, "model_checkpoint": str(weights)}, tmp_path)
    assert main(["finetune", "--config", str(path), "--quiet", "--device", "cpu"]) == 0
    assert (weights.parent / f"{weights.name}_test" / "results.csv").is_file()


def test_a_shipped_config_is_known_by_its_file_name_alone(
    sets: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = sets("pancreas2d")
    wishes = {"data_dim": 32, "enc_filters": 1, "exp_splits": [100], "repetitions": 1, "epochs": 1}
    wishes |= {f"data_dir_{part}": str(data / part) for part in ("train", "test")}
    nothing = dict.fromkeys(("epochs_initialized", "epochs_frozen", "epochs_random"), "none")
    wishes |= {**nothing, "load_weights": False, "scores": ["dice"], "num_classes": 3}
    done = finetune_config("rotation_2d_pancreas.json", out="out", quiet=True, wishes=wishes)
    assert list(done.runs) == [ONE]
    with pytest.raises(BadInput, match=r"rotation_4d.json: there is no such file.*rotation_3d"):
        finetune_config("rotation_4d.json", out="other", quiet=True)
    with pytest.raises(BadInput, match=r"comes along for python -m training\.pretrain alone"):
        finetune_config("rotation_3d_ukb.json", out="other", quiet=True)


def test_a_killed_call_goes_on_and_ends_as_one_that_was_not(
    base: Callable[..., dict[str, Any]], plain: dict[str, Trials], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = base("grades", repetitions=2, epochs=2)
    whole = go(config, tmp_path / "whole")

    class Killed(BaseException):
        pass

    calls = iter(range(100))

    def killed(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 5:  # In the second run's first epoch.
            raise Killed
        return real(*args, **kwargs)

    from genesis_hub.engine import loop

    real = loop.one_step
    monkeypatch.setattr(loop, "one_step", killed)
    real_save = loop.Saver.__call__
    with pytest.raises(Killed):
        go(config, tmp_path / "again")
    assert not (tmp_path / "again" / "out" / "results.csv").exists()
    monkeypatch.setattr(loop, "one_step", real)
    assert loop.Saver.__call__ is real_save
    again = go(config, tmp_path / "again")
    for name in ("results.csv", "summary.json", "logs/split100random_rep1.log"):
        assert (again.folder / name).read_text() == (whole.folder / name).read_text()
    for title in whole.runs:
        assert weights_of(again, title) == weights_of(whole, title)
    before = (again.folder / "results.csv").stat().st_mtime_ns
    third = go(config, tmp_path / "again")
    assert all(run.resumed == run.steps for run in third.runs.values())
    assert (third.folder / "results.csv").stat().st_mtime_ns >= before
    with pytest.raises(BadInput, match=r"was begun otherwise.*lr"):
        go({**config, "lr": 0.5}, tmp_path / "again")


WRONG = [
    ("grades", {"loss": "categorical_crossentropy"}, "loss='categorical_crossentropy' does not"),
    ("grades", {"prediction_architecture": "unet_2d_upconv"}, "answers by masks"),
    ("grades", {"prediction_architecture": "big_fully"}, "multilabel writes a grade as bits"),
    ("masks", {"prediction_architecture": "big_fully", "loss": "mse"}, "answers by grades"),
    ("masks", {"prediction_architecture": "unet_3d_upconv"}, "give 'unet_2d_upconv'"),
    ("masks", {"data_is_3D": True}, "data_is_3D is true; give 'unet_3d_upconv'"),
    ("masks", {"number_channels": 3}, "number_channels=3, but .* has 1; give number_channels: 1"),
    ("masks", {"data_dim": 40}, "data_dim=40.* wants a multiple of 32; give 32"),
    ("masks", {"scores": ["qw_kappa"]}, "'qw_kappa' is for classification"),
    ("masks", {"metrics": ["acuracy"]}, "'acuracy' is none.*accuracy"),
    ("masks", {"top_architecture": "big_fuly"}, "top_architecture='big_fuly'.*big_fully"),
    ("masks", {"encoder_architecture": "DenseNet121", "data_is_3D": True}, "learned from with the"),
    ("masks", {"encoder_architecture": "ResNet5O"}, "encoder='ResNet5O'.*ResNet50"),
    (
        "masks",
        {"epochs": None, "epochs_initialized": 5, "load_weights": None},
        "model_checkpoint is",
    ),
    (
        "masks",
        {"epochs": None, "epochs_initialized": 5, "model_checkpoint": "x"},
        "load_weights is fal",
    ),
    (
        "masks",
        {"epochs": None, "epochs_random": 5, "load_weights": True},
        "load_weights is true, but epochs_random=5",
    ),
    ("masks", {"epochs_random": 5}, "epochs=1 and epochs_random"),
    ("masks", {"exp_splits": [1]}, "exp_splits: 1 % of 5 .* leaves none; give 20"),
    ("masks", {"exp_splits": [0]}, "percentages above 0"),
    ("masks", {"do_cross_val": True}, "one fold leaves nothing"),
    ("masks", {"sample_classes_uniform": True}, "masks have none"),
    ("masks", {"data_dir_test": None}, "no case is for testing; name data_dir_test"),
    ("grades", {"csv_file_test": None}, "csv_file_train alone was given"),
    ("grades", {"num_classes": 3}, "num_classes=3, but the tables hold grades up to 4"),
    ("grades", {"test_data_generator_args": CLASSES}, "multilabel is True in train_data"),
    ("grades", {"select": "scores"}, "select='scores'; choose from last, score, log_loss"),
    ("grades", {"select": "score", "val_split": 0}, "nothing is kept for validation"),
    ("masks", {"select": "log_loss"}, "'log_loss' is of grades"),
    ("grades", {"epochs_warm_up": 3}, "'epochs_warm_up' is no key.*epochs_warmup"),
    ("grades", {"epochs": "many"}, "epochs='many', but a whole number"),
]


@pytest.mark.parametrize(("kind", "keys", "said"), WRONG, ids=lambda value: str(value)[:40])
def test_what_does_not_go_together_is_explained(
    kind: str, keys: dict[str, Any], said: str, base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        go(base(kind, **keys), tmp_path)
    assert not (tmp_path / "out" / "runs").exists()


def test_weights_of_another_form_are_refused(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    config = base("grades", load_weights=None, epochs_warmup=0)
    config["model_checkpoint"] = str(proxysets.checkpoint(tmp_path, config))
    with pytest.raises(BadInput, match=r"enc_filters=4, but model_checkpoint .* has 1"):
        go({**config, "enc_filters": 4}, tmp_path)
    with pytest.raises(BadInput, match="no such file or folder; pre-train first"):
        go({**config, "model_checkpoint": "./nothing/here"}, tmp_path)
    with pytest.raises(BadInput, match="encoder of 2D images, but data_is_3D is true"):
        go({**config, "data_is_3D": True, "csv_file_train": None, "csv_file_test": None,
            "train_data_generator_args": {}, "test_data_generator_args": {}}, tmp_path)  # fmt: skip


def test_masks_lie_beside_their_images_under_the_stem_that_is_said(
    base: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    proxysets.masked(tmp_path / "set", "pancreas2d", label_stem="_label")
    keys = {f"data_dir_{part}": str(tmp_path / "set" / part) for part in ("train", "test")}
    done = go(base("masks", **keys), tmp_path / "found")
    assert split_of(done, ONE)["test"] == ["case100", "case101"]
    with pytest.raises(BadInput, match=r"6 of 6 images .* no mask.*case0.npy.*label_stem"):
        go(base("masks", **keys, train_data_generator_args={"label_stem": "_mask"}), tmp_path)
    shutil.rmtree(tmp_path / "set" / "test_labels")
    with pytest.raises(BadInput, match=r"masks are looked for in .*test_labels"):
        go(base("masks", **keys), tmp_path / "none")


def test_patches_of_volumes_are_drawn_as_often_as_said(tmp_path: Path) -> None:
    proxysets.masked(tmp_path / "set", "ukb3d", train=2, test=1)
    config = {
        "algorithm": "rotation", "data_is_3D": True, "data_dim": 32, "number_channels": 2,
        "enc_filters": 1, "pooling": None, "batch_size": 2, "epochs": 1, "load_weights": False,
        "exp_splits": [100], "repetitions": 1, "val_split": None, "loss": "weighted_dice_loss",
        "prediction_architecture": "unet_3d_upconv", "scores": ["jaccard"], "metrics": [],
        "data_dir_train": str(tmp_path / "set" / "train"), "num_classes": 4,
        "data_dir_test": str(tmp_path / "set" / "test"),
        "train_data_generator_args": {"patch_size": 16, "patches_per_scan": 4},
    }  # fmt: skip
    done = go(config, tmp_path)
    own = recipe_of(done)
    assert (own["size"], own["steps"]) == ([16, 16, 16], 4)
    # Tested are whole volumes, window by window, not parts of them.
    line = (done.runs[ONE].folder / "confusions.csv").read_text().splitlines()[1]
    voxels = sum(map(int, line.split(",")[2:]))
    assert voxels == 32**3
    assert len(log_of(done, "split100random_rep0.log")) == 1


def test_one_value_is_a_list_of_one() -> None:
    keys = {"algorithm": "cpc", "exp_splits": 100, "scores": "dice"}
    config, _ = config_of(FinetuneConfig, keys, source="the command")
    assert (config.exp_splits, config.scores) == ((100.0,), ("dice",))


def test_a_key_without_its_flag_is_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mine.json"
    config.write_text('{"algorithm": "rotation", "load_weights": false}')
    assert main(["finetune", "epochs=2", "--config", str(config)]) == 2
    assert "--set epochs=2" in capsys.readouterr().err
    assert main(["finetune", "rotation-2d", "--config", str(config)]) == 2
    assert "set load_weights=true" in capsys.readouterr().err
