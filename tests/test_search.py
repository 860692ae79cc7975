"""Searching for places: against a loop over the definition, on phantoms, and what is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_xray
from genesis_hub.searching.maps import shown_at
from genesis_hub.searching.matching import alike, heat_of, normalised, peak_of

pytest.importorskip("matplotlib")
SIDE = 64
MARKS = {1: "right lung", 2: "left lung", 3: "heart"}


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Phantoms with a table of where their organs are."""
    folder = tmp_path_factory.mktemp("films")
    rows = []
    for seed in range(6):
        film = chest_xray(seed, size=(SIDE, SIDE), finding=False)
        PIL.Image.fromarray(film.image[0]).save(folder / f"p{seed}.png")
        for number, name in MARKS.items():
            down, across = np.argwhere(film.labels == number).mean(0)
            rows.append([f"p{seed}.png", f"{across:.1f}", f"{down:.1f}", name])
    table(folder / "points.csv", rows)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    model = genesis_hub.create_model("timm:resnet18", width=0.25)
    return model.save_pretrained(tmp_path_factory.mktemp("model") / "m")


def table(path: Path, rows: list[list[str]], header: str = "image,x,y,landmark") -> Path:
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n", encoding="utf-8")
    return path


def test_heat_is_the_mean_of_cosines_around_both_places() -> None:
    torch.manual_seed(0)
    maps = [normalised([torch.randn(5, 6, 7)], (6, 7)) for _ in range(2)]
    place, context = (3, 2), 0.2
    heat = heat_of(alike(*maps), ((3 + 0.5) / 6, (2 + 0.5) / 7), (6, 7), context)
    wanted = torch.zeros(6, 7)
    far = [max(1, round(2 * context * side)) for side in (6, 7)]
    for row, column in np.ndindex(6, 7):
        above = below = 0.0
        for i in range(-far[0], far[0] + 1):
            for j in range(-far[1], far[1] + 1):
                weight = np.exp(-((i / (context * 6)) ** 2 + (j / (context * 7)) ** 2) / 2)
                ours, theirs = (place[0] + i, place[1] + j), (row + i, column + j)
                if not (0 <= ours[0] < 6 and 0 <= ours[1] < 7):
                    continue
                below += weight
                if 0 <= theirs[0] < 6 and 0 <= theirs[1] < 7:
                    above += weight * float(maps[0][:, *ours] @ maps[1][:, *theirs])
        wanted[row, column] = above / below
    torch.testing.assert_close(heat, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("place", [(0.1, 0.9), (0.5, 0.5), (0.43, 0.31)])
def test_a_place_is_found_in_its_own_picture(place) -> None:
    torch.manual_seed(0)
    own = normalised([torch.randn(16, 12, 12)], (12, 12))
    peak = peak_of(heat_of(alike(own, own), place, (12, 12), 0.2))
    assert peak[:2] == pytest.approx(place, abs=0.06)
    assert peak.similarity <= 1


def test_features_that_hardly_change_make_no_place_alike() -> None:
    torch.manual_seed(0)
    maps = [normalised([5 + 1e-3 * torch.randn(64, 8, 8)], (8, 8)) for _ in range(2)]
    assert float(heat_of(alike(*maps), (0.5, 0.5), (8, 8), 0.3).max()) < 0.3


def test_a_shifted_picture_gives_a_shifted_place(encoder: Path, tmp_path: Path) -> None:
    whole = chest_xray(3, size=(160, 160), finding=False).image[0]
    PIL.Image.fromarray(whole[10:138, 10:138]).save(tmp_path / "asked.png")
    (tmp_path / "data").mkdir()
    PIL.Image.fromarray(whole[26:154, 0:128]).save(tmp_path / "data" / "moved.png")
    found = genesis_hub.search(
        encoder, tmp_path / "data", image=tmp_path / "asked.png", at=(70, 60), context=0.15,
        quiet=True,
    )  # fmt: skip
    (place,) = found.places
    assert (place.x, place.y) == pytest.approx((80, 44), abs=6)
    assert place.back < 8


def test_the_command_finds_a_place_and_writes_a_page(encoder, films, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    words = ["search", str(encoder), "--data", str(films), "--image", str(films / "p0.png")]
    words += ["--at", "30,20", "--quiet", "--out", str(out), "--pictures", "3"]
    assert main(words) == 0
    rows = list(csv.DictReader((out / "found.csv").open()))
    assert len(rows) == 6
    assert rows[0]["case"] == "p0"  # Nothing is more like a place than itself.
    assert (float(rows[0]["x"]), float(rows[0]["y"])) == pytest.approx((30, 20), abs=4)
    assert [row["similarity"] for row in rows] == sorted(r["similarity"] for r in rows)[::-1]
    assert len(list((out / "pictures").glob("*.png"))) == 3
    page = (out / "search.html").read_text()
    assert page.count("<img") == 4
    assert "script" not in page
    assert "6 places" in capsys.readouterr().out
    assert main([*words[:-1], "2"]) == 0  # The pictures of the first search are not searched,
    assert len(list((out / "pictures").glob("*.png"))) == 2  # nor do they stay among the new ones.


def test_how_well_landmarks_are_found_is_measured_over_patients(encoder, films, tmp_path) -> None:
    found = genesis_hub.search(
        encoder, films, tmp_path / "out", points=films / "points.csv", references=3, pictures=2,
        quiet=True,
    )  # fmt: skip
    assert len(found.places) == 3 * 5 * 3  # Each of three in the five others, three landmarks.
    assert all(place.reference != place.case for place in found.places)
    told = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert told["patients"] == 6
    value, low, high = told["numbers"]["error"]
    assert low < value < high < SIDE / 4
    for place in found.places:
        assert place.error == pytest.approx(
            np.hypot(place.x - place.truth[0], place.y - place.truth[1])
        )
    assert found.numbers["within/heart"].value > 0.5
    assert "mean error" in (tmp_path / "out" / "search.html").read_text()


def test_pictures_of_one_patient_are_no_test_of_each_other(encoder, films, tmp_path) -> None:
    rows = [[str(films / f"p{n}.png"), "30", "30", "hilum", f"who{n // 2}"] for n in range(4)]
    points = table(tmp_path / "t.csv", rows, "image,x,y,landmark,patient")
    found = genesis_hub.search(encoder, films, points=points, references=4, quiet=True)
    pairs = {(place.reference, place.case) for place in found.places}
    assert len(pairs) == 8
    assert ("p0", "p1") not in pairs


def test_places_of_one_patient_measure_nothing(encoder, films, tmp_path) -> None:
    points = table(tmp_path / "t.csv", [[str(films / "p0.png"), "30", "30", "hilum"]])
    with pytest.raises(BadInput, match="places are of one patient"):
        genesis_hub.search(encoder, films, points=points, quiet=True)


def test_several_pictures_of_a_landmark_are_asked_together(encoder, films) -> None:
    found = genesis_hub.search(encoder, films, landmark=films / "points.csv", quiet=True)
    assert len(found.places) == 6 * 3
    assert {place.landmark for place in found.places} == set(MARKS.values())


def test_kept_features_give_the_same_places(encoder, films, tmp_path, monkeypatch) -> None:
    from genesis_hub.searching.maps import Mapper

    def places() -> list[tuple[float, float, float]]:
        found = genesis_hub.search(
            encoder, films, image=films / "p1.png", at="20,30", cache=tmp_path, quiet=True
        )
        return [(place.x, place.y, place.similarity) for place in found.places]

    first = places()
    (torn, *_) = tmp_path.rglob("*.npz")
    torn.write_bytes(torn.read_bytes()[:100])
    assert places() == first
    monkeypatch.setattr(Mapper, "computed", None)  # Nothing is computed a third time.
    assert places() == first


def test_pictures_of_other_sizes_and_colours_are_searched(encoder, films, tmp_path) -> None:
    wide = chest_xray(7, size=(50, 90)).image[0]
    PIL.Image.fromarray(np.stack([wide] * 3, -1)).save(tmp_path / "wide.png")
    found = genesis_hub.search(encoder, tmp_path, image=films / "p0.png", at="60,10", quiet=True)
    assert 0 <= found.places[0].x < 90
    assert 0 <= found.places[0].y < 50


def test_transformers_are_searched_with_too(films) -> None:
    model = genesis_hub.create_model("timm:vit_tiny_patch16_224", features_only=True)
    found = genesis_hub.search(
        model, films / "p0.png", image=films / "p0.png", at="30,20", context=0.1, quiet=True
    )
    assert (found.places[0].x, found.places[0].y) == pytest.approx((30, 20), abs=5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--image", "p0.png", "--at", "64,3"], "which is 64 pixels wide and 64 high"),
        (["--image", "p0.png", "--at", "12"], "pixels from the left and from the top"),
        (["--image", "p0.png"], "belong together"),
        ([], "no place was asked for"),
        (["--image", "none.png", "--at", "1,1"], "none.png"),
        (["--points", "points.csv", "--within", "0"], "above 0"),
        (["--points", "points.csv", "--context", "2"], "share of a picture's sides"),
        (["--points", "points.csv", "--references", "0"], "counted from 1"),
        (["--points", "other.csv"], "names none of the 6 pictures"),
        (["--points", "far.csv"], "scale them"),
        (["--landmark", "words.csv"], "line 2: x='left'"),
        (["--landmark", "columns.csv"], "no column y"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(words, said, encoder, films, monkeypatch, capsys):
    monkeypatch.chdir(films)
    table(films / "other.csv", [["q.png", "1", "1", "a"]])
    table(films / "far.csv", [["p0.png", "800", "1", "a"], ["p1.png", "800", "1", "a"]])
    table(films / "words.csv", [["p0.png", "left", "1", "a"]])
    table(films / "columns.csv", [["p0.png", "3"]], "image,x")
    assert main(["search", str(encoder), "--data", str(films), "--quiet", *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("model", ["models-genesis", "models-genesis-mini"])
def test_models_of_volumes_are_refused(model: str, films: Path) -> None:
    with pytest.raises(BadInput, match="takes volumes"):
        genesis_hub.search(model, films, image=films / "p0.png", at="1,1", quiet=True)


def test_an_empty_folder_is_told(encoder: Path, films: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no image lies in"):
        genesis_hub.search(encoder, tmp_path, image=films / "p0.png", at="1,1", quiet=True)


def test_a_picture_that_cannot_be_read_is_told_and_the_rest_is_searched(
    encoder, films, tmp_path, capsys
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    np.save(tmp_path / "volume.npy", np.zeros((30, 30, 30), np.float32))
    words = ["search", str(encoder), "--image", str(films / "p0.png"), "--at", "9,9", "--quiet"]
    words += ["--out", str(tmp_path / "out"), "--pictures", "1", "--data", str(tmp_path)]
    assert main(words) == 2
    assert "none of 2 pictures could be searched" in capsys.readouterr().err
    assert main([*words, str(films / "p1.png")]) == 1
    failures = (tmp_path / "out" / "failures.csv").read_text()
    assert "broken" in failures
    assert "is a volume" in failures


def test_a_picture_is_shown_large_enough_to_be_searched_and_as_large_as_asked() -> None:
    small = genesis_hub.create_model("adam-mini", features_only=True)
    assert shown_at(small, None) == (256, 256)  # Its own 96 give a map of three cells a side.
    assert shown_at(small, 160) == (160, 160)
    fixed = genesis_hub.create_model("timm:vit_tiny_patch16_224", features_only=True)
    assert shown_at(fixed, None) == (224, 224)
    with pytest.raises(BadInput, match="side=0"):
        shown_at(small, 0)
