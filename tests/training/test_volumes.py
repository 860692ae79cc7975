"""Scans as a corpus: read once, checked, kept where there is room."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from genesis_hub.data.hashes import perceptual_hash
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from genesis_hub.infer.prepare import prepare
from tests.training.made import SIDES, SMALL, chest, inputs_of, metaimage, nifti, scan
from training.corpus.volumes import Volumes
from training.corpus.windows import WindowItems

PLACE = ((3, 4, 5), (20, 18, 9))


def cut(values: np.ndarray) -> np.ndarray:
    return values[:, 3:23, 4:22, 5:14]


def contract(path: Path, modality: str = "ct") -> np.ndarray:
    """Return a window as the input contract gives it, by the road that predictions take."""
    ready = prepare(read(path), inputs_of(modality))
    return cut(ready.convert(ready.pixels).numpy())


def files(folder: Path) -> dict[str, Path]:
    hu = chest()[0]
    return {
        "packed": nifti(folder / "packed.nii.gz", hu),
        "mapped": nifti(folder / "mapped.nii", hu),
        "luna": metaimage(folder / "luna.mhd", hu),
        "whole floats": nifti(folder / "whole.nii.gz", hu.astype(np.float32)),
        "fractions": nifti(folder / "fractions.nii.gz", hu.astype(np.float32) + 0.3),
    }


@pytest.mark.parametrize("road", ["memory", "spare"])
def test_windows_are_what_the_contract_gives_wherever_they_are_kept(
    tmp_path: Path, road: str
) -> None:
    paths = files(tmp_path)
    room = 1 << 30 if road == "memory" else 0
    volumes = Volumes(map(scan, paths.values()), inputs_of, room=room, spare=tmp_path / "spare")
    places = [one.place for one in volumes.admitted]
    assert places == [road, "source", "source", road, road]
    for index, (kind, path) in enumerate(paths.items()):
        step = 8e-6 if kind == "fractions" else 0
        np.testing.assert_allclose(volumes.window(index, *PLACE), contract(path), rtol=0, atol=step)
        assert volumes.sides(index) == SIDES


def test_mri_runs_from_the_least_to_the_greatest_value_of_each_scan(tmp_path: Path) -> None:
    values = np.random.default_rng(0).gamma(2, 100, SIDES).astype(np.float32)
    path = nifti(tmp_path / "head.nii.gz", values)
    volumes = Volumes([scan(path, "mri")], inputs_of)
    np.testing.assert_allclose(volumes.window(0, *PLACE), contract(path, "mri"), atol=8e-6)
    assert volumes.modalities == ("mri",)


def test_a_worker_gets_the_corpus_without_what_was_read(tmp_path: Path) -> None:
    paths = [nifti(tmp_path / f"{at}.nii.gz", chest(at)[0]) for at in range(3)]
    volumes = Volumes(map(scan, paths), inputs_of)
    packed = pickle.dumps(WindowItems(volumes, SMALL))
    assert len(packed) < volumes.window(0, *PLACE).nbytes
    again = pickle.loads(packed)
    np.testing.assert_array_equal(again.corpus.window(2, *PLACE), volumes.window(2, *PLACE))


def test_memory_holds_no_more_than_its_room(tmp_path: Path) -> None:
    paths = [nifti(tmp_path / f"{at}.nii.gz", chest(at)[0]) for at in range(3)]
    one = chest()[0].nbytes
    volumes = Volumes(map(scan, paths), inputs_of, room=2 * one, spare=tmp_path / "s", workers=1)
    assert [one.place for one in volumes.admitted] == ["memory", "memory", "spare"]
    assert isinstance(volumes[2].values, np.memmap)
    assert sum(kept.values.nbytes for kept in volumes.held.values()) == 2 * one
    with pytest.raises(BadInput, match="give spare=FOLDER"):
        Volumes(map(scan, paths), inputs_of, room=one)


def test_a_later_run_takes_up_what_was_kept(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", chest()[0])
    Volumes([scan(path)], inputs_of, room=0, spare=tmp_path / "spare")
    (kept,) = (tmp_path / "spare").iterdir()
    marked = np.load(kept)
    marked[0, 3, 4, 5] = 1000
    np.save(kept, marked)
    again = Volumes([scan(path)], inputs_of, room=0, spare=tmp_path / "spare")
    assert again.window(0, *PLACE)[0, 0, 0, 0] == 1


@pytest.mark.parametrize("harm", ["torn", "other source"])
def test_what_was_kept_is_made_anew_when_it_or_its_source_changed(
    tmp_path: Path, harm: str
) -> None:
    path = nifti(tmp_path / "a.nii.gz", chest()[0])
    Volumes([scan(path)], inputs_of, room=0, spare=tmp_path / "spare")
    (kept,) = (tmp_path / "spare").iterdir()
    if harm == "torn":
        kept.write_bytes(kept.read_bytes()[:-100])
    else:
        nifti(path, chest(1)[0])
        os.utime(path, ns=(1, 1))
    again = Volumes([scan(path)], inputs_of, room=0, spare=tmp_path / "spare")
    np.testing.assert_array_equal(again.window(0, *PLACE), contract(path))


def bad(folder: Path) -> dict[str, Path]:
    """Return scans that cannot be learned from, by a word of the reason."""
    hu = chest()[0]
    holes = hu.astype(np.float32)
    holes[5, 6, 7] = np.nan
    torn = nifti(folder / "torn.nii.gz", hu)
    torn.write_bytes(torn.read_bytes()[:5000])
    head = np.random.default_rng(0).gamma(2, 100, SIDES).astype(np.float32)
    grey = np.random.default_rng(0).integers(0, 256, SIDES).astype(np.float32)
    grey[:, :, :10] = 0
    return {
        "NaN": nifti(folder / "holes.nii.gz", holes),
        "torn": torn,
        "modality='mri'": nifti(folder / "head.nii.gz", head),
        "8-bit": nifti(folder / "grey.nii.gz", grey),
        "smaller than a cube of 16 x 16 x 8": nifti(folder / "thin.nii.gz", hu[:, :, :6]),
        "no such file": folder / "gone.nii.gz",
    }


def test_bad_scans_are_named_with_their_reason_and_refused_when_many(tmp_path: Path) -> None:
    wrong = bad(tmp_path)
    good = [nifti(tmp_path / f"good{at}.nii.gz", chest(at)[0]) for at in range(2)]
    with pytest.raises(BadInput, match=r"6 of 8 scans cannot be learned from") as caught:
        Volumes(map(scan, [*wrong.values(), *good]), inputs_of, least=SMALL)
    lines = str(caught.value).splitlines()[1:]
    for line, (reason, path) in zip(lines, wrong.items(), strict=True):
        assert path.name in line
        assert reason in line


def test_few_bad_scans_are_left_out_and_the_rest_is_learned_from(tmp_path: Path) -> None:
    wrong = bad(tmp_path)["NaN"]
    good = [nifti(tmp_path / f"good{at}.nii.gz", chest()[0]) for at in range(9)]
    volumes = Volumes(map(scan, [*good[:4], wrong, *good[4:]]), inputs_of)
    assert volumes.names == tuple(path.name for path in good)
    assert [one.path for one in volumes.left_out] == [wrong]


def test_a_header_of_another_modality_is_believed(tmp_path: Path) -> None:
    path = metaimage(tmp_path / "a.mhd", chest()[0])
    path.write_text("Modality = MET_MOD_MR\n" + path.read_text())
    with pytest.raises(BadInput, match="it is 'mri' by its header, but 'ct' is expected"):
        Volumes([scan(path)], inputs_of)


def test_nan_is_refused_even_unchecked(tmp_path: Path) -> None:
    path = bad(tmp_path)["NaN"]
    with pytest.raises(BadInput, match="1 values are NaN or infinite"):
        Volumes([scan(path)], inputs_of, check=False)


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(BadInput, match="the corpus is empty"):
        Volumes([], inputs_of)


def test_a_full_disk_is_no_fault_of_a_scan(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", chest()[0])
    (tmp_path / "spare").write_text("a file where the folder should be")
    with pytest.raises(BadInput, match="cannot be written"):
        Volumes([scan(path)], inputs_of, room=0, spare=tmp_path / "spare")


def test_a_scan_looks_as_its_file_does(tmp_path: Path) -> None:
    paths = files(tmp_path)
    volumes = Volumes([scan(paths["packed"]), scan(paths["luna"])], inputs_of)
    assert volumes.look(0) == perceptual_hash(read(paths["packed"]))
    assert volumes.look(1) == perceptual_hash(read(paths["luna"]))
