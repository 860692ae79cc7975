"""The proof's judge, its corrected intervals, and the sets made of their sources."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import proof, sources
from benchmarks.sets import SETS
from genesis_hub.worth import verdict

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def row(seed: int, p: float, difference: float = 0.1) -> dict[str, Any]:
    return {
        "set": "pneumonia", "weights": "adam-mini", "fraction": 0.01, "labelled": 42, "seeds": 10,
        "pretraining_seed": seed, "measure": "auc", "value": 0.9, "numbers": {},
        "against": {"difference": difference, "low": difference - 0.05,
                    "high": difference + 0.05, "p": p},
    }  # fmt: skip


CLAIM = {
    "weights": "adam-mini",
    "attempt": 1,
    "set": "pneumonia",
    "fraction": 0.01,
    "measure": "auc",
}


def test_p_and_intervals_are_corrected_over_all_rows() -> None:
    found = proof.corrected([row(0, 0.001), row(1, 0.04), row(0, 0.5)])
    assert [one["against"]["adjusted"] for one in found] == pytest.approx([0.003, 0.08, 0.5])
    widths = [one["against"]["corrected_high"] - one["against"]["corrected_low"] for one in found]
    assert widths[0] > widths[1] > widths[2] == pytest.approx(0.1)
    said = [one["against"]["said"] for one in found]
    assert said == ["significant gain", "no significant gain", "no significant gain"]


@pytest.mark.parametrize(
    ("rows", "held", "why"),
    [
        ([(0, 0.001, 0.1), (1, 0.001, 0.1)], True, ""),
        ([(0, 0.001, 0.1)], None, "1 pre-training seed"),
        ([(0, 0.001, 0.1), (1, 0.2, 0.1)], False, "Holm"),
        ([(0, 0.001, 0.1), (1, 0.001, -0.1)], False, "Holm"),
    ],
)
def test_a_claim_holds_if_both_seeds_gain(rows, held, why) -> None:
    judged = proof.judged(CLAIM, proof.corrected([row(*one) for one in rows]))
    assert judged["held"] is held
    assert why in judged["why"]


def test_every_claim_is_of_a_set_that_is_tried_and_whose_labels_were_not_seen() -> None:
    for one in json.loads((BENCHMARKS / "claims.json").read_text(encoding="utf-8")):
        asked = SETS[one["set"]]
        assert one["weights"] in asked.weights
        assert one["weights"] not in asked.labels_seen
        assert f"{one['fraction']:g}" in asked.asked.words.replace(",", " ").split()


def test_tumours_are_written_by_patient(tmp_path: Path) -> None:
    masks = np.zeros((130, 48, 48), np.uint8)
    masks[7, 3:5] = 1
    np.savez(tmp_path / "val_patches.npz", images=np.full((130, 48, 48), 0.5), labels=masks)
    made = sources.lung_tumours(tmp_path, tmp_path / "out") / "lung-tumour"
    with (made / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    homes = {(one["patient"], one["split"]) for one in rows}
    assert len(homes) == len({patient for patient, _ in homes}) == 13
    assert (np.asarray(Image.open(made / rows[7]["mask"])) == masks[7]).all()


def test_pictures_keep_their_shape_in_a_square(tmp_path: Path) -> None:
    Image.new("RGB", (400, 200), "white").save(tmp_path / "wide.png")
    sources.small(tmp_path / "wide.png", tmp_path / "out" / "wide.jpg")
    made = np.asarray(Image.open(tmp_path / "out" / "wide.jpg"))
    assert made.shape == (256, 256)
    assert (made[:60] < 8).all()
    assert (made[70:186] > 247).all()


@pytest.mark.parametrize("name", ["xray-classes", "haemorrhage", "hippocampus"])
def test_a_source_that_lacks_files_is_named_before_anything_is_written(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(SystemExit, match=f"no source of {name}: .* files are not there, such as"):
        sources.MAKERS[name](tmp_path / "source", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_intervals_of_shares_end_at_one() -> None:
    wide = row(0, 0.9)
    wide["against"] |= {"low": -0.85, "high": 0.9}
    (found, *_) = proof.corrected([wide, row(1, 0.001), row(0, 0.002)])
    assert found["against"]["corrected_high"] <= 1
    found, *_ = proof.corrected([row(0, 0.0001) | {"against": {**wide["against"], "p": 0.0001}},
                                 *(row(1, 0.5) for _ in range(40))])  # fmt: skip
    assert found["against"]["corrected_high"] == 1
    assert found["against"]["corrected_low"] == -1


def test_a_mean_that_is_ahead_of_not_every_draw_is_said_to_be_that() -> None:
    ahead = row(0, 1.0)
    (found,) = proof.corrected([ahead])
    assert verdict(found["against"]) == "no significant gain: not over each"
    behind = {**found["against"], "corrected_low": -0.1}
    assert verdict(behind) == "no significant gain"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--second", "nowhere"], "--second nowhere is no folder; make NAME-1"),
        (["--weights", "nonsense"], "invalid choice: 'nonsense'"),
        (["--write", "--only", "contrast"], "--write writes all"),
    ],
)
def test_a_call_of_the_proof_that_cannot_be_is_refused_at_once(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["proof", "runs", *words])
    with pytest.raises(SystemExit):
        proof.main()
    assert said in capsys.readouterr().err
