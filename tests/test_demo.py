"""The demonstration: its pieces, what it says of whatever comes out, and the whole of it."""

import csv
import os
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

import genesis_hub
from genesis_hub.cli import main
from genesis_hub.data import read
from genesis_hub.demo import story
from genesis_hub.demo.beside import PRETRAINED, SCRATCH, beside, best, choose
from genesis_hub.demo.plan import Plan
from genesis_hub.demo.scans import Phantoms, Real, halved
from genesis_hub.demo.words import compared, rates_table, verdict
from genesis_hub.weights import store

DATA = os.environ.get("GENESIS_HUB_DATA")
TINY = Plan(
    labelled=4, choosing=1, kept=3, rates=(1e-3, 3e-3), steps=2, runs=2, probed=(8, 6), folds=2
)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where weights lie that stand in for the bundled ones: random, and small."""
    folder = tmp_path / "bundled"
    genesis_hub.create_model(story.NAME).save_pretrained(folder / story.NAME)
    monkeypatch.setattr(store, "BUNDLED", folder)
    return folder


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_gain_is_told_only_where_every_interval_is_above_zero() -> None:
    assert "did better here" in verdict([(0.01, 0.05), (0.02, 0.09)])
    assert "pretrained weights did better" in verdict([(0.01, 0.05)])
    assert "no gain" in verdict([(0.01, 0.05), (-0.01, 0.09)])
    assert "no gain" in verdict([(0.0, 0.05)])


def test_a_loss_and_a_missing_interval_are_told_as_such() -> None:
    assert "random weights did better" in verdict([(-0.05, -0.01)])
    assert "includes zero" in verdict([(-0.05, 0.01)])
    assert "nothing can be said" in verdict([(nan, nan)])
    assert "nothing can be said" in verdict([(0.1, 0.2), (nan, nan)])
    assert "nothing can be said" in verdict([])


def test_the_rate_is_each_arms_own_and_an_end_of_the_range_is_told() -> None:
    tried = {"ours": {1e-3: 0.5, 3e-3: 0.7, 1e-2: 0.6}, "scratch": {1e-3: 0.8, 3e-3: 0.7, 1e-2: 0}}
    lines = rates_table(tried)
    assert [best(reached) for reached in tried.values()] == [3e-3, 1e-3]
    assert "0.700*" in lines[1]
    assert "0.800*" in lines[2]
    assert lines[3].startswith("(of scratch the last")


def test_equal_rates_give_the_lowest() -> None:
    assert best({1e-2: 0.5, 1e-3: 0.5}) == 1e-3


def test_who_is_tested_chose_nothing(tmp_path: Path) -> None:
    task = Phantoms((24, 24, 24)).segmenting(tmp_path, TINY)
    choosing, table = rows(task.choosing), rows(task.table)
    assert [row["split"] for row in choosing] == ["train"] * 3 + ["val"]
    assert [row["split"] for row in table] == ["train"] * 4 + ["test"] * 3
    learned = {row["image"] for row in table if row["split"] == "train"}
    tested = {row["image"] for row in table if row["split"] == "test"}
    assert {row["image"] for row in choosing} == learned
    assert not learned & tested
    assert str(task.new.absolute()) not in learned | tested


def test_a_turned_phantom_is_the_same_chest_at_the_same_place(tmp_path: Path) -> None:
    source = Phantoms((24, 26, 28))
    plain = [read(path) for path in source.masked(tmp_path / "plain", 3)]
    turned = [read(path) for path in source.masked(tmp_path / "turned", 3, turned=True)]
    assert turned[0].shape == (1, 28, 24, 26)
    assert turned[0].orientation != plain[0].orientation
    for ours, theirs in zip(plain, turned, strict=True):
        assert np.array_equal(ours.framed("LPS"), theirs.framed("LPS"))
        corner = np.array([0, 0, 27, 1.0])  # Our last slice is its first.
        assert np.allclose(ours.affine @ corner, theirs.affine @ [0, 0, 0, 1])


def test_probed_phantoms_have_both_answers_and_are_no_others(tmp_path: Path) -> None:
    plan = replace(TINY, probed=(10, 10))
    task = Phantoms((24, 24, 24)).probing(tmp_path, plan)
    for split in ("train", "test"):
        labels = [row["label"] for row in rows(task.table) if row["split"] == split]
        assert len(labels) == 10
        assert set(labels) == {"plain", "contrast"}


def test_halving_takes_means_of_eight_voxels() -> None:
    volumes = np.zeros((2, 4, 4, 4), np.uint8)
    volumes[1, :2, :2, :2] = 200
    volumes[1, 2, 2, 2] = 80
    small = halved(volumes)
    assert small.shape == (2, 2, 2, 2)
    assert (small[0] == 0).all()
    assert (small[1, 0, 0, 0], small[1, 1, 1, 1], small[1].sum()) == (200, 10, 210)


def test_both_arms_are_tuned_and_compared(tmp_path: Path) -> None:
    model = genesis_hub.create_model(story.NAME, width=0.0625).save_pretrained(tmp_path / "thin")
    task = Phantoms((24, 24, 24)).segmenting(tmp_path / "scans", TINY)
    recipe = {**task.recipe, "size": (16, 16, 16), "recalibrate": 1}
    tried = choose(model, task.choosing, tmp_path / "rates", TINY, recipe)
    assert {arm: set(reached) for arm, reached in tried.items()} == {
        PRETRAINED: set(TINY.rates), SCRATCH: set(TINY.rates),
    }  # fmt: skip
    found = beside(
        model, task.table, tmp_path / "runs", TINY, recipe, tried=tried,
        titles={PRETRAINED: "ours", SCRATCH: "scratch"},
    )  # fmt: skip
    ours, theirs = found.arms
    assert found.difference == pytest.approx(ours.dice - theirs.dice)
    assert np.mean(found.by_run) == pytest.approx(found.difference)
    assert [arm.rate for arm in found.arms] == [best(reached) for reached in tried.values()]
    assert ours.run.model.is_dir()
    assert not list((tmp_path / "runs").rglob("last.safetensors"))
    assert compared(found)[-1] == verdict((found.over_cases, found.over_runs))


def test_without_the_weights_there_is_one_error_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(store, "BUNDLED", tmp_path / "nowhere")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv(story.DATA, raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "python -m training.mini" in said.err
    assert list(tmp_path.iterdir()) == []


def test_real_scans_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(genesis_hub.BadInput, match=r"unset GENESIS_HUB_DATA"):
        story.scans_of(str(tmp_path))
    assert isinstance(story.scans_of(None), Phantoms)


def test_each_call_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [story.new_folder(None).name for _ in range(3)] == ["demo", "demo-2", "demo-3"]
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(genesis_hub.BadInput, match="mine holds other files"):
        story.new_folder("mine")


@pytest.mark.skipif(not DATA, reason="GENESIS_HUB_DATA is not set")
def test_real_scans_are_parted_as_published(tmp_path: Path) -> None:
    assert DATA
    scans = Real(Path(DATA))
    task = scans.segmenting(tmp_path, TINY)
    assert [row["split"] for row in rows(task.table)] == ["train"] * 4 + ["test"] * 3
    assert task.new.is_file()
    assert task.truth.is_file()


@pytest.mark.slow
def test_the_whole_demonstration_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if store.bundled(story.NAME) is None:
        request.getfixturevalue("bundled")
    monkeypatch.delenv(story.DATA, raising=False)
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert said.count("zero") >= 3
    assert "at the same place" in said
    assert len(list((tmp_path / "out").rglob("report.html"))) == 2
    assert (tmp_path / "out" / "probe" / "benchmark.html").is_file()
