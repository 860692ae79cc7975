"""Pictures of volumes: the window, the number of a slice, and masks that lie where they should."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub import BadInput, show
from genesis_hub.data import read
from genesis_hub.data.finding import find_images
from genesis_hub.entry import Answers
from genesis_hub.gallery.answers import answers_of
from genesis_hub.gallery.draw import draw, staged
from genesis_hub.gallery.heat import channels_of
from genesis_hub.gallery.told import labels_told, masks_told
from genesis_hub.gallery.views import view_of
from genesis_hub.infer.prepare import prepare
from genesis_hub.show.scans import slices_of

nibabel = pytest.importorskip("nibabel")
CPU = torch.device("cpu")
SPACED = np.diag([-1.0, -1.0, 5.0, 1.0])  # LPS, thick slices.


def saved(path: Path, volume, affine=SPACED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, affine), path)
    return path


def head() -> np.ndarray:
    """A skull around a brain with a bleeding, in HU."""
    volume = np.full((32, 32, 6), -1000, np.int16)
    volume[4:28, 4:28] = 1200
    volume[6:26, 6:26] = 30
    volume[10:14, 10:14, 4] = 70
    return volume


@pytest.fixture(scope="module")
def smart():
    """A published network that saw slices of head CT in a window of 0 to 80 HU."""
    model = genesis_hub.create_model(
        "smartnet-resnet50", task="pretext", width=0.0625, range=(0.0, 80.0)
    )
    facts = replace(model.entry.inputs, size=(32, 32))
    model.entry = replace(model.entry, inputs=facts)
    model.inputs = replace(model.inputs, facts=replace(model.inputs.facts, size=(32, 32)))
    return model.eval()


@pytest.fixture(scope="module")
def vol(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("vol")
    saved(root / "images" / "p0.nii.gz", head())
    saved(root / "labels" / "p0.nii.gz", (head() == 70).astype(np.uint8))
    return root


def test_pictures_show_what_the_network_tells_apart(smart, tmp_path: Path) -> None:
    ready = prepare(read(saved(tmp_path / "a.nii.gz", head())), smart.inputs, check=False)
    figure = staged(smart, ready, CPU, None)
    shown = next(axes.images[0] for axes in figure.axes if axes.images)
    assert shown.get_clim() == (0, 80)
    one = channels_of(smart, ready, CPU)
    drawn = show.channels(one.grey, one.maps).axes[0].images[0]
    assert drawn.get_clim() == (0, 80)


@pytest.mark.parametrize("told", [masks_told, labels_told], ids=["masks", "labels"])
def test_masks_alone_in_a_folder_are_taken_by_the_names_of_images(told, vol: Path) -> None:
    found = find_images(vol / "images")
    for folder in (vol, vol / "labels"):
        masks = told(folder, found).check(found)
        assert masks.mask(found[0]).resolve() == (vol / "labels" / "p0.nii.gz").resolve()
    with pytest.raises(BadInput):  # Images are no masks of themselves.
        told(vol / "images", found).check(found)


def test_a_mask_that_lies_elsewhere_is_refused(smart, vol: Path, tmp_path: Path) -> None:
    moved = SPACED.copy()
    moved[:3, 3] = 30, 30, 30
    mask = (head() == 70).astype(np.uint8)
    for name, wrong, words in (
        ("moved", saved(tmp_path / "moved" / "p0.nii.gz", mask, moved), "shifted by 52 mm"),
        ("small", saved(tmp_path / "small" / "p0.nii.gz", mask[:30]), "is 30x32x6, but p0.nii.gz"),
    ):
        call = {"kind": "answers", "labels": wrong.parent, "quiet": True}
        done = draw(smart, vol / "images", tmp_path / f"out_{name}", **call)
        assert "its mask p0.nii.gz" in done.failed["p0"]
        assert words in done.failed["p0"]
        assert not list((tmp_path / f"out_{name}").glob("*.png"))


@pytest.mark.parametrize("up", [5.0, -5.0], ids=["feet first", "head first"])
def test_slices_are_numbered_as_the_file_counts_them_in_all_pictures(smart, up, tmp_path) -> None:
    affine = np.diag([1.0, -1.0, up, 1.0])
    volume = np.zeros((32, 32, 7), np.int16)
    volume[:] = 10 * np.arange(7)  # A slice's value says its index in the file.
    ready = prepare(read(saved(tmp_path / "a.nii.gz", volume, affine)), smart.inputs, check=False)
    for at in (1, 5):
        view = view_of(smart, ready, (16, 16, at))
        (value,) = np.unique(view.grey)
        assert view.said.startswith(f"slice {value / 10 + 1:.0f} of 7")
        assert view.numbers[2] == [value / 10 + 1]
    deep = genesis_hub.create_model("models-genesis", width=0.0625, range=(0.0, 80.0))
    ready = prepare(read(tmp_path / "a.nii.gz"), deep.inputs, check=False)
    figure = show.overlay(view_of(deep, ready).scan())
    drawn = [axes for axes in figure.axes if axes.get_title().startswith("axial")]
    assert len(drawn) == 3
    for axes in drawn:
        value = float(np.median(np.asarray(axes.images[0].get_array())))
        assert axes.get_title() == f"axial {value / 10 + 1:.0f}"


def test_planes_go_through_the_middle_of_the_truth_whatever_is_answered(tmp_path: Path) -> None:
    model = genesis_hub.create_model(
        "models-genesis", task="segmentation", num_classes=2, width=0.0625, range=(0.0, 80.0)
    ).eval()
    model.answers = Answers(("background", "lesion"), False)
    volume = np.random.default_rng(0).integers(0, 80, (32, 32, 32)).astype(np.int16)
    ready = prepare(read(saved(tmp_path / "a.nii.gz", volume, np.eye(4))), model.inputs)
    truth = np.zeros((32, 32, 32), np.uint8)
    truth[20:25, 4:9, 10:15] = 1
    scan, _, _ = answers_of(model, ready, CPU, truth)
    noise = np.ones((32, 32, 32), np.uint8)
    noise[20:25, 4:9, 10:15] = 0  # An answer that is everywhere else.
    scan = replace(scan, masks={**scan.masks, "answer": noise}).checked()
    planes = slices_of(scan, 3)
    assert {plane.name for plane in planes} == {"axial", "coronal", "sagittal"}
    for plane in planes:
        marked = np.flatnonzero((scan.masks["truth"] > 0).any(other_axes(plane.axis)))
        assert plane.index == marked[len(marked) // 2]


def other_axes(axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(3) if other != axis)
