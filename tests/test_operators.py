"""Volumes from slices: padding costs nothing and changes nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch

import genesis_hub
from genesis_hub import BadInput
from genesis_hub.networks.operators import LEARNT_AT_ONCE

CASES = [("smartnet-resnet50", "lstm"), ("smartnet-resnet50", "conv3d"), ("cpc-2d", "lstm"),
         ("adam-resnet50", "conv3d")]  # fmt: skip


def build(name: str, operator: str):
    width = {} if name == "cpc-2d" else {"width": 0.125}
    return genesis_hub.create_model(name, operator=operator, num_classes=2, **width)


@pytest.mark.parametrize(("name", "operator"), CASES)
def test_padded_slices_do_not_change_the_answer(name: str, operator: str) -> None:
    model = build(name, operator)
    x = torch.rand(2, model.in_channels, 64, 64, 5)
    lengths = torch.tensor([5, 3])
    with torch.inference_mode():
        together = model(x, lengths=lengths)
        alone = [model(x[i : i + 1, ..., :n]) for i, n in enumerate(lengths.tolist())]
        dirty = x.clone()
        dirty[1, ..., 3:] = 1e3
        again = model(dirty, lengths=lengths)
    for i, n in enumerate(lengths.tolist()):
        real = (i, ..., slice(0, n)) if operator == "conv3d" else i
        torch.testing.assert_close(together[real], alone[i][0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(again[real], alone[i][0], rtol=1e-4, atol=1e-5)


def test_padding_does_not_move_batch_statistics() -> None:
    x = torch.rand(2, 1, 64, 64, 4)
    moved = []
    for padding in (0.0, 1e3):
        torch.manual_seed(0)
        model = build("smartnet-resnet50", "lstm").train()
        padded = x.clone()
        padded[1, ..., 2:] = padding
        model(padded, lengths=torch.tensor([4, 2]))
        moved.append(model.encoder.bn1.running_mean.clone())
    assert torch.equal(*moved)


def test_slices_run_in_parts_give_the_same_answer() -> None:
    model = build("smartnet-resnet50", "conv3d")
    x = torch.rand(1, 1, 32, 32, 7)
    with torch.inference_mode():
        want = model(x)
        model.slices_at_once = 2
        torch.testing.assert_close(model(x), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("operator", ["lstm", "conv3d"])
def test_slices_computed_again_in_the_backward_learn_the_same(operator: Any) -> None:
    x = torch.rand(1, 1, 32, 32, LEARNT_AT_ONCE + 2)
    stats, grads = [], []
    for again in (False, True):
        torch.manual_seed(0)
        model = build("smartnet-resnet50", operator).train()
        model.slices_at_once = LEARNT_AT_ONCE
        model.set_grad_checkpointing(again)
        torch.manual_seed(1)  # Of dropout.
        model(x).square().mean().backward()
        grads.append([p.grad for p in model.parameters()])
        stats.append(list(model.buffers()))
    for then, now in zip(*grads, strict=True):
        torch.testing.assert_close(now, then)
    for then, now in zip(*stats, strict=True):
        torch.testing.assert_close(now, then)  # A batch is not counted twice.


def test_the_last_states_are_joined_backward_first() -> None:
    model = build("smartnet-resnet50", "lstm")
    sequence = torch.rand(1, 4, model.num_features)
    _, (states, _) = model.operator.lstm(sequence)
    want = torch.relu(model.operator.hidden(torch.cat([states[3], states[2]], dim=1)))
    torch.testing.assert_close(model.operator(sequence), want)


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        (torch.tensor([3]), "each of the 2 volumes"),
        (torch.tensor([3.0, 2.0]), "whole number"),
        (torch.tensor([0, 3]), "between 1 and the 3 slices"),
        (torch.tensor([4, 1]), "between 1 and the 3 slices"),
        ([4, 1], "between 1 and the 3 slices"),
        (torch.tensor([True, True]), "whole number"),
        ("ab", "no numbers of slices"),
    ],
)
def test_wrong_lengths_are_named(lengths: Any, said: str) -> None:
    model = build("cpc-2d", "lstm")
    with pytest.raises(BadInput, match=said):
        model(torch.rand(2, 1, 32, 32, 3), lengths=lengths)


def test_wrong_axes_are_named() -> None:
    with pytest.raises(BadInput, match=r"\(N, C, X, Y, Z\), slices last"):
        build("cpc-2d", "lstm")(torch.rand(2, 1, 32, 32))


def test_a_volume_networks_folder_can_be_saved_again_and_again(tmp_path: Path) -> None:
    model = build("cpc-2d", "lstm")
    for turn in range(3):
        folder = model.save_pretrained(tmp_path / str(turn))
        model = genesis_hub.from_pretrained(folder)
        assert model.inputs.facts.size == (224, 224, 1)


def test_lengths_may_be_a_list() -> None:
    model = build("cpc-2d", "lstm")
    x = torch.rand(2, 1, 32, 32, 3)
    with torch.inference_mode():
        assert torch.equal(model(x, lengths=[3, 2]), model(x, lengths=torch.tensor([3, 2])))
