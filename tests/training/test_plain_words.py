"""What a user gives by mistake: said in one line, in the words of the verb, nothing left behind."""

import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_hub.cli.training import value_of
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.loop import said as spoken
from genesis_hub.errors import BadInput
from genesis_hub.show.restoration import window
from tests.training.scans import TINY, chests
from tests.training.test_packing import SMALL
from training.command import keyed
from training.corpus.bat import bat_path
from training.corpus.listing import Opener, Scan
from training.corpus.packing import inputs_of
from training.corpus.volumes import Volumes
from training.discover import main as discover
from training.discovery.learning import Trained
from training.discovery.scans import scans_of
from training.discovery.steps import told as how
from training.discovery.wishes import Wishes
from training.leaving import Shown
from training.lists import lists
from training.methods.roster import recipe_of
from training.pack import pack
from training.pictures.listing import listed as pictures
from training.pretrain import found, main, pretrain
from training.release import main as release

Told = pytest.CaptureFixture[str]
WORDS = [f"{key}={str(value).lower()}" for key, value in TINY.items()]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chests(tmp_path_factory.mktemp("scans"))


def refused(call: Any, words: list[str], told: Told) -> str:
    """Return what a verb says of a call that it refuses, in one line."""
    assert call([str(word) for word in words]) == 2
    said = told.readouterr().err
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("python", "keys"),
    [
        ("pass range=(24, 2024), or modality='mri'", "pass range=24,2024, or modality=mri"),
        ("; check=False (--no-check) goes on all the same", "; no_check=true goes on all the same"),
        ("is_normalized=True (--is_normalized)", "is_normalized=true"),
        ("pass range= for yours", "pass range=LO,HI for yours"),
    ],
)
def test_errors_speak_in_keys(python: str, keys: str) -> None:
    assert keyed(python) == keys


@pytest.mark.parametrize(
    ("text", "value"),
    [(".125", 0.125), ("-.5", -0.5), ("1.", 1.0), ("1e-3", 0.001), ("v.1", "v.1")],
)
def test_numbers_may_begin_with_their_point(text: str, value: Any) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--width", "0.5"], "--width is no flag; a key is given without --, as width=0.5"),
        (["--set", "width=0.5"], "--set is no flag; a key is given without --, as width=0.5"),
        (["width=0"], "width=0.0 is out of its range; give a number above 0 and below 8"),
        (["validation=1"], "give a number from 0 and below 0.9"),
        (["range=5"], "LO,HI (such as -1000,1000) or image is expected"),
    ],
)
def test_a_wrong_key_is_answered_with_what_is_right(
    words: list[str], said: str, scans: Path, tmp_path: Path, capsys: Told
) -> None:
    call = ["models-genesis", "--data", scans, "--out", tmp_path / "run", *words]
    assert said in refused(main, call, capsys)
    assert not (tmp_path / "run").exists()


def test_a_file_for_a_folder_is_refused(scans: Path, tmp_path: Path, capsys: Told) -> None:
    file = tmp_path / "file"
    file.write_text("")
    call = ["models-genesis", "--data", scans, "--out", file, "--device", "cpu", *WORDS]
    assert f"{file} is a file; give a new folder" in refused(main, call, capsys)
    assert f"{file} is a file" in refused(discover, ["show", tmp_path, "--out", file], capsys)
    assert "--classes 0; give" in refused(discover, ["show", tmp_path, "--classes", "0"], capsys)
    with pytest.raises(BadInput, match=r"file is a file; give the folder"):
        lists(file, tmp_path / "lists")


def test_release_says_what_it_was_given(tmp_path: Path, capsys: Told) -> None:
    call = ["--out", tmp_path / "out"]
    assert "there is no such folder" in refused(release, [tmp_path / "nope", *call], capsys)
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "run.json").write_text("{}")
    said = refused(release, [tmp_path / "run" / "model", *call], capsys)
    assert f"give the run's own folder, {tmp_path / 'run'}" in said


def test_a_refused_run_leaves_nothing_behind(scans: Path, tmp_path: Path, capsys: Told) -> None:
    call = ["models-genesis", "--data", scans, "--out", tmp_path / "run", "--device", "cpu"]
    words = [word for word in WORDS if not word.startswith("input_rows=")]
    said = refused(main, [*call, *words, "input_rows=64"], capsys)
    assert "input_rows=32 would do" in said
    assert not (tmp_path / "run").exists()


def test_other_scans_on_resume_are_named(scans: Path, tmp_path: Path, capsys: Told) -> None:
    mine = shutil.copytree(scans, tmp_path / "scans")
    pretrain("models-genesis", mine, tmp_path / "run", device="cpu", quiet=True, wishes=TINY)
    shutil.move(mine / "chest0.npz", mine / "another.npz")
    call = ["models-genesis", "--data", mine, "--out", tmp_path / "run", "--device", "cpu"]
    said = refused(main, [*call, *WORDS], capsys)
    assert "data: gone: chest0; new: another" in said
    assert said.rstrip().endswith("or another folder to --out")
    shutil.copy(mine / "another.npz", mine / "more.npz")
    assert "4 train, 2 val then, 5 train, 2 val now" in refused(main, [*call, *WORDS], capsys)
    run = tmp_path / "run"
    with pytest.raises(BadInput, match=rf"{run} is the folder of a run.*weights={run}"):
        found(run, recipe_of("models-genesis", {}))


def test_a_run_without_validation_says_so_even_quietly(
    scans: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call = ["models-genesis", "--data", str(scans), "--out", str(tmp_path / "run"), "--quiet"]
    words = [word for word in WORDS if not word.startswith("validation=")]
    assert main([*call, "--device", "cpu", "validation=0", *words]) == 0
    assert "nothing was kept for validation" in capfd.readouterr().out


def test_a_precision_is_set_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    launched(torch.device("cpu"), 1, "bf16", seed=0, deterministic=False)
    said = capfd.readouterr()
    assert "Automatic Mixed Precision" not in said.err + said.out


def test_a_ct_that_is_read_as_mri_is_refused(scans: Path) -> None:
    file = scans / "chest0.npz"
    given = Scan("chest0", "chest0", (file,), "mri", None, Opener(file))
    with pytest.raises(BadInput, match=r"near -1000, where a CT has air.*modality='ct'"):
        Volumes([given], lambda modality: inputs_of(modality))


def test_a_picture_that_a_kill_left_half_drawn_is_swept(tmp_path: Path) -> None:
    left = tmp_path / "pictures" / ".step-0000002.png.0123456789ab.part.png"
    left.parent.mkdir()
    left.write_bytes(b"")
    Shown(tmp_path, recipe_of("models-genesis", {}))
    assert not left.exists()


def test_discover_wants_the_scans_and_not_their_pack(scans: Path, tmp_path: Path) -> None:
    pack(scans, tmp_path / "packed", layout=SMALL, modality="ct", quiet=True)
    with pytest.raises(BadInput, match=r"packed is what training\.pack wrote.*scans themselves"):
        scans_of(tmp_path / "packed", Wishes())


def test_two_kinds_of_cubes_are_told_with_what_works(tmp_path: Path) -> None:
    for scale, side in ((4, 16), (8, 16), (4, 24)):
        np.save(bat_path(tmp_path, scale, (side, side, 16), 0), np.zeros((1, side, side, 16), "f2"))
    sixteen = {"input_rows": 16, "input_cols": 16, "input_deps": 16}
    with pytest.raises(BadInput, match="move the others to a folder of their own"):
        found(tmp_path, recipe_of("models-genesis", sixteen))
    with pytest.raises(BadInput, match=r"no cubes of 64x64x32.*input_rows=24 input_cols=24"):
        found(tmp_path, recipe_of("models-genesis", {}))


def test_lists_that_were_drawn_otherwise_stay(tmp_path: Path) -> None:
    names = [f"{patient:08}_000.png" for patient in range(1, 21)]
    (tmp_path / "train_val_list.txt").write_text("\n".join(names))
    lists(tmp_path, tmp_path / "out", seed=0)
    lists(tmp_path, tmp_path / "out", seed=0)
    with pytest.raises(BadInput, match=r"seed 0 then, 1 now.*another OUT"):
        lists(tmp_path, tmp_path / "out", seed=1)


def test_the_package_itself_lists_its_verbs(capsys: Told) -> None:
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("training", run_name="__main__")
    said = capsys.readouterr().out
    verbs = {line.split()[0] for line in said.splitlines()[1:]}
    assert verbs == {
        "pretrain", "convert", "cubes", "pack", "discover", "lists", "release", "mini",
    }  # fmt: skip


def test_a_table_that_names_patients_is_taken_at_its_word(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", np.zeros((8, 8), np.uint8))
    for column, said in (("patient", False), ("remark", True)):
        (tmp_path / "cases.csv").write_text(f"image,{column}\na.npy,a\nb.npy,b\nc.npy,c\n")
        notes = pictures(tmp_path / "cases.csv", seed=0, validation=0.4).notes
        assert any("patient of its own" in note for note in notes) == said


def test_one_number_under_several_names_is_told_once() -> None:
    assert spoken({"loss": 0.5, "objective": 0.5, "restoration": 0.5, "rank": 2}) == (
        "loss 0.5  rank 2"
    )


def test_found_again_is_told_with_its_number(tmp_path: Path) -> None:
    measures = {"mse": 0.1, "mean_would_cost": 0.2, "found_again": 0.5, "looked_at": 2.0}
    assert "; 1 of 2 scans are found again" in how(Trained(tmp_path, 4, measures, before=False))


def test_a_row_is_drawn_in_the_greys_of_its_original() -> None:
    dim = np.linspace(0, 0.1, 512).reshape(8, 8, 8)
    low, high = window(dim)
    assert 0 <= low < 0.01
    assert 0.09 < high <= 0.1
    assert window(np.zeros((8, 8, 8))) == (0, 1)
