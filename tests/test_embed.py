"""One vector of each image: what the encoder gives, whatever the road."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.cli import main
from genesis_hub.data.phantoms import chest_ct
from tests.test_predict import films, rows, scan


def encoder(name: str = "models-genesis", **wishes):
    torch.manual_seed(0)
    return genesis_hub.create_model(name, width=0.125, **wishes)


def cube(path: Path, size: tuple[int, int, int] = (64, 64, 32)) -> np.ndarray:
    volume = chest_ct(0, size=size).image
    np.save(path, volume[0])
    return volume


def test_a_volume_of_one_window_gives_the_encoders_own_vector(tmp_path: Path) -> None:
    volume, model = cube(tmp_path / "a.npy"), encoder()
    with torch.inference_mode():
        want = model(model.inputs(volume)[None])[0].numpy()
    (got,) = genesis_hub.embed(model, tmp_path / "a.npy", quiet=True).results.values()
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_patches_are_averaged_and_the_whole_is_one_forward(tmp_path: Path) -> None:
    volume, model = cube(tmp_path / "a.npy", (128, 64, 32)), encoder()
    x = model.inputs(volume)[None]
    with torch.inference_mode():
        halves = [model(part)[0].numpy() for part in x.split(64, 2)]
        whole = model(x)[0].numpy()
    path = tmp_path / "a.npy"
    by_patch = genesis_hub.embed(model, path, view="windows", quiet=True).results["a"]
    at_once = genesis_hub.embed(model, path, view="whole", quiet=True).results["a"]
    np.testing.assert_allclose(by_patch, np.mean(halves, 0), atol=1e-6)
    np.testing.assert_allclose(at_once, whole, atol=1e-6)


def test_any_layer_gives_its_average_over_space(tmp_path: Path) -> None:
    volume, model = cube(tmp_path / "a.npy"), encoder()
    with torch.inference_mode():
        maps = model.encoder(model.inputs(volume)[None])
    for stage, seen in enumerate(maps):
        outcome = genesis_hub.embed(
            model, tmp_path / "a.npy", layer=f"encoder.stages.{stage}", quiet=True
        )
        np.testing.assert_allclose(outcome.results["a"], seen.mean((2, 3, 4))[0], atol=1e-5)


def test_vectors_are_written_with_their_names(tmp_path: Path) -> None:
    model, folder, out = encoder("adam-resnet50"), films(tmp_path / "films"), tmp_path / "out"
    outcome = genesis_hub.embed(model, folder, out, quiet=True)
    vectors = load_file(out / "embeddings.safetensors")["embeddings"]
    assert (outcome.done, vectors.shape) == (5, (5, model.num_features))
    assert [row["case"] for row in rows(out / "embeddings.cases.csv")] == [
        f"film{k}" for k in range(5)
    ]
    direct = genesis_hub.embed(model, folder, quiet=True).results
    np.testing.assert_allclose(vectors, np.stack(list(direct.values())), atol=1e-6)


def test_a_table_holds_the_same_numbers(tmp_path: Path) -> None:
    model, folder = encoder("adam-resnet50"), films(tmp_path / "films", 2)
    genesis_hub.embed(model, folder, tmp_path / "out", format="csv", quiet=True)
    table = rows(tmp_path / "out" / "embeddings.csv")
    direct = genesis_hub.embed(model, folder, quiet=True).results
    for row in table:
        got = [float(row[f"f{k}"]) for k in range(model.num_features)]
        np.testing.assert_allclose(got, direct[row["case"]], rtol=1e-6)


def test_a_second_call_adds_what_is_new_and_keeps_every_vector_in_place(tmp_path: Path) -> None:
    model, folder, out = encoder("adam-resnet50"), films(tmp_path / "films"), tmp_path / "out"
    names = sorted(folder.iterdir())
    genesis_hub.embed(model, names[1:3], out, quiet=True)
    held = out / ".vectors.f32"
    held.write_bytes(held.read_bytes() + b"torn")  # A kill while the next one was written.
    again = genesis_hub.embed(model, folder, out, quiet=True)
    assert (again.done, again.kept) == (3, 2)
    vectors = load_file(out / "embeddings.safetensors")["embeddings"]
    direct = genesis_hub.embed(model, folder, quiet=True).results
    np.testing.assert_allclose(vectors, np.stack(list(direct.values())), atol=1e-6)


def test_a_fine_tuned_folder_gives_its_encoders_features(tmp_path: Path) -> None:
    saved = encoder("adam-resnet50", num_classes=4).save_pretrained(tmp_path / "model")
    folder = films(tmp_path / "films", 2)
    status = main(["embed", str(saved), str(folder), "--out", str(tmp_path / "o"), "--quiet"])
    assert status == 0
    features = genesis_hub.from_pretrained(saved, task="features")
    want = genesis_hub.embed(features, folder, quiet=True).results
    vectors = load_file(tmp_path / "o" / "embeddings.safetensors")["embeddings"]
    np.testing.assert_allclose(vectors, np.stack(list(want.values())), atol=1e-6)


def test_a_volume_seen_by_slices_gives_one_vector(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    model = encoder("smartnet-resnet50")
    (got,) = genesis_hub.embed(
        model, scan(tmp_path / "a.nii.gz"), check=False, quiet=True
    ).results.values()
    assert got.shape == (model.num_features,)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"layer": "encoder.stage.1"}, r"close names: .*encoder\.stages\.1"),
        ({"format": "npz"}, "format='npz'"),
    ],
)
def test_wishes_that_cannot_be_met_are_named(tmp_path: Path, wish, said: str) -> None:
    cube(tmp_path / "a.npy", (24, 24, 24))
    with pytest.raises(BadInput, match=said):
        genesis_hub.embed(encoder(), tmp_path / "a.npy", tmp_path / "out", **wish)
    assert not (tmp_path / "out").exists()


def test_a_model_with_another_task_asks_for_a_layer(tmp_path: Path) -> None:
    cube(tmp_path / "a.npy", (24, 24, 24))
    with pytest.raises(BadInput, match="task='features'"):
        genesis_hub.embed(encoder(num_classes=2), tmp_path / "a.npy")
