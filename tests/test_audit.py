"""The verb `audit`: planted copies, parted patients and seen images are told, others are not."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.auditing import row, visible
from genesis_hub.cli import main
from genesis_hub.data import load_cases, read
from genesis_hub.data.alike import groups, nearest_of, nearest_pair
from genesis_hub.data.cases import CaseList, Problem
from genesis_hub.data.cases.facts import SPLITS, Case
from genesis_hub.data.cases.lookalikes import lookalikes
from genesis_hub.data.hashes import distance, near, signs
from genesis_hub.sampling import unfit_values
from genesis_hub.weights.seen import SEEN, noted

TWINS, TWO_SPLITS = "duplicate images", "lookalikes in two splits"
TWO_LABELS, ALIKE = "lookalikes with different labels", "lookalikes"
SEEN_KIND, BLIND = "seen by the weights", "not compared by looks"


def film(seed: int) -> PIL.Image.Image:
    """Return clouds of grey: no two look alike, as made-up chests of 64 pixels do."""
    clouds = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
    return PIL.Image.fromarray(clouds).resize((64, 64), PIL.Image.Resampling.BICUBIC)


def table(folder: Path, rows: list[dict[str, str]], name: str = "cases.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six films in two splits, two labels and six patients; nothing is wrong with them."""
    folder = tmp_path / "data"
    folder.mkdir()
    for seed in range(6):
        film(seed).save(folder / f"{seed}.png")
    listed(folder)
    return folder


def listed(folder: Path, **changed: dict[str, str]) -> None:
    """Write the table of the films; changed: cells of some rows, new rows among them."""
    rows: dict[str, dict[str, str]] = {
        str(seed): {"split": ("train", "test")[seed > 3], "label": "ab"[seed % 2]}
        for seed in range(6)
    }
    for name, cells in changed.items():
        rows[name.strip("_")] = {**rows.get(name.strip("_"), {}), **cells}
    table(
        folder,
        [{"image": f"{n}.png", "name": n, "patient": n, **cells} for n, cells in rows.items()],
    )


def kinds(done: genesis_hub.auditing.Audit) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for problem in done.problems:
        told.setdefault(problem.kind, []).append(problem.case)
    return told


def test_nothing_is_found_where_nothing_is_wrong(data: Path, capsys) -> None:
    assert genesis_hub.audit(data).problems == ()
    assert main(["audit", str(data)]) == 0
    said = capsys.readouterr().out
    assert "6 cases (4 train, 2 test)" in said
    assert "found: 0 problems" in said
    assert "mirrored" in said


def test_a_changed_copy_in_another_split_is_told_with_its_distance(data: Path, capsys) -> None:
    copy = film(1).resize((90, 90)).point(lambda v: int(0.8 * v + 30))
    copy.save(data / "copy.jpg", quality=70)
    copy.save(data / "copy.png")
    listed(data, copy={"split": "test", "label": "b"})
    done = genesis_hub.audit(data)
    (found,) = done.problems
    assert (found.kind, found.case, found.others) == (TWO_SPLITS, "1", ("copy",))
    assert 0 <= found.distance <= 0.16
    assert "in train and test" in found.what
    assert main(["audit", str(data)]) == done.status == 1
    assert f"1: looks like copy ({found.distance:.1%}" in capsys.readouterr().out


def test_copies_with_other_labels_are_a_problem_and_plain_ones_a_note(data: Path) -> None:
    film(0).resize((48, 48)).save(data / "half.png")
    listed(data, half={"split": "train", "label": "b"})
    assert kinds(genesis_hub.audit(data)) == {TWO_LABELS: ["0"]}
    listed(data, half={"split": "train", "label": "a"})
    done = genesis_hub.audit(data)
    assert kinds(done) == {ALIKE: ["0"]}
    assert done.status == 0
    listed(data, half={"split": "train", "label": "a", "patient": "0"})
    assert "of one patient" in genesis_hub.audit(data).notes[0].what


def test_a_negative_is_found_as_a_copy(data: Path) -> None:
    PIL.ImageOps.invert(film(1)).resize((80, 80)).save(data / "negative.png")
    listed(data, negative={"split": "test", "label": "b"})
    (found,) = genesis_hub.audit(data).problems
    assert (found.kind, found.case, found.others) == (TWO_SPLITS, "1", ("negative",))
    assert "(inverted, " in found.what
    assert found.distance < 0.05


def test_twins_of_one_patient_need_no_patient(data: Path) -> None:
    (data / "twin.png").write_bytes((data / "2.png").read_bytes())
    listed(data, twin={"split": "train", "label": "a", "patient": "2"})
    (note,) = genesis_hub.audit(data).notes
    assert note.what.endswith("of one patient")
    assert "give all one patient" not in note.remedy


def test_what_is_cut_short_says_where_it_stands_whole(data: Path, capsys) -> None:
    for seed in range(6):
        (data / f"{seed}.png").unlink()
    assert main(["audit", str(data)]) == 1
    assert "and 1 more, which --out NAME.csv has" in capsys.readouterr().out


def test_exact_twins_are_told_once(data: Path) -> None:
    (data / "twin.png").write_bytes((data / "2.png").read_bytes())
    listed(data, twin={"split": "test", "label": "a"})
    assert kinds(genesis_hub.audit(data)) == {TWINS: ["2"]}
    film(2).resize((50, 50)).save(data / "small.png")
    listed(
        data, twin={"split": "train", "label": "a"}, small={"split": "test", "label": "a"}
    )  # fmt: skip
    assert kinds(genesis_hub.audit(data)) == {TWO_SPLITS: ["2"], TWINS: ["2"]}


def test_one_file_in_two_rows_is_told_once(data: Path) -> None:
    listed(data, again={"split": "test", "label": "a"})
    text = (data / "cases.csv").read_text().replace("again.png", "0.png")
    (data / "cases.csv").write_text(text)
    assert kinds(genesis_hub.audit(data)) == {"the same file twice": ["0"]}


def test_a_patient_in_two_splits_is_a_problem(data: Path) -> None:
    listed(data, _0={"patient": "jane"}, _5={"patient": "jane"})
    done = genesis_hub.audit(data)
    assert kinds(done) == {"patients in two splits": ["jane"]}
    assert done.status == 1
    assert genesis_hub.audit(data / "cases.csv", patient="").problems == ()


def test_what_a_hash_cannot_tell_is_said_and_not_compared(data: Path) -> None:
    for name, size in (("flat", 40), ("black", 50)):
        PIL.Image.new("L", (size, size)).save(data / f"{name}.png")
    for name, at in (("shape", 20), ("other", 21)):
        pixels = np.zeros((60, 60), np.uint8)
        pixels[at : at + 20, 10:40] = 255
        PIL.Image.fromarray(pixels).save(data / f"{name}.png")
    new = ("flat", "black", "shape", "other")
    listed(data, **{n: {"split": SPLITS[2 * (i % 2)], "label": "a"} for i, n in enumerate(new)})
    done = genesis_hub.audit(data)
    assert done.status == 0
    (note,) = [problem for problem in done.notes if problem.kind == BLIND]
    assert set(note.others) == set(new)


def test_unreadable_files_are_told_with_all_else(data: Path) -> None:
    (data / "3.png").write_bytes((data / "3.png").read_bytes()[:200])
    (data / "4.png").unlink()
    film(0).resize((48, 48)).save(data / "5.png")
    told = kinds(genesis_hub.audit(data))
    assert told["unreadable files"] == ["3"]
    assert told["missing files"] == ["4"]
    assert told[TWO_SPLITS] == ["0"]


def test_values_that_are_no_numbers_are_a_problem_in_the_words_of_the_refusal(
    data: Path, capsys
) -> None:
    odd = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    odd[3, 4] = np.nan
    np.save(data / "odd.npy", odd)
    rows = (data / "cases.csv").read_text().splitlines()
    (data / "cases.csv").write_text("\n".join([*rows, "odd.npy,odd,odd,train,a"]))
    (found,) = genesis_hub.audit(data).grave
    refused = unfit_values(read(data / "odd.npy").array)
    assert f"{found.what}; {found.remedy}" == f"odd.npy: {refused}"
    with pytest.raises(BadInput, match="1 values are NaN or infinite"):
        load_cases(data)


def test_words_for_nothing_are_no_class_and_classes_are_counted(data: Path, capsys) -> None:
    listed(data, _0={"label": "nan"}, _1={"label": "N/A", "patient": "nan"}, _2={"label": "none"})
    assert main(["audit", str(data)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "cases of each class: a 1, b 2, none 1, without a label 2" in said
    assert "label 'N/A', 'nan' is taken for none, 2 cases; if it is a class" in said
    cases = load_cases(data, check=False)
    assert cases.classes == ("a", "b", "none")
    assert {case.name: case.patient for case in cases}["1"] == "1"
    named = load_cases(data / "cases.csv", classes=["a", "b", "none", "nan", "N/A"], check=False)
    assert named.counts()["nan"] == 1
    with pytest.raises(BadInput, match="it has no label"):
        load_cases(data)


def test_hostile_names_are_harmless_in_a_spreadsheet_and_a_terminal(data: Path) -> None:
    film(1).resize((48, 48)).save(data / "=1+1.png")
    listed(data, **{"=1+1": {"split": "test", "label": "b"}})
    done = genesis_hub.audit(data, out=data / "found" / "it.csv")
    with (data / "found" / "it.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(done.problems) == 1
    assert rows[0]["others"] == "'=1+1"
    assert rows[0]["gravity"] == "problem"
    for begin in "=+-@\t\r\n":
        cells = row(Problem(f"{begin}SUM(1)", f"{begin}2", "-", others=(f"{begin}x;=y",)))
        assert not any(cell.startswith(begin) for cell in cells)
    assert visible("a\x1b[2Jb\udc80\n") == "a\\x1b[2Jb\\udc80\\n"


def test_findings_are_written_for_programs(data: Path, tmp_path: Path, capsys) -> None:
    listed(data, _0={"patient": "jane"}, _5={"patient": "jane"})
    assert main(["audit", str(data), "--json", "--out", str(tmp_path / "a.json")]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "a.json").read_text())
    assert [one["case"] for one in printed["findings"]] == ["jane"]
    assert main(["audit", str(data), "--out", str(tmp_path / "a.json")]) == 1, "ours is replaced"


def test_what_cannot_run_says_why_and_touches_nothing(data: Path, capsys) -> None:
    before = (data / "cases.csv").read_bytes()
    for words, why in (
        (["--out", str(data / "cases.csv")], "something else than findings"),
        (["--out", "a.txt"], ".csv or .json"),
        (["--against", "no-such-name"], "no-such-name"),
        (["--against", str(data)], "holds no model"),
        (["--labels", "age"], "age"),
        (["--workers", "0"], "workers=0"),
    ):
        table_there = [str(data / "cases.csv")] if "--labels" in words else [str(data)]
        assert main(["audit", *table_there, *words]) == 2
        assert why in capsys.readouterr().err
    assert main(["audit", str(data / "nowhere")]) == 2
    assert (data / "cases.csv").read_bytes() == before


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny fine-tuning run on twelve films, and where they lie."""
    root = tmp_path_factory.mktemp("run")
    for seed in range(12):
        label = ("normal", "effusion")[seed % 2]
        (root / "films" / label).mkdir(parents=True, exist_ok=True)
        film(seed).save(root / "films" / label / f"{seed}.png")
    recipe = {"scratch": True, "width": 0.125, "steps": 1, "batch_size": 2, "recalibrate": 1}
    recipe |= {"size": [32, 32], "no_check": True}
    return genesis_hub.finetune(
        "adam-resnet50", root / "films", root / "run", recipe=recipe, device="cpu", quiet=True
    )


def test_training_images_of_weights_are_found_and_no_others(run, tmp_path: Path, capsys) -> None:
    splits = json.loads((run.folder / "split.json").read_text())["splits"]
    films = run.folder.parent / "films"
    file = {path.stem: str(path) for path in films.rglob("*.png")}
    done = genesis_hub.audit(films, against=run.model)
    assert sorted(kinds(done)[SEEN_KIND]) == sorted(splits["train"])
    assert done.status == 1
    split_of = {name: split for split, names in splits.items() for name in names}
    rows = [{"image": file[n], "name": n, "split": s} for n, s in split_of.items()]
    done = genesis_hub.audit(table(tmp_path / "split", rows), against=run.folder)
    assert done.answered
    assert done.status == 0, "to learn again from what was learnt from is no leak"
    assert sorted(kinds(done)[f"{SEEN_KIND}, and in train"]) == sorted(splits["train"])
    assert "no leak" in done.notes[0].remedy
    leaked = [{**row, "split": "test"} if row["split"] == "train" else row for row in rows]
    done = genesis_hub.audit(table(tmp_path / "leaked", leaked), against=run.folder)
    assert sorted(kinds(done)[f"{SEEN_KIND}, and in test"]) == sorted(splits["train"])
    assert "do not measure" in done.grave[0].remedy
    copy = tmp_path / "new"
    copy.mkdir()
    film(20).save(copy / "new.png")
    film(int(splits["train"][0])).resize((80, 80)).save(copy / "copy.jpg")
    assert main(["audit", str(copy), "--against", str(run.model)]) == 1
    said = capsys.readouterr().out
    assert "\n  copy: " in said
    assert "\n  new: " not in said
    assert "2 of 2 images were compared with" in said


def test_a_run_is_audited_in_its_own_splits(run, capsys, tmp_path: Path) -> None:
    splits = json.loads((run.folder / "split.json").read_text())["splits"]
    for given in (run.folder, run.folder / "split.json"):
        done = genesis_hub.audit(given)
        assert done.splits == {name: len(some) for name, some in splits.items() if some}
        assert done.classes == {"effusion": 6, "normal": 6}
        assert "in the splits of" in done.read_as[0]
    facts = json.loads((run.folder / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**facts, "given": "/gone"}))
    (tmp_path / "split.json").write_text("{}")
    assert main(["audit", str(tmp_path)]) == 2
    assert "was learnt from /gone, which is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", [None, noted("", "other-1", ["ab"]), noted("", "dct-1", ["0" * 128])]
)
def test_weights_that_cannot_tell_never_say_none_found(
    text: str | None, data: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "silent").mkdir()
    (tmp_path / "silent" / "config.json").write_text("{}")
    if text is not None:
        (tmp_path / "silent" / SEEN).write_text(text)
    assert main(["audit", str(data), "--against", str(tmp_path / "silent")]) == 2
    assert "nothing can be said" in capsys.readouterr().out


def test_names_that_are_not_here_say_so(data: Path) -> None:
    for name, why in (("adam-resnet50", "authors publish no hashes"), ("cpc-2d", "offline")):
        done = genesis_hub.audit(data, against=name)
        assert not done.answered
        assert done.status == 2
        assert why in done.against
    damaged = data / "model"
    damaged.mkdir()
    (damaged / "config.json").write_text("{}")
    (damaged / SEEN).write_text('{"format_version": 1, "hashes": {"dct-1": [3]}}')
    with pytest.raises(BadInput, match="no list of hashes"):
        genesis_hub.audit(data, against=damaged)


def test_groups_and_nearest_are_those_of_all_pairs() -> None:
    draw = np.random.default_rng(0)
    bits = draw.integers(0, 2, (60, 256), dtype=np.uint8)
    for at in range(20, 60):
        bits[at] = bits[at % 20] ^ (draw.random(256) < draw.uniform(0, 0.2))
    hashes = [np.packbits(one).tobytes().hex() for one in bits] + ["0f" * 64, "1f" + "0f" * 63]
    pairs = near(hashes)
    whose = list(range(len(hashes)))
    for _ in hashes:
        for one, other, _share in pairs:
            whose[one] = whose[other] = min(whose[one], whose[other])
    want = [[i for i, w in enumerate(whose) if w == group] for group in sorted(set(whose))]
    assert groups(hashes) == [group for group in want if len(group) > 1]
    some = nearest_pair(signs(hashes[:60]), lambda rows: ~np.eye(60, dtype=bool)[rows])
    assert some.share == min(pair.share for pair in pairs if pair.other < 60)
    assert some.many == sum(pair.other < 60 for pair in pairs)
    for one, far in zip(hashes, nearest_of(hashes, hashes[:5]), strict=True):
        least = min(distance(one, other) for other in hashes[:5])
        assert far == (pytest.approx(least, abs=1e-4) if least <= 0.16 else None)


def test_thousands_of_lookalikes_are_one_finding() -> None:
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, 256, dtype=np.uint8)
    looks = [(np.packbits(first ^ (draw.random(256) < 0.03)).tobytes().hex(),) for _ in range(2000)]
    cases = tuple(
        Case(f"c{i}", (Path(f"/x/{i}"),), label=0, split=SPLITS[i % 2]) for i in range(2000)
    )
    told = list(lookalikes(CaseList(cases, "classification", ("a",), False, Path("/x")), looks, []))
    assert [problem.kind for problem in told] == [TWO_SPLITS]
    assert len(told[0].others) == 50
    assert "2000 are joined by their looks: 1000 in train, 1000 in val" in told[0].what


def test_auditing_needs_no_torch() -> None:
    code = "import genesis_hub, sys; genesis_hub.audit; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
