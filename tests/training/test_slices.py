"""Labelled slices: every layout read, windows and masks right, lesions drawn, patients whole."""

import csv
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

from genesis_hub.data.phantoms import head_ct_volume
from genesis_hub.errors import BadInput
from tests.scans import write_dicom_series
from training.corpus.material import Material
from training.methods.smart_net import SmartNetRecipe
from training.network import facts_of
from training.slices.files import without_specks
from training.slices.items import ScanItems
from training.slices.listing import listed
from training.slices.opening import slices_of

DOWN, SIDE = 5, 32


def volume(folder: Path, name: str, values: Any, affine: Any = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.nii.gz"
    affine = np.diag([-7.0, -7.0, 5.0, 1.0]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def scan(seed: int, lesion: bool, depth: int = DOWN) -> tuple[Any, Any]:
    """Return made-up HU (X, Y, Z), air in the first slice, and a mask in two of the slices."""
    draw = np.random.default_rng(seed)
    values = draw.normal(30, 4, (40, 36, depth)).astype(np.int16)
    values[0, ..., 1:] = draw.normal(900, 200, (36, depth - 1))  # Bone.
    values[..., 0] = draw.normal(-1000, 9, (40, 36))
    mask = np.zeros(values.shape, np.uint8)
    if lesion:
        mask[4:16, 20:30, 2:4] = 1
        values[mask > 0] = draw.normal(72, 2, int(mask.sum()))
    return values, mask


def authors(folder: Path, count: int = 6, first: int = 0) -> Path:
    """Write volumes as the authors lay theirs out; the first has no mask."""
    for seed in range(first, first + count):
        values, mask = scan(seed, bool(seed % 2))
        stem = f"p{seed}_{'hemo' if seed % 2 else 'normal'}"
        volume(folder, f"{stem}_img", values)
        if seed:
            volume(folder, f"{stem}_mask", mask)
    return folder


def recipe(**keys: Any) -> SmartNetRecipe:
    keys = {"validation": 0.34, "input_side": SIDE, **keys}
    made = SmartNetRecipe(method="smart-net", name="smartnet-resnet50", **keys)
    made.check()
    return made


def read(data: Path, **keys: Any) -> tuple[Any, Material]:
    asked = recipe(**keys)
    source = slices_of(data, asked, facts_of(asked))
    spare = data.parent / "spare"
    return source, source.read(spare, shared=False, quiet=True)


def test_the_authors_layout_is_paired_by_name_and_keeps_its_splits(tmp_path: Path) -> None:
    data = authors(tmp_path / "data" / "train", 4)
    authors(tmp_path / "data" / "valid", 2, first=4)
    listing = listed(tmp_path / "data", seed=0, validation=0.1)
    assert [scan.split for scan in listing.scans] == ["train"] * 4 + ["val"] * 2
    first, second = (scan for scan in listing.scans[:2])
    assert (first.mask, first.label, first.patient) == (None, 0, "p0")
    assert (second.mask, second.label) == (data / "p1_hemo_mask.nii.gz", 1)


def test_patients_are_never_parted(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = []
    for n in range(12):
        Image.fromarray(draw.integers(0, 255, (40, 40), np.uint8)).save(tmp_path / f"{n}.png")
        rows.append({"image": f"{n}.png", "label": n % 2, "patient": f"who{n // 3}"})
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    listing = listed(tmp_path, seed=0, validation=0.5)
    halves = [{scan.patient for scan in listing.of(split)} for split in ("train", "val")]
    assert all(halves)
    assert not halves[0] & halves[1]
    assert [scan.label for scan in listing.scans] == [n % 2 for n in range(12)]


def test_slices_are_windowed_turned_and_kept_with_their_masks(tmp_path: Path) -> None:
    values, mask = scan(1, True)
    folder = tmp_path / "data"
    for name in ("a", "b"):
        volume(folder / "images", name, values)
        volume(folder / "labels", name, mask)
    _, material = read(folder, input_side=48, tasks="seg")
    items = [material.train.item(n, 7) for n in range(len(material.train))]
    assert len(items) == DOWN - 1  # The first slice is air alone.
    assert [int(one["label"]) for one in items] == [0, 1, 1, 0]
    one = items[1]
    assert one["image"].shape == one["mask"].shape == (1, 48, 48)
    assert 0.3 < float(one["image"].median()) < 0.45  # 30 of 80 HU.
    # Rows run to the back, columns to the left: (40, 36) in RAS-like axes is (36, 40) here.
    where = torch.nonzero(one["mask"][0] > 0).float()
    rows, columns = where.amin(0), where.amax(0)
    one["image"][..., :4] = 0  # The bone.
    bright = torch.nonzero(one["image"][0] > 0.7).float()
    assert (bright.amin(0) - rows).abs().max() <= 2
    assert (bright.amax(0) - columns).abs().max() <= 2
    assert float(one["mask"].mean()) == pytest.approx(mask[..., 2].mean(), rel=0.1)


def test_what_is_not_known_is_said_and_a_volumes_label_is_no_slices_label(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for seed, kind in enumerate(("hemo", "normal", "hemo", "hemo", "normal")):
        values, mask = scan(seed, kind == "hemo")
        volume(folder, f"p{seed}_{kind}_img", values)
        if seed == 2:
            volume(folder, f"p{seed}_{kind}_mask", mask)
    _, material = read(folder, validation=0)
    assert material.validation is None
    items = [material.train.item(n, 0) for n in range(len(material.train))]
    labels = [[int(one["label"]) for one in items[at : at + 4]] for at in range(0, 20, 4)]
    assert labels == [[-1] * 4, [0] * 4, [0, 1, 1, 0], [-1] * 4, [0] * 4]
    assert sum(bool(one["masked"]) for one in items) == 4
    assert any("20 slices of 5 scans to learn from: 2 with a lesion" in n for n in material.notes)


def pictures(folder: Path, masks: bool = True) -> Path:
    """Write 8-bit slices; those of odd numbers have a bright square, and a mask of 0 and 255."""
    for n in range(8):
        draw = np.random.default_rng(n)
        values, mask = draw.integers(20, 90, (40, 40), np.uint8), np.zeros((40, 40), np.uint8)
        if n % 2:
            mask[8:20, 10:30] = 255
            values[mask > 0] = 220
        where = folder / "images" if masks else folder / ("bleed" if n % 2 else "normal")
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(where / f"s{n}.png")
        if masks and n != 3:
            (folder / "masks").mkdir(exist_ok=True)
            Image.fromarray(mask).save(folder / "masks" / f"s{n}.png")
    return folder


def test_pictures_serve_with_masks_or_with_labels_alone(tmp_path: Path) -> None:
    _, material = read(pictures(tmp_path / "a"), validation=0, range=(0.0, 255.0))
    items = [material.train.item(n, 0) for n in range(8)]
    assert [int(one["label"]) for one in items] == [0, 1, 0, -1, 0, 1, 0, 1]
    assert [bool(one["masked"]) for one in items] == [n != 3 for n in range(8)]
    keys = {"validation": 0, "range": (0.0, 255.0), "tasks": "cls,rec"}
    _, material = read(pictures(tmp_path / "b", masks=False), **keys)
    items = [material.train.item(n, 0) for n in range(8)]
    assert sorted(int(one["label"]) for one in items) == [0] * 4 + [1] * 4
    assert not any(bool(one["masked"]) for one in items)
    with pytest.raises(BadInput, match="leave seg out of tasks"):
        read(pictures(tmp_path / "c", masks=False), validation=0, range=(0.0, 255.0))


def test_lesions_are_drawn_as_often_as_asked(tmp_path: Path) -> None:
    _, material = read(authors(tmp_path / "data"), lesions=0.5, validation=0)
    assert material.weights is not None
    labels = [int(material.train.item(n, 0)["label"]) for n in range(len(material.train))]
    on = sum(w for w, label in zip(material.weights, labels, strict=True) if label == 1)
    assert on == pytest.approx(0.5)
    assert sum(material.weights) == pytest.approx(1.0)


def test_one_slice_of_each_scan_is_around_its_lesion_as_published(tmp_path: Path) -> None:
    source, material = read(authors(tmp_path / "data"), per_scan=2, validation=0)
    assert isinstance(material.train, ScanItems)
    assert len(material.train) == source.count == 12
    for index in range(12):
        seen = {int(material.train.item(index, seed)["label"]) for seed in range(6)}
        assert seen == {int(index // 2 % 2)}
    keys = {material.train.item(2, seed)["image"].numpy().tobytes() for seed in range(20)}
    assert len(keys) == 2  # Two slices of the scan have a lesion.


def test_what_was_kept_is_taken_up_again(tmp_path: Path, monkeypatch: Any) -> None:
    data = authors(tmp_path / "data")
    _, first = read(data)
    monkeypatch.setattr("training.slices.files.prepare", None)  # Nothing may be read again.
    _, again = read(data)
    for n in range(len(first.train)):
        assert torch.equal(first.train.item(n, 3)["image"], again.train.item(n, 3)["image"])


def test_a_mask_that_does_not_lie_on_its_image_is_left_out_with_its_reason(tmp_path: Path) -> None:
    data = authors(tmp_path / "data")
    volume(data, "p1_hemo_mask", scan(1, True)[1][:20])
    with pytest.raises(BadInput, match=r"p1_hemo.*mask.*20"):
        read(data)
    _, material = read(data, tolerate=0.5)
    assert len(material.left_out) == 1


def test_a_head_of_the_phantoms_becomes_slices(tmp_path: Path) -> None:
    for seed, bleed in enumerate(("epidural", False, "intraparenchymal", False)):
        made = head_ct_volume(seed, size=(32, 32, 24), bleed=bleed)
        stem = f"h{seed}_{'hemo' if bleed else 'normal'}"
        volume(tmp_path / "data", f"{stem}_img", made.image[0], made.affine)
        volume(tmp_path / "data", f"{stem}_mask", made.masks["bleed"].astype(np.uint8), made.affine)
    _, material = read(tmp_path / "data", validation=0)
    items = [material.train.item(n, 0) for n in range(len(material.train))]
    assert {int(one["label"]) for one in items} == {0, 1}
    assert all(0 <= float(one["image"].min()) <= float(one["image"].max()) <= 1 for one in items)


def test_classes_that_do_not_say_which_is_a_lesion_are_asked_for(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", masks=False)
    (folder / "normal").rename(folder / "calm")
    with pytest.raises(BadInput, match="positive=calm"):
        listed(folder, seed=0, validation=0)
    listing = listed(folder, seed=0, validation=0, positive=("bleed",))
    assert sum(scan.label for scan in listing.scans) == 4


def test_specks_of_a_mask_are_left_away_slice_by_slice() -> None:
    masks = np.zeros((3, 8, 8), bool)
    masks[0, 1, 1] = masks[0, 2, 2] = masks[0, 3, 3] = True  # Three that touch at corners: one.
    masks[1, 1, 1:3] = True
    masks[2, 1, 1] = True  # Over and under others, but of another slice.
    kept = without_specks(masks, 3)
    assert [int(one.sum()) for one in kept] == [3, 0, 0]
    assert without_specks(masks, 1).sum() == 6


def test_a_slice_of_specks_alone_has_no_lesion(tmp_path: Path) -> None:
    values, _ = scan(1, True)
    mask = np.zeros(values.shape, np.uint8)
    mask[10:20, 10:20, 2] = 1
    mask[4:6, 4, 3] = 1
    for name, drawn in (("a", mask), ("b", mask * 0), ("c", mask)):
        volume(tmp_path / "data" / "images", name, values)
        volume(tmp_path / "data" / "masks", name, drawn)
    said = {}
    for least in (3, 0):
        _, found = read(tmp_path / "data", least_spot=least)
        said[least] = sum(int(found.train.item(k, 0)["label"]) for k in range(len(found.train)))
    assert said[0] == 2 * said[3] > 0


def test_slices_are_read_from_dicom_series_with_their_labels(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    rows = ["image,label,patient"]
    for seed in range(4):
        values, _ = scan(seed, False)
        folder = tmp_path / "data" / f"s{seed}"
        write_dicom_series(folder, values, np.diag([-7.0, -7.0, 5.0, 1.0]))
        rows.append(f"s{seed},{'normal' if seed % 2 else 'bleeding'},p{seed}")
    (tmp_path / "data" / "table.csv").write_text("\n".join(rows))
    _, found = read(tmp_path / "data" / "table.csv", tasks="rec")
    assert len(found.train) % (DOWN - 1) == 0  # The slice of air is left away.
    assert not found.left_out
    one = found.train.item(0, 0)
    assert one["image"].shape == (1, SIDE, SIDE)
    assert 0 < float(one["image"].mean()) < 1
