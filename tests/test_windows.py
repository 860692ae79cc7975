"""Sliding windows: the plain forward where one covers, MONAI's answer elsewhere, bounded depth."""

import numpy as np
import pytest
import torch
from torch import nn

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.infer.sliding import slabs, sliding_windows
from genesis_hub.infer.windows import plan_windows, window_batches

SIZES = [(20, 23, 17), (16, 16, 8), (11, 30, 7), (17, 16, 9), (40, 12, 8)]


def network(ndim: int, classes: int = 2) -> nn.Module:
    torch.manual_seed(0)
    conv = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
    return nn.Sequential(conv(1, 3, 3, padding=1), nn.ReLU(), conv(3, classes, 3, padding=1)).eval()


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("sides", SIZES, ids=str)
@pytest.mark.parametrize(("ours", "theirs"), [("gaussian", "gaussian"), ("even", "constant")])
def test_windows_give_what_monai_gives(sides, overlap, ours, theirs) -> None:
    inferers = pytest.importorskip("monai.inferers")
    net, image = network(3), torch.randn(1, *sides)
    with torch.inference_mode():
        want = inferers.sliding_window_inference(
            image[None], (16, 16, 8), 3, net, overlap=overlap, mode=theirs, padding_mode="replicate"
        )
    got = sliding_windows(net, image, size=(16, 16, 8), overlap=overlap, blend=ours, batch_size=3)
    torch.testing.assert_close(got, want[0], rtol=0, atol=1e-5)


def test_pictures_give_what_monai_gives() -> None:
    inferers = pytest.importorskip("monai.inferers")
    net, image = network(2), torch.randn(1, 37, 29)
    with torch.inference_mode():
        want = inferers.sliding_window_inference(
            image[None], (16, 16), 2, net, overlap=0.5, mode="gaussian"
        )
    got = sliding_windows(net, image, size=(16, 16), batch_size=5)
    torch.testing.assert_close(got, want[0], rtol=0, atol=1e-5)


def test_one_window_is_the_plain_forward_bit_for_bit() -> None:
    net, image = network(3), torch.randn(1, 16, 16, 8)
    with torch.inference_mode():
        plain = net(image[None])[0]
    assert torch.equal(sliding_windows(net, image, size=(16, 16, 8)), plain)
    assert torch.equal(sliding_windows(net, image, size=(64, 64, 32), multiple=(8, 8, 8)), plain)


def test_a_window_shrinks_to_the_next_multiple() -> None:
    seen = []

    def net(x):
        seen.append(tuple(x.shape[2:]))
        return x

    image = torch.randn(1, 13, 40, 5)
    got = sliding_windows(net, image, size=(16, 16, 8), multiple=(4, 4, 4))
    assert set(seen) == {(16, 16, 8)}
    torch.testing.assert_close(got, image)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_a_2d_network_sees_a_volume_slice_by_slice(batch_size: int) -> None:
    net, volume = network(2), torch.randn(1, 20, 30, 5)
    got = sliding_windows(net, volume, size=(16, 16), batch_size=batch_size)
    want = [sliding_windows(net, volume[..., z], size=(16, 16)) for z in range(5)]
    torch.testing.assert_close(got, torch.stack(want, -1))


def test_the_batch_changes_nothing() -> None:
    net, image = network(3), torch.randn(1, 30, 20, 18)
    one = sliding_windows(net, image, size=(16, 16, 8), batch_size=1)
    torch.testing.assert_close(one, sliding_windows(net, image, size=(16, 16, 8), batch_size=7))


def test_windows_are_cut_from_arrays_as_they_lie() -> None:
    volume = np.random.default_rng(0).integers(-1000, 1000, (1, 20, 20, 12)).astype(np.int16)
    turned = volume[:, ::-1].transpose(0, 2, 1, 3)
    inputs = genesis_hub.create_model("models-genesis", width=0.0625).inputs
    got = sliding_windows(
        lambda x: x, turned, size=(16, 16, 8), prepare=lambda w: inputs(w, patch=True)
    )
    torch.testing.assert_close(got, inputs(turned, check=False))


@pytest.mark.parametrize("kind", ["uint16", "uint32", "float64", ">i2", "bool"])
def test_any_kind_of_number_can_be_cut(kind: str) -> None:
    volume = (np.arange(20 * 20 * 9).reshape(1, 20, 20, 9) % 2).astype(kind)
    if kind == ">i2":
        volume = volume.astype(np.int16)
    got = sliding_windows(lambda x: x, volume, size=(16, 16, 8))
    torch.testing.assert_close(got, torch.from_numpy(volume.astype(np.float32)))


def test_slabs_come_in_order_and_each_slice_once() -> None:
    image = torch.randn(1, 20, 20, 50)
    begins = []
    for start, part in slabs(network(3), image, size=(16, 16, 8)):
        begins += list(range(start, start + part.shape[-1]))
    assert begins == list(range(50))


def test_memory_does_not_grow_with_depth() -> None:
    def most(depth: int) -> int:
        volume = np.zeros((1, 48, 48, depth), np.int16)
        kept, held = [], 0
        for _, part in slabs(lambda x: x.expand(-1, 4, -1, -1, -1), volume, size=(16, 16, 8)):
            kept.append(part.argmax(0).to(torch.uint8))
            held = max(held, part.untyped_storage().nbytes())
        assert sum(part.shape[-1] for part in kept) == depth
        return held

    assert most(96) <= most(16)


def test_half_precision_is_near() -> None:
    net, image = network(3), torch.randn(1, 20, 20, 12)
    fine = sliding_windows(net, image, size=(16, 16, 8))
    coarse = sliding_windows(net, image, size=(16, 16, 8), precision="bf16")
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, fine, rtol=0.05, atol=0.05)


def test_no_voxel_is_left_out_whatever_the_sizes() -> None:
    draw = np.random.default_rng(0)
    for _ in range(60):
        sides, size = draw.integers(1, 40, 3), draw.integers(1, 20, 3)
        image = torch.from_numpy(draw.normal(size=(1, *sides)).astype(np.float32))
        overlap = float(draw.uniform(0, 0.9))
        got = sliding_windows(lambda x: x, image, size=size.tolist(), overlap=overlap, batch_size=4)
        torch.testing.assert_close(got, image)


def test_windows_of_a_patch_model_are_where_they_say() -> None:
    image = torch.arange(20.0 * 20 * 12).view(1, 20, 20, 12)
    for starts, windows in window_batches(image, size=(16, 16, 8), batch_size=2):
        for (x, y, z), window in zip(starts, windows, strict=True):
            assert torch.equal(window, image[:, x : x + 16, y : y + 16, z : z + 8])


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"overlap": 1.0}, "overlap=1.0"),
        ({"overlap": -0.1}, "overlap=-0.1"),
        ({"size": (16, 16)}, "one answer at each place|does not fit"),
        ({"size": (0, 16, 8)}, "does not fit"),
        ({"blend": "cosine"}, "blend='cosine'"),
        ({"precision": "int8"}, "precision='int8'"),
    ],
)
def test_wishes_that_cannot_be_met_are_named(wish, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        sliding_windows(
            lambda x: x.mean((2, 3)), torch.zeros(1, 20, 20, 9), **{"size": (16, 16, 8), **wish}
        )


def test_a_network_without_dense_answers_is_named() -> None:
    with pytest.raises(BadInput, match="one answer at each place"):
        sliding_windows(lambda x: x.mean((2, 3, 4)), torch.zeros(1, 20, 20, 9), size=(16, 16, 8))


def test_a_plan_tells_how_many_windows_there_are() -> None:
    assert plan_windows((512, 512, 300), (64, 64, 32), overlap=0.25).count == 11 * 11 * 13
