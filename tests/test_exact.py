"""Exactness: what is not deterministic is named, processes agree, kills leave no trace."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genesis_hub.engine.determinism import WORKSPACE, exactly, operator_of, promise
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.loop import fit
from tests.test_engine import PACE, Killed, Points, Sums, same, trained

EXACT = replace(PACE, deterministic=True)


class Putting(torch.autograd.Function):
    """Passes on what it gets; its backward calls an operator without a deterministic form."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        torch.zeros(4).put_(torch.tensor([0, 1]), torch.ones(2))
        return gradient


class Loose(Sums):
    """An objective with such an operator in its backward; its process may end at a step."""

    def __init__(self, at: int = 99) -> None:
        super().__init__()
        self.left = at

    def losses(self, model, batch, draw):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return {"total": Putting.apply(super().losses(model, batch, draw)["total"])}


def test_an_operator_that_is_not_deterministic_is_named_once(tmp_path: Path, capsys) -> None:
    fabric = launched(torch.device("cpu"), 1, "fp32", seed=0, deterministic=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Nothing of torch's own words comes through.
        standing = fit(Loose(), Points(), EXACT, tmp_path, fabric=fabric)
    assert standing.inexact == ["put_"]
    assert capsys.readouterr().err.count("not deterministic on this device: put_") == 1
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ[WORKSPACE[0]] == WORKSPACE[1]


def test_operators_are_remembered_over_a_kill(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        trained(tmp_path / "run", EXACT, Loose(at=12))
    again, standing = trained(tmp_path / "run", EXACT)  # The rest of it has no such operator.
    assert standing.inexact == ["put_"]
    assert same(again, trained(tmp_path / "whole", EXACT, Loose())[0])


def test_nothing_is_said_of_a_run_whose_operators_are_deterministic(tmp_path: Path) -> None:
    assert trained(tmp_path / "asked", EXACT)[1].inexact == []
    assert trained(tmp_path / "not asked", PACE, Loose())[1].inexact == []


def test_other_warnings_come_through() -> None:
    with pytest.warns(UserWarning, match="the disk is nearly full"), exactly(True, [], print):
        warnings.warn("the disk is nearly full", UserWarning, stacklevel=1)


def test_what_torch_says_of_an_operator_is_understood() -> None:
    pool = "max_pool3d_with_indices_backward_cuda"
    said = f"{pool} does not have a deterministic implementation, but you set 'torch.use_determ..."
    assert operator_of(said) == pool
    attention = (
        "Memory Efficient attention defaults to a non-deterministic algorithm. To explicitly "
        "enable determinism call torch.use_deterministic_algorithms(True, warn_only=False)."
    )
    assert operator_of(attention).startswith("Memory Efficient attention")
    assert operator_of("lr_scheduler.step() was called before optimizer.step()") == ""


@pytest.mark.parametrize(
    ("device", "asked", "operators", "said"),
    [
        ("cpu", False, (), "bit for bit"),
        ("cuda", True, (), "bit for bit"),
        ("cuda", False, (), "not promised on cuda without deterministic=true"),
        ("cuda", True, ("put_",), "not deterministic on cuda: put_"),
    ],
)
def test_only_what_holds_is_promised(device, asked, operators, said) -> None:
    assert said in promise(torch.device(device), asked=asked, operators=operators)
