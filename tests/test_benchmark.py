"""Which weights help: the same splits for all, tests that find what is there and no more."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

import genesis_hub
from genesis_hub import BadInput, UnknownModel
from genesis_hub.benchmarking import cells, features
from genesis_hub.benchmarking.contestants import contestants
from genesis_hub.benchmarking.readouts import read_out
from genesis_hub.benchmarking.standings import if_agreed
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_ct
from genesis_hub.evaluate import Comparison

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
        ({"fractions": (50, 100)}, "of percent: 0.5,1"),
        ({"folds": 0}, "whole number from 1"),
        ({"draws": 0}, "random weights from 1"),
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
    # Each fold draws its own random weights, so that their mean is not the luck of one draw.
    seeds = {json.loads(path.read_text())["recipe"]["seed"] for path in runs}
    assert len(seeds) == 2
    assert done.standings[0].draws == ()


def test_runs_that_do_not_agree_on_who_is_ahead_show_no_gain() -> None:
    one = Comparison("auc", 0.9, 0.8, 0.1, 0.05, 0.15, 0.001, 0.001)
    assert if_agreed(one, [0.9, 0.9], [0.8, 0.8]).said == "significant gain"
    assert if_agreed(one, [0.99, 0.81], [0.78, 0.82]).said == "no significant gain"
    assert if_agreed(one, [0.99, float("nan")], [0.78, 0.82]).p == 0.001


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


def test_an_untrained_network_gains_over_one_draw_and_not_over_all(
    spots: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    asked = {"fractions": (1,), "folds": 2, "mode": "knn", "quiet": True}
    asked["recipe"] = {**SMALL, "seed": 4}
    models = [folders["seeing"], "scratch"]
    once = genesis_hub.benchmark(models, spots, tmp_path / "once", draws=1, **asked)
    thrice = genesis_hub.benchmark(models, spots, tmp_path / "thrice", **asked)

    assert once.standings[0].against.said == "significant gain"
    assert thrice.standings[0].against.said == "no significant gain"
    scratch = thrice.standings[1]
    assert len(set(scratch.draws)) == 3
    assert scratch.numbers["auc"].value == pytest.approx(np.mean(scratch.draws))
    assert thrice.standings[0].against.second == pytest.approx(np.mean(scratch.draws))
    assert scratch.draws[0] == once.standings[1].numbers["auc"].value
    (row,) = [r for r in rows_of(thrice.table) if r["draws"]]
    assert float(row["least_draw"]) < float(row["value"]) < float(row["greatest_draw"])
    page = thrice.page.read_text(encoding="utf-8")
    assert "3 draws: " in page
    assert "not the luck of random weights" in page
    assert "Take --draws 3" in once.page.read_text(encoding="utf-8")


def test_what_was_compared_is_not_compared_again(compared, spots, folders, monkeypatch) -> None:
    again = [folders[name] for name in ("blind", "seeing", "again")]
    asked = {"fractions": (0.3, 1), "folds": 3, "recipe": SMALL, "quiet": True}
    page = compared.page.read_bytes()
    monkeypatch.setattr("genesis_hub.benchmarking.standings.compare_draws", None)
    monkeypatch.setattr("genesis_hub.benchmarking.standings.intervals", None)
    assert genesis_hub.benchmark(again, spots, compared.folder, **asked).summary == compared.summary
    assert compared.page.read_bytes() == page
    monkeypatch.undo()
    (compared.folder / "compared.json").write_text("{", encoding="utf-8")
    assert genesis_hub.benchmark(again, spots, compared.folder, **asked).summary == compared.summary


def test_a_place_that_cannot_be_written_is_said_before_the_data_are_read(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        genesis_hub.benchmark([folders["seeing"]], "no-such-data", tmp_path / "file" / "b")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with pytest.raises(BadInput, match="holds other files"):
        genesis_hub.benchmark([folders["seeing"]], "no-such-data", tmp_path / "full")
    with pytest.raises(BadInput, match="no-such-data"):
        genesis_hub.benchmark([folders["seeing"]], "no-such-data", tmp_path / "new" / "b")
    assert not (tmp_path / "new").exists()


def test_models_of_the_wrong_dimension_are_told_before_anything_is_fetched(
    spots: Path, folders: dict[str, Path], tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr("genesis_hub.api.from_pretrained", None)
    with pytest.raises(BadInput, match="your data are pictures, models-genesis takes volumes"):
        genesis_hub.benchmark(["models-genesis"], spots, tmp_path / "b", quiet=True)
    assert not (tmp_path / "b").exists()
    monkeypatch.undo()
    done = genesis_hub.benchmark(
        ["models-genesis", folders["seeing"]], spots, tmp_path / "b", fractions=(1,), folds=2,
        recipe=SMALL, quiet=True,
    )  # fmt: skip
    assert "takes volumes" in done.failed["models-genesis"]
    assert len(done.standings) == 1


def test_where_every_model_failed_nothing_is_said_to_be_compared(
    spots: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    def closed(name: str) -> None:
        raise ConnectionError("no road")

    monkeypatch.setattr("genesis_hub.hosting.guest_network", closed)
    line = ["benchmark", "--data", str(spots), "--models", "test_resnet"]
    assert main([*line, "--out", str(tmp_path / "b"), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "no model could take part" in out
    assert "compared with" not in out
    assert "No model could take part" in (tmp_path / "b" / "benchmark.html").read_text("utf-8")


def test_fractions_of_the_same_cases_are_taken_once(tmp_path: Path, capsys) -> None:
    data = written(tmp_path / "few", ("healthy", "ill"), number=24)
    line = ["benchmark", "--data", str(data), "--models", "scratch:timm:test_resnet"]
    line += ["--fractions", "0.05,0.1,1", "--folds", "2", "--draws", "1", "--set", "size=[32,32]"]
    assert main([*line, "--out", str(tmp_path / "b")]) == 0
    assert "0.05 of the labels are the same cases as 0.1; taken once" in capsys.readouterr().err
    found = {row["label_fraction"] for row in rows_of(tmp_path / "b" / "table.csv")}
    assert found == {"0.1", "1"}
    page = (tmp_path / "b" / "benchmark.html").read_text("utf-8")
    assert "5\u00a0% are the same cases as 10\u00a0%" in page
    assert main([*line, "--out", str(tmp_path / "b")]) == 0


def test_folders_here_are_among_the_close_names(
    folders: dict[str, Path], monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folders["seeing"].parent)
    with pytest.raises(UnknownModel, match="close names: seeing"):
        contestants(["seing"])


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
