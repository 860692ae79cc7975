"""From labelled images to a model that predict uses, in one call."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.cases import load_cases, split_cases
from genesis_hub.data.phantoms import chest_ct
from genesis_hub.engine.recipe import filled
from genesis_hub.tuning.choose import chosen
from genesis_hub.tuning.many import finetune_many
from genesis_hub.tuning.recalibrate import recalibrate
from genesis_hub.tuning.recipe import Recipe

nibabel = pytest.importorskip("nibabel")

SMALL = {"scratch": True, "width": 0.0625, "steps": 4, "batch_size": 2, "recalibrate": 2}
SMALL |= {"report": False}
FLAT = {**SMALL, "size": [32, 32], "width": 0.125}
DEEP = {**SMALL, "size": [16, 16, 16]}


@pytest.fixture(scope="module")
def chests(tmp_path_factory) -> Path:
    """images/ and labels/ of made-up chests and their lungs."""
    root = tmp_path_factory.mktemp("chests")
    for name in ("images", "labels"):
        (root / name).mkdir()
    for seed in range(6):
        phantom = chest_ct(seed, size=(28, 26, 24))
        lungs = phantom.masks["lungs"].astype(np.uint8)
        for name, values in (("images", phantom.image[0]), ("labels", lungs)):
            image = nibabel.Nifti1Image(values, phantom.affine)
            nibabel.save(image, root / name / f"{seed}.nii.gz")
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_class_folders_become_a_classifier(films: Path, tmp_path: Path) -> None:
    run = genesis_hub.finetune("adam-resnet50", films, tmp_path / "run", recipe=FLAT, quiet=True)
    model = genesis_hub.from_pretrained(run.model)
    assert model.answers.classes == ("effusion", "normal")
    assert model.inputs.facts.size == (32, 32)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["split"] == "test"
    low, high = metrics["intervals"]["accuracy"]
    assert low <= metrics["accuracy"] <= high
    said = {row["case"]: row for row in rows(tmp_path / "run" / "predictions.csv")}
    answers = genesis_hub.predict(run.model, films, quiet=True).results
    for case, row in said.items():
        shares = [float(row[name]) for name in model.answers.classes]
        np.testing.assert_allclose(answers[case.split("/")[-1]][0], shares, atol=1e-4)


def test_images_and_labels_become_a_segmenter(chests: Path, tmp_path: Path) -> None:
    run = genesis_hub.finetune("models-genesis", chests, tmp_path / "run", recipe=DEEP, quiet=True)
    outcome = genesis_hub.predict(run.model, chests / "images", tmp_path / "out", quiet=True)
    assert (outcome.done, outcome.failed) == (6, {})
    header = (tmp_path / "out" / "predictions.csv").read_text().splitlines()[0]
    assert header == "case,path,file,unit,amount_0,amount_1"
    assert set(run.metrics["classes"]) == {"1"}
    assert "dice/1" in run.metrics["intervals"]
    saved = genesis_hub.from_pretrained(run.model)
    assert saved.spec.task == "segmentation"
    assert saved.provenance["fine_tuned"]["recipe"]["steps"] == 4


def test_it_learns_what_can_be_learned(chests: Path, tmp_path: Path) -> None:
    recipe = {**DEEP, "steps": 40, "lr": 1e-2, "augment": "none", "validate_every": 40}
    run = genesis_hub.finetune(
        "models-genesis", chests, tmp_path / "run", recipe=recipe, quiet=True
    )
    assert run.metrics["dice"] > 0.6


def test_a_pretrained_folder_gives_its_encoder(chests: Path, tmp_path: Path) -> None:
    source = genesis_hub.create_model("models-genesis", task="pretext", width=0.0625)
    saved = source.save_pretrained(tmp_path / "weights")
    recipe = {**DEEP, "scratch": False, "width": None, "lr": 1e-9, "weight_decay": 0.0}
    run = genesis_hub.finetune(saved, chests, tmp_path / "run", recipe=recipe, quiet=True)
    tuned = genesis_hub.from_pretrained(run.model)
    for name, tensor in source.encoder.named_parameters():
        torch.testing.assert_close(tuned.encoder.get_parameter(name), tensor, atol=1e-6, rtol=0)
    head = next(iter(source.decoder.parameters()))
    assert not torch.allclose(next(iter(tuned.decoder.parameters())), head)


def test_a_frozen_encoder_does_not_move_and_neither_do_its_norms(films, tmp_path: Path) -> None:
    source = genesis_hub.create_model("adam-resnet50", width=0.125)
    saved = source.save_pretrained(tmp_path / "weights")
    recipe = {**FLAT, "scratch": False, "width": None, "freeze": True}
    run = genesis_hub.finetune(saved, films, tmp_path / "run", recipe=recipe, quiet=True)
    tuned = genesis_hub.from_pretrained(run.model, task="features").state_dict()
    before = source.state_dict()
    assert all(torch.equal(tuned[name], before[name]) for name in before)


def test_stages_are_unfrozen_by_epoch_alone(films: Path, tmp_path: Path) -> None:
    source = genesis_hub.create_model("adam-resnet50", width=0.125)
    saved = source.save_pretrained(tmp_path / "weights")
    # Six steps are one epoch and a half: the last stage moves from the second epoch on.
    recipe = {**FLAT, "scratch": False, "width": None, "steps": 6, "unfreeze": [1, 99]}
    run = genesis_hub.finetune(saved, films, tmp_path / "run", recipe=recipe, quiet=True)
    tuned = genesis_hub.from_pretrained(run.model, task="features").state_dict()
    before = source.state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(tuned[name], before[name])}
    assert moved <= {"layer4"}


def test_rare_classes_count_more(films: Path) -> None:
    from dataclasses import replace

    from genesis_hub.data.cases import load_cases
    from genesis_hub.tuning.building import rarity, weights_of

    cases = load_cases(films)
    few = [case for number, case in enumerate(cases) if case.label or number < 3]
    cases = replace(cases, cases=tuple(replace(case, split="train") for case in few))
    first, second = (sum(case.label == k for case in cases) for k in (0, 1))
    weights = weights_of(cases)
    assert float(weights[0] / weights[1]) == pytest.approx(second / first)
    assert sum(rarity(cases)) == pytest.approx(2)


def test_one_answer_for_all_is_called_a_collapse() -> None:
    from genesis_hub.tuning.objectives import Classification, Segmentation

    flat = [{"score": 0.5, "spread": 0.0}] * 3
    assert "collapsed" in Classification.complaint(None, flat)
    assert Classification.complaint(None, flat[:2]) == ""
    assert "nothing is found" in Segmentation.complaint(None, [{"score": 0.0}] * 5)
    assert Segmentation.complaint(None, [{"score": 0.0}] * 4 + [{"score": 0.1}]) == ""


def test_the_same_call_says_it_is_finished_and_another_is_refused(films, tmp_path, capsys) -> None:
    words = ["finetune", "adam-resnet50", "--data", str(films), "--out", str(tmp_path / "run")]
    words += ["--scratch", "--width", "0.125", "--steps", "3", "--batch-size", "2", "--quiet"]
    words += ["--set", "size=[32, 32]", "--set", "recalibrate=1", "--set", "report=false"]
    assert main(words) == 0
    assert main(words) == 0
    assert "was finished before" in capsys.readouterr().out
    assert main([*words, "--lr", "0.5"]) == 2
    assert "lr: 0.001 then, 0.5 now" in capsys.readouterr().err


def test_labels_that_come_together_are_learned_as_questions(films: Path, tmp_path: Path) -> None:
    lines = ["path,effusion,male,patient"]
    for number, path in enumerate(sorted(films.rglob("*.png"))):
        lines.append(f"{path},{int('effusion' in str(path))},{number % 3 == 0:d},p{number}")
    (tmp_path / "cases.csv").write_text("\n".join(lines))
    run = genesis_hub.finetune(
        "adam-resnet50", tmp_path / "cases.csv", tmp_path / "run", recipe=FLAT, quiet=True
    )
    model = genesis_hub.from_pretrained(run.model)
    assert model.answers == genesis_hub.entry.Answers(("effusion", "male"), True)
    shares = genesis_hub.predict(run.model, films, quiet=True).results
    assert any(abs(float(row.sum()) - 1) > 0.01 for row in shares.values())


def test_fewer_labels_leave_the_other_splits_alone(films: Path, tmp_path: Path) -> None:
    recipe = {**FLAT, "label_fraction": 0.5}
    run = genesis_hub.finetune("adam-resnet50", films, tmp_path / "run", recipe=recipe, quiet=True)
    counts = json.loads((run.folder / "run.json").read_text())["data"]["cases"]
    assert counts["train"] < 8
    assert counts["test"] >= 2


def test_a_recipe_is_read_and_overruled(films: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(
        "scratch = true\nwidth = 0.125\nsize = [32, 32]\nsteps = 99\nbatch_size = 2\n"
        "report = false\n"
    )
    run = genesis_hub.finetune(
        "adam-resnet50", films, tmp_path / "run", config=tmp_path / "recipe.toml",
        recipe={"steps": 2, "recalibrate": 1}, quiet=True,
    )  # fmt: skip
    assert run.steps == 2


def test_folds_validate_on_other_patients_and_twins_share_them(films: Path, tmp_path) -> None:
    saved = genesis_hub.create_model("adam-resnet50", width=0.125).save_pretrained(tmp_path / "w")
    words = ["finetune", str(saved), "--data", str(films), "--out", str(tmp_path / "runs")]
    words += ["--folds", "2", "--scratch-twin", "--steps", "2", "--batch-size", "2", "--quiet"]
    words += ["--set", "size=[32, 32]", "--set", "recalibrate=1", "--set", "report=false"]
    assert main(words) == 0
    summary = json.loads((tmp_path / "runs" / "summary.json").read_text())
    assert set(summary) == {"pretrained", "scratch", "comparison"}
    assert summary["comparison"]["measures"]["accuracy"]["said"] == "no significant gain"
    assert len(summary["scratch"]["accuracy"]["values"]) == 2
    seen = {}
    for run in sorted((tmp_path / "runs").glob("fold-*")):
        split = json.loads((run / "split.json").read_text())
        seen[run.name] = set(split["splits"]["val"]) if "splits" in split else str(split)
    assert seen["fold-1-pretrained"] == seen["fold-1-scratch"] != seen["fold-2-scratch"]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"stepz": 3}, "close names: steps"),
        ({"steps": 0}, "steps=0"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"steps": 3, "epochs": 3}, "give one"),
        ({"transfer": "half"}, "transfer='half'"),
        ({"size": [30, 30, 30]}, "2 sides"),
        ({"task": "segmentation"}, "segmentation"),
        ({"precision": "int8"}, "precision='int8'"),
        ({"schedule": "linear"}, "schedule='linear'"),
    ],
)
def test_a_bad_recipe_is_refused_before_anything_is_made(films, tmp_path, recipe, said) -> None:
    with pytest.raises(BadInput, match=said):
        genesis_hub.finetune(
            "adam-resnet50", films, tmp_path / "run", recipe={**FLAT, **recipe}, quiet=True
        )
    assert not (tmp_path / "run").exists()


def test_a_folder_with_other_things_in_it_is_no_run(films: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match="other files"):
        genesis_hub.finetune("adam-resnet50", films, tmp_path, recipe=FLAT, quiet=True)


def test_torchrun_starts_it_on_two_processes(films: Path, tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words += ["-m", "genesis_hub", "finetune", "adam-resnet50", "--data", str(films), "--scratch"]
    words += ["--out", str(tmp_path / "run"), "--width", "0.125", "--steps", "2", "--quiet"]
    words += [
        "--batch-size",
        "4",
        "--device",
        "cpu",
        "--set",
        "size=[32, 32]",
        "--set",
        "report=false",
    ]
    done = subprocess.run(
        [sys.executable, *words], check=False, timeout=240, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("2 steps, all steps done") == 1
    assert genesis_hub.from_pretrained(tmp_path / "run" / "model").answers.classes


def test_a_run_that_was_killed_while_it_began_begins_again(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "split.json").write_text("{}")
    (folder / ".run.json.0123456789ab.part.json").write_text("{")
    run = genesis_hub.finetune("adam-resnet50", films, folder, recipe=FLAT, quiet=True)
    assert run.steps == 4
    assert len(json.loads((folder / "split.json").read_text())["splits"]["train"]) > 2


def test_recalibrated_statistics_are_the_mean_over_what_was_seen() -> None:
    norm = torch.nn.BatchNorm2d(2)
    batches = [torch.randn(4, 2, 5, 5) + shift for shift in range(3)]
    recalibrate(torch.nn.Sequential(norm), [(batch,) for batch in batches])
    torch.testing.assert_close(norm.running_mean, torch.cat(batches).mean((0, 2, 3)))
    assert norm.momentum == 0.1
    assert norm.training


def test_a_recipe_says_which_columns_are_meant(films: Path, tmp_path: Path) -> None:
    with (tmp_path / "films.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "bright", "person", "noise"])
        for at, path in enumerate(sorted(films.rglob("*.png"))):
            table.writerow([path, int(path.parent.name == "effusion"), f"p{at % 6}", at % 2])
    recipe = {
        **FLAT, "task": "classification", "labels": ["bright"], "patient": "person",
        "classes": ["0=clear", "1=filled"],
    }  # fmt: skip
    run = genesis_hub.finetune(
        "adam-resnet50", tmp_path / "films.csv", tmp_path / "run", recipe=recipe, quiet=True
    )
    assert genesis_hub.from_pretrained(run.model).answers.classes == ("clear", "filled")
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    place = {case: name for name, cases in split["splits"].items() for case in cases}
    assert all(place[str(at)] == place[str(at + 1)] for at in range(0, 12, 2))  # One person each.
    with pytest.raises(BadInput, match="VALUE=NAME"):
        genesis_hub.finetune(
            "adam-resnet50", tmp_path / "films.csv", tmp_path / "other",
            recipe={**recipe, "classes": ["0=clear", "filled"]}, quiet=True,
        )  # fmt: skip


def test_a_spacing_is_made_for_training_and_undone_by_predict(chests: Path, tmp_path: Path) -> None:
    recipe = {**DEEP, "spacing": [20.0, 20.0, 20.0], "range": [-1000.0, 400.0]}
    run = genesis_hub.finetune(
        "models-genesis", chests, tmp_path / "run", recipe=recipe, quiet=True
    )
    model = genesis_hub.from_pretrained(run.model)
    assert model.inputs.facts.spacing == (20.0, 20.0, 20.0)
    assert model.inputs.facts.clip == (-1000.0, 400.0)
    outcome = genesis_hub.predict(run.model, chests / "images" / "0.nii.gz", quiet=True)
    assert outcome.results["0"].labels.shape[-3:] == (28, 26, 24)
    for wrong in ({"spacing": [0.0, 1.0, 1.0]}, {"spacing": [1.0]}, {"range": [1.0]}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            genesis_hub.finetune(
                "models-genesis", chests, tmp_path / "other", recipe={**DEEP, **wrong}, quiet=True
            )


def test_doubtful_images_are_refused_by_name_unless_the_check_is_off(
    chests: Path, tmp_path: Path
) -> None:
    for name in ("images", "labels"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for path in (chests / name).iterdir():
            image = nibabel.load(path)
            values = np.asarray(image.dataobj)
            values = values.clip(-160, 240) if name == "images" else values
            nibabel.save(
                nibabel.Nifti1Image(values, image.affine), tmp_path / "scans" / name / path.name
            )
    scans = tmp_path / "scans"
    with pytest.raises(BadInput, match=r"case '.': .*window"):
        genesis_hub.finetune("models-genesis", scans, tmp_path / "a", recipe=DEEP, quiet=True)
    recipe = {**DEEP, "no_check": True}
    genesis_hub.finetune("models-genesis", scans, tmp_path / "b", recipe=recipe, quiet=True)


def test_steps_are_as_large_as_memory_allows_and_stay_so(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases, entry = split_cases(load_cases(films)), genesis_hub.model_info("adam-resnet50")
    wide = Recipe(scratch=True, size=(224, 224))
    batches = []
    for room in (None, 1_500_000_000, 1_000):
        monkeypatch.setattr("genesis_hub.tuning.choose.free", lambda device, room=room: room)
        batches.append(chosen(wide, entry, cases, torch.device("cpu")))
    assert [made.batch_size for made in batches] == [8, 4, 1]
    went_on = chosen(
        wide, entry, cases, torch.device("cpu"), begun={"batch_size": batches[0].batch_size}
    )
    assert went_on == batches[0]
    two = replace(wide, accumulate=2)
    assert chosen(two, entry, cases, torch.device("cpu"), processes=2).batch_size == 4


def test_a_fold_is_scored_on_cases_that_chose_nothing(films: Path, tmp_path: Path) -> None:
    runs = finetune_many(
        "adam-resnet50", films, tmp_path / "runs", number=2, recipe=FLAT, quiet=True
    )
    scored = []
    for run in runs.runs.values():
        assert run.metrics["split"] == "test"
        splits = json.loads((run.folder / "split.json").read_text())["splits"]
        assert splits["val"]
        scored += splits["test"]
    assert sorted(scored) == sorted(path.stem for path in films.rglob("*.png"))


def test_a_twin_is_as_wide_as_the_folder_it_stands_beside(films: Path, tmp_path: Path) -> None:
    folder = genesis_hub.create_model("adam-resnet50", width=0.125).save_pretrained(tmp_path / "m")
    recipe = {key: value for key, value in FLAT.items() if key not in ("scratch", "width")}
    runs = finetune_many(folder, films, tmp_path / "runs", twin=True, recipe=recipe, quiet=True)
    widths = {
        title: genesis_hub.from_pretrained(run.model).spec.width for title, run in runs.runs.items()
    }
    assert widths == {"run-pretrained": 0.125, "run-scratch": 0.125}
    run = genesis_hub.finetune(
        folder, films, tmp_path / "alone", recipe={**recipe, "scratch": True}, quiet=True
    )
    assert genesis_hub.from_pretrained(run.model).spec.width == 0.125


def test_a_run_that_learned_nothing_yet_begins_again_otherwise(films: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="check"):
        genesis_hub.finetune(
            "adam-resnet50", films, tmp_path / "run", recipe={**FLAT, "range": [5000.0, 9000.0]},
            quiet=True,
        )  # fmt: skip
    assert (tmp_path / "run" / "run.json").is_file()
    run = genesis_hub.finetune("adam-resnet50", films, tmp_path / "run", recipe=FLAT, quiet=True)
    assert run.steps == FLAT["steps"]


def test_a_card_says_what_was_trained(films: Path, tmp_path: Path) -> None:
    run = genesis_hub.finetune("adam-resnet50", films, tmp_path / "run", recipe=FLAT, quiet=True)
    card = (run.model / "README.md").read_text(encoding="utf-8")
    assert "trained from scratch" in card
    assert "classes: effusion, normal" in card
    assert "ASU" not in card
    again = genesis_hub.finetune(
        run.model, films, tmp_path / "again", recipe={**FLAT, "scratch": False, "width": None},
        quiet=True,
    )  # fmt: skip
    assert "ASU" not in (again.model / "README.md").read_text(encoding="utf-8")


def test_masks_that_say_nothing_or_too_much_are_refused(tmp_path: Path) -> None:
    import PIL.Image

    draw = np.random.default_rng(0)
    for kind in ("empty", "jpeg"):
        for name in ("images", "labels"):
            (tmp_path / kind / name).mkdir(parents=True)
        for seed in range(4):
            image = PIL.Image.fromarray(draw.integers(0, 255, (40, 40), dtype=np.uint8))
            image.save(tmp_path / kind / "images" / f"{seed}.png")
            mask = np.zeros((40, 40), np.uint8)
            mask[9:21, 11:30] = 255 * (kind == "jpeg")
            ending = "jpg" if kind == "jpeg" else "png"
            PIL.Image.fromarray(mask).save(tmp_path / kind / "labels" / f"{seed}.{ending}")
    for kind, said in (("empty", "every mask is empty"), ("jpeg", "JPEG, which smears")):
        with pytest.raises(BadInput, match=said):
            genesis_hub.finetune("adam-resnet50", tmp_path / kind, tmp_path / "run", recipe=FLAT)
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_is_named(films: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadInput, match="cannot be written"):
        genesis_hub.finetune(
            "adam-resnet50", films, tmp_path / "file" / "run", recipe=FLAT, quiet=True
        )


def test_the_command_takes_lists_without_brackets() -> None:
    from genesis_hub.cli.training import value_of

    assert value_of("64,64") == [64, 64]
    assert value_of("[64, 64]") == [64, 64]
    assert value_of("linear") == "linear"
    with pytest.raises(BadInput, match=r"a list such as \[64, 64\]"):
        filled(Recipe(), {"size": 64}, source="recipe")
