"""Wrong wishes: each answered with one sentence that names the value and the next move."""

from typing import Any

import pytest

import genesis_hub
from genesis_hub import BadInput, GenesisHubError, UnknownModel, WeightsUnavailable
from genesis_hub.registry import ENTRIES

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("models-genesis", {"num_classes": -1}, "num_classes=-1"),
    ("models-genesis", {"num_classes": 2.5}, "num_classes=2.5"),
    ("models-genesis", {"num_classes": True}, "num_classes=True"),
    ("models-genesis", {"in_channels": 0}, "in_channels=0"),
    ("models-genesis", {"task": "clasification"}, "close: classification"),
    ("models-genesis", {"task": "classification"}, "pass num_classes="),
    ("models-genesis", {"task": "segmentation"}, "pass num_classes="),
    ("models-genesis", {"task": "features", "num_classes": 3}, "no classes"),
    ("models-genesis", {"features_only": True, "num_classes": 3}, "features_only=True"),
    ("models-genesis", {"features_only": True, "task": "pretext"}, "features_only=True"),
    ("models-genesis", {"head": "mpl"}, "'linear', 'mlp'"),
    ("models-genesis", {"head": "mlp"}, "head='mlp'"),
    ("models-genesis", {"norm": "batch"}, "'running', 'original', 'instance'"),
    ("models-genesis-nnunet", {"norm": "running"}, "allowed: 'instance'"),
    ("adam-resnet50", {"norm": "running"}, "part of the network"),
    ("models-genesis", {"decoder": "Unet"}, "task='segmentation'"),
    ("models-genesis", {"task": "segmentation", "num_classes": 2, "decoder": "Unet"}, "'fresh'"),
    ("adam-resnet50", {"task": "segmentation", "num_classes": 2, "decoder": "Unett"}, "UPerNet"),
    ("adam-resnet50", {"task": "pretext"}, "no pretext network"),
    ("models-genesis", {"task": "pretext", "num_classes": 4}, "has no classes"),
    ("smartnet-resnet50", {"task": "pretext", "num_classes": 4}, "one question"),
    ("smartnet-resnet50", {"task": "pretext", "decoder": "Unet"}, "decoder='scse'"),
    ("adam-resnet50", {"encoder": "ResNet50"}, "one encoder only"),
    ("cpc-3d", {"encoder": "ResNet50"}, "one encoder only"),
    ("cpc-2d", {"encoder": "ResNet5O"}, "close names: ResNet50"),
    ("models-genesis", {"operator": "lstm", "num_classes": 2}, "3D already"),
    ("adam-resnet50", {"operator": "gru", "num_classes": 2}, "'lstm' or 'conv3d'"),
    ("adam-resnet50", {"operator": "lstm"}, "pass num_classes="),
    ("adam-resnet50", {"operator": "lstm", "task": "segmentation", "num_classes": 2}, "'conv3d'"),
    ("adam-resnet50", {"operator": "lstm", "features_only": True}, "features_only=True"),
    ("models-genesis", {"width": 0}, "width=0"),
    ("models-genesis", {"width": -1}, "above 0 and at most 16"),
    ("models-genesis", {"width": float("nan")}, "width=nan"),
    ("models-genesis", {"width": "half"}, "width='half'"),
    ("cpc-2d", {"width": 0.5, "encoder": "DenseNet121"}, "ResNet and ConvNeXt"),
    (
        "cpc-2d",
        {"task": "segmentation", "num_classes": 1, "decoder": "PAN", "encoder": "DenseNet121"},
        "decoder='Unet' stands on every one",
    ),
]


@pytest.mark.parametrize(("name", "wishes", "said"), WRONG, ids=lambda v: str(v)[:40])
def test_a_wrong_wish_is_one_clear_sentence(name: str, wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        genesis_hub.create_model(name, **wishes)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, GenesisHubError)


def test_a_wrong_wish_is_told_before_weights_are_looked_for() -> None:
    with pytest.raises(BadInput, match="num_classes=-1"):
        genesis_hub.from_pretrained("adam-resnet50", num_classes=-1)
    with pytest.raises(BadInput, match=r"have width 1\.0"):
        genesis_hub.from_pretrained("models-genesis", width=0.5)


AWAY = [name for name, entry in ENTRIES.items() if entry.location.road != "bundled"]


@pytest.mark.parametrize("name", AWAY)
def test_weights_that_cannot_be_had_are_one_error_with_the_next_move(name: str) -> None:
    with pytest.raises(WeightsUnavailable) as caught:
        genesis_hub.from_pretrained(name)
    message = str(caught.value)
    assert repr(name) in message
    assert "pretrained=False" in message
    assert f"genesis-hub import {name}" in message or "python -m training.pretrain" in message
    assert isinstance(caught.value, LookupError)


def test_paths_that_lead_nowhere() -> None:
    with pytest.raises(UnknownModel, match="models-genesis"):
        genesis_hub.from_pretrained("model-genesis")
    with pytest.raises(BadInput, match="no folder"):
        genesis_hub.from_pretrained("./not/here")
    with pytest.raises(BadInput, match="does not exist"):
        genesis_hub.from_pretrained("models-genesis", weights="not-here")


def test_encoders_go_by_published_and_by_timm_name() -> None:
    by_paper = genesis_hub.create_model("cpc-2d", encoder="ResNet50V2")
    by_timm = genesis_hub.create_model("cpc-2d", encoder="resnetv2_50")
    assert by_paper.spec == by_timm.spec
    assert by_paper.spec.architecture == "resnetv2_50"


@pytest.mark.parametrize("value", [None, 5, ["adam-resnet50"], b"adam", "", "  "], ids=repr)
def test_what_is_no_name_and_no_path(value: Any) -> None:
    with pytest.raises(BadInput):
        genesis_hub.create_model(value)
    with pytest.raises(BadInput):
        genesis_hub.create_model("cpc-3d", width=0.25).save_pretrained(
            value if not isinstance(value, str) else "\0"
        )


def test_other_wrong_types() -> None:
    for call in (
        lambda: genesis_hub.list_models(5),  # type: ignore[arg-type]
        lambda: genesis_hub.list_models(method=3),  # type: ignore[arg-type]
        lambda: genesis_hub.from_pretrained("adam-resnet50", weights=3),  # type: ignore[arg-type]
        lambda: genesis_hub.from_pretrained("adam-resnet50", pretrained="no"),  # type: ignore[arg-type]
        lambda: genesis_hub.from_pretrained("x" * 300 + "/y"),
        lambda: genesis_hub.create_model(
            "adam-resnet50",
            task="segmentation",
            num_classes=2,
            decoder=3,  # type: ignore[arg-type]
        ),
    ):
        with pytest.raises(BadInput):
            call()
