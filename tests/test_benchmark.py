"""Which weights help: the same splits for all, tests that find what is there and no more."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from sklearn.linear_model import LogisticRegression

import genesis_hub
from genesis_hub import BadInput, UnknownModel
from genesis_hub.benchmarking import cells, features
from genesis_hub.benchmarking.contestants import contestants
from genesis_hub.benchmarking.design import check_design, inner_folds, parts_of, truths_of
from genesis_hub.benchmarking.readouts import Neighbours, Probe, read_out, standardised
from genesis_hub.cli import main
from genesis_hub.data.cases import CaseList, load_cases
from genesis_hub.data.phantoms import chest_ct

SMALL = {"size": [32, 32]}
HOSTILE = "<img src=x onerror=alert(1)>"


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def painted(draw: np.random.Generator, ill: bool) -> np.ndarray:
    """Return a made-up picture: noise, with a bright spot for the ill, not always plain."""
    picture = draw.normal(90, 25, (24, 24))
    picture[8:16, 8:16] += draw.uniform(10, 60) * ill
    return picture.clip(0, 255).astype(np.uint8)


def written(root: Path, names: tuple[str, str], number: int = 72, seed: int = 0) -> Path:
    """Return class folders of made-up pictures."""
    import PIL.Image

    draw = seeded(seed)
    for at in range(number):
        folder = root / names[at % 2]
        folder.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(painted(draw, bool(at % 2))).save(folder / f"{at}.png")
    return root


@pytest.fixture(scope="module")
def spots(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("spots"), ("healthy", "ill"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Models that see, the same again, and one that is blind."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    model = genesis_hub.create_model("timm:test_resnet")
    made = {name: model.save_pretrained(root / name) for name in ("seeing", "again")}
    with torch.no_grad():
        first = next(module for module in model.modules() if isinstance(module, torch.nn.Conv2d))
        first.weight.zero_()
    return {**made, "blind": model.save_pretrained(root / "blind")}


@pytest.fixture(scope="module")
def compared(spots: Path, folders: dict[str, Path], tmp_path_factory):
    """A benchmark of three models with a planted difference."""
    return genesis_hub.benchmark(
        [folders[name] for name in ("blind", "seeing", "again")], spots,
        tmp_path_factory.mktemp("runs") / "b", fractions=(0.3, 1), folds=3, recipe=SMALL,
        quiet=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def listed(spots: Path) -> CaseList:
    return load_cases(spots)


def names(cases, split: str) -> set[str]:
    return {case.name for case in cases.of(split)}


def with_tests(cases: CaseList) -> CaseList:
    marked = (
        replace(case, split="test" if place % 4 == 0 else "train")
        for place, case in enumerate(cases)
    )
    return replace(cases, cases=tuple(marked))


@pytest.mark.parametrize("given", [False, True])
def test_fractions_are_nested_and_test_cases_are_never_learnt_from(
    listed: CaseList, given: bool
) -> None:
    cases = with_tests(listed) if given else listed
    parts = parts_of(cases, (0.1, 0.5, 1.0), 3, 0)
    for fold in (1, 2, 3):
        few, half, whole = (part.cases for part in parts if part.fold == fold)
        for split in ("train", "val"):
            assert names(few, split) < names(half, split) < names(whole, split)
        assert names(few, "test") == names(half, "test") == names(whole, "test")
        assert not names(whole, "test") & (names(whole, "train") | names(whole, "val"))


def test_the_datas_own_test_cases_are_tested_in_every_fold(listed: CaseList) -> None:
    cases = with_tests(listed)
    parts = parts_of(cases, (1.0,), 3, 0)
    assert all(names(part.cases, "test") == names(cases, "test") for part in parts)
    assert len({frozenset(names(part.cases, "train")) for part in parts}) == 3


def test_without_test_cases_each_patient_is_tested_once(listed: CaseList) -> None:
    parts = parts_of(listed, (1.0,), 3, 0)
    tested = [name for part in parts for name in names(part.cases, "test")]
    assert sorted(tested) == sorted(case.name for case in listed)


def test_one_fold_is_one_split(listed: CaseList) -> None:
    (part,) = parts_of(listed, (1.0,), 1, 0)
    assert {split: len(names(part.cases, split)) > 0 for split in ("train", "val", "test")} == {
        "train": True, "val": True, "test": True,
    }  # fmt: skip


def test_inner_folds_lie_within_the_training_cases(listed: CaseList) -> None:
    (part,) = parts_of(listed, (1.0,), 1, 0)
    inner = inner_folds(part, 0)
    looked = np.sort(np.concatenate([look for _, look in inner]))
    assert np.array_equal(looked, np.arange(len(part.cases.of("train"))))
    assert all(not set(learn) & set(look) for learn, look in inner)


def test_a_planted_difference_is_found(compared) -> None:
    rows = {(Path(row.model).name, row.fraction): row for row in compared.standings}
    assert Path(compared.reference).name == "blind"
    assert rows["blind", 1.0].numbers["auc"].value == pytest.approx(0.5)
    assert rows["seeing", 1.0].numbers["auc"].value > 0.8
    assert rows["seeing", 1.0].against.said == "significant gain"
    assert rows["seeing", 1.0].against.adjusted >= 4 * rows["seeing", 1.0].against.p * 0.99
    assert "significant gain" in compared.page.read_text(encoding="utf-8")


def test_no_difference_is_said_to_be_none(
    spots: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    done = genesis_hub.benchmark(
        [folders["seeing"], folders["again"]], spots, tmp_path / "b", fractions=(1,), folds=2,
        mode="knn", recipe=SMALL, quiet=True,
    )  # fmt: skip
    assert [row.against.said for row in done.standings[1:]] == ["no significant gain"]
    assert done.standings[1].against.p == 1.0
    assert "no significant gain" in done.page.read_text(encoding="utf-8")
    (row,) = [row for row in rows_of(done.table) if row["said"]]
    assert (row["measure"], row["said"]) == ("auc", "no significant gain")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_models_were_tested_on_the_same_cases(compared) -> None:
    runs = sorted((compared.folder / "runs").iterdir())
    assert len(runs) == 3
    for cell in runs[0].glob("*/*/predictions.csv"):
        first = [row["case"] for row in rows_of(cell)]
        for other in runs[1:]:
            beside = other / cell.relative_to(runs[0])
            assert [row["case"] for row in rows_of(beside)] == first


def test_a_killed_benchmark_goes_on_to_the_same_end(
    compared, spots: Path, folders: dict[str, Path], tmp_path: Path, monkeypatch
) -> None:
    models = [folders[name] for name in ("blind", "seeing", "again")]
    done = []

    def dying(*given):
        if len(done) == 8:
            raise KeyboardInterrupt
        done.append(given)
        return read_out(*given)

    def again():
        return genesis_hub.benchmark(
            models, spots, tmp_path / "b", fractions=(0.3, 1), folds=3, recipe=SMALL, quiet=True
        )

    monkeypatch.setattr(cells, "read_out", dying)
    with pytest.raises(KeyboardInterrupt):
        again()
    monkeypatch.setattr(cells, "read_out", read_out)
    resumed = again()
    assert resumed.table.read_bytes() == compared.table.read_bytes()
    assert (resumed.folder / "summary.json").read_bytes() == (
        compared.folder / "summary.json"
    ).read_bytes()
    # What is done is not done again: not even the model is built.
    monkeypatch.setattr(features, "frozen", None)
    assert again().table.read_bytes() == compared.table.read_bytes()


def test_other_arguments_are_refused_where_a_benchmark_was_begun(
    compared, spots: Path, folders: dict[str, Path]
) -> None:
    for change in ({"fractions": (1,)}, {"folds": 2}, {"mode": "knn"}, {"recipe": {"seed": 1}}):
        asked = {"fractions": (0.3, 1), "folds": 3, "recipe": SMALL, "quiet": True, **change}
        with pytest.raises(BadInput, match="was begun otherwise"):
            genesis_hub.benchmark(
                [folders[name] for name in ("blind", "seeing", "again")], spots, compared.folder,
                **asked,
            )  # fmt: skip


def test_a_model_that_fails_is_told_and_the_others_go_on(
    spots: Path, folders: dict[str, Path], tmp_path: Path, monkeypatch, capsys
) -> None:
    def closed(name: str) -> None:
        raise ConnectionError("no road")

    monkeypatch.setattr("genesis_hub.hosting.guest_network", closed)
    words = f"test_resnet,{folders['seeing']},scratch"
    line = ["benchmark", "--data", str(spots), "--models", words, "--out", str(tmp_path / "b")]
    line += ["--fractions", "1", "--folds", "2", "--set", "size=[32,32]", "--quiet"]
    assert main(line) == 1
    out = capsys.readouterr().out
    assert "test_resnet: failed: the weights of 'timm:test_resnet'" in out
    page = (tmp_path / "b" / "benchmark.html").read_text(encoding="utf-8")
    assert "no road" in page
    assert "is not here" in page
    # Once it can be had, the same call lets it take part.
    network = timm.create_model("test_resnet", num_classes=0).eval()
    monkeypatch.setattr("genesis_hub.hosting.guest_network", lambda name: network)
    assert main(line) == 0
    assert {row["model"] for row in rows_of(tmp_path / "b" / "table.csv")} == set(words.split(","))


def test_unknown_models_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="adam-resnet50"):
        contestants(["adam-resnet5"])
    with pytest.raises(UnknownModel, match="efficientnet_b0"):
        contestants(["efficientnet_b00"])
    with pytest.raises(UnknownModel, match="timm:resnet18"):
        contestants(["scratch:timm:resnet188"])
    with pytest.raises(BadInput, match="does not say of which architecture"):
        contestants(["scratch"])
    with pytest.raises(BadInput, match="named twice"):
        contestants(["rotation-2d", "rotation-2d"])


def test_scratch_has_the_architecture_of_the_first_or_of_the_one_named(
    folders: dict[str, Path],
) -> None:
    one, two, three = contestants(["scratch", "rotation-2d", "scratch:resnet18"])
    assert (one.scratch, one.entry.name, one.place) == (True, "rotation-2d", "1-scratch")
    assert (two.scratch, three.entry.name) == (False, "timm:resnet18")
    assert contestants(["test_resnet"])[0].title == "test_resnet"
    assert contestants([folders["seeing"]])[0].sha256


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    data = written(tmp_path / HOSTILE, (HOSTILE, "ill"), number=24)
    done = genesis_hub.benchmark(
        ["scratch:timm:test_resnet"], data, tmp_path / "b", fractions=(1,), folds=2, recipe=SMALL,
        quiet=True,
    )  # fmt: skip
    page = done.page.read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"mode": "proob"}, "close: probe"),
        ({"fractions": (0, 1)}, "shares in"),
        ({"folds": 0}, "whole number from 1"),
        ({"recipe": {"steps": 3}}, "mode='finetune'"),
        ({"recipe": {"label_fraction": 0.5}}, "fractions="),
        ({"reference": "x"}, "none of the models"),
        ({"measure": "acu"}, "choose from"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(
    wish: dict, said: str, spots: Path, tmp_path: Path
) -> None:
    asked = {"fractions": (1,), "folds": 2, "recipe": SMALL, "quiet": True, **wish}
    with pytest.raises(BadInput, match=said):
        genesis_hub.benchmark(["scratch:timm:test_resnet"], spots, tmp_path / "b", **asked)
    assert not (tmp_path / "b").exists()


def test_fractions_rise_and_stand_once() -> None:
    assert check_design([1, 0.1, 1.0], 2) == (0.1, 1.0)


def test_volumes_are_compared_too(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    for seed in range(6):
        folder = tmp_path / "data" / ("a" if seed % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        chest = chest_ct(seed, size=(24, 24, 24))
        nibabel.save(nibabel.Nifti1Image(chest.image[0], chest.affine), folder / f"{seed}.nii.gz")
    done = genesis_hub.benchmark(
        "scratch:models-genesis,scratch:timm:test_resnet", tmp_path / "data", tmp_path / "b",
        fractions=(1,), folds=2, recipe={"width": 0.0625, "range": (-1000, 1000)}, quiet=True,
    )  # fmt: skip
    assert [row.model for row in done.standings] == ["scratch:models-genesis"]
    assert list(done.failed) == ["scratch:timm:test_resnet"]


def test_finetune_makes_a_run_of_each_cell_and_none_twice(spots: Path, tmp_path: Path) -> None:
    recipe = {**SMALL, "steps": 2, "batch_size": 2, "recalibrate": 1, "hashes": False}
    asked = {"fractions": (0.5,), "folds": 2, "mode": "finetune", "recipe": recipe, "quiet": True}
    given = (["scratch:timm:test_resnet"], spots, tmp_path / "b")
    done = genesis_hub.benchmark(*given, **asked)
    assert not done.failed
    runs = list((tmp_path / "b" / "runs").glob("*/0.5/*/run.json"))
    assert len(runs) == 2
    stamps = [path.stat().st_mtime_ns for path in runs]
    assert genesis_hub.benchmark(*given, **asked).summary == done.summary
    assert [path.stat().st_mtime_ns for path in runs] == stamps


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """images/ and labels/: spots and where they are."""
    import PIL.Image

    draw = seeded()
    for at in range(8):
        mask = np.zeros((24, 24), np.uint8)
        mask[8:16, 8:16] = 1
        for name, values in (("images", painted(draw, True)), ("labels", mask)):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(values).save(tmp_path / "data" / name / f"{at}.png")
    return tmp_path / "data"


def test_masks_are_not_for_frozen_features(masks: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the labels are masks; take mode='finetune'"):
        genesis_hub.benchmark("scratch:timm:test_resnet", masks, tmp_path / "b", quiet=True)


@pytest.mark.slow
def test_segmentation_is_compared_by_dice(masks: Path, tmp_path: Path) -> None:
    recipe = {**SMALL, "steps": 2, "batch_size": 2, "recalibrate": 1}
    done = genesis_hub.benchmark(
        "scratch:timm:test_resnet,scratch:rotation-2d", masks, tmp_path / "b", fractions=(1,),
        folds=2, mode="finetune", recipe=recipe, quiet=True,
    )  # fmt: skip
    assert not done.failed
    assert done.measure == "dice"
    assert [row.against is None for row in done.standings] == [True, False]
    assert all(0 <= row.numbers["dice"].value <= 1 for row in done.standings)


def test_the_probe_is_scikit_learns_whether_or_not_it_turns_the_features() -> None:
    draw = seeded()
    rows, labels = draw.normal(size=(30, 80)), np.arange(30) % 3
    known, asked = standardised(rows[:24], rows[24:])
    truths = np.eye(3, dtype=np.int64)[labels[:24]]
    (ours,) = Probe().shares(known, truths, asked, [0.01], False)
    theirs = LogisticRegression(C=0.01, tol=1e-8, max_iter=5000).fit(known, labels[:24])
    assert np.allclose(ours, theirs.predict_proba(asked), atol=2e-3)


def test_neighbours_vote_and_what_is_unknown_does_not() -> None:
    known = np.array([[1.0, 0], [1, 0.1], [0, 1]])
    truths = np.array([[1, -1], [1, 0], [0, 1]])
    one, two = Neighbours().shares(known, truths, np.array([[1.0, 0.05]]), [1, 2], True)
    usual = (truths.clip(0).sum(0) + 0.5) / ((truths >= 0).sum(0) + 1)
    assert two[0, 0] == pytest.approx((2 + usual[0]) / 3)
    assert two[0, 1] == pytest.approx((0 + usual[1]) / 2)
    assert one.shape == (1, 2)


@pytest.mark.parametrize("readout", [Probe(), Neighbours()])
def test_labels_that_come_together_are_read_out_one_by_one(readout) -> None:
    draw = seeded()
    rows = draw.normal(size=(60, 5))
    truths = np.stack([rows[:, 0] > 0, rows[:, 1] > 0, np.ones(60)], 1).astype(np.int64)
    truths[::7, 0] = -1
    inner = [(np.arange(30), np.arange(30, 45)), (np.arange(15, 45), np.arange(15))]
    shares, strength = read_out(readout, rows[:45], truths[:45], rows[45:], inner, True)
    assert strength in readout.grid
    assert shares[truths[45:, 0] == 1, 0].mean() > shares[truths[45:, 0] == 0, 0].mean() + 0.2
    assert (shares[:, 2] > 0.9).all()
    assert shares.shape == (15, 3)


def test_a_class_that_was_never_learnt_gets_no_share() -> None:
    rows = seeded().normal(size=(12, 3))
    truths = np.eye(3, dtype=np.int64)[np.arange(12) % 2]
    for readout in (Probe(), Neighbours()):
        shares, strength = read_out(readout, rows, truths, rows[:2], [], False)
        assert strength == readout.usual
        assert np.allclose(shares.sum(1), 1)
        assert np.allclose(shares[:, 2], 0)


def test_truths_are_one_per_class(listed: CaseList) -> None:
    truths = truths_of(listed.cases, listed)
    assert truths.shape == (72, 2)
    assert (truths.sum(1) == 1).all()
