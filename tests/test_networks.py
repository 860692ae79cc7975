"""The networks themselves: parameter counts, sizes they take, how they normalise."""

import pytest
import torch
from torch import nn

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.networks.genesis import GenesisDecoder, GenesisEncoder
from genesis_hub.networks.norm import BatchStatisticsNorm
from genesis_hub.networks.proxy import ProxyDecoder, ProxyEncoder
from genesis_hub.networks.smartnet import SmartNetDecoder


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("models-genesis", 19_073_665),
        ("models-genesis-keras", 16_320_257),
        ("models-genesis-nnunet", 30_785_184),
        ("semantic-genesis", 33_277_613),
        ("semantic-genesis-keras", 23_970_093),
        ("smartnet-resnet50", 55_545_773),
    ],
)
def test_published_networks_have_the_published_size(name: str, count: int) -> None:
    assert parameters(genesis_hub.create_model(name, task="pretext")) == count


@pytest.mark.parametrize(
    ("name", "wishes", "count"),
    [
        ("models-genesis", {}, 7_027_776),
        ("cpc-3d", {}, 3_535_440),
        ("cpc-3d", {"in_channels": 2}, 3_535_872),
        ("cpc-3d", {"in_channels": 4}, 3_536_736),
        ("cpc-2d", {}, 1_180_464),
        ("adam-resnet50", {}, 23_508_032),
        ("smartnet-resnet50", {}, 23_501_760),
        ("smartnet-resnet50", {"operator": "lstm", "num_classes": 1}, 40_820_673),
        ("smartnet-resnet50", {"operator": "conv3d", "num_classes": 1}, 32_529_302),
        ("adam-resnet50", {"task": "segmentation", "num_classes": 1}, 32_521_105),
    ],
)
def test_tasks_have_the_size_of_the_fact_sheets(name: str, wishes: dict, count: int) -> None:
    assert parameters(genesis_hub.create_model(name, **wishes)) == count


def test_parts_have_the_size_of_the_fact_sheets() -> None:
    maps = (64, 256, 512, 1024, 2048)
    assert parameters(ProxyDecoder(3)) + 16 * 3 + 3 == 2_112_451
    assert parameters(ProxyDecoder(3)) + 16 * 4 + 4 == 2_112_468
    assert parameters(ProxyDecoder(2)) + 16 * 3 + 3 == 763_331
    assert parameters(ProxyEncoder(3, filters=8)) == 884_712
    assert parameters(SmartNetDecoder(maps, kind="segmentation")) == 9_013_189
    assert parameters(SmartNetDecoder(maps, kind="reconstruction")) == 23_028_485
    assert parameters(SmartNetDecoder(maps, kind="segmentation", attention="scse")) == 10_307_899


def test_scse_everywhere_is_an_option() -> None:
    plain = genesis_hub.create_model("smartnet-resnet50", task="pretext")
    everywhere = genesis_hub.create_model("smartnet-resnet50", task="pretext", decoder="scse")
    assert parameters(everywhere.decoder["segmentation"]) == 10_307_899
    assert parameters(everywhere) > parameters(plain)


@pytest.mark.parametrize("size", [(64, 64, 32), (128, 128, 64), (160, 160, 96), (24, 40, 8)])
def test_any_side_divisible_by_eight_works(size: tuple[int, ...]) -> None:
    model = genesis_hub.create_model(
        "models-genesis", task="segmentation", num_classes=2, width=1 / 32
    )
    with torch.inference_mode():
        assert model(torch.rand(1, 1, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize(
    ("name", "size", "fitting"),
    [
        ("models-genesis", (65, 64, 32), (72, 64, 32)),
        ("transvw-keras", (20, 20, 12), (24, 24, 16)),
        ("models-genesis-nnunet", (64, 48, 20), (64, 64, 32)),
    ],
)
def test_a_wrong_size_is_answered_with_the_size_to_pad_to(
    name: str, size: tuple[int, ...], fitting: tuple[int, ...]
) -> None:
    model = genesis_hub.create_model(name, width=1 / 32)
    with pytest.raises(BadInput) as caught:
        model(torch.rand(1, 1, *size))
    assert str(size) in str(caught.value)
    assert f"pad it to {fitting}" in str(caught.value)
    model(torch.rand(1, 1, *fitting))


def test_wrong_axes_and_channels_are_named() -> None:
    model = genesis_hub.create_model("models-genesis", width=1 / 32)
    with pytest.raises(BadInput, match=r"\(N, C, X, Y, Z\)"):
        model(torch.rand(1, 64, 64, 32))
    with pytest.raises(BadInput, match="in_channels=2"):
        model(torch.rand(1, 2, 64, 64, 32))


def test_the_proxy_encoder_takes_patches_and_its_decoder_names_the_size() -> None:
    encoder = genesis_hub.create_model("rpl-3d", width=0.25)
    assert encoder(torch.rand(2, 1, 39, 39, 39)).shape == (2, 64)
    with pytest.raises(BadInput, match=r"pad it to \(16, 16, 16\)"):
        encoder(torch.rand(1, 1, 15, 16, 16))
    segmenter = genesis_hub.create_model("rpl-3d", task="segmentation", num_classes=2, width=0.25)
    with pytest.raises(BadInput, match=r"pad it to \(48, 48, 48\)"):
        segmenter(torch.rand(1, 1, 39, 39, 39))


def test_pooling_halves_the_bottleneck_and_the_decoder_undoes_it() -> None:
    encoder = ProxyEncoder(3, filters=2, pooling="max")
    maps = encoder(torch.rand(1, 1, 32, 32, 32))
    assert maps[-1].shape[2:] == (1, 1, 1)
    assert ProxyDecoder(3, filters=2, pooling=True)(maps).shape[2:] == (32, 32, 32)


def test_smp_says_the_size_to_pad_to_with_our_error() -> None:
    model = genesis_hub.create_model(
        "adam-resnet50", task="segmentation", num_classes=1, decoder="fpn", width=0.125
    )
    with pytest.raises(BadInput, match=r"\(64, 96\)"):
        model(torch.rand(1, 3, 50, 70))


class TestNorms:
    """The same tensors, normalised in three ways."""

    def encoder(self, norm: str) -> GenesisEncoder:
        encoder = GenesisEncoder(norm=norm, width=0.125)
        torch.manual_seed(1)
        for module in encoder.modules():
            if hasattr(module, "running_mean") and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
        return encoder.eval()

    def test_original_depends_on_the_batch_and_running_does_not(self) -> None:
        x = torch.rand(2, 1, 16, 16, 16)
        for norm, same in (("running", True), ("instance", True), ("original", False)):
            encoder = self.encoder(norm)
            with torch.inference_mode():
                alone, together = encoder(x[:1])[-1], encoder(x)[-1][:1]
            assert torch.allclose(alone, together, atol=1e-5) == same, norm

    def test_original_equals_training_batch_norm_and_leaves_no_trace_in_eval(self) -> None:
        norm, x = BatchStatisticsNorm(3).eval(), torch.rand(2, 3, 4, 4, 4)
        want = nn.BatchNorm3d(3).train()(x)
        before = {k: v.clone() for k, v in norm.state_dict().items()}
        assert torch.equal(norm(x), want)
        assert all(torch.equal(v, before[k]) for k, v in norm.state_dict().items())
        norm.train()(x)
        assert not torch.equal(norm.running_mean, before["running_mean"])

    def test_original_refuses_one_value_per_channel(self) -> None:
        model = genesis_hub.create_model("models-genesis", norm="original", width=0.125)
        with pytest.raises(BadInput, match="norm='running'"):
            model(torch.rand(1, 1, 8, 8, 8))

    def test_instance_takes_a_single_voxel(self) -> None:
        model = genesis_hub.create_model("models-genesis", norm="instance", width=0.125)
        assert torch.isfinite(model(torch.rand(1, 1, 8, 8, 8))).all()

    def test_keras_forms_have_kerass_constants_and_original_means_running(self) -> None:
        model = genesis_hub.create_model("transvw-keras", norm="original", width=0.125)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm3d)]
        assert norms
        assert all(m.eps == 1e-3 and m.momentum == 0.01 for m in norms)
        assert not any(isinstance(m, BatchStatisticsNorm) for m in norms)


def test_the_decoder_joins_up_then_skip() -> None:
    decoder = GenesisDecoder(width=1 / 32, upsample="nearest")
    maps = [torch.zeros(1, c, s, s, s) for c, s in zip((2, 4, 8, 16), (8, 4, 2, 1), strict=True)]
    seen = {}
    decoder.stages[0].register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    maps[-1] += 1
    decoder(maps)
    assert seen["x"][:, :16].eq(1).all()
    assert seen["x"][:, 16:].eq(0).all()


def test_a_stride_one_stem_doubles_every_map() -> None:
    stock = genesis_hub.create_model("adam-resnet50", features_only=True, width=0.125)
    ours = genesis_hub.create_model("smartnet-resnet50", features_only=True, width=0.125)
    assert ours.feature_info.reduction() == [1, 2, 4, 8, 16]
    a, b = stock(torch.rand(1, 3, 64, 64)), ours(torch.rand(1, 1, 64, 64))
    assert [m.shape[-1] * 2 for m in a] == [m.shape[-1] for m in b]


def test_pretext_answers_are_as_the_authors_forward_gives_them() -> None:
    x = torch.rand(2, 1, 16, 16, 16)
    answer = genesis_hub.create_model("transvw", task="pretext", width=0.125)(x)
    assert list(answer) == ["restoration", "classification"]
    assert answer["restoration"].min() >= 0
    assert answer["restoration"].max() <= 1
    assert answer["classification"].shape == (2, 44)
    torch.testing.assert_close(answer["classification"].sum(1), torch.ones(2))
    fifty = genesis_hub.create_model("transvw", task="pretext", width=0.125, num_classes=50)
    assert fifty(x)["classification"].shape == (2, 50)
    nnunet = genesis_hub.create_model("models-genesis-nnunet", task="pretext", width=0.125)
    logits = nnunet(torch.rand(2, 1, 32, 32, 32))["restoration"]
    assert logits.shape == (2, 2, 32, 32, 32)
    assert logits.min() < 0
    slices = genesis_hub.create_model("smartnet-resnet50", task="pretext", width=0.125)
    parts = slices(torch.rand(2, 1, 64, 64))
    assert {k: tuple(v.shape) for k, v in parts.items()} == {
        "classification": (2, 1),
        "segmentation": (2, 1, 64, 64),
        "reconstruction": (2, 1, 64, 64),
    }


@pytest.mark.parametrize("name", ["adam-resnet50", "cpc-2d", "smartnet-resnet50"])
@pytest.mark.parametrize("wishes", [{}, {"task": "segmentation", "num_classes": 1}], ids=str)
def test_2d_networks_name_wrong_channels_axes_and_kinds(name: str, wishes: dict) -> None:
    model = genesis_hub.create_model(name, **wishes)
    with pytest.raises(BadInput, match="in_channels=7"):
        model(torch.rand(1, 7, 64, 64))
    with pytest.raises(BadInput, match=r"\(N, C, X, Y\)"):
        model(torch.rand(3, 64, 64))
    with pytest.raises(BadInput, match=r"model\.inputs"):
        model(torch.zeros(1, model.in_channels, 64, 64, dtype=torch.int16))
