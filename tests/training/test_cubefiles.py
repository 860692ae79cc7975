"""Files of cubes, the published ones and ours, as items."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_hub.errors import BadInput
from training.corpus.bat import Beside, Source, growing, read_beside, stored, write_beside
from training.corpus.cubefiles import VALID, CubeItems

SIZE = (8, 6, 4)


def cubes(count: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *SIZE))


def folds(folder: Path, numbers: range = range(7), name: str = "bat_32_s_8x6x4") -> Path:
    """Write a file as published for each fold."""
    folder.mkdir(exist_ok=True)
    for fold in numbers:
        np.save(folder / f"{name}_{fold}.npy", cubes(3 + fold, fold))
    return folder


@pytest.mark.parametrize("name", ["bat_32_s_8x6x4", "bat_32_8x6x4"])
def test_both_published_names_are_read(tmp_path: Path, name: str) -> None:
    items = CubeItems(folds(tmp_path, name=name))
    assert items.folds == (0, 1, 2, 3, 4)
    assert len(items) == 3 + 4 + 5 + 6 + 7
    assert items.size == SIZE


def test_an_item_is_the_cube_of_its_place_in_its_file(tmp_path: Path) -> None:
    items = CubeItems(folds(tmp_path))
    for index, (fold, row) in {0: (0, 0), 2: (0, 2), 3: (1, 0), 24: (4, 6)}.items():
        item = items.item(index, 9)
        assert item["key"].item() == 9
        assert item["image"].dtype == torch.float32
        np.testing.assert_array_equal(
            item["image"][0], cubes(3 + fold, fold)[row].astype(np.float32)
        )


def test_folds_for_validation_are_chosen_and_those_for_testing_never_unasked(
    tmp_path: Path,
) -> None:
    folds(tmp_path, range(10))
    assert CubeItems(tmp_path, folds=VALID).folds == (5, 6)
    assert 7 not in CubeItems(tmp_path).folds
    assert CubeItems(tmp_path, folds=[8]).folds == (8,)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int16"])
def test_every_storage_gives_the_cube_within_its_precision(tmp_path: Path, dtype: str) -> None:
    hu = np.random.default_rng(0).integers(-1000, 1001, (4, *SIZE))
    unit = ((hu + 1000) / 2000).astype(np.float32)
    np.save(tmp_path / "bat_4_s_8x6x4_0.npy", stored(unit, dtype, (-1000, 1000)))
    image = CubeItems(tmp_path, folds=[0]).item(2, 0)["image"]
    step = {"float16": 2.5e-4}.get(dtype, 1e-7)
    np.testing.assert_allclose(image[0], unit[2], rtol=0, atol=step)


def test_int16_goes_from_the_ends_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "bat_4_s_8x6x4_0.npy"
    unit = cubes(4).astype(np.float32)
    np.save(path, stored(unit, "int16", (0, 32767)))
    with pytest.raises(BadInput, match="is taken for HU, which go below 0"):
        CubeItems(tmp_path, folds=[0])
    write_beside(path, Beside({}, (0, 32767), (0,), (), ()))
    image = CubeItems(tmp_path, folds=[0]).item(1, 0)["image"]
    np.testing.assert_allclose(image[0], unit[1], atol=2e-5)


def test_files_stay_mapped_and_workers_map_them_anew(tmp_path: Path) -> None:
    items = CubeItems(folds(tmp_path))
    items.item(0, 0)
    assert all(isinstance(one, np.memmap) for one in items.maps.values())
    packed = pickle.dumps(items)
    assert len(packed) < cubes(7).nbytes
    assert torch.equal(pickle.loads(packed).item(9, 0)["image"], items.item(9, 0)["image"])


def test_names_patients_and_looks_come_from_the_json_beside(tmp_path: Path) -> None:
    folds(tmp_path, range(5))
    assert CubeItems(tmp_path).names[0] == "bat_32_s_8x6x4_0"
    source = Source("scan 1", "patient 1", "ct", 3, 3, "ab12")
    path = tmp_path / "bat_32_s_8x6x4_0.npy"
    write_beside(path, Beside({"seed": 0}, (0, 1), (0, 1, 2, 3, 4), (source,), ()))
    items = CubeItems(tmp_path, folds=[0])
    assert (items.names, items.patients) == (("scan 1",), ("patient 1",))
    assert items.looks == {"scan 1": "ab12"}


def test_a_file_grows_by_cubes_and_is_plain_npy(tmp_path: Path) -> None:
    path = tmp_path / "bat_2_s_8x6x4_0.npy"
    with growing(path, SIZE, "float16") as file:
        for count in (2, 130, 1):
            file.add(cubes(count, count).astype(np.float16))
        assert not path.exists()
    held = np.load(path)
    assert held.shape == (133, *SIZE)
    np.testing.assert_array_equal(held[132:], cubes(1, 1).astype(np.float16))


def test_an_error_leaves_nothing_half_written(tmp_path: Path) -> None:
    def stopped() -> None:
        with growing(tmp_path / "bat_2_s_8x6x4_0.npy", SIZE, "float16") as file:
            file.add(cubes(2).astype(np.float16))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []


def holed(values: np.ndarray) -> np.ndarray:
    values[1, 2, 3, 1] = np.nan
    return values


WRONG = {
    "torn or no NPY file": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "no NPY file": lambda path: path.write_bytes(b"not numpy"),
    r"holds \(3, 8, 6, 5\)": lambda path: np.save(path, np.zeros((3, 8, 6, 5))),
    r"holds \(0, 8, 6, 4\)": lambda path: np.save(path, np.zeros((0, *SIZE))),
    "values are complex128": lambda path: np.save(path, cubes() + 0j),
    "values run from -999.6 to 999": lambda path: np.save(path, cubes() * 2000 - 1000),
    "cube 1 holds NaN": lambda path: np.save(path, holed(cubes())),
    "every value is 0": lambda path: np.save(path, np.zeros((3, *SIZE))),
}  # fmt: skip


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, said: str) -> None:
    path = folds(tmp_path) / "bat_32_s_8x6x4_2.npy"
    WRONG[said](path)
    with pytest.raises(BadInput, match=f"{path.name}: .*{said}"):
        CubeItems(tmp_path)


def test_what_is_missing_is_said_and_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no such folder of cubes; python -m training\.cubes"):
        CubeItems(tmp_path / "nothing")
    with pytest.raises(BadInput, match="no file of cubes lies here"):
        CubeItems(tmp_path)
    folds(tmp_path, range(3))
    with pytest.raises(BadInput, match=r"3, 4 is missing; there are 0, 1, 2; .* --fold 3 4 "):
        CubeItems(tmp_path)


def test_folds_without_scans_are_not_missed(tmp_path: Path) -> None:
    folds(tmp_path, range(2))
    for fold in range(2):
        path = tmp_path / f"bat_32_s_8x6x4_{fold}.npy"
        write_beside(path, Beside({}, (0, 1), (0, 1, 5), (), ()))
    assert CubeItems(tmp_path).folds == (0, 1)
    with pytest.raises(BadInput, match="5 is missing"):
        CubeItems(tmp_path, folds=VALID)


def test_two_kinds_of_cubes_want_a_choice(tmp_path: Path) -> None:
    folds(tmp_path, range(5))
    folds(tmp_path, range(5), "bat_64_s_8x6x4")
    with pytest.raises(BadInput, match=r"\(32 cubes of each scan, .*; 64 cubes of each"):
        CubeItems(tmp_path)
    assert len(CubeItems(tmp_path, scale=64)) == 25
    folds(tmp_path, range(1), "bat_64_8x6x4")
    with pytest.raises(BadInput, match="are both of fold 0"):
        CubeItems(tmp_path, scale=64)


def test_a_damaged_json_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bat_2_s_8x6x4_0.npy"
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(BadInput, match="not what is written beside cubes"):
        read_beside(path)
