"""Self-discovery: from scans to classes of anatomical patterns, resumable at every step."""

import csv
import json
import multiprocessing
import os
import pkgutil
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_hub import create_model
from genesis_hub.errors import BadInput
from tests.training.discovered import seeds
from tests.training.made import chest, nifti
from training.corpus.kept import Kept
from training.corpus.patterns import PatternItems
from training.corpus.tissue import FILLED
from training.discover import main
from training.discovery import filling, patterns
from training.discovery.autoencoder import AutoEncoder
from training.discovery.filling import Filling
from training.discovery.frame import Extent, Frame, body_of, frame_of
from training.discovery.scans import scans_of
from training.discovery.steps import Discovery
from training.discovery.telling import earlier
from training.discovery.wishes import Wishes, wishes_of

SIZE = (16, 16, 8)
KEYS = {
    "classes": 3, "neighbours": 4, "input_rows": 16, "input_cols": 16, "input_deps": 8,
    "volume_rows": 16, "volume_cols": 16, "volume_deps": 8, "steps": 4, "width": 0.0625,
    "batch_size": 2, "seed": 1,
}  # fmt: skip


CPU = ["--device", "cpu"]


@pytest.fixture(scope="module", autouse=True)
def unhurried_disk() -> Iterator[None]:
    """No call here waits for a disk: a killed process leaves its pages to the system."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


def words(keys: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in keys.items()]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven chests of two fields of view: train/ has five, validation/ two."""
    folder = tmp_path_factory.mktemp("data")
    for seed in range(7):
        values, affine = chest(seed)
        part = values[2:, :, 1:] if seed % 2 else values
        nifti(folder / ("train" if seed < 5 else "validation") / f"p{seed}.nii.gz", part, affine)
    return folder


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished discovery."""
    out = tmp_path_factory.mktemp("whole") / "discovered"
    assert main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(KEYS)]) == 0
    return out


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "patterns.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def wished(**more: Any) -> Wishes:
    return wishes_of({**KEYS, **more})


def copied(whole: Path, out: Path) -> Path:
    """Return a folder in which all but the patterns is done."""
    out.mkdir()
    for path in whole.iterdir():
        if path.name.startswith(("autoencoder", "train_features", "validation_features")):
            (shutil.copytree if path.is_dir() else shutil.copy)(path, out / path.name)
    return out


def test_one_command_leaves_cubes_a_table_and_facts(whole: Path) -> None:
    cubes = np.load(whole / "patterns.npy", mmap_mode="r")
    rows = rows_of(whole)
    facts = json.loads((whole / "discovered.json").read_text())
    assert cubes.shape == (3 * 4 * 3 + 3 * 2, *SIZE)
    assert cubes.dtype == np.float16
    assert 0 <= cubes.min() < cubes.max() <= 1
    assert len(rows) == len(cubes) == facts["rows"]
    keys = [
        (r["split"] == "val", *(int(r[k]) for k in ("class", "rank", "resolution"))) for r in rows
    ]
    assert keys == sorted(set(keys))
    assert [int(row["row"]) for row in rows] == list(range(len(rows)))
    assert (facts["classes"], facts["size"], facts["neighbours_val"]) == (3, list(SIZE), 2)
    assert facts["rule"] == FILLED.name  # At 9 mm no cube holds as much lung as the rule asks.
    assert {row["name"] for row in rows} == set(facts["hashes"])
    assert not list(whole.glob("*part*"))
    items = PatternItems(whole, "val")
    assert (len(items), items.classes, items.size) == (6, 3, SIZE)
    assert items.looks.keys() <= facts["hashes"].keys()


def test_every_class_has_its_patients_at_one_place_and_the_reference_first(whole: Path) -> None:
    rows = [row for row in rows_of(whole) if row["resolution"] == "1"]
    references = [row["name"] for row in rows if (row["split"], row["rank"]) == ("train", "0")]
    assert len(set(references)) == 3
    for label in "012":
        own = [row for row in rows if row["class"] == label]
        assert len({tuple(row[axis] for axis in "xyz") for row in own}) == 1
        counts = Counter((row["split"], row["name"]) for row in own)
        assert set(counts.values()) == {1}
        assert Counter(split for split, _ in counts) == {"train": 4, "val": 2}


def test_every_cube_is_what_lies_there_in_the_common_frame(whole: Path, data: Path) -> None:
    discovery = Discovery(data, whole, wished(), torch.device("cpu"), quiet=True)
    framing = discovery.framing()
    cubes, frame = np.load(whole / "patterns.npy"), framing.frame.holding(SIZE)
    places = {scan.name: at for at, scan in enumerate(framing.scans)}
    seen = 0
    for row in rows_of(whole)[::7]:
        volume = framing.volume(places[row["name"]], frame)
        x, y, z, rows, cols = (int(row[key]) for key in ("x", "y", "z", "rows", "cols"))
        part = volume[x : x + rows, y : y + cols, z : z + int(row["deps"])]
        assert part.shape == (rows, cols, SIZE[2])
        cube = cubes[int(row["row"])].astype(np.float32)
        if row["resolution"] == "1":
            assert np.abs(cube - part).max() < 5e-4
            seen += 1
        else:
            assert abs(float(cube.mean() - part.mean())) < 0.03
    assert seen
    shutil.rmtree(whole / "work")


def test_other_resolutions_are_of_the_published_sizes_in_proportion(whole: Path) -> None:
    rows = rows_of(whole)
    others = [row for row in rows if row["resolution"] != "1"]
    anchors = {row["class"]: row for row in rows if row["resolution"] == "1"}
    assert wished().patches == (12, 19)
    assert Wishes().patches == (50, 79)
    assert {row["split"] for row in others} == {"train"}
    for row in others:
        assert 12 <= int(row["rows"]) == int(row["cols"]) <= 19
        assert row["z"] == anchors[row["class"]]["z"]
        for axis in "xy":
            assert -3 <= int(row[axis]) - int(anchors[row["class"]][axis]) <= 3
    assert len({row["rows"] for row in others}) > 3


def test_the_same_call_again_says_so_and_another_is_refused(
    whole: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--data", str(data), "--out", str(whole), "--quiet", *CPU]
    assert main([*asked, *words(KEYS)]) == 0
    assert "42 cubes of 3 classes were there already" in capsys.readouterr().out
    assert main([*asked, *words({**KEYS, "classes": 2})]) == 2
    assert "classes: 3 then, 2 now" in capsys.readouterr().err


class Killed(BaseException):
    """Ends a call as a kill does: nothing is caught, nothing tidied."""


STEPS = {
    "survey": ("training.discovery.framing.Reading.geometry", 3),
    "volumes": ("training.discovery.framing.shrunk", 3),
    "autoencoder": ("training.discovery.autoencoder.Reconstruction.losses", 2),
    "features": ("training.discovery.features.embedded", 1),
    "anchors": ("training.discovery.classes.Discoverer.drawn", 2),
    "patterns": ("training.discovery.patterns.cut", 20),
}


def dying(monkeypatch: pytest.MonkeyPatch, step: str, die: Callable[[], None]) -> None:
    """Let a step's work end the call after so many times."""
    target, after = STEPS[step]
    owner, _, name = target.rpartition(".")
    plain, calls = getattr(pkgutil.resolve_name(owner), name), []

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(0)
        if len(calls) > after:
            die()
        return plain(*given, **named)

    monkeypatch.setattr(target, counted)
    monkeypatch.setattr(filling, "OFTEN", -1.0)


def gone_on(whole: Path, data: Path, out: Path) -> None:
    """Go on, and see that the end is that of a call that was left alone."""
    assert not (out / "discovered.json").exists()
    assert main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(KEYS)]) == 0
    for name in ("patterns.npy", "patterns.csv", "discovered.json", "train_features.npy"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("step", ["survey", "volumes", "autoencoder", "features"])
def test_a_call_that_ends_anywhere_goes_on_to_the_same_bytes(
    whole: Path, data: Path, tmp_path: Path, step: str
) -> None:
    out = tmp_path / "out"

    def die() -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        dying(patch, step, die)
        patch.setattr(Filling, "__exit__", lambda *rest: None)
        patch.setitem(KEYS, "save_every", 1)
        with pytest.raises(Killed):
            main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(KEYS)])
    gone_on(whole, data, out)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.parametrize("step", ["anchors", "patterns"])
def test_a_killed_call_goes_on_to_the_same_bytes(
    whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    out = copied(whole, tmp_path / "out")

    def killed() -> None:
        dying(monkeypatch, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
        main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(KEYS)])

    run = multiprocessing.get_context("fork").Process(target=killed)
    run.start()
    run.join()
    assert run.exitcode == -signal.SIGKILL
    assert list(out.rglob("*.part*"))
    gone_on(whole, data, out)


def test_the_steps_one_by_one_with_the_seeds_flags_write_the_seeds_files(
    whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "FOLD", 2)  # So that three classes are two files.
    monkeypatch.setattr("training.discovery.telling.FOLD", 2)
    out = str(tmp_path / "steps")
    sides = ["--input_rows", "16", "--input-cols", "16"]
    few = ["width=0.0625", "steps=4", "batch_size=2", "seed=1", "--quiet", *CPU]
    where = ["--data_dir", str(data), "--save", out, *sides]
    assert main(["autoencoder", *where, "--input_deps", "8", *few]) == 0
    weights = f"{out}/autoencoder.safetensors"
    assert main(["features", *where, "--weights", weights, "--input_depth", "8", *few]) == 0
    cut = ["patterns", "--data", str(data), "--save", out, *sides, "--input_deps", "8",
           "--nb_classes", "3", "--nb_instances", "4", "--nb_instances_val", "2", "--multi_res",
           "--minPatchSize", "12", "--maxPatchSize", "20", "--distance_threshold", "5",
           "--train_features", f"{out}/train_features.npy",
           "--val_features", f"{out}/validation_features.npy", "--layout", "seed",
           *few]  # fmt: skip
    assert main(cut) == 0
    compact = np.load(whole / "patterns.npy")
    rows = rows_of(whole)
    for split, resolution, fold in (("train", 1, 1), ("train", 3, 2), ("val", 1, 1), ("val", 1, 2)):
        own = [
            int(row["row"]) for row in rows
            if (row["split"], row["resolution"]) == (split, str(resolution))
            and int(row["class"]) // 2 == fold - 1
        ]  # fmt: skip
        end = f"{resolution}_vwGen_ex_ref_fold{fold}.0.npy"
        assert np.array_equal(np.load(f"{out}/{split}_data{end}"), compact[own])
        labels = np.load(f"{out}/{split}_label{end}")
        assert labels.shape == (len(own), 1)
        assert labels[:, 0].tolist() == [float(rows[at]["class"]) for at in own]
    lines = Path(out, "train_data1_vwGen_exRef.txt").read_text().splitlines()
    assert len(lines) == 3 * 4
    items = PatternItems(out, "train")
    assert (len(items), items.classes, items.size) == (36, 3, SIZE)


def test_classes_of_a_list_of_coordinates_are_kept_and_more_are_found(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    first = [row for row in rows_of(whole) if row["resolution"] == "1"]
    rows = [row for row in first if row["split"] == "train"]
    listed = tmp_path / "train_data1_vwGen_exRef.txt"
    listed.write_text(
        "".join(
            f"{row['path']} # {','.join(row[axis] for axis in 'xyz')},16,8 # {row['class']}\n"
            for row in rows
            if row["class"] != "2"
        )
    )
    wishes = wished(seed=5, input_rows=12, input_cols=12, distance=3.0)
    out = copied(whole, tmp_path / "out")
    discovery = Discovery(data, out, wishes, torch.device("cpu"), quiet=True)
    names = [out / f"{name}_features.npy" for name in ("train", "validation")]
    discovery.patterns(names[0], names[1], listed, overwrite=False)

    def anchors(folder: Path) -> list[tuple[str, ...]]:
        return [
            tuple(row[key] for key in ("class", "name", "x", "y", "z"))
            for row in rows_of(folder)
            if (row["rank"], row["resolution"], row["split"]) == ("0", "1", "train")
        ]

    assert anchors(out)[:2] == anchors(whole)[:2]
    assert len({name for _, name, *_ in anchors(out)}) == 3
    scans = scans_of(data, wishes)
    listed.write_text("elsewhere/nobody.npy # 1,2,3,16,8 # 0\n")
    with pytest.raises(BadInput, match=r"nobody.npy is no scan for learning"):
        earlier(listed, scans)
    listed.write_text("p0.nii.gz # 1;2;3 # 0\n")
    with pytest.raises(BadInput, match="line 1 is"):
        earlier(listed, scans)


def told(data: Path, out: Path, keys: dict[str, Any], capsys: Any) -> str:
    assert main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(keys)]) == 2
    said: str = capsys.readouterr().err
    assert said.count("\n") == 1 or ":\n  " in said
    return said


def test_what_cannot_be_is_refused_with_what_would_do(
    whole: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(whole, tmp_path / "out")
    said = told(data, out, {**KEYS, "neighbours": 200}, capsys)
    assert "5 patients are for learning; neighbours=5 would do" in said
    said = told(data, out, {**KEYS, "neighbours_val": 3}, capsys)
    assert "neighbours_val=2 would do" in said
    said = told(data, out, {**KEYS, "classes": 400, "distance": 9}, capsys)
    assert "choose classes=" in said
    assert "distance=4" in said
    most = int(said.split("choose classes=")[1].split(" ")[0])
    good = {**KEYS, "classes": most, "distance": 9}
    assert main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(good)]) == 0
    said = told(data, tmp_path / "b", {**KEYS, "volume_rows": 20}, capsys)
    assert "volume_rows=16" in said
    said = told(data, copied(whole, tmp_path / "c"), {**KEYS, "input_deps": 64}, capsys)
    assert "less than half a cube of 16 x 16 x 64; input_deps=24 would do" in said


def test_a_shorter_scan_is_padded_in_the_common_frame(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    out = copied(whole, tmp_path / "out")
    keys = {**KEYS, "input_deps": 32, "borders": 0}
    assert main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(keys)]) == 0
    cubes = np.load(out / "patterns.npy")
    assert cubes.shape[1:] == (16, 16, 32)
    assert json.loads((out / "discovered.json").read_text())["frame"]["sides"][2] == 32


def test_anchors_keep_their_distance_whatever_their_number(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    out = copied(whole, tmp_path / "out")
    keys = {**KEYS, "classes": 7, "neighbours": 5, "resolutions": 1, "hashes": "false"}
    assert main(["--data", str(data), "--out", str(out), "--quiet", *CPU, *words(keys)]) == 0
    rows = [row for row in rows_of(out) if row["rank"] == "0" and row["split"] == "train"]
    starts = np.array([[int(row[axis]) for axis in "xyz"] for row in rows])
    apart = np.sqrt(((starts[:, None] - starts[None]) ** 2).sum(-1))
    assert len(rows) == 7
    assert apart[~np.eye(7, dtype=bool)].min() >= 5
    assert set(Counter(row["name"] for row in rows).values()) == {1, 2}  # Each before any twice.


def test_scans_of_another_spacing_and_field_lie_in_one_frame() -> None:
    draw = np.random.default_rng(0).normal(0, 300, (12, 12, 9))
    fine = np.kron(draw, np.ones((2, 2, 2)))
    scans = [
        (Kept(one[None].astype(np.int16), (-1000.0, 1000.0)), Extent((0, 0, 0), one.shape, step))
        for one, step in ((draw, (2.0, 2.0, 2.0)), (fine, (1.0, 1.0, 1.0)),
                          (draw[2:-2, :, 1:-1], (2.0, 2.0, 2.0)))
    ]  # fmt: skip
    frame = frame_of([extent for _, extent in scans], spacing=(2.0, 2.0, 2.0))
    assert frame == Frame((2.0, 2.0, 2.0), (12, 12, 9))
    plain, other, cut = (frame.volume(kept, extent) for kept, extent in scans)
    assert plain.shape == other.shape == cut.shape == (12, 12, 9)
    assert np.corrcoef(plain.ravel(), other.ravel())[0, 1] > 0.95
    assert np.array_equal(cut[2:-2, :, 1:-1], plain[2:-2, :, 1:-1])
    assert not cut[:2].any()
    assert np.allclose(frame.source(scans[1][1], (3, 4, 5)), (6.5, 8.5, 10.5))


def test_a_body_is_found_in_air_beside_its_table_and_brought_to_one_size() -> None:
    hu = np.full((1, 60, 50, 30), -1000, np.int16)
    hu[:, 10:40, 8:36] = 30
    hu[:, 14:36, 12:30, 4:26] = -850
    hu[:, 5:55, 44:46] = 100
    low, high = body_of(Kept(hu, (-1000.0, 1000.0)), "ct")
    assert (low, high) == ((10, 8, 0), (40, 36, 30))
    small, large = Extent(low, high, (1.0, 1.0, 1.0)), Extent((0, 0, 0), (45, 42, 45), (1.0,) * 3)
    frame = frame_of([small, large], fit=True)
    assert frame.span(small) == frame.span(large) == tuple((0, side) for side in frame.sides)
    made = replace(frame, sides=(40, 40, 40)).volume(Kept(hu, (-1000.0, 1000.0)), small)
    assert made.shape == (40, 40, 40)


def test_without_skips_all_passes_the_bottleneck() -> None:
    x = torch.rand(2, 1, 16, 16, 8)
    for skips in (False, True):
        network = AutoEncoder(width=0.0625, skips=skips).eval()
        maps = network.encoder(x)
        blind = [torch.zeros_like(one) for one in maps[:-1]]
        same = torch.equal(network.decoder([*blind, maps[-1]]), network.decoder(maps))
        assert same is not skips
        assert network(x).shape == x.shape
        assert network.embed(x).shape == (2, 32)
    with torch.device("meta"):
        full, plain = AutoEncoder(skips=True), AutoEncoder()
    assert sum(p.numel() for p in full.parameters()) == 16_320_257  # The Keras release's U-Net.
    assert sum(p.numel() for p in plain.parameters()) == 13_997_825  # And its "Vnet".


def test_normalised_scans_are_taken_when_told_so(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        values = chest(seed)[0]
        place = tmp_path / "data" / ("train" if seed < 2 else "validation") / f"{seed}.npy"
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, ((values.clip(-1000, 1000) + 1000) / 2000).astype(np.float32))
    keys = {**KEYS, "neighbours": 2, "classes": 2}
    (tmp_path / "out").mkdir()
    shutil.copy(whole / "autoencoder.safetensors", tmp_path / "out")
    asked = ["features", "--data", str(tmp_path / "data"), "--weights", str(whole), "--quiet", *CPU]
    asked += ["--save", str(tmp_path / "out"), "volume_rows=16", "volume_cols=16", "volume_deps=8"]
    assert main(asked) == 2
    assert "say is_normalized=true" in capsys.readouterr().err
    assert main([*asked, "is_normalized=true"]) == 0
    cut = ["patterns", *asked[1:3], *asked[5:10], "--is_normalized"]
    del keys["steps"], keys["width"], keys["batch_size"]
    assert main([*cut, *words(keys)]) == 0
    cubes = np.load(tmp_path / "out" / "patterns.npy")
    assert cubes.std() > 0.05
    frame = json.loads((tmp_path / "out" / "discovered.json").read_text())["frame"]
    assert frame["spacing"] == [1.0, 1.0, 1.0]


def test_show_draws_the_classes_and_says_how_pure_they_are(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(whole), "--out", str(tmp_path / "pictures")]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "pictures" / "classes.png").stat().st_size > 10_000
    assert (tmp_path / "pictures" / "tsne_raw.png").is_file()
    share = float(said.split("raw voxels: ")[1].split(" ")[0])
    assert share > 0.6  # Chance is a third.
    network = create_model("semantic-genesis", task="pretext", num_classes=3, width=0.0625)
    folder = network.half().save_pretrained(tmp_path / "model")  # What ships may be of two bytes.
    drawn = ["show", str(whole), "--out", str(tmp_path / "learned"), "--weights", str(folder)]
    assert main(drawn) == 0
    assert "purity of learned features: " in capsys.readouterr().out
    assert (tmp_path / "learned" / "tsne_learned.png").is_file()
    assert main(["show", str(tmp_path)]) == 2
    assert "nothing was discovered" in capsys.readouterr().err


def test_a_patient_in_both_folders_is_refused(data: Path, tmp_path: Path) -> None:
    for part, name in (("train", "p0"), ("validation", "p5")):
        shutil.copytree(data / part, tmp_path / part)
        (tmp_path / part / "cases.csv").write_text(f"image,patient\n{name}.nii.gz,anna\n")
    with pytest.raises(BadInput, match="1 patients are in train/ and in validation/"):
        scans_of(tmp_path, wished())


def test_show_draws_files_that_the_authors_hand_out_and_several_discoveries(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = tmp_path / "both"
    seeds(both / "theirs", {"train1": 12, "train2": 12, "val1": 6})
    (both / "ours").symlink_to(whole)
    assert main(["show", str(both), "--out", str(tmp_path / "pictures")]) == 0
    said = capsys.readouterr().out
    for name in ("ours", "theirs"):
        assert (tmp_path / "pictures" / name / "classes.png").stat().st_size > 10_000
    ours, theirs = said.split("raw voxels: ")[1:]
    assert "of another patient" in ours
    assert "these files name no patient" in theirs
    assert float(theirs.split(" ")[0]) > 0.9  # Their made-up classes are plain ramps.
