"""Adapters that are merged, volume networks of slices, and features that are computed once."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_ct
from genesis_hub.engine import loop
from genesis_hub.engine.checkpoint import load
from genesis_hub.tuning.adapters import adapt, merge
from genesis_hub.tuning.augment import Augment, apply, draw
from genesis_hub.tuning.parts import in_encoder, stages, still
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.slices import SliceItems, as_slices, as_volumes, for_slices
from genesis_hub.tuning.supervised import Supervised

nibabel = pytest.importorskip("nibabel")

SHORT = {"steps": 4, "batch_size": 2, "recalibrate": 1, "lr": 1e-2, "report": False}
FLAT = {**SHORT, "size": [32, 32]}
# Name, wishes, the shape of what it takes.
NETWORKS = [
    ("models-genesis", {"width": 0.0625}, (2, 1, 16, 16, 16)),
    ("models-genesis", {"width": 0.0625, "task": "segmentation"}, (2, 1, 16, 16, 16)),
    ("models-genesis-nnunet", {"width": 0.0625}, (2, 1, 32, 64, 64)),
    ("cpc-3d", {"width": 0.125}, (2, 1, 16, 16, 16)),
    ("cpc-2d", {}, (2, 1, 32, 32)),
    ("adam-resnet50", {"width": 0.125}, (2, 3, 32, 32)),
    ("adam-resnet50", {"width": 0.125, "task": "segmentation"}, (2, 3, 32, 32)),
    ("adam-v2-convnext-base", {"width": 0.125}, (2, 3, 64, 64)),
    ("smartnet-resnet50", {"width": 0.125, "operator": "lstm"}, (2, 1, 32, 32, 4)),
    ("smartnet-resnet50", {"width": 0.125, "operator": "conv3d"}, (2, 1, 32, 32, 4)),
]  # fmt: skip


def network(name: str, wishes: dict, channels: int):
    return genesis_hub.create_model(name, num_classes=2, in_channels=channels, **wishes)


@pytest.fixture(scope="module")
def chests(tmp_path_factory) -> Path:
    """images/ and labels/ of flat chests of unlike depth; beside them a table of classes."""
    root = tmp_path_factory.mktemp("chests") / "dense"
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    lines = ["path,label,patient"]
    for seed in range(6):
        phantom = chest_ct(seed, size=(28, 26, 24))
        lungs = phantom.masks["lungs"].astype(np.uint8)
        thick = slice(2, 6 * (4 + seed % 3) - 4, 5)
        for name, values in (("images", phantom.image[0]), ("labels", lungs)):
            image = nibabel.Nifti1Image(values[..., thick], phantom.affine)
            nibabel.save(image, root / name / f"{seed}.nii.gz")
        lines.append(f"{root / 'images' / f'{seed}.nii.gz'},{seed % 2},{seed}")
    (root.parent / "cases.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    model = genesis_hub.create_model("adam-resnet50", width=0.125)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # timm lets branches begin at zero.
            nn.init.uniform_(module.weight, 0.2, 0.8)
    return model.save_pretrained(tmp_path_factory.mktemp("weights") / "resnet")


def tuned(model, data: Path, out: Path, **recipe):
    return genesis_hub.finetune(model, data, out, recipe=recipe, quiet=True)


def tensors(run) -> dict[str, torch.Tensor]:
    return genesis_hub.from_pretrained(run.model).state_dict()


def stop_in_step(monkeypatch, number: int) -> None:
    """Let the run die in one step, once."""
    passed = []

    def after_step(self, progress: float) -> None:
        passed.append(progress)
        if len(passed) == number:
            raise InterruptedError

    monkeypatch.setattr(Supervised, "after_step", after_step)


@pytest.mark.parametrize(
    ("name", "wishes", "shape"), NETWORKS, ids=lambda v: "-".join(v) if isinstance(v, dict) else v
)
def test_merged_answers_as_adapted_with_the_keys_of_before(name, wishes, shape) -> None:
    model = network(name, wishes, shape[1])
    keys, x = list(model.state_dict()), torch.rand(shape)
    adapt(model, rank=2, alpha=4.0)
    plain = model(x)
    for key, parameter in model.named_parameters():
        assert parameter.requires_grad == ("lora_" in key or not in_encoder(model, key)), key
        if "lora_B" in key:
            nn.init.normal_(parameter)
    adapted = model(x)
    merge(model)
    torch.testing.assert_close(model(x), adapted, atol=1e-5, rtol=1e-5)
    assert not torch.equal(plain, adapted)
    assert list(model.state_dict()) == keys


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_adapters_leave_a_plain_network_whose_norms_stood_still(
    films, chests, weights, tmp_path, capsys, task
) -> None:
    data, more = (films, {}) if task == "classification" else (chests, {"modality": "ct"})
    recipe = {**FLAT, **more, "lora": 2, "validate_every": 4}
    run = genesis_hub.finetune(weights, data, tmp_path / "run", recipe=recipe)
    assert " parameters are trained" in capsys.readouterr().err
    model = genesis_hub.from_pretrained(run.model)
    counts = model.provenance["fine_tuned"]["parameters"]
    assert 0 < counts["trained"] < counts["all"]
    fresh = network("adam-resnet50", {"width": 0.125, "task": task}, 3)
    assert model.state_dict().keys() == fresh.state_dict().keys()
    before = genesis_hub.from_pretrained(weights).state_dict()
    now = genesis_hub.from_pretrained(run.model, task="features").state_dict()
    for name, was in before.items():
        moved = now[name].float() - was
        if was.ndim < 2:
            assert not moved.any(), name
        else:
            assert torch.linalg.matrix_rank(moved.flatten(1), rtol=1e-4) <= 2, name
    assert any((now[name] != before[name]).any() for name in before)


def test_a_volume_network_is_adapted(chests: Path, tmp_path: Path) -> None:
    source = genesis_hub.create_model("models-genesis", width=0.0625)
    saved = source.save_pretrained(tmp_path / "weights")
    recipe = {**SHORT, "size": [16, 16, 16], "lora": 2, "average": 0.5}
    run = tuned(saved, chests, tmp_path / "run", **recipe)
    model = genesis_hub.from_pretrained(run.model)
    for name, was in source.encoder.state_dict().items():
        if "norm" in name:
            assert torch.equal(model.encoder.state_dict()[name], was), name
    outcome = genesis_hub.predict(run.model, chests / "images", quiet=True)
    assert (outcome.done, outcome.failed) == (6, {})


def test_what_is_saved_needs_no_adapters(films, weights, tmp_path, monkeypatch) -> None:
    run = tuned(weights, films, tmp_path / "run", **FLAT, lora=2)
    monkeypatch.setitem(sys.modules, "peft", None)
    said = genesis_hub.predict(run.model, films, quiet=True).results
    with (run.folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shares = [float(row[name]) for name in ("effusion", "normal")]
            np.testing.assert_allclose(said[row["case"].split("/")[-1]][0], shares, atol=1e-5)
    with pytest.raises(BadInput, match=r"genesis-hub\[lora\]"):
        tuned(weights, films, tmp_path / "other", **FLAT, lora=2)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("extra", [{"lora": 2, "average": 0.9}, {"freeze": True, "cache": True}])
def test_a_run_that_died_ends_with_the_same_tensors(
    films, weights, tmp_path, monkeypatch, extra
) -> None:
    recipe = {**FLAT, "steps": 5, "save_every": 2, "validate_every": 2, "augment": "none", **extra}
    whole = tuned(weights, films, tmp_path / "whole", **recipe)
    source = genesis_hub.from_pretrained(weights).save_pretrained(tmp_path / "source")
    with monkeypatch.context() as patch:
        stop_in_step(patch, 4)
        with pytest.raises(InterruptedError):
            tuned(source, films, tmp_path / "died", **recipe)
    # What it began from is changed meanwhile: the run goes on with what it began from.
    other = genesis_hub.create_model("adam-resnet50", width=0.125)
    for kept in source.iterdir():
        kept.unlink()
    source.rmdir()
    other.save_pretrained(source)
    run = tuned(source, films, tmp_path / "died", **recipe)
    assert run.resumed == 2
    expected, got = tensors(whole), tensors(run)
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    (last, was), (again, now) = (load(f / "last.safetensors") for f in (whole.folder, run.folder))
    assert last.measures == again.measures
    assert all(torch.equal(was["model"][name], now["model"][name]) for name in was["model"])


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"lora": 2, "freeze": True}, "lora=2 and freeze=True"),
        ({"lora": 2, "unfreeze": (1,)}, "lora=2 and unfreeze"),
        ({"lora": 2, "scratch": True}, "lora=2 and scratch=True"),
        ({"lora": -1}, "lora=-1"),
        ({"lora_alpha": 2.0}, "give the rank"),
        ({"cache": True, "augment": "none"}, "freeze=true"),
        ({"cache": True, "freeze": True}, "augment='none'"),
        ({"cache": True, "freeze": True, "augment": "none", "norm": "original"}, "its batch"),
        ({"operator": "gru"}, "operator='gru'"),
    ],
)
def test_keys_that_cannot_go_together_are_named(recipe, said) -> None:
    with pytest.raises(BadInput, match=said):
        Recipe(**recipe).check()


@pytest.mark.parametrize(
    ("model", "recipe", "said"),
    [
        ("models-genesis", {"operator": "conv3d"}, "3D already"),
        ("smartnet-resnet50", {"operator": "lstm"}, "serves classification"),
        ("smartnet-resnet50", {"operator": "conv3d", "size": [32, 32]}, "3 sides"),
        ("smartnet-resnet50", {"operator": "conv3d", "spacing": [1.0, 1.0]}, "own grid"),
        ("smartnet-resnet50", {"cache": True, "freeze": True, "augment": "none"}, "segmentation"),
    ],
)
def test_what_the_data_does_not_allow_is_named_before_a_run(
    chests, tmp_path, model, recipe, said
) -> None:
    with pytest.raises(BadInput, match=said):
        tuned(model, chests, tmp_path / "run", **{**SHORT, "scratch": True, **recipe})
    assert not (tmp_path / "run").exists()


def test_a_flat_encoder_is_told_what_makes_it_classify_volumes(chests, tmp_path) -> None:
    with pytest.raises(BadInput, match="give operator='lstm'"):
        tuned("smartnet-resnet50", chests.parent / "cases.csv", tmp_path, **SHORT, scratch=True)


def test_pictures_make_no_volume_network(films: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a picture"):
        tuned("smartnet-resnet50", films, tmp_path / "run", **SHORT, operator="lstm", scratch=True)


def test_slices_classify_volumes_of_unlike_depth(chests: Path, tmp_path: Path) -> None:
    saved = genesis_hub.create_model("adam-resnet50", width=0.125).save_pretrained(tmp_path / "w")
    recipe = {**SHORT, "size": [32, 32, 6], "operator": "lstm", "modality": "ct"}
    run = tuned(saved, chests.parent / "cases.csv", tmp_path / "run", **recipe)
    model = genesis_hub.from_pretrained(run.model)
    assert (model.ndim, model.inputs.facts.size) == (3, (32, 32, 1))
    assert run.metrics["cases"] >= 1
    said = genesis_hub.predict(run.model, chests / "images", quiet=True).results
    with (run.folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shares = [float(row[name]) for name in model.answers.classes]
            np.testing.assert_allclose(said[Path(row["case"]).name][0], shares, atol=1e-5)
    # What was saved is fine-tuned again as the volume network it is.
    again = tuned(
        run.model, chests.parent / "cases.csv", tmp_path / "two", **{**recipe, "steps": 1}
    )
    assert genesis_hub.from_pretrained(again.model).spec.operator == "lstm"


def test_slices_segment_volumes_with_adapters(chests: Path, tmp_path: Path) -> None:
    saved = genesis_hub.create_model("adam-resnet50", width=0.125).save_pretrained(tmp_path / "w")
    recipe = {**SHORT, "size": [32, 32, 4], "operator": "conv3d", "modality": "ct", "lora": 2}
    run = tuned(saved, chests, tmp_path / "run", **recipe)
    labels = genesis_hub.predict(run.model, chests / "images", quiet=True).results
    assert labels["1"].labels.shape == (28, 26, 5)
    assert set(run.metrics["classes"]) == {"1"}
    assert json.loads((run.folder / "run.json").read_text())["recipe"]["lora_alpha"] == 4.0


class Volume:
    """What items ask of samples: one volume whose slices hold their number."""

    def __init__(self, depth: int) -> None:
        self.volume = torch.arange(float(depth)).expand(1, 2, 2, depth)

    def picture(self, index: int, size: tuple[int, ...]) -> torch.Tensor:
        return self.volume

    def label(self, index: int) -> torch.Tensor:
        return torch.tensor(0)


def test_shallow_volumes_say_their_length_and_deep_ones_are_drawn_evenly() -> None:
    shallow = SliceItems(Volume(3), (2, 2, 5)).item(0, 0)
    assert shallow["image"][0, 0, 0].tolist() == [0, 1, 2, 2, 2]
    assert int(shallow["length"]) == 3
    deep = SliceItems(Volume(12), (2, 2, 4))
    drawn = {tuple(deep.item(0, seed)["image"][0, 0, 0].tolist()) for seed in range(20)}
    assert len(drawn) > 5
    assert all([z // 3 for z in places] == [0, 1, 2, 3] for places in drawn)


def test_slices_of_a_volume_are_moved_alike_and_with_their_labels() -> None:
    drawn = draw(Augment(flip=(1,), rotate=30), 2, 2, torch.Generator().manual_seed(1))
    label = torch.zeros(2, 9, 9, 3, dtype=torch.int64)
    label[:, 3:7, 1:4] = 1
    image, moved = apply(
        as_slices(label[:, None].float()), for_slices(drawn, 3), as_slices(label),
        low=0.0, high=1.0, fill="edge",
    )  # fmt: skip
    volumes, labels = as_volumes(image, 3), as_volumes(moved, 3)
    assert labels.shape == label.shape
    assert torch.equal(labels[..., 0], labels[..., 2])
    assert not torch.equal(labels, label)
    # Nearest and linear differ at edges only.
    assert float((volumes[:, 0] - labels).abs().mean()) < 0.1
    assert torch.equal(as_volumes(as_slices(label), 3), label)


@pytest.mark.parametrize(
    ("name", "width", "recipe"),
    [
        ("adam-resnet50", 0.125, {"size": [32, 32], "head": "mlp"}),
        ("cpc-2d", 1.0, {"size": [32, 32]}),
        ("adam-resnet50", 0.125, {"size": [32, 32, 6], "operator": "lstm", "modality": "ct"}),
        ("models-genesis", 0.0625, {"size": [32, 32, 16]}),
    ],
    ids=["picture", "dropout", "slices", "volume"],
)
def test_known_features_give_the_same_run(films, chests, tmp_path, name, width, recipe) -> None:
    source = genesis_hub.create_model(name, width=width)
    saved = source.save_pretrained(tmp_path / "weights")
    data = films if len(recipe["size"]) == 2 else chests.parent / "cases.csv"
    shared = {**SHORT, **recipe, "freeze": True, "augment": "none", "validate_every": 2}
    plain = tuned(saved, data, tmp_path / "plain", **shared)
    known = tuned(saved, data, tmp_path / "known", **shared, cache=True)
    expected, got = tensors(plain), tensors(known)
    for key, tensor in expected.items():
        torch.testing.assert_close(got[key], tensor, atol=1e-5, rtol=1e-4)
    for then, now in zip(
        load(plain.folder / "last.safetensors")[0].measures,
        load(known.folder / "last.safetensors")[0].measures,
        strict=True,
    ):
        assert now == pytest.approx(then, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("stopped", [0, 1, 5])
def test_features_are_known_until_the_encoder_learns(films, tmp_path, monkeypatch, stopped) -> None:
    source = genesis_hub.create_model("cpc-2d")  # With dropout in its encoder.
    saved = source.save_pretrained(tmp_path / "weights")
    recipe = {
        **SHORT, "size": [32, 32], "augment": "none", "unfreeze": [2, 3], "steps": 8,
        "batch_size": 5, "validate_every": 2, "save_every": 1,
    }  # fmt: skip
    plain = tuned(saved, films, tmp_path / "plain", **recipe)
    if stopped:
        steps, step = iter(range(stopped)), loop.one_step

        def some(*arguments):
            if next(steps, None) is None:
                raise KeyboardInterrupt
            return step(*arguments)

        monkeypatch.setattr(loop, "one_step", some)
        with pytest.raises(KeyboardInterrupt):
            tuned(saved, films, tmp_path / "known", **recipe, cache=True)
        monkeypatch.undo()
    known = tuned(saved, films, tmp_path / "known", **recipe, cache=True)
    expected, got = tensors(plain), tensors(known)
    begun = genesis_hub.from_pretrained(saved).state_dict()
    learned = [name for name in got if name in begun and "encoder" in name]
    assert any(not torch.equal(got[name], begun[name]) for name in learned)
    for key, tensor in expected.items():
        torch.testing.assert_close(got[key], tensor, atol=1e-5, rtol=1e-4)


def test_the_command_takes_an_operator(chests: Path, tmp_path: Path, capsys) -> None:
    words = ["finetune", "adam-resnet50", "--data", str(chests.parent / "cases.csv"), "--scratch"]
    words += ["--out", str(tmp_path / "run"), "--width", "0.125", "--quiet", "--modality", "ct"]
    words += [w for key in ("steps=2", "batch_size=2", "size=[32,32,4]", "report=false")
              for w in ("--set", key)]  # fmt: skip
    assert main([*words, "--operator", "gru"]) == 2
    assert "operator='gru'; choose from lstm, conv3d" in capsys.readouterr().err
    assert main([*words, "--operator", "lstm"]) == 0
    assert genesis_hub.from_pretrained(tmp_path / "run" / "model").spec.operator == "lstm"


def test_weights_kept_in_two_bytes_serve_every_verb(films: Path, tmp_path: Path) -> None:
    half = genesis_hub.create_model("adam-resnet50", width=0.125).half()
    saved = half.save_pretrained(tmp_path / "weights")
    tuned(saved, films, tmp_path / "run", **FLAT, augment="none")
    rows = genesis_hub.embed(saved, films, check=False).results
    assert all(np.isfinite(row).all() for row in rows.values())
    found = genesis_hub.benchmark(
        [str(saved)], films, tmp_path / "which", fractions=(1.0,), folds=1, quiet=True,
        recipe={"size": [32, 32]},
    )  # fmt: skip
    assert not found.failed


def test_a_case_that_would_be_cut_has_no_features_to_keep(chests: Path, tmp_path: Path) -> None:
    recipe = {**SHORT, "size": [16, 16, 16], "freeze": True, "cache": True, "augment": "none"}
    with pytest.raises(BadInput, match=r"larger than size=\(16, 16, 16\)"):
        tuned(
            "models-genesis", chests.parent / "cases.csv", tmp_path / "run", **recipe, scratch=True,
            width=0.0625,
        )  # fmt: skip


def test_a_frozen_encoder_answers_as_in_prediction() -> None:
    model = network("cpc-2d", {}, 1).train()
    x = torch.rand(2, 1, 32, 32)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not in_encoder(model, name))
    still(model, freeze=False)
    assert not torch.equal(model(x), model(x))  # Its dropout.
    still(model, freeze=True)
    assert torch.equal(model(x), model(x))
    assert model.head.training


@pytest.mark.parametrize(
    ("name", "encoder", "head"),
    [
        ("adam-resnet50", None, "fc"),
        ("adam-v2-convnext-base", None, "head.fc"),
        ("rotation-2d", "InceptionResNetV2", "classif"),
        ("rotation-2d", "DenseNet121", "classifier"),
    ],
)
def test_the_encoder_is_what_weights_bring(name, encoder, head) -> None:
    with torch.device("meta"):
        model = genesis_hub.create_model(name, num_classes=2, encoder=encoder)
    rest = [key for key, _ in model.named_parameters() if not in_encoder(model, key)]
    assert rest == [f"{head}.weight", f"{head}.bias"]
    assert len(stages([key for key, _ in model.named_parameters() if in_encoder(model, key)])) > 4
