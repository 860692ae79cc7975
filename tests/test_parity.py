"""Files in the authors' layouts, through `import_weights`, against the authors' forwards."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor

import genesis_hub
from tests import reference
from tests.authors import checkpoint, tensors_of, write_file, write_keras, write_torch

LIMIT = 1e-5


def near(ours: Tensor, theirs: Tensor) -> None:
    """Hold the largest difference against the reference's largest magnitude."""
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= LIMIT * theirs.abs().max()


GENESIS = {
    "models-genesis": reference.genesis_pytorch,
    "semantic-genesis": reference.genesis_pytorch,
    "transvw": reference.genesis_pytorch,
    "models-genesis-keras": reference.genesis_keras,
    "semantic-genesis-keras": reference.genesis_keras,
    "transvw-keras": reference.genesis_keras,
    "models-genesis-nnunet": reference.genesis_nnunet,
}


@pytest.mark.parametrize("name", GENESIS)
def test_genesis_forms(name: str, tmp_path: Path) -> None:
    genesis_hub.import_weights(name, write_file(tmp_path, name))
    norm = None if name.endswith("nnunet") else "original"
    # The nnU-Net form normalises its bottleneck over very few voxels; fewer magnify rounding.
    size = (64, 64, 32) if name.endswith("nnunet") else (24, 16, 16)
    x = torch.rand(2, 1, *size)
    with torch.no_grad():
        want = GENESIS[name](tensors_of(name), x)
        model = genesis_hub.from_pretrained(name, task="pretext", norm=norm)
        got = model(x)
        assert set(got) == set(want) - {"bottleneck", "before"}
        for answer in got:
            near(got[answer], want[answer])
        near(model.forward_features(x), want["bottleneck"])
        near(model.decoder(model.encoder(x)), want["before"])
        encoder = genesis_hub.from_pretrained(name, norm=norm)
        near(encoder(x), want["bottleneck"].mean((2, 3, 4)))
    assert model.load_report.coverage == 1.0


def test_adam_against_timm_and_torchvision(tmp_path: Path) -> None:
    tensors = tensors_of("adam-resnet50")
    genesis_hub.import_weights("adam-resnet50", write_torch(tmp_path / "a.pth", tensors))
    x = torch.rand(2, 3, 64, 64)
    plain = timm.create_model("resnet50", num_classes=0).eval()
    plain.load_state_dict(tensors)
    vision = torchvision.models.resnet50().eval()
    vision.load_state_dict(tensors, strict=False)
    vision.fc = torch.nn.Identity()
    with torch.no_grad():
        ours = genesis_hub.from_pretrained("adam-resnet50")(x)
        near(ours, plain(x))
        near(ours, vision(x))
        near(ours, reference.resnet_maps(tensors, x, "", 2)[-1].mean((2, 3)))


def test_adam_v2_against_timm(tmp_path: Path) -> None:
    plain = timm.create_model("convnext_base", num_classes=0).eval()
    wrapped = {f"backbone.{k}": v for k, v in plain.state_dict().items()}
    wrapped |= {"head.mlp.0.weight": torch.ones(2, 2), "head.last_layer.weight_g": torch.ones(1)}
    path = write_torch(tmp_path / "v2.pth", {"teacher": wrapped, "student": wrapped, "epoch": 4})
    genesis_hub.import_weights("adam-v2-convnext-base", path)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        near(genesis_hub.from_pretrained("adam-v2-convnext-base")(x), plain(x))


def test_smartnet_upstream_and_downstream_side_by_side(tmp_path: Path) -> None:
    name = "smartnet-resnet50"
    labels = ["upstream v1", "volume classification v1", "volume segmentation v1"]
    for seed, label in enumerate(labels):
        genesis_hub.import_weights(name, write_file(tmp_path, name, label, seed))
    up, lstm, conv3d = (tensors_of(name, label, seed) for seed, label in enumerate(labels))
    x, volume = torch.rand(2, 1, 64, 64), torch.rand(2, 1, 32, 32, 3)
    with torch.no_grad():
        model = genesis_hub.from_pretrained(name, task="pretext")
        want = reference.smartnet(up, x)
        for answer, tensor in model(x).items():
            near(tensor, want[answer])
        near(model.forward_features(x), want["bottleneck"])
        near(genesis_hub.from_pretrained(name)(x), want["bottleneck"].mean((2, 3)))
        classifier = genesis_hub.from_pretrained(name, operator="lstm", num_classes=1)
        near(classifier(volume), reference.smartnet_volume_classification(lstm, volume))
        segmenter = genesis_hub.from_pretrained(name, operator="conv3d", num_classes=1)
        near(segmenter(volume), reference.smartnet_volume_segmentation(conv3d, volume))
        other = genesis_hub.from_pretrained(name, operator="lstm", num_classes=4)
    assert torch.equal(other.operator.hidden.weight, lstm["fc.weight"])


class TestContainers:
    """The same weights in every container the fact sheets name give the same network."""

    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize("name", ["models-genesis", "semantic-genesis", "smartnet-resnet50"])
    def test_zip_and_legacy(self, name: str, legacy: bool, tmp_path: Path) -> None:
        label = "upstream v1" if name.startswith("smart") else None
        tensors = tensors_of(name, label)
        path = write_torch(tmp_path / "f.pth.tar", checkpoint(name, tensors), legacy=legacy)
        folder = genesis_hub.import_weights(name, path, tmp_path / "out")
        model = genesis_hub.from_pretrained(folder)
        assert model.load_report.coverage == 1.0
        first = next(iter(tensors.values()))
        assert torch.equal(next(iter(model.state_dict().values())), first)

    @pytest.mark.parametrize("full", [False, True])
    @pytest.mark.parametrize("last", ["conv3d", "conv3d_1", "conv3d_7", "final_conv"])
    def test_keras_plain_and_full_with_numbered_layers(
        self, full: bool, last: str, tmp_path: Path
    ) -> None:
        tensors = tensors_of("models-genesis-keras")
        path = write_keras(tmp_path / "k.h5", tensors, full=full, last=last)
        folder = genesis_hub.import_weights("models-genesis-keras", path, tmp_path / "out")
        model = genesis_hub.from_pretrained(folder)
        assert torch.equal(model.head["restoration"].weight, tensors["conv3d.weight"])
