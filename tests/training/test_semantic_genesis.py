"""Semantic Genesis and TransVW: from discovered patterns to weights that load for every task."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import genesis_hub
from genesis_hub.errors import BadInput
from tests.training.discovered import compact, seeds
from tests.training.scans import TINY, chests
from training import pretrain as verb
from training.methods.semantic_genesis import SemanticGenesis
from training.pretrain import main, pretrain
from training.release import release
from training.views.draws import Draws

SHORT = {key: value for key, value in TINY.items() if key != "validation"} | {"looks": 6}


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compact(tmp_path_factory.mktemp("data") / "discovered", classes=3)


def run(data: Path, out: Path, recipe: str = "semantic-genesis", **wishes: Any) -> verb.Run:
    return pretrain(recipe, data, out, device="cpu", quiet=True, wishes={**SHORT, **wishes})


@pytest.fixture(scope="module")
def whole(patterns: Path, tmp_path_factory: pytest.TempPathFactory) -> verb.Run:
    return run(patterns, tmp_path_factory.mktemp("runs") / "run", pictures=True)


def method(stage: str = "en_de", **wishes: Any) -> SemanticGenesis:
    torch.manual_seed(0)
    network = genesis_hub.create_model(
        "semantic-genesis", task="pretext", num_classes=3, width=0.0625
    )
    return SemanticGenesis(network, views="sg", stage=stage, **wishes)


def batch(n: int = 4) -> dict[str, torch.Tensor]:
    image = torch.rand(n, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    return {"image": image, "key": torch.arange(n), "label": torch.arange(n) % 3}


def test_the_loss_is_that_of_the_published_networks_answers() -> None:
    learned = method(lambda_rec=2.0, lambda_cls=0.05).train()
    given = batch()
    views = learned.views(given, Draws(given["key"]))
    assert torch.equal(views["target"], given["image"])
    losses = learned.step(views)
    answers = learned.network(views["view"])  # Sigmoid and softmax, as the authors' forward.
    mse = F.mse_loss(answers["restoration"], given["image"])
    told = F.nll_loss(answers["classification"].log(), given["label"])
    torch.testing.assert_close(losses["restoration"], mse)
    torch.testing.assert_close(losses["classification"], told)
    torch.testing.assert_close(losses["total"], 2.0 * mse + 0.05 * told)


def test_a_class_that_is_ruled_out_costs_a_finite_loss() -> None:
    learned = method().requires_grad_(False)
    learned.network.head["classification"].fc.bias.copy_(torch.tensor([500.0, 0, 0]))
    views = learned.views(batch(), Draws(batch()["key"]))
    assert 100 < float(learned.step(views)["classification"]) < 1000


def test_the_first_stage_leaves_the_decoder_as_it_is() -> None:
    learned = method("en").train()
    before = {name: part.clone() for name, part in learned.network.named_parameters()}
    optimizer = torch.optim.SGD(learned.groups()[0]["params"], lr=1.0)
    losses = learned.step(learned.views(batch(), Draws(batch()["key"])))
    assert set(losses) == {"total", "classification"}
    losses["total"].backward()
    optimizer.step()
    changed = {n for n, p in learned.network.named_parameters() if not torch.equal(p, before[n])}
    rest = set(before) - changed
    assert rest == {n for n in before if n.startswith(("decoder.", "head.restoration."))}


def test_accuracy_counts_the_classes_that_are_told_right() -> None:
    learned = method().eval()
    with torch.no_grad():
        learned.network.head["classification"].fc.bias.copy_(torch.tensor([0, 500.0, 0]))
    examined = learned.examine(learned.views(batch(3), Draws(batch(3)["key"])))
    assert examined.scores is not None
    assert float(examined.scores["accuracy"]) == pytest.approx(1 / 3)


def test_classes_are_learned_from_patterns(patterns: Path, tmp_path: Path) -> None:
    made = run(
        patterns, tmp_path / "run", steps=30, batch_size=6, lr=5e-3, lambda_cls=1.0,
        validate_every=30, save_every=30, views="inpainting", norm="instance",
    )  # fmt: skip
    first = json.loads((made.folder / "metrics.json").read_text())
    assert first["accuracy"] > 0.6  # A third by chance.
    assert first["classification"] < 1.0


@pytest.mark.parametrize(
    "wishes",
    [{}, {"num_classes": 2}, {"task": "segmentation", "num_classes": 2}, {"features_only": True}],
)
def test_the_deliverable_loads_for_every_task(whole: verb.Run, wishes: dict[str, Any]) -> None:
    model: Any = genesis_hub.from_pretrained(whole.model, **wishes)
    assert "100.0%" in str(model.load_report)
    answer = model(torch.rand(1, 1, 16, 16, 16))
    parts = answer if isinstance(answer, list) else [answer]
    parts = list(answer.values()) if isinstance(answer, dict) else parts
    assert all(bool(part.isfinite().all()) for part in parts)


def test_the_deliverable_tells_as_many_classes_as_were_discovered(whole: verb.Run) -> None:
    model: Any = genesis_hub.from_pretrained(whole.model, task="pretext")
    answers = model(torch.rand(2, 1, 16, 16, 16))
    assert answers["classification"].shape == (2, 3)
    assert answers["restoration"].shape == (2, 1, 16, 16, 16)
    card = (whole.model / "README.md").read_text()
    assert "12 patterns in 3 classes" in card
    assert "views sg" in card
    assert f"{whole.metrics['accuracy']:.1%} of the classes told right" in card
    assert (whole.folder / "pictures" / "step-0000004.png").is_file()
    told = json.loads((whole.folder / "run.json").read_text())
    assert told["recipe"]["classes"] == 3
    assert release(whole.folder, whole.folder.parent / "released").is_dir()


def test_the_same_call_says_it_is_done_and_other_patterns_are_refused(
    whole: verb.Run, patterns: Path, tmp_path: Path
) -> None:
    assert run(patterns, whole.folder, pictures=True).resumed == 4
    other = compact(tmp_path / "other", classes=3, train=5)
    with pytest.raises(BadInput, match=r"begun|then"):
        run(other, whole.folder, pictures=True)


def test_two_stages_are_two_runs_and_a_decoder_that_learned_nothing_is_told(
    patterns: Path, tmp_path: Path
) -> None:
    first = run(patterns, tmp_path / "en", stage="en", steps=2)
    assert "restoration" not in first.metrics
    assert genesis_hub.from_pretrained(first.model, num_classes=2)
    with pytest.raises(BadInput, match=r"decoder learned nothing yet.*decoder='fresh'"):
        genesis_hub.from_pretrained(first.model, task="segmentation", num_classes=2)
    wishes: dict[str, Any] = {"task": "segmentation", "num_classes": 2}
    assert genesis_hub.from_pretrained(first.model, decoder="fresh", **wishes)
    with pytest.raises(BadInput, match=r"trained with stage=en: its decoder has learned nothing"):
        release(first.folder, tmp_path / "released")
    second = run(patterns, tmp_path / "en_de", weights=str(first.model), steps=2)
    assert second.metrics["restoration"] > 0
    assert genesis_hub.from_pretrained(second.model, **wishes)
    fewer = compact(tmp_path / "fewer", classes=2)
    with pytest.raises(BadInput, match="tell 3 classes apart, but 2 are to be learned"):
        run(fewer, tmp_path / "third", weights=str(first.model), steps=1)


@pytest.mark.parametrize(
    ("recipe", "wishes"),
    [
        ("transvw", {"views": "mg"}),
        ("transvw", {"views": "shuffling"}),
        ("transvw", {"views": "rotation"}),
        ("transvw-keras", {}),
        ("semantic-genesis-keras", {"stage": "en"}),
        ("semantic-genesis", {"faithful": True}),
    ],
)
def test_other_forms_and_any_restoration_learn_too(
    recipe: str, wishes: dict[str, Any], patterns: Path, tmp_path: Path
) -> None:
    made = run(patterns, tmp_path / "run", recipe, **{**wishes, "steps": 1, "validate_every": 1})
    assert 0 <= made.metrics["accuracy"] <= 1
    model: Any = genesis_hub.from_pretrained(made.model, task="pretext")
    assert model.spec.name == recipe
    assert hasattr(model.head["classification"], "hidden") is recipe.endswith("keras")


def test_the_authors_files_and_another_method_are_learned_from(tmp_path: Path) -> None:
    folder = seeds(tmp_path / "authors", {"train1": 7, "train2": 5, "val1": 4})
    made = run(folder, tmp_path / "run", steps=1, validate_every=1, classes=2)
    assert genesis_hub.from_pretrained(made.model, task="pretext").num_classes == 2
    made = run(folder, tmp_path / "other", "models-genesis", steps=1, validate_every=1)
    assert made.metrics["loss"] > 0


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "python -m training.discover --data scans --out DISCOVERED"),
        (["views=mgg"], "views='mgg'; choose from sg"),
        (["stage=de"], "stage='de'; choose from en, en_de"),
        (["lambda_cls=-1"], "lambda_cls=-1.0 is out of its range"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    pairs: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    chests(tmp_path / "scans", count=2)
    words = ["semantic-genesis", "--data", "scans", "--out", "x", "--device", "cpu", *pairs]
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
