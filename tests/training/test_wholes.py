"""Whole images: brought to one side with their proportions kept, read once, kept for later runs."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from genesis_hub.errors import BadInput
from tests.training.wholes import SMALL, films
from training.methods.roster import recipe_of
from training.wholes.files import WholeFiles
from training.wholes.fitting import fitted, sides_in
from training.wholes.opening import wholes_of


def read(data: Path, spare: Path, name: str = "exemplar-2d", **wishes: Any) -> Any:
    """Return the material of a folder."""
    recipe: Any = recipe_of(name, {**SMALL[int(name[-2])], **wishes})
    spare.mkdir(exist_ok=True)
    return wholes_of(data, recipe).read(spare, shared=False, quiet=True)


def volumes(folder: Path, count: int = 3, channels: int = 0) -> Path:
    """Write volumes of 12 x 12 x 4 voxels of 1 x 1 x 3 mm, and return their folder."""
    folder.mkdir()
    for seed in range(count):
        draw = np.random.default_rng(seed)
        shape = (12, 12, 4, channels) if channels else (12, 12, 4)
        values = draw.normal(500, 90, shape).astype(np.float32)
        nibabel.save(
            nibabel.Nifti1Image(values, np.diag([-1, -1, 3, 1])), folder / f"{seed}.nii.gz"
        )
    return folder


@pytest.mark.parametrize(
    ("shape", "spacing", "want"),
    [((20, 10), None, (8, 4)), ((12, 12, 4), (1, 1, 3), (8, 8, 8)), ((3, 900), None, (1, 8)),
     ((8, 8, 8), (2.0, 1.0, 1.0), (8, 4, 4))],
)  # fmt: skip
def test_the_longest_axis_in_millimetres_fills_the_side(
    shape: tuple[int, ...], spacing: Any, want: tuple[int, ...]
) -> None:
    assert sides_in(shape, 8, spacing) == want
    made = fitted(np.ones((2, *shape)), 8, spacing)
    assert made.shape == (2, *(8,) * len(shape))
    assert np.isclose(made, 1).sum() == 2 * np.prod(want)
    inside = tuple(slice((8 - n) // 2, (8 - n) // 2 + n) for n in want)
    assert np.allclose(made[(slice(None), *inside)], 1)


def test_pictures_become_squares_in_0_to_1_and_each_has_another_beside_it(tmp_path: Path) -> None:
    films(tmp_path / "data", count=5, side=40)
    material = read(tmp_path / "data", tmp_path / "spare")
    items = material.train
    drawn = [items.item(1, seed) for seed in range(30)]
    one = drawn[0]
    assert one["image"].shape == (1, 64, 64)
    assert one["image"].dtype == torch.float32
    assert 0 <= float(one["image"].min()) < float(one["image"].max()) <= 1
    assert not any(torch.equal(item["image"], item["other"]) for item in drawn)
    assert len({item["other"].numpy().tobytes() for item in drawn}) == len(items) - 1
    assert any("padded with zeros to 64 x 64" in note for note in material.notes)
    assert "other" not in read(tmp_path / "data", tmp_path / "two", "rotation-2d").train.item(0, 0)


def test_volumes_are_scaled_each_by_its_own_ends(tmp_path: Path) -> None:
    material = read(volumes(tmp_path / "data"), tmp_path / "spare", "rotation-3d", data_dim=32)
    x = material.train.item(0, 0)["image"]
    assert x.shape == (1, 32, 32, 32)
    assert float(x.min()) < 0.25
    assert float(x.max()) > 0.75
    grey = read(tmp_path / "data", tmp_path / "two", "rotation-3d", data_dim=32, number_channels=2)
    assert torch.equal(grey.train.item(0, 0)["image"], x.expand(2, -1, -1, -1))
    assert len(material.seen()) == len(material.train)


def test_another_number_of_channels_is_refused_with_the_key(tmp_path: Path) -> None:
    data = volumes(tmp_path / "data", channels=3)
    with pytest.raises(BadInput, match="give number_channels=3"):
        read(data, tmp_path / "spare", "rotation-3d")
    material = read(data, tmp_path / "spare", "rotation-3d", number_channels=3)
    assert material.train.item(0, 0)["image"].shape == (3, 32, 32, 32)


def test_what_was_kept_is_taken_up_without_reading_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films(tmp_path / "data")
    cache = str(tmp_path / "cache")
    before = read(tmp_path / "data", tmp_path / "spare", cache=cache).train.item(0, 0)
    monkeypatch.setattr(WholeFiles, "square", None)
    after = read(tmp_path / "data", tmp_path / "other", cache=cache).train.item(0, 0)
    assert torch.equal(before["image"], after["image"])
    assert not list((tmp_path / "spare").iterdir())


def test_one_image_alone_has_no_other(tmp_path: Path) -> None:
    films(tmp_path / "data", count=1)
    with pytest.raises(BadInput, match="give two or more"):
        read(tmp_path / "data", tmp_path / "spare")
