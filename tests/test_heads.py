"""The proxy tasks' heads on what their pooling leaves: built, saved, loaded, asked, fine-tuned."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from genesis_hub import BadInput, create_model, finetune, from_pretrained, predict
from genesis_hub.networks.heads import classification_head, head_named
from genesis_hub.tuning.finetune import as_saved, entry_of
from genesis_hub.tuning.recipe import Recipe


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def kinds(head: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in head.modules() if not list(layer.children())]


def test_the_published_heads_have_the_published_layers() -> None:
    one = ["Linear", "ReLU", "BatchNorm1d", "Dropout"]
    assert kinds(classification_head("big_fully", 4, 3)) == [*one, *one, "Linear"]
    assert kinds(classification_head("simple_multiclass", 4, 3)) == [*one, "Linear"]
    plain = classification_head("dense-2x1024", 4, 3)
    assert kinds(plain) == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    # Flattened 16,384 numbers: 35.7 M, as the fact sheet counts without the last layer.
    trunk = 16_384 * 2048 + 2048 * 3 + 2048 * 1024 + 1024 * 3
    with torch.device("meta"):
        assert parameters(classification_head("big_fully", 16_384, 1)) == trunk + 1025
    dropped = classification_head("simple_multiclass", 4, 3, dropout=0.1)[3]
    assert dropped.p == 0.1


@pytest.mark.parametrize("name", ["Big_fully", "dense-0x4", "dense-2", "dense-2x", 3, None])
def test_an_unknown_head_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(BadInput, match="'big_fully', 'simple_multiclass', 'dense-2x1024'"):
        head_named(name)


UNET = {"num_classes": 5, "head": "simple_multiclass", "size": (40, 40)}
MODELS = {
    "halved and flattened": ("rotation-2d", {**UNET, "pooling": "max"}, 256),
    "halved by means": ("rotation-2d", {**UNET, "pooling": "avg", "dropout": 0.2}, 256),
    "flattened": ("rotation-2d", {**UNET, "pooling": "none", "size": (40, 32)}, 256 * 2 * 2),
    "a volume": (
        "rpl-3d",
        {"num_classes": 3, "pooling": "max", "size": (32, 39, 64), "head": "dense-1x16"},
        256 * 2,
    ),
    "a graded volume": (
        "rpl-3d", {"num_classes": 4, "grade": True, "head": "dense-2x8", "pooling": "none",
                   "size": (16, 16, 16)}, 256,
    ),
    "timm's mean": (
        "rotation-2d", {"num_classes": 5, "head": "dense-1x8", "encoder": "ResNet50V2",
                        "pooling": "avg"}, 2048,
    ),
    "timm's map": (
        "timm:resnet18", {"num_classes": 2, "grade": True, "pooling": "none", "size": (64, 96)},
        512 * 6,
    ),
    "a guest": ("timm:resnet18", {"num_classes": 3, "head": "dense-1x16", "pooling": "max"}, 512),
}  # fmt: skip
every_model = pytest.mark.parametrize(("name", "wishes", "features"), MODELS.values(), ids=MODELS)


def image_for(model) -> torch.Tensor:
    size = model.spec.size or (64,) * model.ndim
    return torch.rand(2, model.in_channels, *size, generator=torch.Generator().manual_seed(1))


@every_model
def test_a_saved_model_comes_back_bit_for_bit(name, wishes, features, tmp_path: Path) -> None:
    width = {"width": 0.125} if "timm" not in name and "encoder" not in wishes else {}
    model = create_model(name, **wishes, **width)
    model.save_pretrained(tmp_path / "model")
    again = from_pretrained(tmp_path / "model")

    x = image_for(model)
    assert again.spec == model.spec
    assert again.num_features == features // (8 if width else 1)
    with torch.no_grad():
        assert torch.equal(model(x), again(x))
        assert again(x).shape == (2, wishes["num_classes"])
    if again.spec.size is not None:
        with pytest.raises(BadInput, match=r"built for .* alone"):
            again(torch.rand(1, model.in_channels, *(side + 16 for side in model.spec.size)))


@pytest.mark.parametrize("case", ["halved and flattened", "a graded volume", "timm's map"])
def test_another_output_layer_is_saved_and_loaded_too(case: str, tmp_path: Path) -> None:
    name, wishes, _ = MODELS[case]
    width = {"width": 0.125} if "timm" not in name and "encoder" not in wishes else {}
    model = create_model(name, **wishes, **width)
    x = image_for(model)
    for classes in (7, 0):
        model.reset_classifier(classes)
        model.save_pretrained(tmp_path / f"{classes}")
        again = from_pretrained(tmp_path / f"{classes}")
        with torch.no_grad():
            assert torch.equal(again.eval()(x), model.eval()(x))
            assert again(x).shape == (2, classes or again.num_features)


def test_pooling_is_what_it_says() -> None:
    x = torch.rand(1, 1, 64, 64)
    for pooling, means in (("avg", torch.mean), ("max", torch.amax)):
        model = create_model("timm:resnet18", in_channels=1, pooling=pooling)
        with torch.no_grad():
            maps = model.forward_features(x)
            assert torch.allclose(model(x), means(maps, dim=(2, 3)), atol=1e-6)


def test_defaults_are_kept_out_of_the_config_and_change_nothing(tmp_path: Path) -> None:
    model = create_model("rotation-2d", num_classes=2, width=0.125)
    model.save_pretrained(tmp_path)
    told = json.loads((tmp_path / "config.json").read_text())["genesis_hub"]["spec"]
    assert set(told) == {
        "name", "architecture", "task", "num_classes", "in_channels", "features_only", "head",
        "decoder", "operator", "width", "norm",
    }  # fmt: skip
    assert model.inputs.facts.multiple == (16, 16)


def test_windows_of_a_fixed_size_do_not_shrink(tmp_path: Path) -> None:
    model = create_model("rpl-3d", num_classes=2, width=0.125, pooling="max", size=(32, 32, 32))
    assert model.inputs.facts.multiple == model.inputs.facts.size == (32, 32, 32)
    volume = np.random.default_rng(0).random((20, 40, 33), dtype=np.float32)

    np.save(tmp_path / "scan.npy", volume)

    outcome = predict(model, [tmp_path / "scan.npy"], check=False, quiet=True)
    assert str(outcome) == "1 answered", outcome.failed


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"head": "big_fully"}, "belongs to classification"),
        ({"num_classes": 2, "head": "linear", "dropout": 0.1}, "has none"),
        ({"num_classes": 2, "head": "big_fully", "dropout": 1.0}, "below 1"),
        ({"num_classes": 1, "grade": True}, "two classes or more"),
        ({"num_classes": 2, "pooling": "mean"}, "'none', 'avg', 'max'"),
        ({"num_classes": 2, "size": (64, 64)}, "any size"),
        ({"num_classes": 2, "pooling": "max", "size": (64,)}, "2 whole numbers"),
        ({"num_classes": 2, "pooling": "max", "size": (64, 16)}, "at least 32"),
        ({"num_classes": 2, "pooling": "max", "operator": "lstm"}, "single images"),
        ({"features_only": True, "pooling": "max"}, "leave one away"),
        ({"num_classes": 2, "task": "segmentation", "pooling": "max"}, "decoder='proxy'"),
        (
            {"num_classes": 2, "encoder": "InceptionV3", "pooling": "none", "size": (40, 40)},
            "larger sides",
        ),
    ],
)
def test_what_does_not_go_together_is_explained(wishes: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        create_model("rotation-2d", **wishes)


def test_pooling_elsewhere_is_refused() -> None:
    with pytest.raises(BadInput, match="proxy tasks' networks"):
        create_model("models-genesis", num_classes=2, pooling="max")


RUN = {"width": 0.125, "epochs": 1, "size": [32, 32], "batch_size": 4, "recalibrate": 0,
       "scratch": True, "augment": "none", "report": False, "hashes": False}  # fmt: skip


def tuned(data: Path, out: Path, **recipe):
    return finetune("rotation-2d", data, out, quiet=True, recipe={**RUN, **recipe})


def test_a_grade_is_learned_by_its_distance_and_predicted_as_a_class(films, tmp_path) -> None:
    run = tuned(films, tmp_path / "run", loss="mse", head="big_fully", pooling="max", dropout=0.1)
    model = from_pretrained(run.model)

    assert (model.spec.grade, model.spec.head, model.spec.size) == (True, "big_fully", (32, 32))
    assert 0 <= run.metrics["auc"] <= 1
    told = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(told) > 1
    image = next(iter(sorted(films.rglob("*.png"))))
    outcome = predict(run.model, [image], check=False, quiet=True)
    assert str(outcome) == "1 answered", outcome.failed


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"loss": "dice"}, "choose from default, weighted_dice_loss"),
        ({"loss": "weighted_dice_loss"}, "is for masks"),
        ({"loss": "binary_crossentropy"}, "labels that come together"),
        ({"loss": "weighted_categorical_crossentropy"}, "give loss_weights"),
        ({"loss": "mse", "class_weights": True}, "belongs to loss='default'"),
        ({"loss_weights": [1.0, 2.0]}, "without loss"),
        ({"head": "big_fully", "batch_size": 1}, "two cases or more"),
    ],
)
def test_losses_and_heads_that_do_not_fit_are_explained(films, tmp_path, recipe, said) -> None:
    with pytest.raises(BadInput, match=said):
        tuned(films, tmp_path / "run", **recipe)


def test_a_named_encoder_is_trained_from_scratch(films: Path, tmp_path: Path) -> None:
    run = tuned(
        films, tmp_path / "run", width=None, encoder="ResNet50", pooling="avg", steps=1,
        epochs=None, head="simple_multiclass",
    )  # fmt: skip

    model = from_pretrained(run.model)
    assert (model.spec.architecture, model.spec.pooling) == ("resnet50", "avg")
    kept = as_saved(Recipe(scratch=True), entry_of(run.model)[1], None)  # type: ignore[arg-type]
    assert kept.encoder == "ResNet50"
