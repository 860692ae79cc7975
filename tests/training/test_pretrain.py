"""The verb pretrain: from scans to weights that load for every task, killed or not."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import LAST
from genesis_hub.engine.fabric import launched
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from tests.training.scans import TINY, chests
from training import forecast as forecasting
from training import pretrain as verb
from training.corpus.chunked import Layout
from training.cubes import main as cubes_main
from training.forecast import weighed
from training.methods.models_genesis import ModelsGenesis
from training.methods.roster import recipe_of
from training.objective import Pretraining
from training.pack import pack
from training.pretrain import main, pretrain
from training.release import main as release_main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chests(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="module")
def run(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> verb.Run:
    """One whole run, with pictures."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return pretrain("models-genesis", scans, out, device="cpu", quiet=True,
                    wishes={**TINY, "pictures": True})  # fmt: skip


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def again(scans: Path, out: Path, **wishes: Any) -> verb.Run:
    return pretrain(
        "models-genesis", scans, out, device="cpu", quiet=True, wishes={**TINY, **wishes}
    )


@pytest.mark.parametrize(
    "wishes",
    [{}, {"num_classes": 3}, {"task": "segmentation", "num_classes": 2}, {"features_only": True},
     {"task": "segmentation", "num_classes": 2, "in_channels": 2}],
)  # fmt: skip
def test_the_deliverable_loads_for_every_task(run: verb.Run, wishes: dict[str, Any]) -> None:
    model: Any = genesis_hub.from_pretrained(run.model, **wishes)
    assert "100.0%" in str(model.load_report)
    answer = model(torch.rand(1, wishes.get("in_channels", 1), 16, 16, 16))
    parts = answer if isinstance(answer, list) else [answer]
    parts = list(answer.values()) if isinstance(answer, dict) else parts
    assert all(bool(part.isfinite().all()) for part in parts)


def test_a_run_leaves_numbers_pictures_and_what_it_saw(run: verb.Run) -> None:
    told = json.loads((run.folder / "run.json").read_text())
    split = json.loads((run.folder / "split.json").read_text())["splits"]
    seen = told["seen"]["cases"]
    assert {row["case"] for row in seen} == set(split["train"])
    assert len(split["train"]) == 4
    assert len(split["val"]) == 2
    hashes = json.loads((run.model / "seen.json").read_text())["hashes"]["dct-1"]
    assert sorted(hashes) == sorted(one for row in seen for one in row["hashes"])
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics["loss"] > 0
    assert metrics["effective_rank"] >= 0
    assert {one.name for one in (run.folder / "pictures").iterdir()} == {
        "curves.png", "step-0000002.png", "step-0000004.png",
    }  # fmt: skip
    assert not (run.folder / "volumes").exists()
    card = (run.model / "README.md").read_text()
    assert "4 steps of 2 cubes of 16 x 16 x 16" in card
    assert f"loss {metrics['loss']:.4g}" in card


def test_the_same_call_again_says_it_is_done(
    run: verb.Run, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = weights(run.folder)
    pairs = [f"{key}={json.dumps(value)}" for key, value in TINY.items()]
    words = ["models-genesis", "--data", str(scans), "--out", str(run.folder), "--device", "cpu"]
    assert main([*words, *pairs]) == 0
    assert "was finished before" in capsys.readouterr().out
    assert weights(run.folder) == before


def test_a_killed_run_goes_on_to_the_same_bytes(
    run: verb.Run, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(range(100))
    whole = ModelsGenesis.step

    def dying(self: ModelsGenesis, views: Any) -> Any:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return whole(self, views)

    monkeypatch.setattr(ModelsGenesis, "step", dying)
    with pytest.raises(KeyboardInterrupt):
        again(scans, tmp_path / "run")
    monkeypatch.setattr(ModelsGenesis, "step", whole)
    assert checkpoint.standing_of(tmp_path / "run" / LAST).step == 3
    again(scans, tmp_path / "run")
    assert weights(tmp_path / "run") == weights(run.folder)
    assert (tmp_path / "run" / "log.csv").read_bytes() == (run.folder / "log.csv").read_bytes()


def test_workers_change_nothing(run: verb.Run, scans: Path, tmp_path: Path) -> None:
    again(scans, tmp_path / "run", workers=1)
    assert weights(tmp_path / "run") == weights(run.folder)


def test_other_arguments_are_refused_and_nothing_is_touched(run: verb.Run, scans: Path) -> None:
    before = weights(run.folder)
    with pytest.raises(BadInput, match=r"lr: 0.001 then, 0.01 now"):
        again(scans, run.folder, lr=0.01)
    assert weights(run.folder) == before


@pytest.mark.parametrize(
    ("recipe", "sides"),
    [("models-genesis-keras", (16, 16, 16)), ("models-genesis-nnunet", (16, 32, 32))],
)
def test_the_other_forms_learn_too(
    recipe: str, sides: tuple[int, int, int], scans: Path, tmp_path: Path
) -> None:
    names = ("input_rows", "input_cols", "input_deps")
    wishes = {**TINY, "steps": 1, "validate_every": 1, **dict(zip(names, sides, strict=True))}
    made = pretrain(recipe, scans, tmp_path / "run", device="cpu", quiet=True, wishes=wishes)
    model: Any = genesis_hub.from_pretrained(made.model, task="segmentation", num_classes=2)
    assert model(torch.rand(1, 1, *sides)).shape == (1, 2, *sides)
    assert genesis_hub.from_pretrained(made.model).spec.name == recipe


def test_mri_is_taken_by_each_scans_own_ends(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for number in range(4):
        (tmp_path / "scans").mkdir(exist_ok=True)
        smooth = draw.random((6, 6, 6)).repeat(4, 0).repeat(4, 1).repeat(4, 2)
        np.savez(tmp_path / "scans" / f"{number}.npz", image=(900 * smooth).astype(np.float32))
    made = again(tmp_path / "scans", tmp_path / "run", modality="mri", steps=1, validate_every=1)
    facts = genesis_hub.from_pretrained(made.model).inputs.facts
    assert facts.modality == "mri"
    assert facts.clip is None
    assert facts.scale


def test_cubes_and_packs_are_learned_from(scans: Path, tmp_path: Path) -> None:
    sides = ["--input-rows", "16", "--input-cols", "16", "--input-deps", "16", "--quiet"]
    words = ["--fold", "all", "--scale", "2", "--data", str(scans), *sides]
    assert cubes_main([*words, "--save", str(tmp_path / "cubes")]) == 0
    made = again(tmp_path / "cubes", tmp_path / "of cubes", scale=2)
    assert made.metrics["loss"] > 0
    layout = Layout((16, 16, 16), (32, 32, 32))
    pack(scans, tmp_path / "packed", layout=layout, modality="ct", quiet=True)
    made = again(tmp_path / "packed", tmp_path / "of pack")
    assert made.metrics["loss"] > 0
    assert json.loads((made.folder / "split.json").read_text())["splits"]["val"]


def test_phantoms_and_even_modalities_can_be_asked_for(scans: Path, tmp_path: Path) -> None:
    made = again(scans, tmp_path / "run", phantoms=5, balanced=True)
    assert made.steps == 4


def test_few_bad_scans_are_named_and_many_refused(scans: Path, tmp_path: Path) -> None:
    folder = chests(tmp_path / "scans", count=11)
    bad = np.load(folder / "chest0.npz")
    values = bad["image"].astype(np.float32)
    values[0, 3, 3, 3] = np.nan
    np.savez(folder / "chest0.npz", image=values, affine=bad["affine"])
    made = again(folder, tmp_path / "run", steps=1, validate_every=1, validation=0.2)
    left = json.loads((made.folder / "run.json").read_text())["left_out"]
    assert len(left) == 1
    assert "chest0" in left[0]
    assert "NaN" in left[0]
    (folder / "chest1.npz").write_bytes(b"torn")
    with pytest.raises(BadInput, match=r"2 of 11 scans.*\n.*chest0.*\n.*chest1"):
        again(folder, tmp_path / "other", steps=1)


def test_a_short_run_of_the_published_borders_says_what_they_ask_for(
    scans: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="published borders"):
        again(scans, tmp_path / "run", faithful=True)


def test_a_network_that_gives_one_answer_to_all_is_ended() -> None:
    objective = object.__new__(Pretraining)

    def seen(*spreads: float, every: int = 400) -> list[dict[str, float]]:
        return [{"step": (n + 1) * every, "spread": spread} for n, spread in enumerate(spreads)]

    assert objective.complaint(seen(0.01, 0.01, 0.6)) == ""
    assert objective.complaint(seen(0.6, 0.01, 0.01)) == ""
    assert "collapsed" in objective.complaint(seen(0.6, 0.01, 0.01, 0.01, every=5))
    assert objective.complaint(seen(0.01, 0.01, 0.01, every=50)) == ""  # It has just begun.
    assert "collapsed" in objective.complaint(seen(0.01, 0.01, 0.01, 0.01))
    flat = [{"step": 1000.0 * n, "effective_rank": 0.5} for n in (1, 2, 3)]
    assert "collapsed" in objective.complaint(flat)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["models-genesi", "--data", ".", "--out", "x"], "close names: models-genesis"),
        (["models-genesis", "--data", "nowhere", "--out", "x"], "nowhere"),
        (["models-genesis", "--data", ".", "--out", "x", "steps"], "is no KEY=VALUE"),
        (["models-genesis", "--data", ".", "--out", "x", "input_rows=30"], "(32, 64, 32) would do"),
        (["models-genesis", "--out", "x"], "--data"),
        (["models-genesis", "--data", ".", "--out", "x", "--device", "tpu"], "'tpu'"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_release_writes_what_users_load(
    run: verb.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "about.md").write_text("Made of *phantoms* alone.")
    words = [str(run.folder), "--out", str(tmp_path / "out"), "--about", str(tmp_path / "about.md")]
    assert release_main(words) == 0
    assert "loads for every task" in capsys.readouterr().out
    assert "Made of *phantoms* alone." in (tmp_path / "out" / "README.md").read_text()
    assert release_main(words) == 2
    assert "holds files already" in capsys.readouterr().err
    assert release_main([str(tmp_path), "--out", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    assert release_main([*words[:2], str(tmp_path / "as"), "--name", "semantic-genesis"]) == 2
    assert "genesis-ynet" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_two_processes_are_one_of_the_same_global_batch(scans: Path, tmp_path: Path) -> None:
    # Adam would make large what is nothing but rounding: gradients of biases before a norm.
    wishes = {**TINY, "norm": "instance", "batch_size": 4, "steps": 6, "optimizer": "momentum"}
    pairs = [f"{key}={json.dumps(value)}" for key, value in wishes.items()]
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m",
             "training.pretrain", "models-genesis", "--data", str(scans), "--out",
             str(tmp_path / "two"), "--device", "cpu", "--quiet", *pairs]  # fmt: skip
    done = subprocess.run(
        [sys.executable, *words], check=False, timeout=240, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    pretrain("models-genesis", scans, tmp_path / "one", device="cpu", quiet=True, wishes=wishes)
    two, one = (checkpoint.load(tmp_path / name / LAST)[1]["model"] for name in ("two", "one"))
    apart = max(float((two[k] - one[k]).abs().max()) for k in one)
    assert apart < 1e-5


def test_a_run_can_begin_with_the_weights_of_another(
    run: verb.Run, scans: Path, tmp_path: Path
) -> None:
    # At a rate of almost nothing they stay what they were.
    made = again(scans, tmp_path / "run", weights=str(run.model), steps=1, lr=1e-9)
    then, now = (
        genesis_hub.from_pretrained(one.model, task="pretext").state_dict() for one in (run, made)
    )
    name = "encoder.stages.3.1.conv.weight"
    torch.testing.assert_close(now[name], then[name], atol=1e-6, rtol=0)
    assert f"They went on from `{run.model}`" in (made.model / "README.md").read_text()
    with pytest.raises(BadInput, match=r"0.0625 wide, but 0.5 is asked for; give width=0.0625"):
        again(scans, tmp_path / "other", weights=str(run.model), width=0.5)


def test_a_step_that_cannot_fit_is_refused_with_what_would(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, fixed = weighed(
        recipe_of("models-genesis", {**TINY, "precision": "fp32"}), small_facts(), "pretext"
    )
    monkeypatch.setattr(forecasting, "free", lambda device: fixed + 6 * one)
    with pytest.raises(BadInput, match=r"batch_size=8: .* MB .*batch_size=\d fits, or accumulate="):
        again(scans, tmp_path / "run", batch_size=8)
    assert not (tmp_path / "run").exists()
    wishes = {**TINY, "steps": 1, "validate_every": 1, "batch_size": 8, "accumulate": 4}
    pretrain("models-genesis", scans, tmp_path / "run", device="cpu", wishes=wishes)
    assert "forecast: a step takes about" in capsys.readouterr().err
    monkeypatch.setattr(forecasting, "free", lambda device: fixed)
    with pytest.raises(BadInput, match="smaller width would do"):
        again(scans, tmp_path / "none", batch_size=8)


def test_the_batch_size_that_is_named_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe_of("models-genesis", {**TINY, "precision": "fp32", "batch_size": 64})
    fabric = launched(torch.device("cpu"), 1, "fp32", seed=0, deterministic=False)
    monkeypatch.setattr(forecasting, "free", lambda device: 10**8)
    with pytest.raises(BadInput) as refused:
        forecasting.forecast(replace(made, batch_size=10**6), small_facts(), fabric, task="pretext")
    named = re.search(r"batch_size=(\d+) fits", str(refused.value))
    assert named is not None
    fitting = replace(made, batch_size=int(named[1]))
    assert "100 MB that are free" in forecasting.forecast(
        fitting, small_facts(), fabric, task="pretext"
    )
    less, _ = weighed(replace(made, precision="bf16"), small_facts(), "pretext")
    assert less < weighed(made, small_facts(), "pretext")[0]


def small_facts() -> InputFacts:
    """Return what the tiny network takes."""
    return verb.facts_of(recipe_of("models-genesis", TINY))
