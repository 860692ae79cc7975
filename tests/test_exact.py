"""Exactness: what is not deterministic is named, processes agree, kills leave no trace."""

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import LAST
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


class Line(Sums):
    """A network without batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def losses(self, model, batch, draw):
        return {"total": (model(batch["x"]) - batch["y"]).pow(2).mean()}


class Normed(Line):
    """A network with batch norm, of which it may be handed another kind."""

    def __init__(self, norm=nn.BatchNorm1d) -> None:
        super().__init__()
        # No bias before a norm: its gradient is nothing but rounding, which Adam makes large.
        first = nn.Linear(4, 8, bias=False)
        self.model = nn.Sequential(first, norm(8), nn.ReLU(), nn.Linear(8, 1))


class Dropped(Normed):
    """And dropout, and drawn noise."""

    def __init__(self) -> None:
        super().__init__()
        self.model.insert(3, nn.Dropout(0.3))

    def losses(self, model, batch, draw):
        return Sums.losses(self, model, batch, draw)


class Halves(nn.BatchNorm1d):
    """Batch norm that takes each half of a batch for itself; its statistics are their mean."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        halves = x.chunk(2)
        for running, found in (
            (self.running_mean, [half.mean(0) for half in halves]),
            (self.running_var, [half.var(0) for half in halves]),
        ):
            running.lerp_(torch.stack(found).mean(0).detach(), self.momentum)
        self.num_batches_tracked += 1
        parts = [
            (half - half.mean(0)) / (half.var(0, unbiased=False) + self.eps).sqrt()
            for half in halves
        ]
        return torch.cat(parts) * self.weight + self.bias


EIGHT = replace(PACE, batch_size=8, steps=20)
OBJECTIVES = {"line": Line, "norm": Normed, "dropout": Dropped}
SHARED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.test_exact import EIGHT, OBJECTIVES
from tests.test_engine import trained
for name, objective in OBJECTIVES.items():
    trained(Path(sys.argv[2]) / name, EIGHT, objective())
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """Runs of two gloo processes, by the name of their objective."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "program.py").write_text(SHARED)
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words += [str(folder / "program.py"), str(Path(__file__).parent.parent), str(folder)]
    done = subprocess.run(
        [sys.executable, *words], check=False, timeout=240, capture_output=True, text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def apart(one: Path, other: Path, *, parameters: bool = False) -> float:
    """Return how far the tensors of two runs lie apart, at most; by their size above 1."""
    a, b = (checkpoint.load(folder / LAST)[1]["model"] for folder in (one, other))
    assert a.keys() == b.keys()
    names = [name for name in a if not (parameters and ("running" in name or "num_" in name))]
    return max(float(((a[k] - b[k]).abs() / b[k].abs().clamp_min(1)).max()) for k in names)


def test_two_processes_are_one_of_the_same_global_batch(two: Path, tmp_path: Path) -> None:
    trained(tmp_path / "one", EIGHT, Line())
    assert apart(two / "line", tmp_path / "one") < 1e-5


def test_with_batch_norm_they_are_one_that_normalises_in_their_groups(two, tmp_path) -> None:
    trained(tmp_path / "one", EIGHT, Normed(Halves))
    trained(tmp_path / "whole", EIGHT, Normed())
    assert apart(two / "norm", tmp_path / "one") < 1e-5  # Statistics, too.
    assert apart(two / "norm", tmp_path / "whole") > 1e-3


@pytest.mark.parametrize("name", OBJECTIVES)
def test_they_are_one_that_takes_its_batch_in_two_parts(two, tmp_path, name) -> None:
    # Dropout and drawn noise are the same, too; statistics move twice a step there, once here.
    trained(tmp_path / "one", replace(EIGHT, accumulate=2), OBJECTIVES[name]())
    assert apart(two / name, tmp_path / "one", parameters=True) < 1e-5
