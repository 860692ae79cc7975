"""Cards say what a results file says, and no number else."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import genesis_hub
from genesis_hub.errors import BadInput
from genesis_hub.weights.folder import read_folder
from genesis_hub.weights.store import BUNDLED
from genesis_hub.worth import HEADER, worth
from training import release as verb
from training.minis.roster import MINIS
from training.results import MEASURED, PROOF, measured, read_results, refresh, seed_of

NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e-?\d+)?")
LICENCES = re.compile(r"CC BY(?:-SA)? \d\.\d(?: and \d\.\d)?|Apache-2\.0")


def apart(low: float, **more: Any) -> dict[str, Any]:
    ends = {"corrected_low": low, "corrected_high": low + 0.04}
    return {"difference": low + 0.02, **ends, **more}


def row(name: str, seed: int = 0, **more: Any) -> dict[str, Any]:
    against = {"weights": f"scratch:{name}", **apart(0.061), "p": 0.1, "adjusted": 0.25}
    return {
        "set": "dots", "title": "DotMNIST", "mode": "probe", "measure": "auc", "labelled": 1042,
        "fraction": 0.01, "weights": name, "pretraining_seed": seed, "seeds": 10, "value": 0.875,
        "low": 0.851, "high": 0.899, "seen": "", "labels_seen": False,
        "against": {**against, "said": "a gain"},
    } | more  # fmt: skip


def results(path: Path, held: bool = True) -> Path:
    """Write made-up results of two names and two pre-training seeds."""
    claim = {
        "weights": "rpl-2d-mini", "set": "dots", "fraction": 0.01,
        "measure": "auc", "said": "Better than nothing.", "committed": "1999-01-02", "seeds": 10,
        "differences": [
            apart(0.011, pretraining_seed=0, adjusted=0.03),
            apart(0.017, pretraining_seed=1, adjusted=0.04),
        ],
        "held": held, "why": "" if held else "seed 1 fell",
    }  # fmt: skip
    rows = [row("rpl-2d-mini"), row("rpl-2d-mini", 1, value=0.777), row("adam-mini", value=0.666)]
    rows.append(
        row("rpl-2d-mini", title="Striped", seen="its stripes", labels_seen=True, against=None)
    )
    made = {"python": "3.99", "torch": "9.9", "machine": "a toaster", "on": "1999-01-03"}
    path.write_text(json.dumps({"made": made, "claims": [claim], "rows": rows}), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLED / "rpl-2d-mini", tmp_path / "mini"))


def test_a_card_is_written_anew_and_the_tensors_stay(folder: Path, tmp_path: Path) -> None:
    before = (folder / "model.safetensors").read_bytes()
    assert refresh(folder, results=results(tmp_path / "proof.json"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| DotMNIST | probe | 1,042 | auc | 0.875 (0.851 to 0.899) | +0.081 (+0.061" in card
    assert "*Better than nothing.* **It held.**" in card
    assert "seed 0: +0.031 (+0.011 to +0.051), p 0.03; pre-training seed 1: +0.037" in card
    assert "| Striped \\* |" in card
    assert "saw labels of this set" in card
    assert "Of Striped it had seen its stripes." in card
    assert "0.777" not in card
    assert "0.666" not in card
    assert (folder / "model.safetensors").read_bytes() == before
    read_folder(folder).check_sha256()
    assert genesis_hub.from_pretrained(folder, num_classes=2).load_report


def test_a_claim_that_failed_says_so_and_why(tmp_path: Path) -> None:
    found = measured(results(tmp_path / "proof.json", held=False), "rpl-2d-mini", 0)
    assert found is not None
    assert "**It failed.**" in worth(found)[1]
    assert "Why: seed 1 fell." in worth(found)[1]


def test_without_a_results_file_what_was_measured_stays(folder: Path, tmp_path: Path) -> None:
    refresh(folder, results=results(tmp_path / "proof.json"))
    assert refresh(folder, results=None, about="As told.")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert HEADER in card
    assert "| DotMNIST | probe |" in card
    assert "As told." in card


def test_what_is_saved_again_claims_nothing(folder: Path, tmp_path: Path) -> None:
    refresh(folder, results=results(tmp_path / "proof.json"))
    made = genesis_hub.from_pretrained(folder).save_pretrained(tmp_path / "again")
    assert HEADER not in (made / "README.md").read_text(encoding="utf-8")


def test_the_command_refreshes_and_names_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results(tmp_path / "proof.json")
    assert verb.main(["--refresh", str(folder), "--results", str(path)]) == 0
    assert "card written" in capsys.readouterr().out
    told = json.loads(path.read_text(encoding="utf-8"))
    del told["rows"][1]["value"]
    path.write_text(json.dumps(told), encoding="utf-8")
    assert verb.main(["--refresh", str(folder), "--results", str(path)]) == 2
    assert "row 1 lacks value" in capsys.readouterr().err
    assert verb.main(["--refresh", str(folder), "--half"]) == 2
    assert "--results and --about alone" in capsys.readouterr().err
    assert verb.main(["--out", str(tmp_path / "x")]) == 2
    assert "or --refresh FOLDER" in capsys.readouterr().err
    with pytest.raises(BadInput, match="cannot be read"):
        read_results(tmp_path / "nothing.json")


def section(card: str) -> str:
    """Return what a card says of the weights' worth."""
    return card.partition(f"{HEADER}\n")[2].partition("\n## ")[0]


def strangers(card: str, path: Path) -> set[str]:
    """Return the numbers of a card's measured section that a results file does not hold."""
    told = json.loads(path.read_text(encoding="utf-8"))
    own = {one for value in leaves(told) for one in said_of(value)}
    return set(NUMBER.findall(section(card))) - own - {"95"}


def leaves(told: Any) -> Iterator[Any]:
    """Give every value of a file."""
    for value in told.values() if isinstance(told, dict) else told:
        yield from leaves(value) if isinstance(value, dict | list) else (value,)


def said_of(value: Any) -> set[str]:
    """Return the numbers that a card may write for a value."""
    if isinstance(value, str):
        return {*NUMBER.findall(value), *NUMBER.findall(value[:12])}
    if value is None:
        return set()
    ways = ("{:.3f}", "{:.2g}", "{:.3g}", "{:,}")
    return {number for way in ways for number in NUMBER.findall(way.format(value))}


def test_a_number_that_is_not_in_the_file_is_a_stranger(folder: Path, tmp_path: Path) -> None:
    path = results(tmp_path / "proof.json")
    refresh(folder, results=path)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert strangers(card, path) == set()
    assert strangers(card.replace("0.875", "0.975"), path) == {"0.975"}


@pytest.mark.parametrize("name", MINIS)
def test_the_cards_that_ship_say_what_was_measured(name: str, tmp_path: Path) -> None:
    card = (BUNDLED / name / "README.md").read_text(encoding="utf-8")
    made = read_folder(BUNDLED / name).facts["provenance"]
    found = measured(PROOF, name, seed_of(made)) if PROOF.is_file() else None
    assert made.get(MEASURED) == found, "run `make cards`"
    again = Path(shutil.copytree(BUNDLED / name, tmp_path / name))
    refresh(again, results=PROOF if found else None)
    assert (again / "README.md").read_text(encoding="utf-8") == card, "run `make cards`"
    assert not found or strangers(card, PROOF) == set()


@pytest.mark.parametrize("name", MINIS)
def test_what_is_typed_on_a_card_holds_no_measured_number(name: str) -> None:
    about = (Path(verb.__file__).parent / "minis" / f"{name}.md").read_text(encoding="utf-8")
    made = read_folder(BUNDLED / name).facts["provenance"]
    assert made["about"] == about, "run `make cards`"
    typed = LICENCES.sub("", about)
    assert not re.search(r"\d\.\d|\d ?%|\b\d[\d,]* (?:steps|hours?|minutes?)\b", typed)
    assert not re.search(r"\b(?:minutes|hours?) of (?:one|a)\b", typed)
