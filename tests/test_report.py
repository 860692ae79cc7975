"""A finished run on one page: well-formed, alone, safe, with its numbers; never in the way."""

import csv
import json
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_ct, chest_xray
from genesis_hub.page import Markup, element
from genesis_hub.reporting.numbers import shown
from genesis_hub.reporting.reading import read_run

pytest.importorskip("matplotlib")
nibabel = pytest.importorskip("nibabel")

RECIPE = {"scratch": True, "width": 0.0625, "steps": 2, "batch_size": 2, "recalibrate": 1}
FLAT = {**RECIPE, "size": [32, 32], "width": 0.125}
HOSTILE = "<script>alert(1)</script>$\\frac{"
VOID = {"img", "meta", "br", "col"}


class Page(HTMLParser):
    """What a page holds, and that every element that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        known = dict(attrs)
        self.links += [str(known[key]) for key in ("src", "href", "srcset") if key in known]
        if tag == "img":
            self.images.append(known)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(self.text)


def page_of(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3e6
    page = Page(text)
    assert "script" not in page.tags
    assert all(link.startswith("data:image/") for link in page.links)
    assert not re.search(r"url\(|@import|https?:", re.sub(r"data:[^\"]+", "", text))
    assert all(image["alt"] for image in page.images)
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    return page


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """A table of made-up X-rays with names that would break a careless page."""
    import PIL.Image

    root = tmp_path_factory.mktemp("films")
    lines = [["path", "label", "patient", "split", "name"]]
    for seed in range(12):
        label = HOSTILE if seed % 2 else "normal & <b>"
        finding = "effusion" if seed % 2 else False
        pixels = chest_xray(seed, size=(36, 36), finding=finding).image[0]
        PIL.Image.fromarray(pixels).save(root / f"{seed}.png")
        split = "train" if seed < 6 else ("val" if seed < 8 else "test")
        lines.append([f"{seed}.png", label, f"p{seed}", split, f"film {seed}"])
    with (root / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return root


@pytest.fixture(scope="module")
def classified(films, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    genesis_hub.finetune("adam-resnet50", films / "table.csv", out, recipe=FLAT, quiet=True)
    return out


def test_a_run_leaves_a_page_of_its_own(classified: Path) -> None:
    page = page_of(classified / "report.html")
    metrics = json.loads((classified / "metrics.json").read_text())
    for value in metrics.values():
        if isinstance(value, float):
            assert shown(value) in page.words
    for low, high in metrics["intervals"].values():
        assert low is None or high is None or f"{shown(low)} to {shown(high)}" in page.words
    assert HOSTILE in page.words
    assert "could not" not in page.words
    titles = ("Numbers", "Training", "Answers", "Recipe", "Data", "Use it again")
    assert all(title in page.words for title in titles)
    assert "genesis-hub predict" in page.words
    # Two of the worst and of the best, and activation maps of three.
    assert sum(image["src"].startswith("data:image/webp") for image in page.images) == 7
    # A stem and two stages; of 32 pixels the rest is too coarse to say where something is.
    assert "activation maps of 3 stages" in " ".join(str(one["alt"]) for one in page.images)


def test_the_page_tells_how_the_run_is_repeated(classified: Path) -> None:
    words = page_of(classified / "report.html").words
    assert "genesis_hub.finetune('adam-resnet50'" in words
    assert "table.csv" in words
    assert "'scratch': True" in words
    assert "the class is more frequent than the model said, below it rarer" in words
    assert "'optimizer'" not in words  # As by default, so it need not be given.


def test_the_audit_of_the_data_is_on_the_page(
    classified: Path, films, tmp_path, monkeypatch
) -> None:
    words = page_of(classified / "report.html").words
    assert "All 12 cases in the splits of this run: 0 problems, 0 notes." in words
    run = copied(classified, tmp_path)
    (run / "model").symlink_to(classified / "model")
    before = (films / "9.png").read_bytes()
    (films / "9.png").write_bytes((films / "1.png").read_bytes())
    try:
        words = page_of(genesis_hub.report(run)).words
        assert "1 problem" in words
        assert "the same bytes as film 9, in train and test" in words
        monkeypatch.setattr("genesis_hub.reporting.leaks.SECONDS", 0)
        words = page_of(genesis_hub.report(run)).words
    finally:
        (films / "9.png").write_bytes(before)
    assert "Left out: to read all 12 cases would take about" in words
    assert "genesis-hub audit" in words


def test_images_that_have_gone_leave_the_rest_of_the_page(classified, films, tmp_path) -> None:
    away = tmp_path / "gone"
    films.rename(away)
    try:
        assert "no pictures of cases" in page_of(genesis_hub.report(classified)).words
        again = genesis_hub.report(classified, data=away / "table.csv")
        assert "no pictures of cases" not in page_of(again).words
    finally:
        away.rename(films)


def test_intervals_stand_below_their_numbers(classified: Path, tmp_path: Path) -> None:
    run = copied(classified, tmp_path)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["intervals"] = {"auc": [0.125, 0.875], "accuracy": [None, None]}
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "run.json").write_text((run / "run.json").read_text().replace("table.csv", "gone.csv"))
    words = page_of(genesis_hub.report(run)).words
    assert "0.125 to 0.875" in words
    assert "no pictures of cases" in words


@pytest.mark.parametrize(
    ("labels", "shares"),
    [
        (["a"], [[0.4, 0.6]]),
        (["a", "a", "a"], [[0.4, 0.6]] * 3),
        (["[1, 0]", "[0, -1]", "[1, 1]"], [[0.4, 0.6], [0.1, 0.9], [0.7, 0.2]]),
    ],
    ids=["one case", "one class", "labels that come together"],
)
def test_any_answers_can_be_shown(labels, shares, classified: Path, tmp_path: Path) -> None:
    run = copied(classified, tmp_path)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "classes": ["a", "b"], "given": "gone"}))
    pairs = enumerate(zip(labels, shares, strict=True))
    rows = [[f"case {k}", f"p{k}", label, *row] for k, (label, row) in pairs]
    with (run / "predictions.csv").open("w", newline="") as file:
        kind = "labels" if labels[0].startswith("[") else "label"
        csv.writer(file).writerows([["case", "patient", kind, "a", "b"], *rows])
    (run / "log.csv").write_text("step,kind,name,value\n1,train,total,0.5\n")
    assert "could not" not in page_of(genesis_hub.report(run)).words


def copied(run: Path, place: Path) -> Path:
    """Copy what a report is read from."""
    (place / "run").mkdir()
    for name in ("run.json", "metrics.json", "predictions.csv", "log.csv", "split.json"):
        (place / "run" / name).write_bytes((run / name).read_bytes())
    return place / "run"


def test_a_segmentation_shows_truth_and_prediction(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for seed in range(4):
        phantom = chest_ct(seed, size=(24, 24, 24))
        lungs = phantom.masks["lungs"].astype(np.uint8)
        for name, values in (("images", phantom.image[0]), ("labels", lungs)):
            image = nibabel.Nifti1Image(values, phantom.affine)
            nibabel.save(image, tmp_path / "data" / name / f"{seed}.nii.gz")
    recipe = {**RECIPE, "size": [16, 16, 16]}
    run = genesis_hub.finetune(
        "models-genesis", tmp_path / "data", tmp_path / "run", recipe=recipe, quiet=True
    )
    page = page_of(run.folder / "report.html")
    assert "could not" not in page.words
    assert "Grad-CAM" in page.words
    assert "few: another draw" in page.words
    assert "HD95 (mm)" in page.words
    assert "Missed: cases that have the class" in page.words
    assert main(["report", str(run.folder)]) == 0


def test_a_page_that_fails_never_loses_the_run(classified, films, monkeypatch, capsys) -> None:
    def fail(*given, **more):
        raise RuntimeError("no ink")

    page = classified / "report.html"
    page.unlink()
    words = ("adam-resnet50", films / "table.csv", classified)
    with monkeypatch.context() as patch:
        patch.setattr("genesis_hub.tuning.report.write_report", fail)
        run = genesis_hub.finetune(*words, recipe=FLAT)
    assert run.metrics["auc"] is not None
    assert "no ink" in capsys.readouterr().err
    genesis_hub.finetune(*words, recipe={**FLAT, "report": False})
    assert not page.exists()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    genesis_hub.finetune(*words, recipe=FLAT)
    assert "genesis-hub[show]" in capsys.readouterr().err
    with pytest.raises(BadInput, match=r"genesis-hub\[show\]"):
        genesis_hub.report(classified)


@pytest.mark.parametrize("missing", ["run.json", "metrics.json", "predictions.csv"])
def test_a_folder_that_is_no_finished_run_is_refused(classified, tmp_path, missing) -> None:
    run = copied(classified, tmp_path)
    (run / missing).unlink()
    with pytest.raises(BadInput, match="no finished run"):
        read_run(run)


def test_markup_escapes_what_is_not_markup() -> None:
    made = element("p", "<b>", Markup("<i>x</i>"), None, class_='"><script>', data_x="\x00")
    assert made == '<p class="&quot;&gt;&lt;script&gt;" data-x="\ufffd">&lt;b&gt;<i>x</i></p>'
