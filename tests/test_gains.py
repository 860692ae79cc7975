"""The picture and the table of what the weights gain hold what the results file holds."""

import json
import re
from pathlib import Path

from benchmarks.gains import GAIN, NEITHER, chosen, gained, picture, table
from tests.training.test_results import results
from training.results import PROOF, read_results

DOCS = Path(__file__).parent.parent / "docs"


def test_the_claimed_row_is_drawn_and_no_set_whose_labels_were_seen(tmp_path: Path) -> None:
    told = read_results(results(tmp_path / "proof.json"))
    (adam, rpl) = chosen(told)
    assert (adam["weights"], adam["claimed"]) == ("adam-mini", False)
    assert (rpl["title"], rpl["claimed"]) == ("DotMNIST", True)
    assert chosen({**told, "rows": [{**adam, "labels_seen": True}]}) == []


def test_a_gain_is_drawn_as_one_only_where_its_interval_is_above_zero(tmp_path: Path) -> None:
    rows = chosen(read_results(results(tmp_path / "proof.json")))
    told = picture(rows)
    assert told.count("<circle") == 2
    assert "+0.081 auc" in told
    assert GAIN not in told
    assert told.count(NEITHER) >= 2
    rows[0]["against"]["said"] = "significant gain"
    assert GAIN in picture(rows)
    rows[0]["against"]["corrected_low"] = -0.01
    assert GAIN not in picture(rows)


def test_an_interval_beyond_the_axis_ends_in_an_arrow(tmp_path: Path) -> None:
    rows = chosen(read_results(results(tmp_path / "proof.json")))
    assert "<polygon" not in picture(rows)
    rows[0]["against"]["corrected_high"] = 0.9
    assert picture(rows).count("<polygon") == 1


def test_the_table_names_all_that_ship_and_what_became_of_claims(tmp_path: Path) -> None:
    told = json.loads(results(tmp_path / "proof.json", held=False).read_text(encoding="utf-8"))
    text = table(told)
    assert "dots: +0.031, +0.037 auc, not shown |" in text
    assert re.search(r"`adam-mini` \| 2D \| .*none claimed \|", text)


def test_the_picture_of_the_site_is_current() -> None:
    drawn = DOCS / "gains.svg"
    assert drawn.is_file() == PROOF.is_file(), "run `python -m benchmarks.gains`"
    if PROOF.is_file():
        told = picture(chosen(read_results(PROOF)))
        assert drawn.read_text(encoding="utf-8") == told, "run `python -m benchmarks.gains`"


def test_the_readme_says_what_became_of_every_claim() -> None:
    lines = (DOCS.parent / "README.md").read_text(encoding="utf-8").splitlines()
    for claim in read_results(PROOF)["claims"]:
        (row,) = (one for one in lines if one.startswith(f"| `{claim['weights']}` |"))
        assert row.endswith(f"| {gained(claim)} |")
