"""The weights that ship inside: small, whole, carded, loadable for every task."""

from typing import Any

import pytest
import torch

import genesis_hub
from genesis_hub import registry
from genesis_hub.entry import Entry
from genesis_hub.weights.folder import read_folder
from genesis_hub.weights.store import bundled

MOST = 6_000_000
SHIPPED = [entry for entry in registry.ENTRIES.values() if entry.location.road == "bundled"]


def test_there_is_one() -> None:
    assert "models-genesis-mini" in {entry.name for entry in SHIPPED}


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_what_ships_is_small_and_whole_and_says_where_it_is_from(entry: Entry) -> None:
    folder = bundled(entry.name)
    assert folder is not None
    assert sum(file.stat().st_size for file in folder.iterdir()) <= MOST
    artefact = read_folder(folder)
    artefact.check_sha256()
    made = artefact.facts["provenance"]
    assert made["pretrained"]["steps"] > 0
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"license: {str(entry.license.spdx).lower()}" in card
    assert "| share of the " in card
    assert entry.license.redistributable
    for name in ("config.json", "README.md", "seen.json"):
        assert "/tmp/" not in (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
@pytest.mark.parametrize(
    "wishes", [{}, {"num_classes": 4}, {"task": "segmentation", "num_classes": 2}], ids=str
)
def test_it_loads_by_name_for_every_task(entry: Entry, wishes: dict[str, Any]) -> None:
    model: Any = genesis_hub.from_pretrained(entry.name, **wishes)
    assert "100.0%" in str(model.load_report)
    answer = model(torch.rand(1, entry.in_channels, *entry.inputs.size))
    assert bool(answer.isfinite().all())
    assert entry.name in genesis_hub.list_models(pretrained=True)


@pytest.mark.parametrize("name", ["models-genesis-mini", "semantic-genesis-mini", "smartnet-mini"])
def test_heads_that_ship_are_whole_by_name(name: str) -> None:
    model = genesis_hub.from_pretrained(name, task="pretext")
    report = model.load_report
    assert report is not None
    assert not report.of("ignored")  # Attention was once left out: all dark was bright.
    assert not report.of("initialised")
