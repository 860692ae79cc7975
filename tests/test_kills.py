"""Kill -9 at random moments, and while a checkpoint is written: the end is the same, bit for bit.

    python -m pytest -m slow -s tests/test_kills.py                            20 kills of each kind
    GENESIS_HUB_KILLS=200 python -m pytest -m slow -s tests/test_kills.py      200

The killed are processes of their own, forked from one that has imported torch already.
"""

import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.test_engine import PACE, Sums, trained

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork (POSIX)"),
]
KILLS = int(os.environ.get("GENESIS_HUB_KILLS", "20"))
OFTEN = replace(PACE, save_every=2)
PARTS = ".*.part*"


def short_run(folder: Path) -> None:
    """Train a small network by the loop alone."""
    torch.set_num_threads(1)
    trained(folder, OFTEN, Sums(pause=0.005))


def whole_command(folder: Path, films: Path) -> None:
    """Fine-tune, test and save a model, as the command does."""
    import genesis_hub

    torch.set_num_threads(1)
    recipe = {"scratch": True, "width": 0.0625, "steps": 8, "batch_size": 2, "recalibrate": 1}
    recipe |= {"report": False}
    recipe |= {"size": [32, 32], "save_every": 1, "validate_every": 3, "average": 0.9}
    genesis_hub.finetune("adam-resnet50", films, folder, recipe=recipe, device="cpu", quiet=True)


def whole_pretraining(folder: Path, scans: Path) -> None:
    """Pre-train on phantoms, and write what is published, as the verb does."""
    from tests.training.scans import TINY
    from training.pretrain import pretrain

    torch.set_num_threads(1)
    wishes = {**TINY, "steps": 8, "validate_every": 3}
    pretrain("models-genesis", scans, folder, device="cpu", quiet=True, wishes=wishes)


def whole_proxy_task(folder: Path, data: Path) -> None:
    """Learn a proxy task from whole volumes, whose cubes are kept on the way."""
    from tests.training.wholes import learn

    torch.set_num_threads(1)
    learn("rpl-3d", data, folder, data_dim=34, patches_per_side=2, patch_jitter=1, pooling="none",
          top_architecture="none", steps=8, save_every=1)  # fmt: skip


def whole_smart_net(folder: Path, slices: Path) -> None:
    """Pre-train on labelled slices, which are kept on the way, losses weighed as they are."""
    from tests.training.test_smart_net import SHORT
    from training.pretrain import pretrain

    torch.set_num_threads(1)
    more = {"steps": 8, "save_every": 1, "validate_every": 3, "weighting": "uncertainty"}
    pretrain("smart-net", slices, folder, device="cpu", quiet=True, wishes={**SHORT, **more})


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give processes that begin in milliseconds."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "tests.test_kills",
            "torch.utils.tensorboard",
            "genesis_hub.tuning.finetune",
            "training.pretrain",
        ]
    )
    return context


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Class folders of made-up X-rays."""
    import PIL.Image

    from genesis_hub.data.phantoms import chest_xray

    for seed in range(12):
        label = ("normal", "effusion")[seed % 2]
        finding = label if seed % 2 else False
        (tmp_path / "films" / label).mkdir(parents=True, exist_ok=True)
        pixels = chest_xray(seed, size=(40, 40), finding=finding).image[0]
        PIL.Image.fromarray(pixels).save(tmp_path / "films" / label / f"{seed}.png")
    return tmp_path / "films"


def killed(processes: Any, folder: Path, work: Callable[..., None], *rest: Any) -> dict[str, int]:
    """Run again and again, killing; give how often each thing was seen.

    Every other kill is aimed: it falls when a file that is written aside appears.
    """
    draw = random.Random(0)
    for name in ("warm", "whole"):  # Whoever is forked from imports torch in the first.
        begin = time.perf_counter()
        run(processes, work, folder / name, *rest).join()
        took = time.perf_counter() - begin
    seen = {"kills": 0, "while writing": 0, "ends": 0}
    number = 0
    while seen["kills"] < KILLS or not (folder / f"{number}" / "over").exists():
        here = folder / f"{number}"
        process = run(processes, work, here, *rest)
        if seen["kills"] < KILLS:
            wait(process, here, draw.uniform(0, took), aimed=bool(seen["kills"] % 2))
            process.kill()
        process.join()
        if process.exitcode == 0:
            assert ends(here) == ends(folder / "whole")
            assert not list(here.glob(PARTS))
            seen["ends"] += 1
            (here / "over").touch()
            number += seen["kills"] < KILLS
        else:
            assert process.exitcode == -9
            seen["kills"] += 1
            seen["while writing"] += any(here.glob(PARTS))
    return {**seen, "seconds a run": round(took, 1)}


def run(processes: Any, work: Callable[..., None], folder: Path, *rest: Any) -> Any:
    process = processes.Process(target=work, args=(folder, *rest))
    process.start()
    return process


def wait(process: Any, folder: Path, seconds: float, *, aimed: bool) -> None:
    """Wait a while; if aimed, from then on until something is being written."""
    end = time.perf_counter() + seconds
    while process.is_alive() and time.perf_counter() < end:
        time.sleep(0.001)
    while aimed and process.is_alive() and not any(parts(folder)):
        pass


def parts(folder: Path) -> Iterator[str]:
    """Give what is being written in a folder right now."""
    try:
        return (one.name for one in os.scandir(folder) if ".part" in one.name)
    except FileNotFoundError:
        return iter(())


def ends(folder: Path) -> dict[str, bytes]:
    """Return what a run has come to, byte by byte."""
    names = ["last.safetensors", "best.safetensors", "log.csv"]
    names += [
        "model/model.safetensors",
        "model/seen.json",
        "metrics.json",
        "predictions.csv",
        "split.json",
    ]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def test_kills_of_the_loop_leave_no_trace(processes: Any, tmp_path: Path) -> None:
    seen = killed(processes, tmp_path, short_run)
    print(f"\nthe loop: {json.dumps(seen)}")
    assert seen["while writing"] >= KILLS // 10
    assert set(ends(tmp_path / "whole")) == {"last.safetensors", "best.safetensors", "log.csv"}


def test_kills_of_the_command_leave_no_trace(processes: Any, films: Path, tmp_path: Path) -> None:
    seen = killed(processes, tmp_path, whole_command, films)
    print(f"\nthe command: {json.dumps(seen)}")
    assert seen["ends"] >= 1
    assert len(ends(tmp_path / "whole")) == 8


def test_kills_of_pretraining_leave_no_trace(processes: Any, tmp_path: Path) -> None:
    from tests.training.scans import chests

    seen = killed(processes, tmp_path, whole_pretraining, chests(tmp_path / "scans"))
    print(f"\npre-training: {json.dumps(seen)}")
    assert seen["ends"] >= 1
    assert len(ends(tmp_path / "whole")) == 7


def test_kills_of_a_proxy_task_leave_no_trace(processes: Any, tmp_path: Path) -> None:
    from tests.training.scans import chests

    seen = killed(processes, tmp_path, whole_proxy_task, chests(tmp_path / "scans"))
    print(f"\na proxy task: {json.dumps(seen)}")
    assert seen["ends"] >= 1
    assert {"last.safetensors", "model/model.safetensors"} <= set(ends(tmp_path / "whole"))


def test_kills_of_smart_net_leave_no_trace(processes: Any, tmp_path: Path) -> None:
    from PIL import Image

    from tests.training.test_smart_net import slice_of

    for seed in range(24):
        for part, values in zip(("images", "masks"), slice_of(seed), strict=True):
            (tmp_path / "slices" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "slices" / part / f"s{seed}.png")
    seen = killed(processes, tmp_path, whole_smart_net, tmp_path / "slices")
    print(f"\nSMART-Net: {json.dumps(seen)}")
    assert seen["ends"]
    assert "model/model.safetensors" in ends(tmp_path / "whole")
