"""Models run everywhere torch does: compiled, exported, in half precision, on many processes."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from tests.loopback import free_port
from tests.matrix import Case, answers, cases

# One of each network and task: names that share both differ in facts only.
CHOSEN = {
    "models-genesis:features", "models-genesis:linear", "models-genesis:segmentation",
    "models-genesis:pyramid", "models-genesis:pretext", "models-genesis-keras:segmentation",
    "models-genesis-nnunet:segmentation", "semantic-genesis:pretext", "cpc-3d:segmentation",
    "cpc-2d:features", "cpc-2d:segmentation", "adam-resnet50:linear", "adam-resnet50:segmentation",
    "adam-v2-convnext-base:features", "smartnet-resnet50:pretext", "smartnet-resnet50:features",
    "adam-resnet50:conv3d",
}  # fmt: skip
# Ten to thirty seconds to trace; the slow part has them.
LONG = {
    "smartnet-resnet50:pretext", "adam-v2-convnext-base:features", "adam-resnet50:conv3d",
    "adam-resnet50:linear", "smartnet-resnet50:features", "models-genesis-nnunet:segmentation",
}  # fmt: skip
chosen = [case for case in cases() if str(case) in CHOSEN]
some = pytest.mark.parametrize("case", chosen, ids=str)


def test_the_choice_names_real_cases() -> None:
    assert {str(case) for case in chosen} == CHOSEN


@some
def test_exports(case: Case) -> None:
    model, x = case.build(), case.input()
    with torch.no_grad():
        exported = torch.export.export(model, (x,)).module()
        for want, got in zip(answers(model(x)), answers(exported(x)), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if str(case) in LONG else ()) for case in chosen],
    ids=str,
)
def test_traces_whole_under_compile(case: Case) -> None:
    # "aot_eager" traces forward and backward as inductor does, without waiting for a C++ compiler.
    model, x = case.build(), case.input()
    want = answers(model(x))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for a, b in zip(want, answers(compiled(x)), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # Half a minute of a C++ compiler.
def test_compiles_with_inductor() -> None:
    case = next(c for c in chosen if str(c) == "models-genesis:linear")
    model, x = case.build(), case.input()
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model)(x), model(x), rtol=1e-3, atol=1e-4)


@some
def test_autocast_gives_finite_answers_near_the_full_precision_ones(case: Case) -> None:
    model, x = case.build(), case.input()
    with torch.no_grad():
        want = answers(model(x))
        with torch.autocast("cpu", torch.bfloat16):
            got = answers(model(x))
    for a, b in zip(want, got, strict=True):
        assert torch.isfinite(b).all()
        assert (b.float() - a).norm() <= 0.1 * a.norm() + 1e-2


def test_a_forward_keeps_no_tensor() -> None:
    for case in chosen:
        model = case.build()
        before = {n: set(vars(m)) for n, m in model.named_modules()}
        model(case.input())
        for name, module in model.named_modules():
            new = set(vars(module)) - before[name]
            assert not any(isinstance(vars(module)[key], torch.Tensor) for key in new)


def train_once(rank: int, label: str, port: int, folder: str) -> None:
    """Run one step on each of two processes; save the gradients of the first."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=60))
    torch.manual_seed(0)
    case = next(c for c in chosen if str(c) == label)
    model = DistributedDataParallel(case.build())
    x = case.input(batch=4)[2 * rank : 2 * rank + 2]
    sum(answer.square().mean() for answer in answers(model(x))).backward()
    if rank == 0:
        grads = {name: p.grad for name, p in model.module.named_parameters()}
        torch.save(grads, Path(folder) / "grads.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("label", ["models-genesis:segmentation", "adam-resnet50:linear"])
def test_two_processes_give_the_gradients_of_one(label: str, tmp_path: Path) -> None:
    mp.start_processes(
        train_once, (label, free_port(), str(tmp_path)), nprocs=2, start_method="spawn"
    )
    two = torch.load(tmp_path / "grads.pt")
    torch.manual_seed(0)
    case = next(c for c in chosen if str(c) == label)
    model = case.build()  # In eval mode, so that batch statistics do not tell the parts apart.
    x = case.input(batch=4)
    loss = sum(answer.square().mean() for half in (x[:2], x[2:]) for answer in answers(model(half)))
    (loss / 2).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(two[name], parameter.grad, rtol=1e-4, atol=1e-6)
