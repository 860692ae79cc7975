"""Anatomy in numbers: against definitions, and against embeddings that tell nothing apart."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from sklearn.metrics import silhouette_samples

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_xray
from genesis_hub.evaluate import composition, intervals, locality

LANDMARKS = ("apex", "heart", "spine")


def draw() -> np.random.Generator:
    return np.random.default_rng(0)


def patches(patients: int = 12, noise: float = 0.3) -> tuple[np.ndarray, list[str], list[str]]:
    """Return embeddings around one direction for each landmark."""
    chance = draw()
    middles = chance.standard_normal((3, 16))
    rows, names, people = [], [], []
    for patient in range(patients):
        for place, name in enumerate(LANDMARKS):
            rows.append(middles[place] + noise * chance.standard_normal(16))
            names.append(name)
            people.append(f"p{patient}")
    return np.array(rows), names, people


def test_landmarks_that_cluster_are_found_in_other_patients() -> None:
    rows, names, people = patches()
    found = locality(rows, names, people)
    numbers = intervals(found.sample, draw=draw(), resamples=200)
    assert numbers["knn"].value == 1
    assert numbers["knn"].low < 1
    assert numbers["chance"].value == pytest.approx(1 / 3)
    assert numbers["silhouette"].value > 0.5
    assert all(people[n] != people[row] for row, some in enumerate(found.neighbours) for n in some)


def test_votes_are_those_of_a_loop_over_the_definition() -> None:
    rows, names, people = patches(noise=2.0)
    centred = rows - rows.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = locality(rows, names, people, k=3)
    for row in range(len(rows)):
        others = [n for n in range(len(rows)) if people[n] != people[row]]
        nearest = sorted(others, key=lambda n: -float(unit[row] @ unit[n]))[:3]
        assert found.neighbours[row].tolist() == nearest
        votes = [sum(names[n] == name for n in nearest) for name in LANDMARKS]
        winners = [
            name for name, count in zip(LANDMARKS, votes, strict=True) if count == max(votes)
        ]
        assert found.right[row] == pytest.approx((names[row] in winners) / len(winners))
    np.testing.assert_allclose(
        found.silhouettes, silhouette_samples(centred, names, metric="cosine"), atol=1e-12
    )


@pytest.mark.parametrize("order", ["mixed", "sorted"])
def test_an_embedding_that_tells_nothing_apart_comes_out_at_chance(order: str) -> None:
    _, names, people = patches()
    if order == "sorted":  # Where ties went to whoever comes first, this would look perfect.
        people = [person for _, person in sorted(zip(names, people, strict=True))]
        names = sorted(names)
    rows = np.full((len(names), 16), 0.7, np.float32) + 1e-8 * draw().standard_normal((36, 16))
    found = locality(rows, names, people)
    np.testing.assert_allclose(found.right, 1 / 3)
    np.testing.assert_allclose(found.silhouettes, 0)


def wholes(parts: int = 4, noise: float = 0.2) -> tuple[np.ndarray, dict[int, np.ndarray], list]:
    chance = draw()
    pieces = chance.standard_normal((20, parts, 24))
    whole = pieces.mean(1) + noise * chance.standard_normal((20, 24))
    return whole, {parts: pieces}, [f"p{n // 2}" for n in range(20)]


def test_a_whole_that_is_the_sum_of_its_parts_is_told_so() -> None:
    whole, parts, people = wholes(noise=0.0)
    found = composition(whole, parts, people, draw=draw())
    np.testing.assert_allclose(found.cosine[4], 1)
    np.testing.assert_allclose(found.apart[4], 1)
    numbers = intervals(found.sample, draw=draw(), resamples=200)
    assert abs(numbers["centred_unrelated"].value) < 0.2
    assert numbers["cosine"].value == numbers["cosine/4"].value


def test_a_high_cosine_of_everything_is_seen_through() -> None:
    """All vectors point nearly one way, and a whole has nothing of its parts."""
    chance = draw()
    whole = 5 + 0.2 * chance.standard_normal((20, 24))
    parts = {n: 5 + 0.2 * chance.standard_normal((20, n, 24)) for n in (2, 4)}
    found = composition(whole, parts, [f"p{n}" for n in range(20)], draw=draw())
    numbers = intervals(found.sample, draw=draw(), resamples=200)
    assert numbers["cosine"].value > 0.99
    assert numbers["unrelated"].value == pytest.approx(numbers["cosine"].value, abs=1e-3)
    assert abs(numbers["centred"].value) < 0.2
    assert numbers["apart"].value == pytest.approx(0.5, abs=0.15)


def test_a_collapsed_whole_is_no_nearer_to_its_own_parts() -> None:
    same = np.full((8, 5), 0.3, np.float32)
    found = composition(same, {2: same[:, None].repeat(2, 1)}, list("aabbccdd"), draw=draw())
    np.testing.assert_allclose(found.cosine[2], 1)
    np.testing.assert_allclose(found.centred[2], 0)
    np.testing.assert_allclose(found.apart[2], 0.5)


def test_parts_that_lie_elsewhere_than_wholes_count_against() -> None:
    whole, parts, people = wholes(noise=0.0)
    moved = {4: parts[4] + 3.0}
    near = composition(whole, parts, people, draw=draw()).centred[4].mean()
    assert composition(whole, moved, people, draw=draw()).centred[4].mean() < near - 0.5


@pytest.mark.parametrize(
    ("rows", "names", "people", "said"),
    [
        (np.ones((4, 3)), list("abab"), list("pppp"), "two of each"),
        (np.ones((4, 3)), list("aaaa"), list("ppqq"), "two of each"),
        (np.ones((3, 3)), list("abab"), list("ppqq"), r"\(N, F\)"),
        (np.full((4, 3), np.nan), list("abab"), list("ppqq"), "NaN"),
    ],
)
def test_embeddings_that_cannot_be_compared_are_refused(rows, names, people, said) -> None:
    with pytest.raises(BadInput, match=said):
        locality(rows, names, people)


def test_parts_of_another_shape_are_refused() -> None:
    with pytest.raises(BadInput, match=r"\(20, 2, 24\)"):
        composition(*wholes()[:1], {2: wholes()[1][4]}, wholes()[2], draw=draw())


def test_both_measures_are_drawn() -> None:
    show = pytest.importorskip("genesis_hub.show")
    same = np.full(9, 0.9)
    rows = {"raw": {"own": same, "others": draw().uniform(-1, 1, 30)}, "centred": {"own": same}}
    figure = show.cosines(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["raw", "centred"]
    for line in figure.axes[0].lines:  # A density: what is folded back at 1 is not lost.
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.02)
    patch = draw().random((8, 8))
    near = show.Near(patch, "heart", [(patch, "heart", True), (patch, "spine", False)])
    drawn = show.neighbours([near, near])
    assert [axes.get_title() for axes in drawn.axes[:3]] == ["heart", "heart", "spine"]
    assert len({axes.spines["left"].get_linestyle() for axes in drawn.axes[1:3]}) == 2
    spot = show.spotted(show.Spot(patch, (3, 4), patch, (2, 2), "case"))
    assert show.png(spot)[:4] == b"\x89PNG"
    with pytest.raises(BadInput, match="nothing to draw"):
        show.neighbours([])


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for seed in range(6):
        film = chest_xray(seed, size=(48, 48), finding=False).image[0]
        PIL.Image.fromarray(film).save(folder / f"p{seed}.png")
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    model = genesis_hub.create_model("timm:resnet18", width=0.125)
    return model.save_pretrained(tmp_path_factory.mktemp("model") / "m")


def test_the_command_measures_a_model_on_pictures(films, encoder, tmp_path, capsys) -> None:
    words = ["show", str(encoder), str(films), "--kind", "anatomy", "--quiet"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    made = {"anatomy.json", "cosines.png", "neighbours.png", "landmarks.png"}
    assert {path.name for path in tmp_path.iterdir()} == made
    told = json.loads((tmp_path / "anatomy.json").read_text())
    assert told["patches"] == 6 * 9
    assert told["numbers"]["chance"][0] == pytest.approx(1 / 9, abs=1e-4)
    assert told["numbers"]["knn"][0] > 0.4
    assert {"cosine/2", "cosine/3", "cosine/4", "apart"} <= told["numbers"].keys()
    assert "the same by chance: 0.11" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "anatomy", "--layer", "x"], "no use for --layer"),
        (["--points", "x.csv"], "landmarks for --kind anatomy"),
    ],
)
def test_flags_of_other_kinds_are_refused(words, said, films, encoder, tmp_path, capsys) -> None:
    assert main(["show", str(encoder), str(films), "--out", str(tmp_path), *words]) == 2
    assert said in capsys.readouterr().err


def test_one_picture_is_no_anatomy(films: Path, encoder: Path, tmp_path: Path, capsys) -> None:
    words = ["show", str(encoder), str(films / "p0.png"), "--kind", "anatomy", "--quiet"]
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "4 or more" in capsys.readouterr().err
