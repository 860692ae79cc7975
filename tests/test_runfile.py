"""What a run leaves of its making: versions, commit, what it may promise, what the weights saw."""

import json
import subprocess
from pathlib import Path

import pytest

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.data.hashes import KIND, near, perceptual_hash
from genesis_hub.data.phantoms import chest_xray
from genesis_hub.data.readers import read
from genesis_hub.engine import origin
from genesis_hub.weights.seen import hashes_seen, noted

RECIPE = {"scratch": True, "width": 0.125, "steps": 2, "batch_size": 2, "recalibrate": 1}
RECIPE |= {"report": False}
RECIPE |= {"size": [32, 32]}


def films(folder: Path, seeds: range) -> Path:
    import PIL.Image

    for seed in seeds:
        label = ("normal", "effusion")[seed % 2]
        (folder / label).mkdir(parents=True, exist_ok=True)
        pixels = chest_xray(seed, size=(40, 40), finding=label if seed % 2 else False).image[0]
        PIL.Image.fromarray(pixels).save(folder / label / f"jane-doe-{seed}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    data = films(root / "films", range(12))
    return genesis_hub.finetune(
        "adam-resnet50", data, root / "run", recipe=RECIPE, device="cpu", quiet=True
    )


def told(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def test_run_json_says_what_it_was_made_by(run) -> None:
    facts = told(run.folder)
    names = {"torch", "numpy", "timm", "segmentation-models-pytorch", "lightning-fabric", "python"}
    assert names <= set(facts["versions"])
    assert {"command", "platform", "begun", "data", "recipe", "model"} <= set(facts)
    assert facts["recipe"]["steps"] == 2
    assert len(facts["data"]["digest"]) == 64
    assert facts["resume"].endswith("bit for bit")


def test_it_names_the_training_cases_and_the_weights_carry_their_hashes_only(run) -> None:
    split = json.loads((run.folder / "split.json").read_text())["splits"]
    seen = told(run.folder)["seen"]
    assert seen["kind"] == KIND
    assert sorted(row["case"] for row in seen["cases"]) == sorted(split["train"])
    hashes = hashes_seen(run.model, KIND)
    assert hashes == tuple(sorted(one for row in seen["cases"] for one in row["hashes"]))
    for file in run.model.iterdir():
        assert b"jane" not in file.read_bytes(), file
    root = run.folder.parent / "films"
    every = {path.stem: perceptual_hash(read(path)) for path in root.rglob("*.png")}
    found = {list(every)[pair.one] for pair in near(list(every.values()), hashes, share=0)}
    assert {name.split("/")[-1] for name in split["train"]} == found


def test_what_was_seen_before_stays_noted(run, tmp_path: Path) -> None:
    more = films(tmp_path / "more", range(20, 28))
    recipe = {**RECIPE, "scratch": False, "width": None}
    again = genesis_hub.finetune(run.model, more, tmp_path / "run", recipe=recipe, quiet=True)
    before, after = hashes_seen(run.model, KIND), hashes_seen(again.model, KIND)
    assert set(before) < set(after)
    saved = genesis_hub.from_pretrained(again.model).save_pretrained(tmp_path / "saved")
    assert hashes_seen(saved, KIND) == after


def test_hashes_can_be_left_out(tmp_path: Path) -> None:
    data = films(tmp_path / "films", range(8))
    recipe = {**RECIPE, "hashes": False}
    run = genesis_hub.finetune("adam-resnet50", data, tmp_path / "run", recipe=recipe, quiet=True)
    assert "seen" not in told(run.folder)
    assert hashes_seen(run.model, KIND) is None


def test_another_version_is_told_when_a_run_goes_on(run, monkeypatch, capsys) -> None:
    monkeypatch.setattr(origin.torch, "__version__", "9.9")
    data = run.folder.parent / "films"
    genesis_hub.finetune("adam-resnet50", data, run.folder, recipe=RECIPE, device="cpu")
    assert "9.9 now: the end may differ in its last bits" in capsys.readouterr().err


def test_the_commit_is_that_of_a_checkout(tmp_path: Path) -> None:
    assert origin.commit_of(tmp_path) == ""
    words = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "file").write_text("one")
    for more in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "One"]):
        subprocess.run([*words, *more], check=True)
    commit = origin.commit_of(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("two")
    assert origin.commit_of(tmp_path) == f"{commit}-changed"


def test_a_list_of_hashes_that_is_none_is_named(tmp_path: Path) -> None:
    assert json.loads(noted("", "a", ["2", "1", "2"]))["hashes"] == {"a": ["1", "2"]}
    (tmp_path / "seen.json").write_text('{"format_version": 1, "hashes": {"a": [3]}}')
    with pytest.raises(BadInput, match="hashes are text"):
        hashes_seen(tmp_path, "a")
