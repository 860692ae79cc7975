"""The tasks that X-ray encoders are compared by: from a recipe and published data to a folder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub.cli import main
from genesis_hub.data import load_cases
from genesis_hub.data.cases import few_shots, label_fraction, split_cases
from genesis_hub.engine.checkpoint import Standing
from genesis_hub.engine.pace import Pace, optimizer_of, rate
from genesis_hub.engine.recipe import filled
from genesis_hub.errors import BadInput
from genesis_hub.evaluate import pooled, segmentation_metrics
from genesis_hub.tuning.checking import AUGMENTS
from genesis_hub.tuning.crops import ten_crops
from genesis_hub.tuning.many import finetune_many
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.recipes import asked_keys, recipe_keys, recipe_names
from genesis_hub.tuning.results import dices
from genesis_hub.tuning.uncertain import settled
from tests import xrays

MODEL = "adam-resnet50"
SMALL = {
    "scratch": True, "width": 0.0625, "steps": 2, "epochs": None, "batch_size": 4, "warm_up": 0,
    "validate_every": 1, "recalibrate": 1, "size": [32, 32], "report": False, "hashes": False,
}  # fmt: skip
OF = {
    "chestxray14": "chestxray14", "chexpert": "chexpert", "shenzhen": "shenzhen",
    "vindr-cxr": "vindr-cxr", "siim": "siim", "montgomery": "montgomery", "jsrt-heart": "jsrt",
    "jsrt-clavicle": "jsrt", "vindr-rib": "vindr-rib", "chestx-det": "chestx-det",
    "drive": "drive", "busi": "busi",
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("one_thread")


def tuned(data: Path, out: Path, config: str, **wishes: object):
    small = {**SMALL, **({"held": 48, "ten_crop": 40} if "ten_crop" in recipe_keys(config) else {})}
    return genesis_hub.finetune(
        MODEL, data, out, config=config, recipe={**small, **wishes}, device="cpu", quiet=True
    )


# From recipe to folder


def test_findings_that_come_together_are_tested_by_ten_crops(tmp_path: Path) -> None:
    run = tuned(xrays.chestxray14(tmp_path / "data"), tmp_path / "run", "chestxray14")
    assert (run.metrics["split"], run.metrics["ten_crop"]) == ("test", 40)
    # Hernia is nowhere: the mean is over the labels that have positives and negatives.
    assert np.isnan(run.metrics["auc/Hernia"])
    names = genesis_hub.from_pretrained(run.model).answers.classes
    known = [run.metrics[f"auc/{name}"] for name in names]
    assert run.metrics["auc_classes"] == 13
    assert run.metrics["auc"] == pytest.approx(np.nanmean(known))
    alone = tuned(tmp_path / "data", tmp_path / "whole", "chestxray14", ten_crop=0)
    assert alone.metrics["log_loss"] != run.metrics["log_loss"]
    assert alone.metrics["validation"] == run.metrics["validation"]
    last = run.metrics["validation"][-1]
    assert last["score"] == -last["log_loss"]


def test_chexpert_tells_the_mean_of_the_five_that_are_tested(tmp_path: Path) -> None:
    run = tuned(xrays.chexpert(tmp_path / "data"), tmp_path / "run", "chexpert")
    five = [run.metrics[f"auc/{name}"] for name in recipe_keys("chexpert")["tested"]]
    assert run.metrics["tested_auc"] == pytest.approx(np.nanmean(five))
    assert set(run.metrics["intervals"]) >= {"auc", "tested_auc"}


def test_two_classes_and_a_seed_for_each_run(tmp_path: Path) -> None:
    wishes = {**SMALL, "held": 48, "ten_crop": 40, "shots": 4}
    runs = finetune_many(
        MODEL, xrays.shenzhen(tmp_path / "data"), tmp_path / "runs", seeds=2, config="shenzhen",
        recipe=wishes, device="cpu", quiet=True,
    )  # fmt: skip
    learnt = []
    for number, name in enumerate(("seed-1", "seed-2")):
        told = json.loads((tmp_path / "runs" / name / "split.json").read_text())
        learnt.append(told["splits"]["train"])
        assert told["draws"][-1] == {"rule": "shots", "seed": number, "fractions": [4.0]}
        assert (len(learnt[-1]), len(told["splits"]["val"])) == (4, 4)
    assert learnt[0] != learnt[1]
    assert len(runs.summary["all"]["auc"]["values"]) == 2


@pytest.mark.parametrize("decoder", ["Unet", "UPerNet"])
def test_masks_are_told_by_picture_and_by_pixel(tmp_path: Path, decoder: str) -> None:
    run = tuned(xrays.siim(tmp_path / "data"), tmp_path / "run", "siim", decoder=decoder)
    assert {"dice", "dice_with_empty", "pooled_dice"} <= set(run.metrics)
    assert "pooled_dice" in run.metrics["intervals"]
    model = genesis_hub.from_pretrained(run.model)
    assert type(model).__name__ == decoder
    assert model.answers.classes == ("background", "pneumothorax")


def test_a_convnext_carries_upernet(tmp_path: Path) -> None:
    run = genesis_hub.finetune(
        "adam-v2-convnext-base", xrays.montgomery(tmp_path / "data"), tmp_path / "run",
        config="montgomery", recipe={**SMALL, "decoder": "UPerNet", "size": [64, 64]},
        device="cpu", quiet=True,
    )  # fmt: skip
    assert type(genesis_hub.from_pretrained(run.model)).__name__ == "UPerNet"


@pytest.mark.parametrize("name", OF)
def test_every_recipe_reads_its_data_and_can_be_used(tmp_path: Path, name: str) -> None:
    keys = recipe_keys(name)
    recipe = filled(Recipe(), keys, source=name)
    recipe.check()
    assert name in recipe_names()
    data = xrays.SAMPLES[OF[name]](tmp_path)
    cases = load_cases(
        data, task=keys["task"], reader=keys["reader"], mask=keys.get("mask"),
        image=keys.get("image"),
    )  # fmt: skip
    assert cases.task == keys["task"]
    assert set(recipe.tested) <= set(cases.classes)
    assert recipe.augment in AUGMENTS


# What the recipes ask of the loop


def test_ten_crops_are_torchvisions() -> None:
    torchvision = pytest.importorskip("torchvision.transforms")
    for sides in ((9, 12), (10, 11)):
        picture = torch.rand(2, *sides)
        assert torch.equal(
            ten_crops(picture, (5, 6)), torch.stack(torchvision.TenCrop((5, 6))(picture))
        )


def test_what_a_report_leaves_open_counts_as_asked() -> None:
    labels = torch.tensor([[1.0, 0.0, -1.0]]).repeat(1000, 1)
    draw = torch.Generator().manual_seed(0)
    assert torch.equal(settled(labels, "unknown", draw), labels)
    assert settled(labels, "ones", draw).unique().tolist() == [0, 1]
    smooth = settled(labels, "lsr-ones", draw)
    assert torch.equal(smooth[:, :2], labels[:, :2])
    assert smooth[:, 2].min() >= 0.55
    assert smooth[:, 2].max() <= 0.85
    assert smooth[:, 2].mean() == pytest.approx(0.7, abs=0.01)
    assert settled(labels, "lsr-zeros", draw)[:, 2].max() <= 0.3


def test_the_rate_is_halved_after_as_many_validations_as_asked() -> None:
    class Learned:
        monitor, better = "score", "higher"

        def groups(self):
            return [{"params": [torch.nn.Parameter(torch.zeros(2, 2))], "share": 1.0}]

    pace = Pace(steps=100, batch_size=1, lr=1.0, schedule="plateau", plateau=2, patience=30)
    optimizer = optimizer_of(Learned(), pace)
    reached = []
    for number in range(7):
        standing = Standing(step=number, measures=[{"score": 0.0}] * number)
        rate(optimizer, pace, number, standing, Learned())
        reached.append(optimizer.param_groups[0]["lr"])
    assert reached == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_dice_is_told_in_three_ways() -> None:
    truth = np.zeros((3, 8, 8), np.uint8)
    said = truth.copy()
    truth[0, :4], said[0, :2] = 1, 1  # 32 and 16 pixels, 16 in common; two pictures are empty.
    records = [
        segmentation_metrics(s, t, classes=("background", "air"), spacing=(1, 1))
        for s, t in zip(said, truth, strict=True)
    ]
    told = dices(records)
    assert told["dice"] == told["pooled_dice"] == pytest.approx(2 / 3)
    assert told["dice_with_empty"] == pytest.approx((2 / 3 + 2) / 3)
    assert pooled(records)["air"].empty == 2


def test_shots_lie_inside_each_other_and_keep_patients_whole(tmp_path: Path) -> None:
    cases = split_cases(load_cases(xrays.chestxray14(tmp_path), check=False))
    few, more = (few_shots(cases, shots, seed=3) for shots in (2, 6))
    kept = [{case.name for case in one.of("train")} for one in (few, more)]
    assert kept[0] < kept[1]
    assert len(kept[1]) == 6
    assert len({case.patient for case in more.of("train")}) == 3
    assert more.of("val") == cases.of("val")
    half = {case.name for case in label_fraction(cases, 0.5, seed=3).of("train")}
    assert half == kept[1]  # Of twelve.
    with pytest.raises(BadInput, match="shots=13, but 12 cases are for training; give 1 to 12"):
        few_shots(cases, 13)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"shots": 3, "label_fraction": 0.5}, "shots and label_fraction were both given"),
        ({"plateau": 3}, "schedule='cosine', which never halves"),
        ({"held": 64, "augment": "none"}, "held=64 keeps pictures large"),
        ({"uncertain": "maybe"}, "choose from unknown, ones, zeros, lsr-ones, lsr-zeros"),
        ({"select": "auc"}, "choose from score, log_loss"),
        ({"augment": "strong"}, "choose from default, benchmark, proxy, zoom, none"),
        ({"shots": 0}, "shots=0, but it must be 1 or more"),
    ],
)
def test_keys_that_cannot_go_together_are_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        replace(Recipe(), **keys).check()


@pytest.mark.parametrize(
    ("sample", "keys", "said"),
    [
        ("shenzhen", {"tested": ["tuberculosis"]}, "tested=.* is for labels that come together"),
        ("shenzhen", {"uncertain": "ones"}, "uncertain='ones' is for labels"),
        ("shenzhen", {"ten_crop": 16}, r"ten_crop=16 is smaller than size=\(32, 32\)"),
        ("chestxray14", {"tested": ["Oedema"]}, "no label is called 'Oedema'; close names: Edema"),
        ("montgomery", {"ten_crop": 40}, "ten_crop=40 is for pictures that are classified"),
        ("montgomery", {"select": "log_loss"}, "masks are chosen by Dice"),
    ],
)
def test_keys_that_do_not_fit_the_data_are_refused(tmp_path, sample, keys, said: str) -> None:
    data = xrays.SAMPLES[sample](tmp_path / "data")
    wishes = {key: value for key, value in SMALL.items() if key != "epochs"}
    with pytest.raises(BadInput, match=said):
        genesis_hub.finetune(
            MODEL, data, tmp_path / "run", recipe={**wishes, **keys}, device="cpu", quiet=True
        )


def test_few_labels_are_a_table_of_the_benchmark(tmp_path: Path, capsys) -> None:
    data = xrays.shenzhen(tmp_path / "data")
    words = ["benchmark", "--data", str(data), "--models", "scratch:timm:test_resnet"]
    words += ["--shots", "2,4", "--folds", "1", "--draws", "1", "--out", str(tmp_path / "b")]
    assert main([*words, "--set", "size=[32,32]", "--quiet"]) == 0
    assert "4 cases" in capsys.readouterr().out
    assert "4\u00a0cases" in (tmp_path / "b" / "benchmark.html").read_text()
    with pytest.raises(BadInput, match=r"shots=\(1,\), but numbers of cases from 2"):
        genesis_hub.benchmark(["scratch:timm:test_resnet"], data, tmp_path / "c", shots=[1])


def test_how_long_is_said_by_who_asks_in_either_unit() -> None:
    assert "epochs" in asked_keys("jsrt-heart", None)
    keys = asked_keys("jsrt-heart", {"steps": 2})
    assert keys["steps"] == 2
    assert "epochs" not in keys
    assert (
        asked_keys("jsrt-heart", {"lr": 1e-3})["epochs"] == asked_keys("jsrt-heart", {})["epochs"]
    )


def test_every_plain_resnet_can_be_built_narrower() -> None:
    narrow = genesis_hub.create_model("timm:resnet34", width=0.125)
    assert narrow.num_features == 64
