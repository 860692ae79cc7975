"""Loading: the receipt, what is transferred, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import genesis_hub
from genesis_hub import BadInput, KeyMismatch, UnsafeFile
from genesis_hub.weights.adapt import adapt_channels
from genesis_hub.weights.folder import read_folder

N = 0.125


@pytest.fixture
def genesis(tmp_path: Path) -> Path:
    """A folder of narrow Models Genesis weights, encoder, decoder and head."""
    model = genesis_hub.create_model("models-genesis", task="pretext", width=N)
    return model.save_pretrained(tmp_path / "genesis")


@pytest.fixture
def adam(tmp_path: Path) -> Path:
    """A folder of narrow Adam weights."""
    return genesis_hub.create_model("adam-resnet50", width=N).save_pretrained(tmp_path / "adam")


def rewrite(folder: Path, change) -> None:
    """Change a folder's tensors behind its back."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["genesis_hub"].pop("sha256", None)
    (folder / "config.json").write_text(json.dumps(config))


def test_the_receipt_accounts_for_every_tensor(genesis: Path) -> None:
    model = genesis_hub.from_pretrained(genesis, num_classes=3)
    report = model.load_report
    assert set(report.loaded) | set(report.initialised) == set(model.state_dict())
    assert set(report.initialised) == {"head.weight", "head.bias"}
    assert all(t.name.startswith(("decoder.", "head.")) for t in report.of("ignored"))
    assert len(report.loaded) + len(report.ignored) == len(read_folder(genesis).tensors.keys())
    assert report.coverage == 1.0
    assert all(t.reason for t in report.tensors)
    assert "coverage 100.0%" in str(report)


def test_a_segmenter_gets_encoder_and_decoder_and_a_fresh_output_layer(genesis: Path) -> None:
    source = genesis_hub.from_pretrained(genesis)
    model = genesis_hub.from_pretrained(genesis, task="segmentation", num_classes=3)
    for part in ("encoder", "decoder"):
        ours, theirs = getattr(model, part).state_dict(), getattr(source, part).state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert set(model.load_report.initialised) == {"head.weight", "head.bias"}
    fresh = genesis_hub.from_pretrained(
        genesis, task="segmentation", num_classes=3, decoder="fresh"
    )
    assert not torch.equal(fresh.decoder.ups[0].weight, source.decoder.ups[0].weight)
    assert fresh.load_report.coverage == 1.0


def test_a_model_by_name_takes_weights_from_a_folder(genesis: Path) -> None:
    model = genesis_hub.from_pretrained("models-genesis", weights=genesis)
    assert model.spec.width == N
    assert model.load_report.coverage == 1.0
    assert model.spec.task == "features"


@pytest.mark.parametrize("norm", ["running", "original", "instance"])
def test_one_file_serves_every_norm(genesis: Path, norm: str) -> None:
    model = genesis_hub.from_pretrained(genesis, num_classes=2, norm=norm)
    assert model.load_report.coverage == 1.0
    again = model.save_pretrained(genesis.parent / norm)
    assert genesis_hub.from_pretrained(again).spec.norm == norm


@pytest.mark.parametrize(
    "wishes", [{}, {"num_classes": 2}, {"task": "segmentation", "num_classes": 2}], ids=str
)
def test_a_backbone_that_is_not_covered_raises_whatever_the_head(adam: Path, wishes: dict) -> None:
    def misspell(tensors: dict) -> None:
        tensors["layer4.2.conv3.weight_TYPO"] = tensors.pop("layer4.2.conv3.weight")

    rewrite(adam, misspell)
    with pytest.raises(KeyMismatch, match=r"layer4\.2\.conv3\.weight") as caught:
        genesis_hub.from_pretrained(adam, **wishes)
    assert isinstance(caught.value, ValueError)


def test_a_tensor_of_another_shape_or_kind_raises(genesis: Path) -> None:
    key = "encoder.stages.1.0.conv.weight"
    backup = shutil.copy(genesis / "model.safetensors", genesis.parent / "kept")
    rewrite(genesis, lambda t: t.update({key: t[key][:-1].contiguous()}))
    with pytest.raises(KeyMismatch, match=key):
        genesis_hub.from_pretrained(genesis, num_classes=2)
    shutil.copy(backup, genesis / "model.safetensors")
    rewrite(genesis, lambda t: t.update({key: t[key].to(torch.int32)}))
    with pytest.raises(KeyMismatch, match="int32"):
        genesis_hub.from_pretrained(genesis, num_classes=2)


def test_counters_may_be_missing_and_half_precision_is_converted(genesis: Path) -> None:
    def change(tensors: dict) -> None:
        for key in list(tensors):
            if key.endswith("num_batches_tracked"):
                del tensors[key]
            else:
                tensors[key] = tensors[key].half()

    rewrite(genesis, change)
    model = genesis_hub.from_pretrained(genesis, num_classes=2)
    assert model.load_report.coverage == 1.0
    assert next(model.parameters()).dtype == torch.float32
    assert any("float16" in t.reason for t in model.load_report.of("loaded"))
    assert any("counter" in t.reason for t in model.load_report.of("initialised"))
    assert not any(t.is_meta for t in model.state_dict().values())


def test_a_changed_question_keeps_the_backbone_and_a_changed_norm_keeps_the_head(
    tmp_path: Path,
) -> None:
    model = genesis_hub.create_model("models-genesis", num_classes=3, width=N)
    folder = model.save_pretrained(tmp_path / "m")
    same = genesis_hub.from_pretrained(folder, norm="instance")
    assert torch.equal(same.head.weight, model.head.weight)
    other = genesis_hub.from_pretrained(folder, num_classes=4)
    assert other.head.weight.shape[0] == 4
    assert other.load_report.coverage == 1.0


def test_weights_of_another_network_are_refused(genesis: Path, adam: Path) -> None:
    with pytest.raises(KeyMismatch, match="models-genesis"):
        genesis_hub.from_pretrained("adam-resnet50", weights=genesis)
    with pytest.raises(BadInput, match=r"have width 0\.125"):
        genesis_hub.from_pretrained(adam, width=0.5)
    with pytest.raises(BadInput, match="both given"):
        genesis_hub.from_pretrained(adam, weights=genesis)


def test_a_volume_network_takes_any_2d_encoder(adam: Path) -> None:
    for wishes in ({"operator": "lstm"}, {"operator": "conv3d"}):
        model = genesis_hub.from_pretrained(adam, num_classes=2, **wishes)
        assert model.load_report.coverage == 1.0
        trunk = genesis_hub.from_pretrained(adam).layer1[0].conv1.weight
        inner = model.encoder if wishes["operator"] == "lstm" else model.encoder.model
        assert torch.equal(inner.layer1[0].conv1.weight, trunk)


def test_an_encoder_moves_between_timm_smp_and_pyramids(tmp_path: Path) -> None:
    source = genesis_hub.create_model("adam-v2-convnext-base", width=N)
    folder = source.save_pretrained(tmp_path / "c")
    segmenter = genesis_hub.from_pretrained(folder, task="segmentation", num_classes=2)
    # A pyramid has no use for the final norm: it is listed, not lost.
    assert set(segmenter.load_report.ignored) == {"head.norm.weight", "head.norm.bias"}
    through = segmenter.save_pretrained(tmp_path / "s")
    pyramid = genesis_hub.from_pretrained(through, features_only=True)
    assert torch.equal(
        pyramid.state_dict()["stages_0.blocks.0.conv_dw.weight"],
        source.stages[0].blocks[0].conv_dw.weight,
    )
    with pytest.raises(KeyMismatch, match=r"head\.norm"):
        genesis_hub.from_pretrained(through, task="features")


@pytest.mark.parametrize("old", [1, 3])
@pytest.mark.parametrize("new", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("ndim", [2, 3])
def test_repeated_channels_give_the_same_answer(old: int, new: int, ndim: int) -> None:
    weight = torch.randn(5, old, *(3,) * ndim, dtype=torch.float64)
    adapted = adapt_channels(weight, new)
    assert adapted.shape[1] == new
    torch.testing.assert_close(adapted.sum(1), weight.sum(1))
    if new == old:
        torch.testing.assert_close(adapted, weight)


class TestDamagedFolders:
    """What is wrong with a folder is said, not guessed around."""

    def test_no_facts_of_ours(self, adam: Path) -> None:
        (adam / "config.json").write_text('{"architecture": "resnet50"}')
        with pytest.raises(BadInput, match="not one of our folders"):
            genesis_hub.from_pretrained(adam)

    @pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", "[" * 100_000])
    def test_config_that_is_no_table(self, adam: Path, text: str) -> None:
        (adam / "config.json").write_text(text)
        with pytest.raises(BadInput, match=r"config\.json"):
            genesis_hub.from_pretrained(adam)

    def test_missing_parts(self, adam: Path) -> None:
        (adam / "model.safetensors").unlink()
        with pytest.raises(BadInput, match="not complete"):
            genesis_hub.from_pretrained(adam)
        (adam / "config.json").unlink()
        with pytest.raises(BadInput, match="holds no model"):
            genesis_hub.from_pretrained(adam)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("format_version",), 99), (("format_version",), "1"), (("spec",), {}),
            (("spec", "task"), "everything"), (("spec", "num_classes"), -3),
            (("spec", "architecture"), "genesis-unet"), (("spec", "extra"), 1),
            (("spec", "width"), 1e9), (("inputs",), {"unit": 3}), (("name",), "nobody"),
            (("inputs", "clip"), "zzz"), (("inputs", "clip"), [5, 1]), (("inputs", "size"), [1]),
            (("inputs", "std"), [0.0, 1.0, 1.0]), (("inputs", "mean"), "zzz"), (("spec",), None),
            (("provenance",), None), (("sha256",), 7), (("format_version",), None),
            (("name",), None), (("spec", "features_only"), "yes"),
        ],
    )  # fmt: skip
    def test_facts_that_contradict_themselves(self, adam: Path, path: tuple, value) -> None:
        config = json.loads((adam / "config.json").read_text())
        place = config["genesis_hub"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        (adam / "config.json").write_text(json.dumps(config))
        with pytest.raises(genesis_hub.GenesisHubError):
            genesis_hub.from_pretrained(adam)

    def test_truncated_and_padded_tensors(self, adam: Path) -> None:
        file = adam / "model.safetensors"
        whole = file.read_bytes()
        for damaged in (whole[:-1], whole + b"x", whole[:100], b"", b"<html>no</html>"):
            file.write_bytes(damaged)
            with pytest.raises(UnsafeFile):
                genesis_hub.from_pretrained(adam)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = genesis_hub.create_model("models-genesis", width=N)
    one, two = (model.save_pretrained(tmp_path / name) for name in ("one", "two"))
    for name in ("model.safetensors", "config.json", "README.md"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    text = (one / "config.json").read_text()
    assert str(tmp_path) not in text
    assert (one / "model.safetensors").read_bytes().find(str(tmp_path).encode()) < 0


def test_saving_again_replaces_and_saving_onto_a_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "m"
    genesis_hub.create_model("cpc-3d", width=N).save_pretrained(target)
    (target / "mine.txt").write_text("kept")
    second = genesis_hub.create_model("cpc-3d", width=N, num_classes=2)
    second.save_pretrained(target)
    assert genesis_hub.from_pretrained(target).num_classes == 2
    assert (target / "mine.txt").read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]
    with pytest.raises(BadInput, match="is a file"):
        second.save_pretrained(target / "mine.txt")


class TestWishesOnFolders:
    """What is not said stays as it was saved; what is said is done, or refused."""

    @pytest.fixture
    def fpn(self, tmp_path: Path):
        model = genesis_hub.create_model(
            "adam-resnet50", task="segmentation", num_classes=2, decoder="FPN", width=N
        )
        return model, model.save_pretrained(tmp_path / "fpn")

    @pytest.mark.parametrize(
        "wishes",
        [{}, {"task": "segmentation"}, {"task": "segmentation", "num_classes": 2},
         {"decoder": "FPN"}, {"num_classes": 2}],
        ids=str,
    )  # fmt: skip
    def test_the_same_question_gives_the_same_model(self, fpn, wishes: dict) -> None:
        model, folder = fpn
        again = genesis_hub.from_pretrained(folder, **wishes)
        assert again.spec == model.spec
        assert again.load_report.initialised == ()
        assert torch.equal(again.segmentation_head[0].weight, model.segmentation_head[0].weight)

    def test_other_classes_keep_the_decoder(self, fpn) -> None:
        _, folder = fpn
        again = genesis_hub.from_pretrained(folder, num_classes=5)
        assert type(again).__name__ == "FPN"
        assert set(again.load_report.initialised) == {
            "segmentation_head.0.weight", "segmentation_head.0.bias"
        }  # fmt: skip

    def test_another_decoder_is_fresh(self, fpn) -> None:
        _, folder = fpn
        again = genesis_hub.from_pretrained(folder, decoder="Unet")
        assert type(again).__name__ == "Unet"
        assert any(name.startswith("decoder.") for name in again.load_report.initialised)

    def test_heads_and_operators_stay(self, tmp_path: Path) -> None:
        for label, wishes in {
            "mlp": {"num_classes": 2, "head": "mlp"},
            "lstm": {"num_classes": 2, "operator": "lstm"},
        }.items():
            model = genesis_hub.create_model("adam-resnet50", width=N, **wishes)
            folder = model.save_pretrained(tmp_path / label)
            assert genesis_hub.from_pretrained(folder, num_classes=2).spec == model.spec
            five = genesis_hub.from_pretrained(folder, num_classes=5)
            assert five.spec == model.spec.with_classes(5)

    def test_an_embedding_given_classes_becomes_a_classifier(self, genesis: Path) -> None:
        assert genesis_hub.from_pretrained(genesis, num_classes=3).spec.task == "classification"
        assert genesis_hub.from_pretrained(genesis, features_only=True).spec.features_only

    def test_names_that_share_a_network_do_not_share_weights(self, tmp_path: Path) -> None:
        model = genesis_hub.create_model("semantic-genesis", width=N)
        folder = model.save_pretrained(tmp_path / "m")
        with pytest.raises(KeyMismatch, match="'semantic-genesis', not of 'transvw'"):
            genesis_hub.from_pretrained("transvw", weights=folder)

    def test_an_argument_at_odds_with_the_folder_is_named(self, tmp_path: Path) -> None:
        dense = genesis_hub.create_model("cpc-2d", encoder="DenseNet121")
        folder = dense.save_pretrained(tmp_path / "dense")
        with pytest.raises(BadInput, match="encoder='ResNet50'"):
            genesis_hub.from_pretrained(folder, encoder="ResNet50")
        instance = genesis_hub.create_model("models-genesis", norm="instance", width=N)
        folder = instance.save_pretrained(tmp_path / "instance")
        with pytest.raises(BadInput, match="norm='running'"):
            genesis_hub.from_pretrained(folder, norm="running")


def test_a_flipped_byte_is_found(adam: Path) -> None:
    file = adam / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    file.write_bytes(data)
    with pytest.raises(KeyMismatch, match="sha256"):
        genesis_hub.from_pretrained(adam)


def test_a_model_changed_by_hand_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    model = genesis_hub.create_model("adam-resnet50", num_classes=2, width=N)
    model.fc = torch.nn.Linear(512, 9)
    with pytest.raises(BadInput, match=r"fc\.bias.*reset_classifier"):
        model.save_pretrained(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_precision_is_kept(dtype: torch.dtype, tmp_path: Path) -> None:
    model = genesis_hub.create_model("models-genesis", num_classes=2, width=N).to(dtype)
    again = genesis_hub.from_pretrained(model.save_pretrained(tmp_path / "m"))
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
        assert again.state_dict()[key].dtype == value.dtype


def test_a_folder_is_as_readable_as_its_owner_wants_and_keeps_a_users_readme(
    tmp_path: Path,
) -> None:
    (tmp_path / "README.md").write_text("my notes")
    genesis_hub.create_model("cpc-3d", width=N).save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "my notes"
    modes = {(tmp_path / n).stat().st_mode for n in ("config.json", "model.safetensors")}
    assert len(modes) == 1


def test_the_card_says_what_the_folder_holds(tmp_path: Path) -> None:
    model = genesis_hub.create_model("adam-resnet50", num_classes=3, width=N)
    card = (model.save_pretrained(tmp_path / "m") / "README.md").read_text()
    assert "3 classes" in card
    assert "Saved by a user of genesis_hub" in card
