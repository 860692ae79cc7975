"""The roads to weights: in order, checked, and closed with one sentence when they lead nowhere."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import genesis_hub
from genesis_hub import BadInput, WeightsUnavailable
from genesis_hub.weights import fetch
from tests.authors import write_file
from tests.loopback import COMMIT, Hub, ask, cuts, html, hub, says, stalls

AUTHORS_FILE = "MrGiovanni/ModelsGenesis/Genesis_Chest_CT.pt"
ZENODO_FILE = "4625297/semantic_genesis_chest_ct.pt"
KERAS_FILE = "MrGiovanni/ModelsGenesis/Genesis_Chest_CT.h5"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub and a Zenodo on loopback, and a client that is allowed to ask them."""
    with hub() as running:
        ask(running, monkeypatch)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 1)
        monkeypatch.setattr(fetch, "STALLED_SECONDS", 0.5)
        monkeypatch.setattr(fetch, "patience", lambda *_: 0.01)
        # The client waits between its tries, too.
        wait = time.sleep
        monkeypatch.setattr(time, "sleep", lambda seconds: wait(min(seconds, 0.01)))
        yield running


@pytest.fixture
def adam(tmp_path: Path) -> Path:
    """One of our own folders."""
    model = genesis_hub.create_model("adam-resnet50", width=0.125)
    return model.save_pretrained(tmp_path / "adam")


def serve(server: Hub, folder: Path, repo: str) -> None:
    for path in folder.iterdir():
        server.files[f"{repo}/{path.name}"] = path.read_bytes()


def test_the_authors_hub_repository(server: Hub, tmp_path: Path) -> None:
    server.files[AUTHORS_FILE] = write_file(tmp_path, "models-genesis").read_bytes()
    model = genesis_hub.from_pretrained("models-genesis", num_classes=2)
    assert model.load_report.coverage == 1.0
    asked = len(server.log)
    again = genesis_hub.from_pretrained("models-genesis", task="pretext")
    assert len(server.log) == asked, "what was converted once is in the store"
    assert again.provenance["sha256"]
    assert "NOTICE" in again.terms


def test_zenodo(server: Hub, tmp_path: Path, own_store: Path) -> None:
    server.files[ZENODO_FILE] = write_file(tmp_path, "semantic-genesis").read_bytes()
    model = genesis_hub.from_pretrained("semantic-genesis", task="pretext")
    assert model.load_report.coverage == 1.0
    assert list(own_store.rglob("*.part")) == []


def test_our_folder_of_another_organisation(
    server: Hub, adam: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(server, adam, "my-lab/adam-resnet50")
    with pytest.raises(WeightsUnavailable, match="on request only"):
        genesis_hub.from_pretrained("adam-resnet50")
    monkeypatch.setenv("GENESIS_HUB_ORG", "my-lab")
    model = genesis_hub.from_pretrained("adam-resnet50", num_classes=3)
    assert model.load_report.coverage == 1.0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = genesis_hub.from_pretrained("adam-resnet50")
    assert torch.equal(offline.conv1.weight, model.conv1.weight)


def test_a_hand_made_cache_offline(
    adam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    repo = cache / "models--my-lab--adam-resnet50"
    snapshot = repo / "snapshots" / COMMIT
    snapshot.parent.mkdir(parents=True)
    adam.rename(snapshot)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    monkeypatch.setenv("GENESIS_HUB_ORG", "my-lab")
    model = genesis_hub.from_pretrained("adam-resnet50", cache_dir=cache, local_files_only=True)
    assert model.load_report.coverage == 1.0
    with pytest.raises(WeightsUnavailable, match="offline"):
        genesis_hub.from_pretrained("adam-resnet50", cache_dir=tmp_path / "empty")


def test_the_store_comes_before_the_network_and_a_path_before_the_store(
    server: Hub, adam: Path, tmp_path: Path
) -> None:
    torch_file = tmp_path / "a.pth"
    torch.save(genesis_hub.create_model("adam-resnet50").state_dict(), torch_file)
    genesis_hub.import_weights("adam-resnet50", torch_file)
    assert genesis_hub.from_pretrained("adam-resnet50").spec.width == 1.0
    assert genesis_hub.from_pretrained("adam-resnet50", weights=adam).spec.width == 0.125
    assert server.log == []


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("name", ["models-genesis", "semantic-genesis"])
def test_an_error_page_closes_the_road(
    name: str, status: int, server: Hub, own_store: Path
) -> None:
    server.trouble = says(status)
    unavailable(name, own_store)


@pytest.mark.parametrize("trouble", [cuts, stalls, html], ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", ["models-genesis", "semantic-genesis"])
def test_a_broken_answer_closes_the_road(name: str, trouble, server: Hub, own_store: Path) -> None:
    for file in (AUTHORS_FILE, ZENODO_FILE):
        server.files[file] = b"x" * 100_000
    server.trouble = trouble
    unavailable(name, own_store)


def test_wrong_bytes_close_the_road(server: Hub, tmp_path: Path, own_store: Path) -> None:
    server.files[AUTHORS_FILE] = b"PK\x03\x04" + b"\0" * 1000
    unavailable("models-genesis", own_store)
    server.files[KERAS_FILE] = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    unavailable("models-genesis-keras", own_store)


def test_our_own_folder_with_a_wrong_sha256_closes_the_road(
    server: Hub, adam: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((adam / "config.json").read_text())
    config["genesis_hub"]["sha256"] = "0" * 64
    (adam / "config.json").write_text(json.dumps(config))
    serve(server, adam, "my-lab/adam-resnet50")
    monkeypatch.setenv("GENESIS_HUB_ORG", "my-lab")
    with pytest.raises(WeightsUnavailable, match="sha256"):
        genesis_hub.from_pretrained("adam-resnet50")


def test_a_known_sha256_must_be_met(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from genesis_hub import registry

    entry = registry.ENTRIES["models-genesis"]
    place = replace(entry.location, sha256="f" * 64)
    monkeypatch.setitem(registry.ENTRIES, entry.name, replace(entry, location=place))
    server.files[AUTHORS_FILE] = write_file(tmp_path, "models-genesis").read_bytes()
    with pytest.raises(WeightsUnavailable, match="another sha256"):
        genesis_hub.from_pretrained("models-genesis")


def test_a_busy_server_is_asked_again(server: Hub, tmp_path: Path) -> None:
    server.files[ZENODO_FILE] = write_file(tmp_path, "semantic-genesis").read_bytes()
    server.trouble = says(429, times=2, Retry_After="1")
    assert genesis_hub.from_pretrained("semantic-genesis").load_report.coverage == 1.0


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, own_store: Path) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("GENESIS_HUB_ZENODO", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(fetch, "patience", lambda *_: 0.01)
    for name in ("models-genesis", "semantic-genesis"):
        unavailable(name, own_store)


def unavailable(name: str, store: Path) -> None:
    """Hold a name against its error: one line, the next command, nothing left behind."""
    with pytest.raises(WeightsUnavailable) as caught:
        genesis_hub.from_pretrained(name)
    message = str(caught.value)
    assert "\n" not in message
    assert f"genesis-hub import {name}" in message
    assert "could not be fetched (" in message
    assert not any(path.is_file() for path in (store / "models").rglob("*"))


class TestPublish:
    """Publishing through the real client, to a server on loopback."""

    def test_a_published_folder_loads_by_name(
        self, server: Hub, adam: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        model = genesis_hub.from_pretrained(adam)
        address = model.push_to_hub("my-lab/adam-resnet50")
        assert "my-lab/adam-resnet50" in address
        names = {n.split("/")[-1] for n in server.files}
        assert {"config.json", "model.safetensors", "README.md"} <= names
        monkeypatch.setenv("GENESIS_HUB_ORG", "my-lab")
        again = genesis_hub.from_pretrained("adam-resnet50")
        assert torch.equal(again.conv1.weight, model.conv1.weight)

    def test_terms_must_travel(
        self, server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        file = write_file(tmp_path, "models-genesis-nnunet")
        name = "models-genesis-nnunet"
        bare = genesis_hub.import_weights(name, file, tmp_path / "bare")
        with pytest.raises(BadInput, match="licence text"):
            genesis_hub.from_pretrained(bare).push_to_hub("my-lab/x")
        (tmp_path / "LICENSE").write_text("the authors' own text")
        whole = genesis_hub.import_weights(name, file, tmp_path / "whole")
        assert (whole / "LICENSE").read_text() == "the authors' own text"
        segmenter = genesis_hub.from_pretrained(whole, task="segmentation", num_classes=2)
        segmenter.push_to_hub("my-lab/x")
        assert server.files["my-lab/x/LICENSE"] == b"the authors' own text"
        assert b"US 11,922,628" in server.files["my-lab/x/NOTICE"]

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_a_server_that_refuses(
        self, status: int, server: Hub, adam: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        server.trouble = says(status)
        with pytest.raises(WeightsUnavailable, match="could not be published"):
            genesis_hub.from_pretrained(adam).push_to_hub("my-lab/x")

    def test_a_wrong_address(self, adam: Path) -> None:
        with pytest.raises(BadInput, match="OWNER/NAME"):
            genesis_hub.from_pretrained(adam).push_to_hub("a/b/c/d e")


def test_hub_and_store_follow_the_environment(own_store: Path) -> None:
    from genesis_hub.weights.store import home

    assert home() == own_store
    assert os.environ["HF_HUB_CACHE"]
