"""SMART-Net from labelled slices to weights that load for every task, upstream and downstream."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genesis_hub
from genesis_hub.errors import BadInput
from genesis_hub.tuning.parts import parted, trained_in
from genesis_hub.tuning.recipes import recipe_keys
from training.pretrain import Run, main, pretrain

SHORT: dict[str, Any] = {
    "width": 0.0625, "input_side": 32, "batch_size": 8, "steps": 2, "validate_every": 2,
    "looks": 12, "validation": 0.3, "range": (0.0, 255.0), "pictures": False, "save_every": 50,
    "warm_up": 0,
}  # fmt: skip
SIDE = 32


def slice_of(seed: int) -> tuple[Any, Any]:
    """Return a grey ellipse amid black, in every other one a brighter lesion, and its mask."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    head = (rows / 0.46) ** 2 + (columns / 0.38) ** 2 < 1
    values = 90 * head + draw.normal(0, 6, (SIDE, SIDE))
    lesion = np.zeros(head.shape, bool)
    if seed % 2:
        middle = draw.uniform(-0.15, 0.15, 2)
        tall, wide = draw.uniform(0.12, 0.2, 2)
        lesion = ((rows - middle[0]) / tall) ** 2 + ((columns - middle[1]) / wide) ** 2 < 1
        values += 110 * lesion
    return values.clip(0, 255).astype(np.uint8), lesion.astype(np.uint8) * 255


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slices")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for seed in range(60):
        for part, values in zip(("images", "masks"), slice_of(seed), strict=True):
            Image.fromarray(values).save(folder / part / f"s{seed}.png")
    return folder


def run(data: Path, out: Path, **wishes: Any) -> Run:
    return pretrain("smart-net", data, out, device="cpu", quiet=True, wishes={**SHORT, **wishes})


@pytest.fixture(scope="module")
def learned(slices: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    more = {"width": 0.125, "steps": 90, "validate_every": 90, "looks": 18, "lr": 3e-3}
    return run(slices, out, **more, pictures=True)


def test_it_learns_to_tell_to_outline_and_to_restore(learned: Run) -> None:
    reached = learned.metrics
    assert reached["auc"] > 0.8  # One half by chance.
    assert reached["dice"] > 0.4  # About 0.15 for an outline of everything.
    assert reached["mae"] < 0.12  # 0.2 and more for one value everywhere.
    assert {"accuracy", "disagreement", "consistency", "classification"} <= set(reached)
    assert len(list((learned.folder / "pictures").glob("step-*.png"))) == 1


def test_its_weights_load_for_every_task_with_their_attention(learned: Run) -> None:
    whole = genesis_hub.from_pretrained(learned.model, task="pretext")
    x = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = whole(x)
        features = genesis_hub.from_pretrained(learned.model, task="features")
        torch.testing.assert_close(features(x), whole.encoder(x)[-1].mean((2, 3)))
        outlines = genesis_hub.from_pretrained(
            learned.model, task="segmentation", num_classes=2, decoder="pretrained"
        )
        assert outlines.spec.decoder == "pretrained-scse"
        below = whole.decoder["segmentation"](whole.encoder(x))
        torch.testing.assert_close(outlines.decoder(outlines.encoder(x)), below)
        assert outlines(x).shape == (2, 2, 48, 48)
    assert {name: tuple(one.shape) for name, one in answers.items()} == {
        "classification": (2, 1), "segmentation": (2, 1, 48, 48), "reconstruction": (2, 1, 48, 48),
    }  # fmt: skip


@pytest.mark.parametrize("decoder", [None, "pretrained", "fresh"])
def test_its_weights_become_volume_networks(
    learned: Run, tmp_path: Path, decoder: str | None
) -> None:
    whole = genesis_hub.from_pretrained(learned.model, task="pretext").state_dict()
    model = genesis_hub.from_pretrained(
        learned.model, task="segmentation", operator="conv3d", num_classes=2, decoder=decoder
    )
    key = "blocks.0.attention1.attention.cSE.1.weight"
    mine = model.state_dict()
    assert (f"decoder.{key}" in mine) == (decoder != "fresh")
    if decoder != "fresh":
        assert torch.equal(mine[f"decoder.{key}"], whole[f"decoder.segmentation.{key}"])
        again = genesis_hub.from_pretrained(model.save_pretrained(tmp_path / "again"))
        assert again.spec == model.spec
        assert all(torch.equal(one, mine[name]) for name, one in again.state_dict().items())
    with torch.no_grad():
        assert model(torch.rand(1, 1, 32, 32, 3)).shape == (1, 2, 32, 32, 3)


def test_its_weights_tell_volumes_apart(learned: Run) -> None:
    model = genesis_hub.from_pretrained(learned.model, operator="lstm", num_classes=1)
    with torch.no_grad():
        assert model(torch.rand(2, 1, 32, 32, 3)).shape == (2, 1)


@pytest.mark.parametrize("tasks", ["rec", "cls,rec"])
def test_what_was_not_asked_for_is_not_taken_for_trained(
    slices: Path, tmp_path: Path, tasks: str
) -> None:
    done = run(slices, tmp_path / "run", tasks=tasks, attention="last")
    with pytest.raises(BadInput, match="not among the tasks"):
        genesis_hub.from_pretrained(
            done.model, task="segmentation", num_classes=2, decoder="pretrained"
        )
    genesis_hub.from_pretrained(done.model, task="features")


KINDS = [
    {"tasks": "seg", "dice": "batch"}, {"weighting": "uncertainty", "consistency_pool": "gem"},
    {"per_scan": 1, "preset": "smart_v1", "equalise": True}, {"lesions": 0.7, "input_side": 48},
]  # fmt: skip


@pytest.mark.parametrize("keys", KINDS)
def test_its_options_run(slices: Path, tmp_path: Path, keys: dict[str, Any]) -> None:
    done = run(slices, tmp_path / "run", **keys)
    assert done.steps == 2
    assert np.isfinite(done.metrics["loss"])


def test_a_side_that_is_no_multiple_is_refused_in_one_line(
    slices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["smart-net", "--data", str(slices), "--out", str(tmp_path / "r"), "input_side=50"]
    assert main(words) == 2
    assert "multiples of (16, 16); (48, 48) would do" in capsys.readouterr().err
    assert main([*words[:-1], "tasks=cls,rec", "consistency=true"]) == 2
    assert "give tasks=cls,seg or more" in capsys.readouterr().err


# What the released schedule trains of the encoder, by epoch.
TABLE = {
    0: "", 100: "", 101: "layer4", 110: "layer4", 111: "layer4 layer3", 120: "layer4 layer3",
    121: "layer4 layer3 layer2", 130: "layer4 layer3 layer2",
    131: "layer4 layer3 layer2 layer1", 140: "layer4 layer3 layer2 layer1",
    141: "layer4 layer3 layer2 layer1 conv1 bn1", 999: "layer4 layer3 layer2 layer1 conv1 bn1",
}  # fmt: skip


@pytest.mark.parametrize("operator", ["lstm", "conv3d"])
def test_the_encoder_is_unfrozen_as_published(operator: str) -> None:
    name = {"lstm": "smart-net-cls", "conv3d": "smart-net-seg"}[operator]
    keys = recipe_keys(name)
    assert keys["operator"] == operator
    model = genesis_hub.create_model(
        "smartnet-resnet50", task=keys["task"], operator=operator, num_classes=1, width=0.0625
    )
    names = list(parted(model)[0])
    for epoch, parts in TABLE.items():
        found = {one.split(".")[1] for one in trained_in(epoch, keys["unfreeze"], names)}
        assert found == set(parts.split()), epoch
