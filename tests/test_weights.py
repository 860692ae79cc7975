"""The corners of `weights/`: formats, stores, answers of servers, that no other suite visits."""

import os
import time
from pathlib import Path

import pytest
import torch

import genesis_hub
from genesis_hub import BadInput, KeyMismatch, UnsafeFile, WeightsUnavailable
from genesis_hub.atomic import new_file, new_folder
from genesis_hub.weights import fetch, store
from genesis_hub.weights.fetch import Access, RoadClosed, download
from genesis_hub.weights.foreign import open_foreign
from genesis_hub.weights.pickled import Call, Global, as_mapping, read_pickle
from genesis_hub.weights.rename import authors_name
from genesis_hub.weights.tensorfile import TensorFile, describe, write_tensors
from genesis_hub.weights.torchfile import TorchFile, flatten
from tests import hostile
from tests.authors import layout_of
from tests.loopback import COMMIT, Handler, hub


class TestTorchFiles:
    """Whatever torch itself would load from plain weights, we read the same."""

    @pytest.mark.parametrize("legacy", [False, True])
    def test_views_kinds_and_parameters(self, legacy: bool, tmp_path: Path) -> None:
        shared = torch.arange(24.0)
        content = {
            "transposed": shared.view(4, 6).t(),
            "every second": shared[1::2],
            "of one storage": shared[5:9],
            "scalar": torch.tensor(3),
            "empty": torch.empty(0, 4),
            "parameter": torch.nn.Parameter(torch.ones(3)),
            **{str(kind): torch.ones(3).to(kind) for kind in (
                torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
                torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64)},
        }  # fmt: skip
        path = tmp_path / "f.pt"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        file = TorchFile(path)
        tensors, _ = flatten(file)
        theirs = torch.load(path, weights_only=True)
        assert {place[0] for place in tensors} == set(content)
        for (key,), described in tensors.items():
            ours = file.read(described)
            assert torch.equal(ours, theirs[key].detach()), key
            assert ours.dtype == theirs[key].dtype
            assert ours.untyped_storage().nbytes() == ours.nbytes

    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    def test_every_protocol_of_pickle(self, protocol: int, tmp_path: Path) -> None:
        import argparse
        import collections

        import numpy as np

        content = {
            "w": torch.ones(2), "lr": 0.5, "big": 2**70, "text": "ü", "bytes": b"ab", "none": None,
            "yes": True, "list": [1, [2]], "tuple": (1, 2, 3, 4), "numpy": np.float64(2),
            "args": argparse.Namespace(a=1), "size": torch.Size([1]),
            "ordered": collections.OrderedDict(a=torch.zeros(1)),
        }  # fmt: skip
        path = tmp_path / "f.pt"
        torch.save(content, path, pickle_protocol=protocol)
        tensors, beside = flatten(TorchFile(path))
        assert set(tensors) == {("w",), ("ordered", "a")}
        assert set(content) - {"w", "ordered", "args"} <= set(beside)

    def test_an_ordered_dict_given_as_pairs(self) -> None:
        ordered = Global("collections", "OrderedDict")
        assert as_mapping(Call(ordered, ([["a", 1]],))) == {"a": 1}
        assert as_mapping(Call(ordered, (7,))) == {}
        assert as_mapping(Call(Global("torch", "Size"), ())) is None

    def test_pickles_that_are_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("genesis_hub.weights.pickled.MOST_BYTES", 10)
        with pytest.raises(UnsafeFile, match="more than any checkpoint"):
            read_pickle(b"x" * 11, "f")
        monkeypatch.setattr("genesis_hub.weights.pickled.MOST_BYTES", 100)
        monkeypatch.setattr("genesis_hub.weights.pickled.MOST_STEPS", 3)
        with pytest.raises(UnsafeFile, match="longer"):
            read_pickle(b"\x80\x02}}}}}.", "f")

    def test_a_file_that_shrinks_while_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(data := hostile.good_torch(_use_new_zipfile_serialization=False))
        tensors = open_foreign(path).tensors
        os.truncate(path, len(data) - 40)
        with pytest.raises(UnsafeFile, match="shorter"):
            [tensors.read(key) for key in tensors.keys()]
        path.write_bytes(hostile.good_torch())
        tensors = open_foreign(path).tensors
        path.write_bytes(b"gone")
        with pytest.raises(UnsafeFile, match="damaged"):
            tensors.read(tensors.keys()[0])


class TestSafetensors:
    """Reading and writing our own format."""

    def test_tensors_that_share_memory_are_written_apart(self, tmp_path: Path) -> None:
        one = torch.arange(6.0)
        path = tmp_path / "x.safetensors"
        write_tensors({"a": one, "b": one, "c": one[2:4], "e": torch.empty(0)}, path, {"k": 1})
        file = TensorFile(path)
        assert torch.equal(file.read("b"), one)
        assert torch.equal(file.read("c"), one[2:4])
        assert file.read("e").shape == (0,)

    def test_tensors_without_values_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="meta"):
            write_tensors({"a": torch.empty(2, device="meta")}, tmp_path / "x", {})

    def test_what_a_file_seems_to_be(self) -> None:
        assert "HDF5" in describe(b"\x89HDF\r\n")
        assert "zip" in describe(b"PK\x03\x04")
        assert "begins with" in describe(b"whatever")

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="cannot be read"):
            TensorFile(tmp_path / "none")


class TestWriting:
    """Old or new, never between."""

    def test_a_file_appears_whole_or_not_at_all(self, tmp_path: Path) -> None:
        target = tmp_path / "f.bin"
        with new_file(target) as aside:
            aside.write_text("new")
            assert not target.exists()
        assert target.read_text() == "new"
        with pytest.raises(TypeError), new_file(target) as aside:
            aside.write_text(7)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="cannot be written"), new_file(target / "x"):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["f.bin"]

    def test_a_folder_made_by_another_meanwhile(self, tmp_path: Path) -> None:
        target = tmp_path / "m"
        with new_folder(target) as work:
            (work / "config.json").write_text("ours")
            target.mkdir()
            (target / "other").write_text("theirs")
        assert (target / "config.json").read_text() == "ours"
        assert (target / "other").read_text() == "theirs"


class TestStore:
    """Where weights lie."""

    def test_the_place_follows_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GENESIS_HUB_HOME", "~/weights")
        assert store.home() == Path.home() / "weights"
        monkeypatch.delenv("GENESIS_HUB_HOME")
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        assert store.home() == Path("/cache/genesis_hub")
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert store.home() == Path.home() / ".cache" / "genesis_hub"

    def test_pointers_that_lead_nowhere_or_out(self, own_store: Path) -> None:
        root = own_store / "models" / "transvw"
        root.mkdir(parents=True)
        for text in ("", "gone", "../../..", "/etc"):
            (root / "current").write_text(text)
            assert store.stored("transvw") is None

    def test_a_lost_pointer_is_told(self, own_store: Path) -> None:
        root = own_store / "models" / "cpc-3d"
        genesis_hub.create_model("cpc-3d", width=0.25).save_pretrained(root / "v1")
        for content in (b"", b"gone", b"\xff\xfe"):
            (root / "current").write_bytes(content)
            with pytest.raises(WeightsUnavailable, match="store of 'cpc-3d' is damaged"):
                genesis_hub.from_pretrained("cpc-3d")

    def test_what_is_long_unused_is_cleared_away(self, own_store: Path) -> None:
        root = own_store / "models" / "transvw"
        for name in ("old", "fresh", "now"):
            (root / name).mkdir(parents=True)
        (root / ".left.part").write_text("")
        long_ago = time.time() - 2 * store.UNUSED_SECONDS
        for name in ("old", ".left.part"):
            os.utime(root / name, (long_ago, long_ago))
        store.make_current("transvw", "now")
        assert {path.name for path in root.iterdir()} == {"fresh", "now", "current"}

    def test_a_pointer_that_cannot_be_written(self, own_store: Path) -> None:
        own_store.parent.mkdir(parents=True, exist_ok=True)
        own_store.write_text("a file in the way")
        with pytest.raises(BadInput, match="choose another place"):
            store.make_current("transvw", "v")

    def test_bundled_weights_come_after_the_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "BUNDLED", tmp_path)
        model = genesis_hub.create_model("cpc-3d", width=0.25)
        model.save_pretrained(tmp_path / "cpc-3d")
        assert genesis_hub.from_pretrained("cpc-3d").spec.width == 0.25
        assert "cpc-3d" in genesis_hub.list_models(pretrained=True)


def gated(handler: Handler) -> bool:
    handler.answer(403, b"{}", X_Error_Code="GatedRepo")
    return True


def no_revision(handler: Handler) -> bool:
    handler.answer(404, b"{}", X_Error_Code="RevisionNotFound")
    return True


def no_entry(handler: Handler) -> bool:
    handler.answer(404, b"{}", X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
    return True


class TestAnswers:
    """What servers say, in our words."""

    @pytest.mark.parametrize(
        ("trouble", "said"),
        [(gated, "access must be granted"), (no_revision, "no revision 'v9'"),
         (no_entry, "it has no f.bin")],
        ids=lambda v: getattr(v, "__name__", ""),
    )  # fmt: skip
    def test_the_hub(self, trouble, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with hub() as server:
            server.trouble = trouble
            monkeypatch.setenv("HF_ENDPOINT", server.url)
            monkeypatch.setenv("HF_HUB_OFFLINE", "0")
            monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
            with pytest.raises(RoadClosed, match=said):
                fetch.fetch("a/b", "f.bin", Access(revision="v9"))

    def test_a_wrong_organisation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GENESIS_HUB_ORG", "no such/organisation/")
        with pytest.raises(BadInput, match="OWNER/NAME"):
            genesis_hub.from_pretrained("cpc-3d")

    def test_lengths_that_lie(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def huge(handler: Handler) -> bool:
            handler.answer(200, b"", Content_Length=str(2**50))
            handler.close_connection = True
            return True

        def endless(handler: Handler) -> bool:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(b"x" * 1000)
            handler.close_connection = True
            return True

        monkeypatch.setattr(fetch, "LARGEST", 500)
        with hub() as server:
            for trouble, said in ((huge, "more than any"), (endless, "more came")):
                server.trouble = trouble
                with pytest.raises(RoadClosed, match=said):
                    download(f"{server.url}/x", tmp_path / "x")

    def test_how_long_to_wait(self) -> None:
        import email.message
        import urllib.error

        headers = email.message.Message()
        error = urllib.error.HTTPError("u", 429, "busy", headers, None)
        assert fetch.patience(error, 2) == 2.0
        headers["Retry-After"] = "7"
        assert fetch.patience(error, 1) == 7.0

    def test_zenodo_offline(self) -> None:
        with pytest.raises(WeightsUnavailable, match="offline"):
            genesis_hub.from_pretrained("transvw")


def test_a_path_to_the_tensors_means_their_folder(tmp_path: Path) -> None:
    folder = genesis_hub.create_model("cpc-3d", width=0.25).save_pretrained(tmp_path / "m")
    file = folder / "model.safetensors"
    assert genesis_hub.from_pretrained("cpc-3d", weights=file).spec.width == 0.25
    assert genesis_hub.from_pretrained(file).spec.width == 0.25
    (tmp_path / "a.pt").write_bytes(b"")
    with pytest.raises(BadInput, match="single file"):
        genesis_hub.from_pretrained("cpc-3d", weights=tmp_path / "a.pt")


def test_a_folder_named_like_a_model_is_hinted_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    genesis_hub.create_model("cpc-3d", width=0.25).save_pretrained("cpc-3d")
    with pytest.raises(WeightsUnavailable, match=r"'\./cpc-3d' is the folder"):
        genesis_hub.from_pretrained("cpc-3d")
    assert genesis_hub.from_pretrained("./cpc-3d").spec.width == 0.25


def test_names_that_no_author_wrote() -> None:
    _, layout = layout_of("semantic-genesis")
    assert authors_name("operator.lstm.weight", layout) is None
    assert isinstance(KeyMismatch("x"), ValueError)
