"""Two layers taken as one: the same answer and the same gradients, and only where that is meant."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genesis_hub import api
from genesis_hub.networks import folding, genesis
from genesis_hub.networks.folding import folded, folds

LAST = torch.channels_last_3d


def layers(bias: bool = True) -> tuple[nn.ConvTranspose3d, nn.Conv3d]:
    torch.manual_seed(0)
    up = nn.ConvTranspose3d(6, 6, kernel_size=2, stride=2, bias=bias)
    return up.double(), nn.Conv3d(6 + 5, 3, kernel_size=3, padding=1).double()


@pytest.mark.parametrize("sides", [(3, 2, 1), (4, 4, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_one_step_gives_what_three_do_borders_and_gradients_too(
    sides: tuple[int, int, int], bias: bool
) -> None:
    up, conv = layers(bias)
    x = torch.randn(2, 6, *sides, dtype=torch.float64, requires_grad=True)
    skip = torch.randn(2, 5, *(2 * n for n in sides), dtype=torch.float64, requires_grad=True)
    inputs = [x, skip, *up.parameters(), *conv.parameters()]
    answers = [conv(torch.cat([up(x), skip], dim=1)), folded(up, conv, x, skip)]
    found = [torch.autograd.grad(answer.square().sum(), inputs) for answer in answers]
    torch.testing.assert_close(*answers)
    torch.testing.assert_close(*found)


def test_layers_that_are_watched_or_exchanged_are_run_as_they_are() -> None:
    up, conv = layers()
    x = torch.zeros(2, 6, 8, 8, 8)
    assert folds(up, conv, x)
    assert not folds(up, conv, x[:, :, :1, :1, :1])  # Too few voxels to pay.
    assert not folds(up, nn.Sequential(conv), x)
    assert not folds(nn.Upsample(scale_factor=2), conv, x)
    holder = nn.Sequential(conv)
    handle = holder.register_forward_hook(lambda *_: None)
    assert not folds(up, conv, x, holder)
    handle.remove()
    assert folds(up, conv, x, holder)


def network() -> Any:
    torch.manual_seed(0)
    return api.create_model("models-genesis", task="pretext", width=0.0625)


def test_a_network_learns_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(*words: Any) -> Tensor:
        calls.append(1)
        return folded(*words)

    monkeypatch.setattr(genesis, "folded", counted)
    x, found = torch.rand(2, 1, 32, 32, 16), []
    for devices in (("cpu",), ()):
        monkeypatch.setattr(folding, "DEVICES", devices)
        net = network().double().train()
        net(x.double())["restoration"].square().mean().backward()
        found.append({name: p.grad for name, p in net.named_parameters()})
    assert len(calls) == 2  # Of three levels: the lowest has too few voxels.
    torch.testing.assert_close(*found)


def test_in_inference_nothing_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*words: Any) -> Tensor:
        raise AssertionError

    monkeypatch.setattr(genesis, "folded", never)
    network().eval()(torch.rand(2, 1, 32, 32, 16))


def test_the_layout_that_convolutions_like_survives_the_whole_network() -> None:
    net = network().to(memory_format=LAST).train()
    lost: list[str] = []

    def look(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, out: Tensor) -> None:
            if not out.is_contiguous(memory_format=LAST):
                lost.append(name)

        return hook

    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm3d | nn.Upsample):
            module.register_forward_hook(look(name))
    net(torch.rand(2, 1, 32, 32, 16))
    assert lost == []
