"""`inspect`, `doctor` and `export`: what a file is, whether a network is right, other formats."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchvision

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.doctor import examine
from genesis_hub.exporting import export
from genesis_hub.inspecting import inspect
from tests.authors import tensors_of, write_file, write_torch
from tests.keytables import tables


class Gadget:
    def __reduce__(self):
        return os.system, ("echo it ran > ran.txt",)


class TestInspect:
    @pytest.mark.parametrize(
        ("name", "label"), [(entry.name, layout.name) for entry, layout, _ in tables()]
    )
    def test_the_right_name_is_first(self, name: str, label: str, tmp_path: Path) -> None:
        found = inspect(write_file(tmp_path, name, label))
        first = found.matches[0]
        same = {"transvw": "semantic-genesis", "transvw-keras": "semantic-genesis-keras"}
        assert first.name == same.get(name, name)
        assert first.fits == ""
        assert first.known == first.of == len(found.tensors)
        assert name in [match.name for match in found.matches if not match.fits]

    def test_what_a_gadget_would_run_is_told_and_does_not_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
    ) -> None:
        monkeypatch.chdir(tmp_path)
        torch.save({"state_dict": {"w": torch.ones(3)}, "extra": Gadget()}, "bad.pt")
        found = inspect("bad.pt")
        assert found.would_run == ("posix.system",)
        assert found.tensors[0] == ("state_dict/w", (3,), "float32")
        assert "posix.system" in found.refused
        assert main(["inspect", "bad.pt"]) == 1
        assert "DANGER" in capsys.readouterr().out
        assert not Path("ran.txt").exists()

    def test_other_things_are_named(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        path = tmp_path / "x"
        for content, said in (
            (b"", "empty"),
            (b"<!DOCTYPE html><html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1", "LFS"),
            (pickle.dumps({"a": 1}), "no checkpoint of torch"),
        ):
            path.write_bytes(content)
            assert said in inspect(path).refused
        assert main(["inspect", str(tmp_path / "none")]) == 2
        assert main(["inspect", str(tmp_path)]) == 2

    def test_a_stranger_is_no_match(self, tmp_path: Path) -> None:
        found = inspect(write_torch(tmp_path / "s.pt", torchvision.models.resnet18().state_dict()))
        assert not any(match.fits == "" for match in found.matches)


class TestDoctor:
    @pytest.mark.parametrize("name", genesis_hub.list_models())
    def test_every_network_computes_what_it_did(self, name: str) -> None:
        findings = examine(name)
        assert findings
        assert all(finding.passed for finding in findings), findings

    def test_stored_weights_are_examined(self, tmp_path: Path, own_store: Path) -> None:
        genesis_hub.import_weights("models-genesis", write_file(tmp_path, "models-genesis"))
        assert all(f.passed for f in examine("models-genesis"))
        assert main(["doctor", "models-genesis"]) == 0
        file = next(own_store.rglob("model.safetensors"))
        data = bytearray(file.read_bytes())
        data[-5] ^= 64
        file.write_bytes(data)
        assert main(["doctor", "models-genesis"]) == 1

    def test_a_volume_networks_weights_are_examined_too(self, tmp_path: Path) -> None:
        name = "smartnet-resnet50"
        for label in ("upstream v1", "volume classification v1"):
            genesis_hub.import_weights(name, write_file(tmp_path, name, label))
        findings = examine(name)
        assert all(finding.passed for finding in findings), findings
        assert [f.what for f in findings].count("weights, answers finite") == 2

    def test_a_wrong_network_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from genesis_hub.networks import genesis

        monkeypatch.setattr(genesis.F, "max_pool3d", torch.nn.functional.avg_pool3d)
        assert not any(finding.passed for finding in examine("models-genesis"))


def near(a: torch.Tensor, b: torch.Tensor) -> None:
    assert (a - b).abs().max() <= 1e-5 * b.abs().max()


class TestExport:
    @pytest.mark.parametrize(
        ("name", "wishes"),
        [
            ("models-genesis", {"num_classes": 2}),
            ("models-genesis", {"task": "segmentation", "num_classes": 2}),
            ("adam-resnet50", {"num_classes": 2}),
            pytest.param(
                "adam-resnet50", {"task": "segmentation", "num_classes": 2}, marks=pytest.mark.slow
            ),
            ("cpc-3d", {}),
            pytest.param("smartnet-resnet50", {"task": "pretext"}, marks=pytest.mark.slow),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("to", ["onnx", "torch-export"])
    def test_whole_networks(self, name: str, wishes: dict, to: str, tmp_path: Path) -> None:
        model = genesis_hub.create_model(name, width=0.125, **wishes)
        for module in model.modules():  # Fresh statistics are 0 and 1, which hides mistakes.
            if getattr(module, "running_mean", None) is not None:
                module.running_mean.normal_(0, 0.1)
        folder = model.save_pretrained(tmp_path / "m")
        path = export(folder, to, tmp_path / "x")
        size = model.inputs.facts.size
        x = torch.rand(3, model.in_channels, *size)
        with torch.no_grad():
            want = model(x)
        want = list(want.values()) if isinstance(want, dict) else [want]
        if to == "onnx":
            runtime = pytest.importorskip("onnxruntime")
            session = runtime.InferenceSession(str(path))
            got = session.run(None, {session.get_inputs()[0].name: x.numpy()})
            got = [torch.from_numpy(array) for array in got]
        else:
            answer = torch.export.load(path).module()(x)
            got = list(answer.values()) if isinstance(answer, dict) else [answer]
        for a, b in zip(got, want, strict=True):
            near(a, b)
        assert not list(tmp_path.glob("*.part*"))

    def test_torchvision(self, tmp_path: Path) -> None:
        model = genesis_hub.create_model("adam-resnet50", num_classes=4)
        path = export(model.save_pretrained(tmp_path / "m"), "torchvision", tmp_path / "x.pth")
        vision = torchvision.models.resnet50(num_classes=4).eval()
        vision.load_state_dict(torch.load(path, weights_only=True))
        x = torch.rand(2, 3, 64, 64)
        with torch.no_grad():
            near(vision(x), model(x))

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            # SMART-Net's files are the largest: ten to twenty seconds each.
            pytest.param(
                entry.name,
                layout.name,
                marks=pytest.mark.slow if entry.name.startswith("smartnet") else (),
            )
            for entry, layout, _ in tables()
            if not entry.name.startswith("transvw")
        ],
    )
    def test_authors_files_go_back_as_they_came(
        self, name: str, label: str, tmp_path: Path
    ) -> None:
        folder = genesis_hub.import_weights(name, write_file(tmp_path, name, label), tmp_path / "m")
        path = export(folder, "authors", tmp_path / "back")
        again = genesis_hub.import_weights(name, path, tmp_path / "again")
        ours, theirs = (genesis_hub.from_pretrained(f).state_dict() for f in (folder, again))
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
        if label != "Keras":
            file = torch.load(path, weights_only=True)
            inner = file.get("state_dict") or file.get("model_state_dict") or file
            keys = {key.removeprefix("module.") for key in inner}
            assert keys == set(tensors_of(name, label))

    @pytest.mark.parametrize(
        ("name", "wishes", "to", "said"),
        [
            ("models-genesis", {}, "nnunet", "no nnU-Net"),
            ("models-genesis-nnunet", {}, "nnunet", "encoder and decoder together"),
            ("models-genesis", {}, "torchvision", "no plain ResNet"),
            ("smartnet-resnet50", {}, "torchvision", "no plain ResNet"),
            ("models-genesis", {"num_classes": 2}, "authors", "no files of task"),
            ("cpc-3d", {}, "authors", "no files of task"),
            ("cpc-3d", {}, "tensorrt", "not a format"),
            ("adam-resnet50", {"operator": "lstm", "num_classes": 2}, "onnx", "recurrence"),
        ],
    )
    def test_formats_that_cannot_hold_a_model_say_why(
        self, name: str, wishes: dict, to: str, said: str, tmp_path: Path
    ) -> None:
        model = genesis_hub.create_model(name, width=0.125, **wishes)
        folder = model.save_pretrained(tmp_path / "m")
        with pytest.raises(BadInput, match=said):
            export(folder, to, tmp_path / "x")
        assert not (tmp_path / "x").exists()


CHECK_NNUNET = """
import sys, torch
from torch import nn
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights
net = PlainConvUNet(
    1, 6, (32, 64, 128, 256, 320, 320), nn.Conv3d, 3,
    ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2)), 2, 2, 2, conv_bias=True,
    norm_op=nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU,
    nonlin_kwargs={"inplace": True}, deep_supervision=False).eval()
load_pretrained_weights(net, sys.argv[1])
features = {}
net.decoder.stages[-1].register_forward_hook(lambda m, i, o: features.update(x=o))
with torch.no_grad():
    net(torch.load(sys.argv[2]))
torch.save(features["x"], sys.argv[3])
"""


@pytest.mark.slow
def test_the_real_nnunet_loads_our_export_and_computes_the_same(tmp_path: Path) -> None:
    # In an environment of its own: nnU-Net pins an older timm than ours.
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "nnunetv2>=2.5"], check=False
    )
    if installed.returncode:
        pytest.skip("nnunetv2 cannot be installed here")
    check_nnunet(python, tmp_path)


def check_nnunet(python: Path, folder: Path) -> None:
    """Hold nnU-Net's features with our export against ours."""
    model = genesis_hub.create_model("models-genesis-nnunet", task="pretext")
    file = export(model.save_pretrained(folder / "m"), "nnunet", folder / "x.pth")
    x = torch.rand(1, 1, 64, 64, 32)
    torch.save(x, folder / "in.pt")
    (folder / "check.py").write_text(CHECK_NNUNET)
    words = [folder / "check.py", file, folder / "in.pt", folder / "out.pt"]
    subprocess.run([python, *words], check=True)
    with torch.no_grad():
        near(torch.load(folder / "out.pt"), model.decoder(model.encoder(x)))
