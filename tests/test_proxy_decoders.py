"""The built-in U-Net's own decoders: pooled ones, its own in 2D, and patches that are mixed."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_hub import BadInput, create_model, finetune, from_pretrained, predict
from genesis_hub.networks.patchwise import cut, put_together

WIDTH = 0.125
MODELS = {
    "2d": ("rotation-2d", {"decoder": "proxy"}, (32, 48), 16),
    "2d pooled": ("rotation-2d", {"decoder": "proxy", "pooling": "max"}, (32, 64), 32),
    "3d pooled": ("rotation-3d", {"pooling": "avg"}, (32, 32, 64), 32),
    "2d patches": (
        "cpc-2d", {"decoder": "patches-2x8", "pooling": "max", "size": (64, 128)}, (64, 128), None,
    ),
    "3d patches": ("cpc-3d", {"decoder": "patches-2x4", "size": (32, 32, 32)}, (32,) * 3, None),
}  # fmt: skip
every_model = pytest.mark.parametrize(
    ("name", "wishes", "size", "multiple"), MODELS.values(), ids=MODELS
)


def built(name: str, wishes: dict):
    return create_model(name, task="segmentation", num_classes=3, width=WIDTH, **wishes)


@every_model
def test_a_decoder_is_saved_loaded_and_asked(name, wishes, size, multiple, tmp_path: Path) -> None:
    model = built(name, wishes)
    model.save_pretrained(tmp_path / "model")
    again = from_pretrained(tmp_path / "model")
    x = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        answer = again(x)
        assert torch.equal(answer, model(x))
    assert answer.shape == (2, 3, *size)
    assert again.spec == model.spec
    assert again.inputs.facts.multiple == ((multiple,) * len(size) if multiple else size)
    with pytest.raises(BadInput, match="alone" if multiple is None else f"multiple of {multiple}"):
        again(torch.rand(1, 1, *(side + 8 for side in size)))


@every_model
def test_an_encoder_comes_whole_under_a_new_decoder(name, wishes, size, multiple, tmp_path) -> None:
    source = create_model(name, width=WIDTH)
    source.save_pretrained(tmp_path / "encoder")
    model = from_pretrained(tmp_path / "encoder", task="segmentation", num_classes=3, **wishes)

    assert model.load_report.coverage == 1.0
    ours = {key.removeprefix("encoder.").removeprefix("model."): t
            for key, t in model.state_dict().items() if key.startswith("encoder.")}  # fmt: skip
    theirs = {key.removeprefix("encoder."): t for key, t in source.state_dict().items()}
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_volume_is_segmented_by_windows_of_the_whole_size(tmp_path: Path) -> None:
    model = built("cpc-3d", MODELS["3d patches"][1])
    np.save(tmp_path / "scan.npy", np.random.default_rng(0).random((20, 40, 33), np.float32))

    outcome = predict(model, [tmp_path / "scan.npy"], check=False, quiet=True, overlap=0.0)
    assert outcome.results["scan"].labels.shape == (20, 40, 33)


def test_patches_are_cut_in_order_and_put_together_again() -> None:
    for sides in ((4, 6), (4, 6, 2)):
        x = torch.arange(2 * 3 * int(np.prod(sides))).view(2, 3, *sides)
        patches = cut(x, 2)
        assert patches.shape == (2 * 2 ** len(sides), 3, *(side // 2 for side in sides))
        assert torch.equal(patches[0], x[0][(slice(None), *(slice(0, s // 2) for s in sides))])
        # The last axis runs fastest, and the second image's follow the first one's.
        last = (*(slice(0, s // 2) for s in sides[:-1]), slice(sides[-1] // 2, None))
        assert torch.equal(patches[1], x[0][(slice(None), *last)])
        assert torch.equal(
            patches[2 ** len(sides)], x[1][(slice(None), *(slice(0, s // 2) for s in sides))]
        )
        assert torch.equal(put_together(patches, 2), x)


def test_what_one_patch_shows_changes_what_another_is_taken_for() -> None:
    model = built("cpc-2d", {**MODELS["2d patches"][1], "pooling": None, "size": (32, 32)})
    x = torch.rand(1, 1, 32, 32, requires_grad=True)
    corner = model(x)[..., :16, :16].sum()
    slope = torch.autograd.grad(corner, x)[0]

    assert slope[..., 16:, 16:].abs().max() > 0
    plain = create_model("cpc-2d", task="segmentation", num_classes=3, width=WIDTH, decoder="proxy")
    assert sum(p.numel() for p in model.encoder.parameters()) == sum(
        p.numel() for p in plain.encoder.parameters()
    )


def test_published_sizes_hold_with_pooling() -> None:
    for name, classes, size in (("rotation-3d", 3, 2_112_451), ("rotation-2d", 3, 763_331)):
        wishes = {"decoder": "proxy"} if name.endswith("2d") else {}
        with torch.device("meta"):
            model = create_model(
                name, task="segmentation", num_classes=classes, pooling="max", **wishes
            )
        own = [*model.decoder.parameters(), *model.head.parameters()]
        assert sum(p.numel() for p in own) == size


@pytest.mark.parametrize(
    ("name", "wishes", "said"),
    [
        ("rotation-2d", {"decoder": "proxy", "encoder": "ResNet50"}, "decoder='Unet'"),
        ("adam-resnet50", {"decoder": "patches"}, "built-in U-Net"),
        ("rotation-2d", {"decoder": "Unet", "pooling": "max"}, "decoder='proxy'"),
        ("cpc-3d", {"decoder": "patches-4x1024"}, "one layer mixes"),
        ("cpc-3d", {"decoder": "patches-0x8"}, "one layer mixes"),
        ("cpc-3d", {"decoder": "patches", "size": (48, 64, 64)}, r"take \(64, 64, 64\)"),
        ("models-genesis", {"decoder": "proxy"}, "built-in U-Net"),
    ],
)
def test_decoders_that_cannot_be_are_explained(name: str, wishes: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        create_model(name, task="segmentation", num_classes=2, **wishes)


def squares(root: Path) -> Path:
    """Return images/ and labels/ of bright squares on noise."""
    import PIL.Image

    draw = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for number in range(6):
        mask = np.zeros((32, 32), np.uint8)
        at = draw.integers(0, 20, 2)
        mask[at[0] : at[0] + 12, at[1] : at[1] + 12] = 1
        image = (draw.random((32, 32)) * 80 + 150 * mask).astype(np.uint8)
        PIL.Image.fromarray(image).save(root / "images" / f"{number}.png")
        PIL.Image.fromarray(mask).save(root / "labels" / f"{number}.png")
    return root


def test_a_pooled_decoder_is_fine_tuned_by_a_published_loss(tmp_path: Path) -> None:
    data = squares(tmp_path / "data")
    recipe = {
        "scratch": True, "width": WIDTH, "size": [32, 32], "batch_size": 2, "steps": 2,
        "decoder": "proxy", "pooling": "max", "loss": "weighted_dice_loss", "optimizer": "adam",
        "select": "last", "report": False, "hashes": False, "recalibrate": 0,
    }  # fmt: skip
    run = finetune("rotation-2d", data, tmp_path / "run", quiet=True, recipe=recipe)

    assert from_pretrained(run.model).spec.pooling == "max"
    with (run.folder / "log.csv").open(newline="") as file:
        told = [float(row[-1]) for row in csv.reader(file) if "total" in row]
    assert len(told) == 2
    assert all(-1 <= loss <= 0 for loss in told)
    with pytest.raises(BadInput, match=r"multiples of \(32, 32\)"):
        finetune(
            "rotation-2d", data, tmp_path / "other", quiet=True,
            recipe={**recipe, "size": [48, 48]},
        )  # fmt: skip
