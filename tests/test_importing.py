"""Importing: exactly what fits, told in the author's own spelling."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import pytest
import torch
from torch import Tensor

import genesis_hub
from genesis_hub import BadInput, GenesisHubError, KeyMismatch, UnsafeFile
from genesis_hub.cli import main
from genesis_hub.entry import Entry, Layout
from genesis_hub.errors import TermsNotice
from genesis_hub.plan import make_plan
from genesis_hub.weights.foreign import Foreign
from tests.authors import checkpoint, tensors_of, write_file, write_keras, write_torch
from tests.keytables import name_of, tables


@dataclass
class Named:
    """A file as names, shapes and types; no values."""

    rows: dict[str, tuple[int, ...]]
    kinds: dict[str, torch.dtype]

    def keys(self) -> tuple[str, ...]:
        return tuple(self.rows)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.rows[name]

    def dtype(self, name: str) -> torch.dtype:
        counter = name.endswith("num_batches_tracked")
        return self.kinds.get(name, torch.int64 if counter else torch.float32)

    def read(self, name: str) -> Tensor:
        raise AssertionError("nothing is read before it fits")


def plan(entry: Entry, rows: dict, **kinds: torch.dtype):
    return make_plan(entry, Foreign(Path("file"), "test", Named(rows, kinds)))


# Every tensor of every table in the slow part, here one of six.
@pytest.mark.parametrize("stride", [6, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("entry", "layout", "rows"), tables(), ids=name_of)
def test_every_tensor_renamed_dropped_or_reshaped_is_refused_by_name(
    entry: Entry, layout: Layout, rows: dict, stride: int
) -> None:
    wrapped = {f"module.{key}": shape for key, shape in rows.items()}
    assert plan(entry, wrapped if "Keras" not in layout.name else rows).layout == layout
    for key in list(rows)[::stride]:
        counter = key.endswith("num_batches_tracked")
        changed = {
            "renamed": {(k + "_TYPO" if k == key else k): s for k, s in rows.items()},
            "dropped": {k: s for k, s in rows.items() if k != key},
            "reshaped": {k: ((*s, 1) if k == key else s) for k, s in rows.items()},
        }
        if counter:
            del changed["dropped"]
        for how, damaged in changed.items():
            with pytest.raises(KeyMismatch) as caught:
                plan(entry, damaged)
            told = str(caught.value)
            # The last layer of the Keras files is numbered: any number is the right one.
            spelled = key.replace("conv3d.", "final_conv.") if how != "reshaped" else key
            assert key in told or spelled in told, (how, key)


@pytest.mark.parametrize("kind", [torch.int64, torch.int8, torch.bool, torch.complex64])
def test_a_weight_that_is_no_float_is_refused(kind: torch.dtype) -> None:
    entry, _, rows = next(row for row in tables() if row[0].name == "models-genesis")
    key = "down_tr64.ops.0.conv1.weight"
    with pytest.raises(KeyMismatch, match=str(kind)):
        plan(entry, rows, **{key: kind})


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_said(
    kind: torch.dtype, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    name = "models-genesis"
    tensors = {
        key: value.to(kind) if value.is_floating_point() else value
        for key, value in tensors_of(name).items()
    }
    path = write_torch(tmp_path / "f.pt", checkpoint(name, tensors))
    assert main(["import", name, str(path), "--out", str(tmp_path / "out")]) == 0
    assert f"from {str(kind).removeprefix('torch.')} to float32" in capsys.readouterr().out
    model = genesis_hub.from_pretrained(tmp_path / "out")
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_by_name(value: float, tmp_path: Path) -> None:
    tensors = tensors_of("models-genesis")
    tensors["up_tr64.ops.1.bn1.running_var"][3] = value
    path = write_torch(tmp_path / "f.pt", checkpoint("models-genesis", tensors))
    with pytest.raises(KeyMismatch, match=r"module\.up_tr64\.ops\.1\.bn1\.running_var"):
        genesis_hub.import_weights("models-genesis", path)


def test_counters_may_be_missing(tmp_path: Path) -> None:
    tensors = {k: v for k, v in tensors_of("models-genesis").items() if "batches" not in k}
    path = write_torch(tmp_path / "f.pt", checkpoint("models-genesis", tensors))
    folder = genesis_hub.import_weights("models-genesis", path)
    model = genesis_hub.from_pretrained(folder)
    assert model.load_report.coverage == 1.0


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [(-1.0, torch.float32, "negative variance"), (1e300, torch.float64, "too large")],
)
def test_values_that_no_network_can_use_are_refused(
    value: float, kind: torch.dtype, said: str, tmp_path: Path
) -> None:
    tensors = tensors_of("adam-resnet50")
    tensors["bn1.running_var"] = torch.full((64,), value, dtype=kind)
    with pytest.raises(KeyMismatch, match=said):
        genesis_hub.import_weights("adam-resnet50", write_torch(tmp_path / "f.pth", tensors))


@pytest.mark.parametrize("file", [None, b"f.pt", 3])
def test_what_is_no_path(file) -> None:
    with pytest.raises(BadInput, match="no path"):
        genesis_hub.import_weights("adam-resnet50", file)


def test_a_part_drops_what_it_does_not_name(tmp_path: Path) -> None:
    path = write_file(tmp_path, "transvw")
    folder = genesis_hub.import_weights("models-genesis", path, tmp_path / "m", part="encoder")
    assert genesis_hub.from_pretrained(folder).load_report.coverage == 1.0


def test_a_model_saved_again_says_so_in_its_notice(tmp_path: Path) -> None:
    folder = genesis_hub.import_weights("transvw", write_file(tmp_path, "transvw"), tmp_path / "a")
    assert "saved again" not in (folder / "NOTICE").read_text()
    model = genesis_hub.from_pretrained(folder, num_classes=2)
    for turn in range(2):
        again = model.save_pretrained(tmp_path / f"b{turn}")
        model = genesis_hub.from_pretrained(again)
        assert (again / "NOTICE").read_text().count("saved again") == 1
        assert "Saved again by a user" in (again / "README.md").read_text()


class TestSemanticGenesis:
    """Heads of any size, no head at all, an encoder alone, leftovers of clustering."""

    name = "semantic-genesis"

    def write(self, path: Path, tensors: dict[str, Tensor]) -> Path:
        return write_torch(path / "f.pt", checkpoint(self.name, tensors))

    def test_the_number_of_classes_is_the_files(self, tmp_path: Path) -> None:
        tensors = tensors_of(self.name)
        tensors["clc_out.fc1.weight"] = torch.randn(50, 1024)
        tensors["clc_out.fc1.bias"] = torch.randn(50)
        genesis_hub.import_weights(self.name, self.write(tmp_path, tensors))
        model = genesis_hub.from_pretrained(self.name, task="pretext")
        assert model(torch.rand(2, 1, 16, 16, 16))["classification"].shape == (2, 50)

    def test_weight_and_bias_must_agree(self, tmp_path: Path) -> None:
        tensors = tensors_of(self.name)
        tensors["clc_out.fc1.bias"] = torch.randn(43)
        with pytest.raises(KeyMismatch, match="44 classes, but its bias has 43"):
            genesis_hub.import_weights(self.name, self.write(tmp_path, tensors))

    def test_a_file_without_a_head(self, tmp_path: Path) -> None:
        tensors = {k: v for k, v in tensors_of(self.name).items() if "clc_out" not in k}
        path = self.write(tmp_path, tensors)
        with pytest.raises(KeyMismatch, match="pass --part unet"):
            genesis_hub.import_weights(self.name, path)
        genesis_hub.import_weights(self.name, path, part="unet")
        segmenter = genesis_hub.from_pretrained(self.name, task="segmentation", num_classes=2)
        assert segmenter.load_report.coverage == 1.0
        with pytest.raises(KeyMismatch, match=r"head\.classification"):
            genesis_hub.from_pretrained(self.name, task="pretext")

    def test_an_encoder_alone(self, tmp_path: Path) -> None:
        kept = ("down_tr", "clc_out")
        tensors = {k: v for k, v in tensors_of(self.name).items() if k.startswith(kept)}
        path = self.write(tmp_path, tensors)
        with pytest.raises(KeyMismatch, match="pass --part encoder"):
            genesis_hub.import_weights(self.name, path)
        folder = genesis_hub.import_weights(self.name, path, part="encoder")
        told = json.loads((folder / "config.json").read_text())["genesis_hub"]["provenance"]
        assert all("clc_out" in key for key in told["dropped"])
        assert genesis_hub.from_pretrained(self.name, num_classes=2).load_report.coverage == 1.0
        for wishes in ({"task": "segmentation", "num_classes": 2}, {"task": "pretext"}):
            with pytest.raises(KeyMismatch, match=r"decoder\."):
                genesis_hub.from_pretrained(self.name, **wishes)
        fresh = genesis_hub.from_pretrained(
            self.name, task="segmentation", num_classes=2, decoder="fresh"
        )
        assert fresh.load_report.coverage == 1.0

    def test_leftovers_are_dropped_and_listed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        tensors = {f"classficationNet.{k}": v for k, v in tensors_of(self.name).items()}
        tensors["projection_head.0.weight"] = torch.ones(2, 2)
        tensors["classficationNet.prototypes.weight"] = torch.ones(2)
        assert main(["import", self.name, str(self.write(tmp_path, tensors))]) == 0
        out = capsys.readouterr().out
        assert "module.projection_head.0.weight" in out
        assert "module.classficationNet.prototypes.weight" in out
        assert "best_loss" in out


class TestAdam:
    """Both shapes of the file; two networks in one file are not guessed between."""

    def test_full_checkpoint_gives_the_query_encoder(
        self, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        query, key = (tensors_of("adam-resnet50", seed=seed) for seed in (0, 1))
        content = {f"module.encoder_q.{k}": v for k, v in query.items()}
        content |= {f"module.encoder_k.{k}": v for k, v in key.items()}
        content["module.encoder_q.fc.0.weight"] = torch.ones(2, 2)
        content["module.queue"] = torch.ones(128, 8)
        content["module.queue_ptr"] = torch.tensor([0])
        path = write_torch(tmp_path / "c.pth", {"arch": "resnet50", "state_dict": content})
        assert main(["import", "adam-resnet50", str(path)]) == 0
        out = capsys.readouterr().out
        assert "the query encoder is the one that is published" in out
        model = genesis_hub.from_pretrained("adam-resnet50")
        assert torch.equal(model.conv1.weight, query["conv1.weight"])

    def test_two_networks_under_one_name_are_refused(self, tmp_path: Path) -> None:
        tensors = tensors_of("adam-resnet50")
        content = {**tensors, **{f"encoder_q.{k}": v for k, v in tensors.items()}}
        path = write_torch(tmp_path / "c.pth", {"state_dict": content})
        with pytest.raises(KeyMismatch, match="both stand for"):
            genesis_hub.import_weights("adam-resnet50", path)

    def test_the_folder_is_plain_timms(self, tmp_path: Path) -> None:
        import timm

        tensors = tensors_of("adam-resnet50")
        path = write_torch(tmp_path / "c.pth", tensors)
        folder = genesis_hub.import_weights("adam-resnet50", path, tmp_path / "out")
        plain = timm.create_model(f"local-dir:{folder}", pretrained=True)
        assert torch.equal(plain.conv1.weight, tensors["conv1.weight"])


class TestTerms:
    """What must travel travels; no licence text is ever made up."""

    def test_notice_and_licence(self, tmp_path: Path) -> None:
        file = write_file(tmp_path, "transvw")
        folder = genesis_hub.import_weights("transvw", file, tmp_path / "a")
        notice = (folder / "NOTICE").read_text()
        for fact in ("M21-170L", "US 12,277,687 B2", "github.com/fhaghighi/TransVW", "Changes"):
            assert fact in notice
        assert not (folder / "LICENSE").exists()
        own = tmp_path / "terms.txt"
        own.write_text("their text")
        folder = genesis_hub.import_weights("transvw", file, tmp_path / "b", license=own)
        assert (folder / "LICENSE").read_text() == "their text"
        again = genesis_hub.from_pretrained(folder).save_pretrained(tmp_path / "c")
        assert (again / "LICENSE").read_text() == "their text"
        assert (again / "NOTICE").exists()

    def test_terms_are_said_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
    ) -> None:
        monkeypatch.setattr("genesis_hub.importing._SAID", set())
        file = write_file(tmp_path, "transvw-keras")
        for _ in range(2):
            genesis_hub.import_weights("transvw-keras", file)
        said = [str(w.message) for w in recwarn if issubclass(w.category, TermsNotice)]
        assert len(said) == 1
        assert "non-commercial research only" in said[0]

    def test_a_wrong_licence_file_is_named(self, tmp_path: Path) -> None:
        file = write_file(tmp_path, "models-genesis")
        (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
        (tmp_path / "big").write_bytes(b"x" * (2**20 + 1))
        for wrong in ("none", "bytes", "big"):
            with pytest.raises(BadInput, match="license="):
                genesis_hub.import_weights("models-genesis", file, license=tmp_path / wrong)


class TestStore:
    """Importing again replaces at once, and says so."""

    def test_importing_again(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        for seed in (0, 1):
            path = write_file(tmp_path, "models-genesis", seed=seed)
            assert main(["import", "models-genesis", str(path)]) == 0
            out = capsys.readouterr().out
            assert ("replaced" in out) == bool(seed)
            model = genesis_hub.from_pretrained("models-genesis", task="pretext")
            want = tensors_of("models-genesis", seed=seed)["out_tr.final_conv.weight"]
            assert torch.equal(model.head["restoration"].weight, want)
        assert "imported" in (main(["list", "models-genesis"]), capsys.readouterr().out)[1]
        assert "models-genesis" in genesis_hub.list_models(pretrained=True)

    def test_a_damaged_store_is_mended_by_importing_again(
        self, tmp_path: Path, own_store: Path
    ) -> None:
        path = write_file(tmp_path, "models-genesis")
        folder = genesis_hub.import_weights("models-genesis", path)
        (folder / "model.safetensors").write_bytes(b"")
        with pytest.raises(UnsafeFile):
            genesis_hub.from_pretrained("models-genesis")
        genesis_hub.import_weights("models-genesis", path)
        assert genesis_hub.from_pretrained("models-genesis").load_report.coverage == 1.0

    def test_only_a_volume_network_is_there(self, tmp_path: Path) -> None:
        name = "smartnet-resnet50"
        file = write_file(tmp_path, name, "volume classification v1")
        genesis_hub.import_weights(name, file)
        with pytest.raises(genesis_hub.WeightsUnavailable, match="operator='lstm'"):
            genesis_hub.from_pretrained(name)


class TestWrongFiles:
    """What is no file of a name is told apart from what is damaged."""

    def test_another_names_file(self, tmp_path: Path) -> None:
        path = write_file(tmp_path, "models-genesis")
        with pytest.raises(KeyMismatch, match=r"no file of 'adam-resnet50'.*inspect"):
            genesis_hub.import_weights("adam-resnet50", path)
        with pytest.raises(KeyMismatch, match="pass --part unet"):
            genesis_hub.import_weights("transvw", path)

    def test_names_without_files(self, tmp_path: Path) -> None:
        path = write_file(tmp_path, "models-genesis")
        with pytest.raises(BadInput, match="nobody has published"):
            genesis_hub.import_weights("cpc-3d", path)
        with pytest.raises(BadInput, match="no U-Net"):
            genesis_hub.import_weights("adam-resnet50", write_torch(
                tmp_path / "a.pth", tensors_of("adam-resnet50")), part="unet")  # fmt: skip
        with pytest.raises(BadInput, match="part='half'"):
            genesis_hub.import_weights("models-genesis", path, part="half")  # type: ignore[arg-type]

    def test_no_file_and_folders(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="cannot be read"):
            genesis_hub.import_weights("models-genesis", tmp_path / "none.pt")
        with pytest.raises(BadInput, match="is a folder"):
            genesis_hub.import_weights("models-genesis", tmp_path)

    def test_checkpoints_without_weights(self, tmp_path: Path) -> None:
        for content, said in (
            ({"epoch": 3}, "without any named tensors"),
            (torch.ones(3), "without any named tensors"),
            ({"odd": {"place": {"w": torch.ones(2)}}}, "none of the usual places"),
        ):
            with pytest.raises(BadInput, match=said):
                genesis_hub.import_weights("models-genesis", write_torch(tmp_path / "f", content))

    def test_keras_files_that_are_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "k.h5"
        with h5py.File(path, "w") as file:
            file.create_group("layer")
        with pytest.raises(UnsafeFile, match="no weights of Keras layers"):
            genesis_hub.import_weights("models-genesis-keras", path)
        tensors = tensors_of("models-genesis-keras")
        del tensors["depth_3_conv.weight"]
        with pytest.raises(KeyMismatch, match="depth_3_conv/depth_3_conv/kernel:0"):
            genesis_hub.import_weights("models-genesis-keras", write_keras(path, tensors))

    def test_keras_without_h5py(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        path = write_file(tmp_path, "models-genesis-keras")
        monkeypatch.setitem(sys.modules, "h5py", None)
        with pytest.raises(BadInput, match=r"genesis-hub\[convert\]"):
            genesis_hub.import_weights("models-genesis-keras", path)

    def test_errors_are_one_line_on_the_command(
        self, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        assert main(["import", "models-genesis", str(tmp_path / "none")]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert issubclass(KeyMismatch, GenesisHubError)
