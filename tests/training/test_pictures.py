"""Pictures as a corpus: what is listed, how values become eight bits, what is kept, what is cut."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from genesis_hub.data.phantoms import chest_xray
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from tests.scans import write_picture_dicom
from training.corpus.listing import Opener, Scan
from training.corpus.material import Material, Source
from training.pictures import kept
from training.pictures.album import PictureFiles
from training.pictures.items import CellItems
from training.pictures.listfile import read_list
from training.pictures.listing import listed
from training.pictures.opening import pictures_of
from training.pictures.reading import opened, pixels_of

SIDES = (48, 40)


def pixels(seed: int, sides: tuple[int, int] = SIDES) -> np.ndarray:
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (6, 5), dtype=np.uint8)
    return np.asarray(
        PIL.Image.fromarray(coarse).resize(sides[::-1], PIL.Image.Resampling.BILINEAR)
    )


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(values).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four patients of NIH, two pictures each, in two folders as NIH gives them out."""
    for patient in range(1, 5):
        for number in range(2):
            name = f"images_00{1 + patient % 2}/{patient:08d}_{number:03d}.png"
            write(tmp_path / "nih" / name, pixels(10 * patient + number))
    return tmp_path / "nih"


def scan(path: Path) -> Scan:
    return Scan(path.stem, path.stem, (path,), "", "train", Opener(path))


def album(folder: Path, spare: Path, side: int = 0, **more: object) -> PictureFiles:
    scans = [scan(path) for path in sorted(folder.rglob("*.png"))]
    return PictureFiles(scans, spare, side=side, **more)  # type: ignore[arg-type]


def material(source: Source, spare: Path) -> Material:
    return source.read(spare, shared=False, quiet=True)


# List files


@pytest.mark.parametrize(
    "text",
    [
        "00000001_000.png 0 1 0\n00000002_001.png 1 0 0\n",
        "# made by hand\r\n\r\n00000001_000.png 0 1 0\r\n00000002_001.png 1 0 0",
        "\ufeff00000001_000.png,0,1,0\n00000002_001.png,1,0,0\n",
        "00000001_000.png 0 1 0\n00000001_000.png 0 1 0\n00000002_001.png 1 0 0\n",
    ],
    ids=["spaces", "CRLF, comments, gaps", "commas", "twice"],
)
def test_a_list_may_be_written_in_many_ways(tmp_path: Path, text: str) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text, encoding="utf-8", newline="")
    lines = read_list(file)
    assert [line.name for line in lines] == ["00000001_000.png", "00000002_001.png"]
    assert [line.labels for line in lines] == [(0, 1, 0), (1, 0, 0)]
    assert [line.patient for line in lines] == ["00000001", "00000002"]


def test_a_list_needs_no_labels_and_names_may_hold_spaces_and_numbers(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("left eye/scan 12.png\nb.jpeg\n#c.jpeg\n", encoding="utf-8")
    assert [(line.name, line.labels) for line in read_list(file)] == [
        ("left eye/scan 12.png", ()),
        ("b.jpeg", ()),
    ]


def test_a_table_names_pictures_patients_and_labels_by_its_header(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "Image Index,Patient ID,Mass,note\na.png,7,1,x\nb.png,8,0,y\n", encoding="utf-8"
    )
    assert [line[:3] for line in map(vars_of, read_list(file))] == [
        ("a.png", (1.0,), "7"),
        ("b.png", (0.0,), "8"),
    ]


def vars_of(line: object) -> tuple[object, ...]:
    return tuple(vars(line).values())


def test_lines_with_other_numbers_of_labels_are_refused_by_their_line(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("a.png 0 1\n\nb.png 0\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"line 3 \(b.png\) has 1 labels, but line 1 has 2"):
        read_list(file)
    file.write_text("a.png,oedema\n", encoding="utf-8")
    with pytest.raises(BadInput, match="line 1: oedema are no labels"):
        read_list(file)
    file.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(BadInput, match="names no picture"):
        read_list(file)


def test_lists_find_pictures_below_the_folder_and_say_which_split(
    folder: Path, tmp_path: Path
) -> None:
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("00000001_000.png 0\n00000002_001.png 0\n", encoding="utf-8")
    val.write_text("images_001/00000004_000.png\n", encoding="utf-8")
    listing = listed(folder, seed=0, validation=0.5, train_list=train, val_list=val)
    assert [(one.name, one.patient, one.split) for one in listing.scans] == [
        ("00000001_000.png", "00000001", "train"),
        ("00000002_001.png", "00000002", "train"),
        ("images_001/00000004_000.png", "00000004", "val"),
    ]
    assert listing.scans[0].open().shape == (1, *SIDES)


def test_pictures_that_are_not_there_are_refused_up_front_with_a_count(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "train.txt"
    file.write_text("00000001_000.png\n99_000.png\n98_000.png\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"2 of its 3 pictures are not in .* such as 99_000.png, 98"):
        listed(folder, seed=0, validation=0.1, train_list=file)


def test_a_picture_or_a_patient_in_both_lists_is_refused(folder: Path, tmp_path: Path) -> None:
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("00000001_000.png\n", encoding="utf-8")
    val.write_text("00000001_000.png\n", encoding="utf-8")
    with pytest.raises(BadInput, match="1 pictures are in"):
        listed(folder, seed=0, validation=0.1, train_list=train, val_list=val)
    val.write_text("00000001_001.png\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"one patient .* train and in val, such as '00000001'"):
        listed(folder, seed=0, validation=0.1, train_list=train, val_list=val)
    with pytest.raises(BadInput, match="without train_list"):
        listed(folder, seed=0, validation=0.1, val_list=val)


# Splits


def test_patients_are_never_parted_and_the_seed_decides(folder: Path, tmp_path: Path) -> None:
    splits = []
    for seed in (0, 0, 1, 2, 3):
        scans = listed(folder, seed=seed, validation=0.25).scans
        split_of = {(one.patient, one.split) for one in scans}
        assert len(split_of) == 4
        assert sum(split == "val" for _, split in split_of) == 1
        splits.append(frozenset(split_of))
    assert splits[0] == splits[1]
    assert len(set(splits)) > 1


def test_a_list_alone_has_its_validation_drawn_from_it(folder: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.txt"
    names = [f"{patient:08d}_{number:03d}.png" for patient in (1, 2, 3) for number in range(2)]
    train.write_text("\n".join(names), encoding="utf-8")
    listing = listed(folder, seed=0, validation=0.34, train_list=train)
    assert len(listing.of("val")) == 2
    assert len(listing.of("train")) == 4


def test_pictures_of_other_names_are_patients_of_their_own_and_it_is_said(tmp_path: Path) -> None:
    for name in ("a_1", "a_2", "b_1"):
        write(tmp_path / f"{name}.png", pixels(1))
    listing = listed(tmp_path, seed=0, validation=0)
    assert {one.patient for one in listing.scans} == {"a_1", "a_2", "b_1"}
    assert any("3 of 3 pictures are each taken for a patient" in note for note in listing.notes)


def test_a_table_may_name_pictures_patients_and_splits(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / f"images/{name}.png", pixels(1))
    table = tmp_path / "manifest.csv"
    table.write_text(
        "path,patient,split\nimages/a.png,p,train\nimages/b.png,q,val\nimages/c.png,r,test\n",
        encoding="utf-8",
    )
    scans = listed(tmp_path, seed=0, validation=0.5).scans
    assert [(one.patient, one.split) for one in scans] == [("p", "train"), ("q", "val")]


def test_a_published_stack_is_taken_with_its_splits(tmp_path: Path) -> None:
    stack = np.stack([pixels(at, (28, 28)) for at in range(6)])
    facts = {f"{split}_images": stack[:n] for split, n in (("train", 6), ("val", 3), ("test", 2))}
    facts |= {f"{split}_labels": np.zeros((len(stack), 1)) for split, stack in
              ((name.split("_")[0], images) for name, images in list(facts.items()))}  # fmt: skip
    np.savez(tmp_path / "small.npz", **facts)
    source = pictures_of(tmp_path / "small.npz", seed=0, held_side=16)
    found = material(source, tmp_path / "spare")
    assert len(found.train) == 6
    assert found.validation is not None
    assert len(found.validation) == 3


def test_a_table_may_name_items_of_a_stack_beside_pictures(tmp_path: Path) -> None:
    np.savez(tmp_path / "stack.npz", train_images=np.stack([pixels(at) for at in range(3)]))
    write(tmp_path / "a.png", pixels(7))
    table = tmp_path / "manifest.csv"
    table.write_text("path\na.png\nstack.npz#train_images/2\n", encoding="utf-8")
    source = pictures_of(table, seed=0, held_side=40, validation=0, cache=False)
    found = material(source, tmp_path / "spare")
    assert isinstance(found.train, CellItems)
    assert np.array_equal(found.train.album.picture(1), pixels(2)[None])


# Values


def test_an_inverted_dicom_of_twelve_bits_is_bright_where_it_is_dense(tmp_path: Path) -> None:
    stored = np.linspace(4000, 0, SIDES[0] * SIDES[1]).astype(np.uint16).reshape(SIDES)
    path = tmp_path / "in/x.dcm"
    path.parent.mkdir()
    write_picture_dicom(path, stored, modality="CR", photometric="MONOCHROME1", bits=12)
    found = material(pictures_of(path.parent, seed=0, held_side=40), tmp_path / "spare")
    assert isinstance(found.train, CellItems)
    picture = found.train.album.picture(0)[0]
    assert picture[0, 0] < 10
    assert picture[-1, -1] > 245
    assert any("became 0 to 255" in note for note in found.notes)


def test_eight_bits_stay_as_they_are(tmp_path: Path) -> None:
    values = pixels(3)
    path = write(tmp_path / "a.png", values)
    found, said = pixels_of(read(path), colour=False)
    assert np.array_equal(found[0], values)
    assert found.dtype == np.uint8
    assert said == ""


@pytest.mark.parametrize("most", [4095, 65535])
def test_sixteen_bits_become_eight_by_what_the_picture_holds(tmp_path: Path, most: int) -> None:
    values = np.linspace(0, most, SIDES[0] * SIDES[1]).round().astype(np.uint16).reshape(SIDES)
    found, said = pixels_of(read(write(tmp_path / "a.png", values)), colour=False)
    assert (found.min(), found.max()) == (0, 255)
    assert np.abs(found[0] - values / most * 255).max() <= 0.51
    assert "0 to 255" in said


def test_colours_become_grey_by_their_weights_or_stay(tmp_path: Path) -> None:
    red = np.zeros((*SIDES, 3), dtype=np.uint8)
    red[:20, :, 0] = 255
    path = write(tmp_path / "a.png", red)
    grey, _ = pixels_of(read(path), colour=False)
    assert grey.shape == (1, *SIDES)
    assert set(np.unique(grey)) == {0, 76}
    assert np.array_equal(pixels_of(read(path), colour=True)[0], np.moveaxis(red, -1, 0))
    grey_path = write(tmp_path / "b.png", pixels(1))
    three, _ = pixels_of(read(grey_path), colour=True)
    assert three.shape == (3, *SIDES)
    assert (three[0] == three[2]).all()


def test_a_large_jpeg_is_decoded_no_larger_than_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", pixels(2, (640, 480)))
    assert opened(scan(path), 100).shape == (1, 160, 120)
    assert opened(scan(path), 300).shape == (1, 640, 480)
    assert opened(scan(path), 0).shape == (1, 640, 480)
    whole, small = (
        torch.from_numpy(opened(scan(path), least).array[None].astype(np.float32))
        for least in (0, 100)
    )
    shrunk = torch.nn.functional.interpolate(whole, size=(160, 120), mode="area")
    assert float((small - shrunk).abs().mean()) < 2


# What is kept


def test_bad_pictures_are_left_out_with_their_reason_and_refused_if_many(
    folder: Path, tmp_path: Path
) -> None:
    write(folder / "flat.png", np.full(SIDES, 7, dtype=np.uint8))
    (folder / "torn.png").write_bytes((folder / "flat.png").read_bytes()[:60])
    found = album(folder, tmp_path / "spare", tolerate=0.3)
    assert len(found) == 8
    assert [one.name for one in found.left_out] == ["flat", "torn"]
    assert "all its pixels are 7" in str(found.left_out[0])
    with pytest.raises(BadInput, match="2 of 10"):
        album(folder, tmp_path / "spare")


def test_a_picture_smaller_than_the_finest_grid_is_left_out(folder: Path, tmp_path: Path) -> None:
    write(folder / "tiny.png", pixels(1, (3, 40)))
    source = pictures_of(folder, seed=0, held_side=8, n=4, tolerate=0.2)
    found = material(source, tmp_path / "spare")
    assert ["3 x 40 pixels" in str(one) for one in found.left_out] == [True]


def test_a_cache_holds_each_picture_as_a_square_and_survives_being_handed_on(
    folder: Path, tmp_path: Path
) -> None:
    read_each = album(folder, tmp_path / "one")
    cached = pickle.loads(pickle.dumps(album(folder, tmp_path / "two", side=20)))
    assert read_each.names == cached.names
    for at in range(len(cached)):
        assert cached.picture(at).shape == (1, 20, 20)
        assert cached.sides(at) == read_each.sides(at) == SIDES
        assert cached.look(at) == read_each.look(at)
        whole = torch.from_numpy(read_each.picture(at)[None].astype(np.float32))
        square = torch.nn.functional.interpolate(
            whole, size=(20, 20), mode="bilinear", antialias=True
        )
        assert float((torch.tensor(cached.picture(at)) - square[0]).abs().max()) < 1.01


def test_a_cache_is_made_once_and_taken_up_where_it_was_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare, calls = tmp_path / "spare", []
    real = pixels_of

    def counted(image: object, **more: object) -> object:
        calls.append(image)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(image, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("training.pictures.album.pixels_of", counted)
    with pytest.raises(KeyboardInterrupt):
        album(folder, spare, side=16, workers=1)
    first = len(calls)
    again = album(folder, spare, side=16)
    assert len(calls) - first < 8
    told = len(calls)
    third = album(folder, spare, side=16)
    assert len(calls) == told
    for at in range(8):
        assert np.array_equal(again.picture(at), third.picture(at))
        assert third.picture(at).any()


def test_a_row_whose_pixels_were_never_written_is_not_taken_for_whole(tmp_path: Path) -> None:
    store = kept.Kept(tmp_path, "d", 3, 1, 4)
    store.put(1, kept.Facts(5, 6, "ab" * 32), np.ones((1, 4, 4), dtype=np.uint8))
    assert kept.Kept(tmp_path, "d", 3, 1, 4).facts(1) is None
    store.finish()
    after = kept.Kept(tmp_path, "d", 3, 1, 4)
    assert after.facts(1) == kept.Facts(5, 6, "ab" * 32)
    assert after.facts(0) is None
    assert after.pixels(1).all()


def test_what_is_said_of_pixels_that_were_lost_is_forgotten(tmp_path: Path) -> None:
    store = kept.Kept(tmp_path, "d", 2, 1, 4)
    for index in range(2):
        store.put(index, kept.Facts(5, 6, "ab" * 32), np.ones((1, 4, 4), dtype=np.uint8))
    store.finish()
    store.squares.unlink()
    assert kept.Kept(tmp_path, "d", 2, 1, 4).facts(0) is None


def test_two_that_fill_one_cache_leave_the_same(folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        two = list(pool.map(lambda _: album(folder, tmp_path / "spare", side=16), range(2)))
    alone = album(folder, tmp_path / "alone", side=16)
    for found in (*two, album(folder, tmp_path / "spare", side=16)):
        assert [found.look(at) for at in range(8)] == [alone.look(at) for at in range(8)]
        assert all(np.array_equal(found.picture(at), alone.picture(at)) for at in range(8))


def test_changed_files_are_read_anew(folder: Path, tmp_path: Path) -> None:
    before = album(folder, tmp_path / "spare", side=16)
    first = np.array(before.picture(0))
    write(Path(before.scans[0].paths[0]), 255 - pixels(99, (50, 50)))
    after = album(folder, tmp_path / "spare", side=16)
    assert after.sides(0) == (50, 50)
    assert not np.array_equal(after.picture(0), first)


def test_where_a_cache_has_no_room_it_is_said_or_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(path: object) -> object:
        return type("Usage", (), {"free": 1 << 20})

    monkeypatch.setattr("shutil.disk_usage", usage)
    found = material(pictures_of(folder, seed=0, held_side=8), tmp_path / "spare")
    assert any("each is read every time" in note for note in found.notes)
    with pytest.raises(BadInput, match="make room"):
        material(pictures_of(folder, seed=0, held_side=8, cache=True), tmp_path / "spare")


# Items


def test_an_item_is_one_cell_at_the_held_side_with_its_own_shape(
    folder: Path, tmp_path: Path
) -> None:
    items = CellItems(album(folder, tmp_path / "spare"), range(8), 24, 2)
    picture = items.album.picture(3)[0]
    cells = set()
    for seed in range(20):
        item = items.item(3, seed)
        row, column = item["cell"].tolist()
        cells.add((row, column))
        assert item["image"].shape == (1, 24, 24)
        assert item["image"].dtype == torch.uint8
        assert int(item["key"]) == seed
        assert float(item["aspect"]) == pytest.approx(24 / 20)
        part = picture[24 * row : 24 * row + 24, 20 * column : 20 * column + 20]
        wide = torch.nn.functional.interpolate(
            torch.tensor(part)[None, None].float(), size=(24, 24), mode="bilinear", antialias=True
        )
        assert float((item["image"].float() - wide[0]).abs().max()) < 1.01
    assert cells == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_part_that_shows_nothing_is_drawn_anew_unless_faithful(tmp_path: Path) -> None:
    values = pixels(1, (64, 64)).copy()
    values[:, :48] = 3  # Three columns of four are a border.
    write(tmp_path / "in/a.png", values)
    found = album(tmp_path / "in", tmp_path / "spare")
    for faithful, least, most in ((False, 0.8, 1.0), (True, 0.15, 0.35)):
        items = CellItems(found, [0], 8, 4, faithful=faithful)
        columns = [int(items.item(0, seed)["cell"][1]) for seed in range(300)]
        assert least < np.mean(np.array(columns) == 3) <= most


@pytest.mark.parametrize("side", [0, 32])
def test_an_item_is_a_pure_function_of_index_and_seed(
    folder: Path, tmp_path: Path, side: int
) -> None:
    items = CellItems(album(folder, tmp_path / "spare", side=side), [5, 1], 8, 4)
    once, again = items.item(1, 77), pickle.loads(pickle.dumps(items)).item(1, 77)
    for name in once:
        assert torch.equal(once[name], again[name])
    assert len(items) == 2


def test_the_next_stage_parts_the_same_pictures_by_another_grid(
    folder: Path, tmp_path: Path
) -> None:
    found = material(pictures_of(folder, seed=0, held_side=8, n=4), tmp_path / "spare")
    finest = found.train
    assert isinstance(finest, CellItems)
    assert CellItems(finest.album, finest.places, 8).item(0, 1)["cell"].tolist() == [0, 0]
    places = {tuple(finest.item(0, seed)["cell"].tolist()) for seed in range(200)}
    assert len(places) == 16


def test_an_item_of_a_cache_is_the_same_place_of_the_picture(folder: Path, tmp_path: Path) -> None:
    plain = CellItems(album(folder, tmp_path / "one"), range(8), 16, 2)
    cached = CellItems(album(folder, tmp_path / "two", side=40), range(8), 16, 2)
    for index in range(8):
        one, other = plain.item(index, index), cached.item(index, index)
        assert torch.equal(one["cell"], other["cell"])
        assert torch.equal(one["aspect"], other["aspect"])
        assert float((one["image"].float() - other["image"].float()).abs().mean()) < 4


def test_what_was_seen_carries_patients_and_looks_of_what_was_learned_from(
    folder: Path, tmp_path: Path
) -> None:
    source = pictures_of(folder, seed=0, held_side=8, validation=0.25)
    found = material(source, tmp_path / "spare")
    seen = found.seen()
    assert len(seen) == source.count == len(found.train) == 6
    assert {one["patient"] for one in seen} == {case.patient for case in source.cases.of("train")}
    assert all(len(one["hashes"][0]) == 64 for one in seen)


def test_a_phantom_goes_from_its_file_to_an_item(tmp_path: Path) -> None:
    image = np.asarray(chest_xray(1, size=(96, 96)).image)[0]
    write(tmp_path / "in/a.png", image)
    found = material(pictures_of(tmp_path / "in", seed=0, held_side=96), tmp_path / "spare")
    assert np.array_equal(found.train.item(0, 1)["image"][0].numpy(), image)
    assert found.validation is None
