"""Our 2D folders without us: plain timm and plain smp, in a process that never sees genesis_hub."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import load_file

import genesis_hub

PLAIN = """
import sys, torch, timm, segmentation_models_pytorch as smp
folder, x = sys.argv[1], torch.load(sys.argv[2])
timm_model = timm.create_model(f"local-dir:{folder}", pretrained=True, **eval(sys.argv[4])).eval()
unet = smp.Unet(f"tu-local-dir:{folder}", encoder_weights=True, in_channels=x.shape[1]).eval()
with torch.no_grad():
    torch.save((timm_model(x), unet.encoder(x)[-1]), sys.argv[3])
assert "genesis_hub" not in sys.modules
"""


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("adam-resnet50", {}),
        ("adam-resnet50", {"width": 0.125}),
        ("adam-resnet50", {"width": 0.125, "num_classes": 3}),
        ("adam-resnet50", {"width": 0.125, "in_channels": 1}),
        ("adam-v2-convnext-base", {"width": 0.125}),
        ("cpc-2d", {"encoder": "DenseNet121"}),
        ("cpc-2d", {"encoder": "ResNet50V2"}),
        ("cpc-2d", {"encoder": "ResNet50", "in_channels": 3}),
    ],
    ids=str,
)
def test_plain_timm_and_smp_give_the_same_features(name: str, wishes: dict, tmp_path: Path) -> None:
    model = genesis_hub.create_model(name, **wishes)
    folder = model.save_pretrained(tmp_path / "model")
    x = torch.rand(2, model.in_channels, 64, 64)
    torch.save(x, tmp_path / "x.pt")
    # Plain timm builds three channels unless told, and adapts a narrower first convolution.
    told = repr({"in_chans": model.in_channels})
    arguments = (folder, tmp_path / "x.pt", tmp_path / "out.pt", told)
    done = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN, *map(str, arguments)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plain, deepest = torch.load(tmp_path / "out.pt")
    pyramid = genesis_hub.from_pretrained(folder, features_only=True)
    with torch.no_grad():
        for theirs, ours in ((plain, model(x)), (deepest, pyramid(x)[-1])):
            assert (theirs - ours).abs().max() <= 1e-5 * ours.abs().max()


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("smartnet-resnet50", {"width": 0.125}),
        ("cpc-2d", {}),
        ("models-genesis", {"width": 0.125}),
        ("adam-resnet50", {"width": 0.125, "task": "segmentation", "num_classes": 2}),
    ],
    ids=str,
)
def test_plain_timm_refuses_what_it_would_get_wrong(
    name: str, wishes: dict, tmp_path: Path
) -> None:
    folder = genesis_hub.create_model(name, **wishes).save_pretrained(tmp_path / "model")
    assert "architecture" not in json.loads((folder / "config.json").read_text())
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever timm raises, it is no model
        timm.create_model(f"local-dir:{folder}", pretrained=True)


def test_the_file_itself_is_in_timms_and_torchvisions_keys(tmp_path: Path) -> None:
    folder = genesis_hub.create_model("adam-resnet50").save_pretrained(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    timm.create_model("resnet50", num_classes=0).load_state_dict(tensors)
    smp.Unet("resnet50", encoder_weights=None).encoder.load_state_dict(tensors)


def test_models_are_timms_and_smps_own() -> None:
    model = genesis_hub.create_model("adam-resnet50", width=0.125)
    assert isinstance(model, timm.models.ResNet)
    data = timm.data.resolve_data_config(model=model)
    assert data["mean"] == (0.485, 0.456, 0.406)
    assert data["input_size"] == (3, 224, 224)
    for decoder, kind in (
        ("unet", smp.Unet),
        ("FPN", smp.FPN),
        ("deeplabv3plus", smp.DeepLabV3Plus),
    ):
        segmenter = genesis_hub.create_model(
            "adam-resnet50", task="segmentation", num_classes=2, decoder=decoder, width=0.125
        )
        assert isinstance(segmenter, kind)


@pytest.mark.parametrize("name", ["adam-resnet50", "smartnet-resnet50", "cpc-2d"])
@pytest.mark.parametrize(
    "decoder",
    ["Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "UPerNet", "Segformer"],
)
def test_any_smp_decoder_answers_at_the_inputs_size(name: str, decoder: str) -> None:
    width = {} if name == "cpc-2d" else {"width": 0.125}
    model = genesis_hub.create_model(
        name, task="segmentation", num_classes=2, decoder=decoder, **width
    )
    with torch.inference_mode():
        assert model(torch.rand(2, model.in_channels, 64, 96)).shape == (2, 2, 64, 96)
