"""From files to answers and back into the patient's space; nothing lost, nothing half-written."""

import csv
import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_ct, chest_xray
from genesis_hub.data.readers import read

nibabel = pytest.importorskip("nibabel")

# The sides that an index can grow towards: all 48 ways to lay three axes.
SIDES = [
    "".join(pair[bit] for pair, bit in zip(order, bits, strict=True))
    for order in permutations(("LR", "PA", "IS"))
    for bits in product((0, 1), repeat=3)
]
OBLIQUE = np.array([[0.96, -0.2, 0.19], [0.21, 0.976, -0.05], [-0.177, 0.087, 0.98]])


def segmenter(classes: int = 2, name: str = "models-genesis", **wishes):
    torch.manual_seed(0)
    return genesis_hub.create_model(
        name, task="segmentation", num_classes=classes, width=0.0625, **wishes
    )


def told(answer):
    """Return a segmenter whose answer is known: a function of what it is shown."""
    model = segmenter()
    model.forward = answer
    return model


def bright(x: torch.Tensor) -> torch.Tensor:
    """Logits of two classes: the second where HU are above 0."""
    return torch.cat([torch.zeros_like(x), x - 0.5], 1)


def leftmost(x: torch.Tensor) -> torch.Tensor:
    """Logits of two classes: the second in the half that lies to the patient's left."""
    half = torch.zeros_like(x)
    half[:, :, x.shape[2] // 2 :] = 1
    return torch.cat([1 - half, half], 1)


def laid(affine: np.ndarray, codes: str, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a volume (X, Y, Z) and its affine with the axes running as `codes` say."""
    image = nibabel.Nifti1Image(volume, affine)
    have = nibabel.io_orientation(affine)
    want = nibabel.orientations.axcodes2ornt(codes)
    turned = image.as_reoriented(nibabel.orientations.ornt_transform(have, want))
    return np.asarray(turned.dataobj), turned.affine


def scan(path: Path, codes: str = "LPS", *, oblique: bool = False) -> Path:
    draw = np.random.default_rng(0)
    volume = draw.integers(-1000, 1000, (12, 11, 9)).astype(np.int16)
    affine = np.diag([0.7, 0.8, 2.5, 1.0])
    if oblique:
        affine[:3, :3] = np.linalg.qr(OBLIQUE)[0] @ affine[:3, :3]
    affine[:3, 3] = (12.3456, -80.1, 33.3)
    nibabel.save(nibabel.Nifti1Image(*laid(affine, codes, volume)), path)
    return path


@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
def test_labels_land_on_the_same_anatomy_in_all_48_orientations(tmp_path: Path, oblique) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for codes in SIDES:
        scan(images / f"{codes}.nii.gz", codes, oblique=oblique)
    outcome = genesis_hub.predict(told(bright), images, tmp_path / "out", quiet=True)
    assert (outcome.done, outcome.failed) == (48, {})
    for codes in SIDES:
        before = nibabel.load(images / f"{codes}.nii.gz")
        after = nibabel.load(tmp_path / "out" / f"{codes}.nii.gz")
        assert after.shape == before.shape
        np.testing.assert_allclose(after.affine, before.affine, atol=1e-4)
        assert after.get_data_dtype() == np.uint8
        # Half a unit of the window is lost to rounding around 0 HU.
        sure = np.abs(before.get_fdata()) > 1
        assert ((after.get_fdata() > 0) == (before.get_fdata() > 0))[sure].all()


@pytest.mark.parametrize("codes", SIDES[::5])
def test_a_model_sees_every_orientation_the_same_way(tmp_path: Path, codes: str) -> None:
    path = scan(tmp_path / "a.nii.gz", codes, oblique=True)
    genesis_hub.predict(told(leftmost), path, tmp_path / "out", view="whole", quiet=True)
    after = nibabel.load(tmp_path / "out" / "a.nii.gz")
    labels, affine = after.get_fdata(), after.affine
    places = np.stack(np.meshgrid(*map(np.arange, labels.shape), indexing="ij"), -1)
    right = (places @ affine[:3, :3].T + affine[:3, 3])[..., 0]
    assert right[labels == 1].mean() < right[labels == 0].mean()


def test_a_dicom_series_is_answered_in_its_own_space(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from tests.scans import write_dicom_series

    volume = chest_ct(0, size=(40, 36, 24)).image[0]
    affine = np.diag([-2.0, -2.5, 3.0, 1.0])
    affine[:3, :3] = np.linalg.qr(OBLIQUE)[0] @ affine[:3, :3]
    write_dicom_series(tmp_path / "series", volume, affine)
    genesis_hub.predict(told(bright), tmp_path / "series", tmp_path / "out", quiet=True)
    after = nibabel.load(tmp_path / "out" / "series.nii.gz")
    np.testing.assert_allclose(after.affine, read(tmp_path / "series").affine, atol=1e-4)
    sure = np.abs(volume) > 1
    assert ((np.asarray(after.dataobj) > 0) == (volume > 0))[sure].all()


def test_dicom_seg_lies_on_the_series(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    pydicom = pytest.importorskip("pydicom")
    from tests.scans import write_dicom_series

    volume = chest_ct(0, size=(40, 36, 24)).image[0]
    write_dicom_series(
        tmp_path / "series", volume, np.diag([-2.0, -2.5, 3.0, 1.0]), FrameOfReferenceUID="1.2.3"
    )
    outcome = genesis_hub.predict(
        told(bright), tmp_path / "series", tmp_path / "out", format="dicom-seg",
        classes=("air", "tissue"), quiet=True,
    )  # fmt: skip
    assert outcome.failed == {}
    written = pydicom.dcmread(tmp_path / "out" / "series.dcm")
    assert written.Modality == "SEG"
    assert [s.SegmentLabel for s in written.SegmentSequence] == ["tissue"]
    frames = np.atleast_3d(written.pixel_array)
    assert abs(int(frames.sum()) - int((volume > 0).sum())) < 0.01 * volume.size


def test_the_spacing_the_weights_saw_is_made_and_undone(tmp_path: Path) -> None:
    from dataclasses import replace

    model = told(bright)
    facts = replace(model.inputs.facts, spacing=(2.0, 2.0, 2.0))
    model.inputs = replace(model.inputs, facts=facts)
    seen = []
    model.forward = lambda x: (seen.append(tuple(x.shape)), bright(x))[1]
    volume = np.where(np.arange(20)[:, None, None] < 10, -800, 200) + np.zeros((20, 18, 12))
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(volume.astype(np.int16), affine), path)
    genesis_hub.predict(model, path, tmp_path / "out", probabilities=True, check=False, quiet=True)
    after = nibabel.load(tmp_path / "out" / "a.nii.gz")
    assert seen == [(1, 1, 16, 16, 24)]  # 10 x 9 x 24, to multiples of 8
    assert after.shape == volume.shape
    inside = np.s_[[0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19]]
    np.testing.assert_array_equal(after.get_fdata()[inside], (volume > 0)[inside])
    shares = nibabel.load(tmp_path / "out" / "a_probabilities.nii.gz").get_fdata()
    assert shares.shape == (*volume.shape, 2)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def films(folder: Path, count: int = 5) -> Path:
    import PIL.Image

    folder.mkdir(parents=True)
    for seed in range(count):
        pixels = chest_xray(seed, size=(64, 48)).image[0]
        PIL.Image.fromarray(pixels).save(folder / f"film{seed}.png")
    return folder


def test_a_classifier_writes_a_table(tmp_path: Path) -> None:
    model = genesis_hub.create_model("adam-resnet50", num_classes=3, width=0.125)
    outcome = genesis_hub.predict(
        model, films(tmp_path / "films"), tmp_path / "out", classes=("a", "b", "c"), quiet=True
    )
    table = rows(tmp_path / "out" / "predictions.csv")
    assert (outcome.done, outcome.status) == (5, 0)
    assert [row["case"] for row in table] == [f"film{seed}" for seed in range(5)]
    for row in table:
        shares = [float(row[name]) for name in "abc"]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert row["prediction"] == "abc"[int(np.argmax(shares))]


def test_batches_and_single_pictures_give_the_same(tmp_path: Path) -> None:
    model = genesis_hub.create_model("adam-resnet50", num_classes=3, width=0.125)
    folder = films(tmp_path / "films")
    one = genesis_hub.predict(model, folder, batch_size=1, quiet=True).results
    five = genesis_hub.predict(model, folder, batch_size=5, quiet=True).results
    for case in one:
        np.testing.assert_allclose(one[case], five[case], atol=1e-5)


def test_a_picture_becomes_a_picture_of_labels_of_its_own_size(tmp_path: Path) -> None:
    import PIL.Image

    model = segmenter(3, "adam-resnet50")
    genesis_hub.predict(model, films(tmp_path / "films", 1), tmp_path / "out", quiet=True)
    with PIL.Image.open(tmp_path / "out" / "film0.png") as labels:
        assert labels.size == (48, 64)
        assert set(np.unique(labels)) <= {0, 1, 2}
    (row,) = rows(tmp_path / "out" / "predictions.csv")
    assert row["unit"] == "pixels"
    amounts = [float(row[f"amount_class_{k}"]) for k in range(3)]
    assert sum(amounts) == 48 * 64


def test_windows_and_whole_pictures_agree_where_the_size_is_the_weights_own(tmp_path) -> None:
    model = segmenter(2, "smartnet-resnet50")
    volume = np.random.default_rng(0).integers(-100, 200, (256, 256, 2)).astype(np.int16)
    path = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1.0, -1, 5, 1])), path)
    whole = genesis_hub.predict(model, path, view="whole", quiet=True).results["head"]
    windows = genesis_hub.predict(model, path, view="windows", quiet=True).results["head"]
    assert whole.labels.shape == (256, 256, 2)
    np.testing.assert_array_equal(whole.labels, windows.labels)


def test_classes_that_overlap_get_a_map_each(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.nii.gz")
    model = segmenter(3)
    genesis_hub.predict(model, path, tmp_path / "out", multilabel=True, quiet=True)
    assert nibabel.load(tmp_path / "out" / "a.nii.gz").shape == (12, 11, 9, 3)


@pytest.mark.parametrize(
    "wishes",
    [
        {"name": "adam-resnet50", "operator": "lstm", "num_classes": 2, "width": 0.125},
        {"name": "models-genesis", "num_classes": 2, "width": 0.0625},
        {"name": "smartnet-resnet50", "num_classes": 2, "width": 0.125},
    ],
    ids=lambda w: w["name"],
)
def test_every_kind_of_classifier_answers_a_volume(tmp_path: Path, wishes) -> None:
    model = genesis_hub.create_model(**wishes)
    path = scan(tmp_path / "a.nii.gz")
    outcome = genesis_hub.predict(model, path, check=False, quiet=True)
    shares = outcome.results["a"]
    assert shares.shape == ((9 if wishes["name"].startswith("smart") else 1), 2)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)


def test_a_volume_model_of_slices_segments(tmp_path: Path) -> None:
    model = genesis_hub.create_model(
        "smartnet-resnet50", operator="conv3d", num_classes=2, width=0.125
    )
    outcome = genesis_hub.predict(model, scan(tmp_path / "a.nii.gz"), check=False, quiet=True)
    assert outcome.results["a"].labels.shape == (12, 11, 9)


def test_a_bad_case_is_recorded_and_the_rest_go_on(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    (folder / "film2.png").write_bytes((folder / "film2.png").read_bytes()[:200])
    model = genesis_hub.create_model("adam-resnet50", num_classes=2, width=0.125)
    saved = model.save_pretrained(tmp_path / "model")
    status = main(["predict", str(saved), str(folder), "--out", str(tmp_path / "out"), "--quiet"])
    assert status == 1
    (failed,) = rows(tmp_path / "out" / "failures.csv")
    assert failed["case"] == "film2"
    assert "cut short" in failed["reason"]
    assert len(rows(tmp_path / "out" / "predictions.csv")) == 4


def test_a_second_call_goes_on_and_makes_nothing_twice(tmp_path: Path, monkeypatch) -> None:
    folder, out = films(tmp_path / "films"), tmp_path / "out"
    broken = folder / "film2.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:200])
    model = genesis_hub.create_model("adam-resnet50", num_classes=2, width=0.125)
    first = genesis_hub.predict(model, folder, out, quiet=True)
    broken.write_bytes(whole)
    second = genesis_hub.predict(model, folder, out, quiet=True)
    assert (first.done, list(first.failed)) == (4, ["film2"])
    assert (second.done, second.kept, second.failed) == (1, 4, {})
    assert len(rows(out / "predictions.csv")) == 5
    assert not (out / "failures.csv").exists()


def test_a_label_map_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    path, out = scan(tmp_path / "a.nii.gz"), tmp_path / "out"
    model = segmenter()
    genesis_hub.predict(model, path, out, quiet=True)
    bytes_before = (out / "a.nii.gz").read_bytes()
    (out / "a.nii.gz").unlink()
    assert genesis_hub.predict(model, path, out, quiet=True).done == 1
    assert (out / "a.nii.gz").read_bytes() == bytes_before


def test_another_model_or_setting_does_not_mix_with_what_is_there(tmp_path: Path) -> None:
    path, out = scan(tmp_path / "a.nii.gz"), tmp_path / "out"
    genesis_hub.predict(segmenter(2), path, out, quiet=True)
    with pytest.raises(BadInput, match="overlap"):
        genesis_hub.predict(segmenter(2), path, out, overlap=0.1, quiet=True)
    with pytest.raises(BadInput, match="another model"):
        genesis_hub.predict(segmenter(3), path, out, quiet=True)
    assert genesis_hub.predict(segmenter(3), path, out, overwrite=True, quiet=True).done == 1


def test_a_torn_journal_line_is_made_again(tmp_path: Path) -> None:
    folder, out = films(tmp_path / "films"), tmp_path / "out"
    model = genesis_hub.create_model("adam-resnet50", num_classes=2, width=0.125)
    genesis_hub.predict(model, folder, out, quiet=True)
    journal = out / ".journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    again = genesis_hub.predict(model, folder, out, quiet=True)
    assert (again.done, again.kept) == (1, 4)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(lines) == 6


def test_names_that_are_alike_keep_their_folders(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        scan(tmp_path / folder / "scan.nii.gz")
    genesis_hub.predict(
        segmenter(), [tmp_path / "one", tmp_path / "two"], tmp_path / "out", quiet=True
    )
    made = {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.glob("out/**/*.gz")}
    assert made == {"one/scan.nii.gz", "two/scan.nii.gz"}


def test_a_manifest_names_the_cases(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    lines = ["path,label,patient,id"]
    lines += [f"films/film{k}.png,{k % 2},p{k},case{k}" for k in range(4)]
    (tmp_path / "cases.csv").write_text("\n".join(lines))
    model = genesis_hub.create_model("adam-resnet50", num_classes=2, width=0.125)
    outcome = genesis_hub.predict(model, tmp_path / "cases.csv", quiet=True)
    assert list(outcome.results) == [f"case{k}" for k in range(4)]
    assert folder.exists()


def test_channels_of_a_manifest_are_stacked(tmp_path: Path) -> None:
    scan(tmp_path / "t1.nii.gz")
    scan(tmp_path / "t2.nii.gz")
    (tmp_path / "cases.csv").write_text("image_0,image_1\nt1.nii.gz,t2.nii.gz\n")
    model = segmenter(2, in_channels=2, modality="mri", range="image")
    outcome = genesis_hub.predict(model, tmp_path / "cases.csv", quiet=True)
    assert outcome.failed == {}
    (answer,) = outcome.results.values()
    assert answer.labels.shape == (12, 11, 9)


def test_a_name_without_classes_is_refused_before_its_weights_are_looked_for(tmp_path) -> None:
    with pytest.raises(BadInput, match="embed"):
        genesis_hub.predict("models-genesis", scan(tmp_path / "a.nii.gz"))


def test_answers_never_land_among_the_images(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.nii.gz")
    before = path.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    for images, out in ((tmp_path, tmp_path), (path, tmp_path), (path, link), (link, tmp_path)):
        for verb in (genesis_hub.predict, genesis_hub.embed):
            model = segmenter() if verb is genesis_hub.predict else None
            model = model or genesis_hub.create_model("models-genesis", width=0.0625)
            with pytest.raises(BadInput, match="another folder"):
                verb(model, images, out, overwrite=True, quiet=True)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nii.gz", "link"]


def test_answers_in_a_folder_below_the_images_are_no_images(tmp_path: Path) -> None:
    scan(tmp_path / "a.nii.gz")
    model = segmenter()
    genesis_hub.predict(model, tmp_path, tmp_path / "answers", quiet=True)
    again = genesis_hub.predict(model, tmp_path, tmp_path / "answers", quiet=True)
    assert (again.done, again.kept, again.failed) == (0, 1, {})


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.nii.gz")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "predictions.csv").write_text("mine")
    with pytest.raises(BadInput, match="new or empty folder"):
        genesis_hub.predict(segmenter(), path, tmp_path / "out", overwrite=True, quiet=True)
    assert (tmp_path / "out" / "predictions.csv").read_text() == "mine"


def test_a_format_that_the_image_cannot_have_is_told_before_anything_is_computed(tmp_path) -> None:
    pytest.importorskip("highdicom")
    model = segmenter()
    model.forward = None
    outcome = genesis_hub.predict(
        model, scan(tmp_path / "a.nii.gz"), tmp_path / "out", format="dicom-seg", quiet=True
    )
    assert "DICOM series" in outcome.failed["a"]


def test_sixteen_bits_are_quoted_as_the_file_has_them(tmp_path: Path) -> None:
    import PIL.Image

    pixels = chest_xray(0, size=(64, 64)).image[0].astype(np.uint16) * 16
    PIL.Image.fromarray(pixels).save(tmp_path / "film.png")
    model = genesis_hub.create_model("adam-resnet50", num_classes=2, width=0.125)
    outcome = genesis_hub.predict(model, tmp_path / "film.png", quiet=True)
    assert "range=(0, 4095)" in outcome.failed["film"]
    right = genesis_hub.predict(model, tmp_path / "film.png", range=(0, 4095), quiet=True)
    assert right.failed == {}


def test_the_command_speaks_of_flags(tmp_path: Path, capsys) -> None:
    saved = segmenter().save_pretrained(tmp_path / "model")
    path = tmp_path / "a.nii.gz"
    volume = chest_ct(0, size=(32, 32, 24))
    nibabel.save(nibabel.Nifti1Image(volume.image[0] + 1024, volume.affine), path)
    words = ["predict", str(saved), str(path), "--quiet", "--out"]
    assert main([*words, str(tmp_path / "one")]) == 1
    said = capsys.readouterr().err
    assert "--range 24,2024" in said
    assert "--modality mri" in said
    assert "--no-check" in said
    assert main([*words, str(tmp_path / "two"), "--range", "24,2024"]) == 0
    assert main([*words, str(tmp_path / "three"), "--range", "-1000,1000", "--no-check"]) == 0


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"format": "jpg"}, "format='jpg'"),
        ({"view": "all"}, "view='all'"),
        ({"overlap": 1}, "overlap=1"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"device": "tpu9"}, "device='tpu9'"),
        ({"precision": "fp8"}, "precision='fp8'"),
        ({"classes": ("a",)}, "2 classes"),
        ({"classes": ("a", "a")}, "twice"),
        ({"modality": "pet"}, "modality='pet'"),
    ],
)
def test_wishes_that_cannot_be_met_are_named(tmp_path: Path, wish, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        genesis_hub.predict(segmenter(), scan(tmp_path / "a.nii.gz"), tmp_path / "out", **wish)
    assert not (tmp_path / "out").exists()


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        genesis_hub.predict(segmenter(), tmp_path / "nowhere", tmp_path / "out")


def test_a_full_disk_stops_the_call_and_leaves_nothing_half_written(tmp_path, monkeypatch) -> None:
    from genesis_hub.data import writers

    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b", "c"):
        scan(folder / f"{name}.nii.gz")

    class Full:
        def __init__(self, *arguments, **more):
            raise OSError(28, "No space left on device")

    genesis_hub.predict(segmenter(), folder / "a.nii.gz", tmp_path / "out", quiet=True)
    monkeypatch.setattr(writers.gzip, "GzipFile", Full)
    with pytest.raises(BadInput, match="No space left"):
        genesis_hub.predict(segmenter(), folder, tmp_path / "out", quiet=True)
    monkeypatch.undo()
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"a.nii.gz", "predictions.csv", ".journal.jsonl"}
    again = genesis_hub.predict(segmenter(), folder, tmp_path / "out", quiet=True)
    assert (again.done, again.kept) == (2, 1)
