"""Any network of timm's by `timm:NAME`: built, filled with timm's weights, saved, loaded."""

from pathlib import Path

import pytest
import timm
import torch

import genesis_hub
from genesis_hub import BadInput, UnknownModel, WeightsUnavailable
from genesis_hub.hosting import hosted
from genesis_hub.networks import guests, table
from genesis_hub.registry import GUESTS

NAME = "timm:test_resnet"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """Let a network stand for what timm would fetch."""
    network = timm.create_model("test_resnet", num_classes=0)
    monkeypatch.setattr("genesis_hub.hosting.guest_network", lambda name: network)
    return network


def test_both_rooms_spell_guests_alike() -> None:
    assert GUESTS == table.TIMM


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet"])
def test_a_guest_gives_an_embedding_and_logits(name: str) -> None:
    encoder = genesis_hub.create_model(f"timm:{name}")
    classifier = genesis_hub.create_model(f"timm:{name}", num_classes=3)
    x = torch.zeros(1, 3, *encoder.inputs.facts.size)
    assert encoder(x).shape == (1, encoder.num_features)
    assert classifier(x).shape == (1, 3)


def test_a_guest_brings_the_weights_that_timm_has(fetched: torch.nn.Module) -> None:
    model = genesis_hub.from_pretrained(NAME, num_classes=2)
    assert model.load_report.coverage == 1.0
    for key, tensor in fetched.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor), key


def test_a_segmenter_and_another_number_of_channels_take_them_too(
    fetched: torch.nn.Module,
) -> None:
    model = genesis_hub.from_pretrained(NAME, task="segmentation", num_classes=2, in_channels=1)
    assert model.load_report.coverage == 1.0
    assert [one.name for one in model.load_report.of("adapted")] == ["encoder.model.conv1.0.weight"]
    assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 2, 64, 64)


def test_a_saved_guest_comes_back_bit_for_bit(fetched: torch.nn.Module, tmp_path: Path) -> None:
    model = genesis_hub.from_pretrained(NAME, num_classes=2)
    again = genesis_hub.from_pretrained(model.save_pretrained(tmp_path / "m"))
    assert again.spec == model.spec
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True)
    )


def test_weights_that_cannot_be_had_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*given: object, **more: object) -> None:
        raise OSError("no road")

    model = genesis_hub.create_model(NAME)
    monkeypatch.setattr(guests.timm, "create_model", closed)
    with pytest.raises(WeightsUnavailable, match=r"no road.*pretrained=False"):
        hosted(model)


def test_a_name_that_timm_has_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="timm:resnet18,"):
        genesis_hub.create_model("timm:resnet188")
    with pytest.raises(UnknownModel, match=r"timm:resnet18\.a1_in1k"):
        genesis_hub.create_model("timm:resnet18.nobody")


def test_a_network_whose_size_is_fixed_says_so() -> None:
    entry = genesis_hub.model_info("timm:test_vit")
    assert entry.inputs.multiple == entry.inputs.size
    with pytest.raises(BadInput, match="timm does not say"):
        genesis_hub.create_model("timm:csatv2")
