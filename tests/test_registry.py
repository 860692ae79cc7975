"""Names, facts and the answer to a miss."""

import dataclasses
import re

import pytest

import genesis_hub
from genesis_hub import BadInput, UnknownModel
from genesis_hub.entry import Entry
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.registry import ENTRIES

every = pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda e: e.name)

NAMES = [
    "models-genesis", "models-genesis-keras", "models-genesis-nnunet", "models-genesis-mini",
    "semantic-genesis",
    "semantic-genesis-keras", "transvw", "transvw-keras", "semantic-genesis-mini", "adam-resnet50",
    "adam-v2-convnext-base", "adam-mini",
    "cpc-3d", "rotation-3d", "rpl-3d", "jigsaw-3d", "exemplar-3d",
    "cpc-2d", "rotation-2d", "rpl-2d", "jigsaw-2d", "exemplar-2d", "rotation-3d-mini",
    "rpl-2d-mini", "smartnet-resnet50", "smartnet-mini",
]  # fmt: skip


def test_all_names_are_there() -> None:
    assert genesis_hub.list_models() == NAMES


def test_wildcards_and_filters() -> None:
    assert genesis_hub.list_models("*genesis*") == [*NAMES[:6], "semantic-genesis-mini"]
    assert genesis_hub.list_models("ADAM_*") == [
        "adam-resnet50", "adam-v2-convnext-base", "adam-mini",
    ]  # fmt: skip
    assert genesis_hub.list_models(ndim=2, method="cpc") == ["cpc-2d"]
    assert len(genesis_hub.list_models(method="proxy-tasks")) == 12
    assert genesis_hub.list_models(pretrained=True) == [
        *NAMES[:9], "adam-mini", "rotation-3d-mini", "rpl-2d-mini", "smartnet-mini",
    ]  # fmt: skip
    assert genesis_hub.list_models("nothing-like-it") == []


@pytest.mark.parametrize("name", ["models_genesis", "Models-Genesis", " MODELS_GENESIS "])
def test_spelling_does_not_matter(name: str) -> None:
    assert genesis_hub.model_info(name).name == "models-genesis"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("adam", "adam-resnet50"), ("model-genesis", "models-genesis"), ("adm", "adam-resnet50"),
     ("smartnet", "smartnet-resnet50"), ("trans-vw", "transvw"), ("jigsaw", "jigsaw-3d")],
)  # fmt: skip
def test_a_miss_names_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UnknownModel, match=meant) as caught:
        genesis_hub.model_info(typed)
    assert isinstance(caught.value, LookupError)
    assert repr(typed) in str(caught.value)
    assert "list_models()" in str(caught.value)


def test_wrong_filters_are_refused() -> None:
    with pytest.raises(BadInput, match="ndim=4"):
        genesis_hub.list_models(ndim=4)
    with pytest.raises(BadInput, match="adam"):
        genesis_hub.list_models(method="adm")
    with pytest.raises(BadInput, match="NoneType"):
        genesis_hub.model_info(None)  # type: ignore[arg-type]


@every
def test_facts_are_complete_and_frozen(entry: Entry) -> None:
    assert entry.name == entry.name.lower()
    assert entry.architecture in ARCHITECTURES
    assert ARCHITECTURES[entry.architecture].ndim == entry.ndim == len(entry.inputs.size)
    assert len(entry.inputs.multiple) == entry.ndim
    assert entry.paper.url.startswith("https://")
    assert entry.code.startswith("https://")
    assert entry.summary.endswith(".")
    assert entry.license.summary
    assert entry.made_by
    assert len(entry.inputs.mean) == len(entry.inputs.std)
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "other"  # type: ignore[misc]


@every
def test_where_the_weights_are_is_said_in_full(entry: Entry) -> None:
    place = entry.location
    if place.road in ("hub", "zenodo"):
        assert place.address
        assert place.file
    if place.road == "form":
        assert place.address.startswith("https://")
    assert all(re.fullmatch(r"[0-9a-f]{64}", known) for known in place.known)


@every
def test_terms_that_forbid_passing_on_ask_for_a_notice(entry: Entry) -> None:
    assert entry.license.redistributable != entry.license.notice
    if not entry.license.commercial:
        assert "non-commercial" in entry.license.summary


@every
def test_rules_are_anchored_and_a_drop_says_why(entry: Entry) -> None:
    for rule in (rule for layout in entry.layouts for rule in layout.renames):
        assert rule.pattern.startswith("^")
        re.compile(rule.pattern)
        assert (rule.to is None) == bool(rule.why)
