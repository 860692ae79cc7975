"""The loop: a step is a pure function of the seed and its number, and no kill can be seen."""

import multiprocessing
import os
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from genesis_hub import BadInput
from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import Standing
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.feed import Order, batches, seed_of
from genesis_hub.engine.loop import fit
from genesis_hub.engine.pace import Pace, clip_apart, forget, optimizer_of, rate
from genesis_hub.engine.recipe import difference, filled, plain
from genesis_hub.engine.schedule import best_of, factor, plateau, waited
from genesis_hub.engine.stopping import Stopped


class Points:
    """Items that depend on index and seed alone."""

    def __len__(self) -> int:
        return 10

    def item(self, index: int, seed: int):
        draw = torch.Generator().manual_seed(seed)
        x = torch.randn(4, generator=draw) + index
        return {"x": x, "y": x.sum()[None]}


class Sums:
    """Learn a sum, with dropout and batch norm so that every kind of state matters."""

    monitor, better = "error", "lower"

    def __init__(self, pause: float = 0.0) -> None:
        torch.manual_seed(7)
        self.model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)
        )
        self.pause = pause

    def losses(self, model, batch, draw):
        time.sleep(self.pause)
        noise = torch.randn(batch["x"].shape, generator=draw)
        return {"total": (model(batch["x"] + 0.1 * noise) - batch["y"]).pow(2).mean()}

    def groups(self):
        return [{"params": list(self.model.parameters()), "share": 1.0}]

    def begin_epoch(self, epoch: int) -> None:
        pass

    def after_step(self, progress: float) -> None:
        pass

    def complaint(self, measures) -> str:
        return ""

    def validate(self, model):
        x = torch.arange(8.0).view(2, 4)
        return {"error": float((self.model(x) - x.sum(1, keepdim=True)).abs().mean())}


PACE = Pace(
    steps=24, batch_size=4, lr=0.02, warm_up=3, average=0.9, validate_every=6, save_every=5
)  # fmt: skip


def trained(folder: Path, pace: Pace = PACE, objective=None, **more):
    folder.mkdir(exist_ok=True)
    objective = objective or Sums()
    fabric = launched(torch.device("cpu"), 1, "fp32", seed=pace.seed, deterministic=False)
    standing = fit(objective, Points(), pace, folder, fabric=fabric, quiet=True, **more)
    return objective.model.state_dict(), standing


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


class Killed(Exception):
    pass


class Dies(Sums):
    """An objective whose process ends at a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def losses(self, model, batch, draw):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().losses(model, batch, draw)


@pytest.mark.parametrize(
    ("at", "schedule"),
    [(0, "cosine"), (5, "cosine"), (11, "plateau"), (17, "cosine"), (23, "cosine")],
)
def test_a_run_that_was_killed_ends_with_the_same_tensors(tmp_path: Path, at, schedule) -> None:
    pace = replace(PACE, schedule=schedule)
    whole, _ = trained(tmp_path / "whole", pace)
    with pytest.raises(Killed):
        trained(tmp_path / "killed", pace, Dies(at))
    again, standing = trained(tmp_path / "killed", pace)
    assert standing.step == 24
    assert same(whole, again)
    last = checkpoint.load(tmp_path / "whole" / "last.safetensors")[1]
    assert same(
        last["model"], checkpoint.load(tmp_path / "killed" / "last.safetensors")[1]["model"]
    )
    assert (tmp_path / "whole" / "log.csv").read_text() == (
        tmp_path / "killed" / "log.csv"
    ).read_text()


@pytest.mark.parametrize("at", [5, 6, 11])
def test_an_optimizer_begins_anew_at_an_epoch_also_after_a_kill(tmp_path: Path, at: int) -> None:
    # Three steps are an epoch: it forgets after 6, where a checkpoint lies, and after 9.
    pace = replace(PACE, steps=12, optimizer="adam", restart=(2, 3))
    whole, _ = trained(tmp_path / "whole", pace)
    with pytest.raises(Killed):
        trained(tmp_path / "killed", pace, Dies(at))
    again, _ = trained(tmp_path / "killed", pace)
    assert same(whole, again)
    counts = {
        float(one["step"])
        for one in checkpoint.load(tmp_path / "whole" / "last.safetensors")[1]["optimizer"][
            "state"
        ].values()
    }
    assert counts == {3.0}
    other, _ = trained(tmp_path / "other", replace(pace, restart=()))
    assert not same(whole, other)


def test_an_optimizer_that_begins_anew_is_as_a_new_one(tmp_path: Path) -> None:
    objective = Sums()
    pace = replace(PACE, optimizer="adam")
    optimizer, fresh = optimizer_of(objective, pace), optimizer_of(objective, pace)
    for parameter in objective.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    forget(optimizer)
    assert optimizer.state_dict() == fresh.state_dict()


def test_gradients_are_clipped_tensor_by_tensor_and_then_number_by_number() -> None:
    objective = Sums()
    optimizer = optimizer_of(objective, PACE)
    for size, parameter in enumerate(objective.model.parameters()):
        parameter.grad = torch.full_like(parameter, 10.0 if size else 1e-3)
    clip_apart(optimizer, replace(PACE, clip_each=2.0))
    norms = [float(p.grad.norm()) for p in objective.model.parameters()]
    assert norms[0] == pytest.approx(1e-3 * 32**0.5)
    assert norms[1:] == pytest.approx([2.0] * 5, rel=1e-5)
    clip_apart(optimizer, replace(PACE, clip_value=0.5))
    assert max(float(p.grad.max()) for p in objective.model.parameters()) == 0.5


@pytest.mark.parametrize("key", ["clip_each", "clip_value"])
def test_a_run_clips_as_it_was_told(tmp_path: Path, key: str) -> None:
    # Plain steps of rate 1 move each tensor by what is left of its gradient.
    pace = Pace(
        steps=1, batch_size=4, lr=1.0, clip=0.0, optimizer="momentum", weight_decay=0.0,
        schedule="constant", **{key: 1e-3},
    )  # fmt: skip
    before = Sums().model.state_dict()
    after, _ = trained(tmp_path / "run", pace)
    moved = [after[name] - before[name] for name in before if name.endswith(("ight", "bias"))]
    most = [float(m.norm() if key == "clip_each" else m.abs().max()) for m in moved]
    assert max(most) == pytest.approx(1e-3, rel=1e-2)


def test_the_last_weights_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    class Worse(Sums):
        def validate(self, model):
            self.looks = getattr(self, "looks", 0) + 1
            return {"error": float(self.looks)}

    pace = replace(PACE, average=0.0)
    best, _ = trained(tmp_path / "best", pace, Worse())
    last, _ = trained(tmp_path / "last", replace(pace, keep="last"), Worse())
    done = checkpoint.load(tmp_path / "best" / "last.safetensors")[1]["model"]
    assert same(last, done)
    assert not same(best, done)


@pytest.mark.parametrize("workers", [2])
def test_the_number_of_workers_changes_nothing(tmp_path: Path, workers: int) -> None:
    one, _ = trained(tmp_path / "a")
    other, _ = trained(tmp_path / "b", replace(PACE, workers=workers))
    assert same(one, other)


def test_a_finished_run_says_so_and_trains_no_more(tmp_path: Path) -> None:
    first, _ = trained(tmp_path / "run")
    again, standing = trained(tmp_path / "run", PACE, Dies(0))
    assert standing.finished == "all steps done"
    assert same(first, again)


def test_accumulated_parts_are_one_batch(tmp_path: Path) -> None:
    class Plain(Sums):
        def __init__(self) -> None:
            super().__init__()
            self.model = nn.Linear(4, 1)
            torch.manual_seed(1)
            nn.init.normal_(self.model.weight)

        def losses(self, model, batch, draw):
            return {"total": (model(batch["x"]) - batch["y"]).pow(2).mean()}

        def validate(self, model):
            return {}

    one, _ = trained(tmp_path / "a", PACE, Plain())
    parts, _ = trained(tmp_path / "b", replace(PACE, accumulate=2), Plain())
    for name in one:
        torch.testing.assert_close(one[name], parts[name])


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    class Still(Sums):
        def validate(self, model):
            return {"error": 1.0}

    _, standing = trained(tmp_path / "run", replace(PACE, patience=2), Still())
    assert (standing.step, standing.finished) == (18, "nothing got better")


def test_a_loss_that_is_no_number_is_named_and_the_checkpoint_kept(tmp_path: Path) -> None:
    class Breaks(Dies):
        def losses(self, model, batch, draw):
            try:
                return super().losses(model, batch, draw)
            except Killed:
                return {"total": model(batch["x"]).sum() * float("nan")}

    with pytest.raises(BadInput, match="step 13: the loss is nan"):
        trained(tmp_path / "run", PACE, Breaks(12))
    assert checkpoint.load(tmp_path / "run" / "last.safetensors")[0].step == 12


def test_a_full_disk_is_named_and_the_last_checkpoint_intact(tmp_path, monkeypatch) -> None:
    real = checkpoint.put_tensors
    count = {"calls": 0}

    def full(tensors, path, facts):
        count["calls"] += 1
        if count["calls"] > 1:
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        real(tensors, path, facts)

    monkeypatch.setattr(checkpoint, "put_tensors", full)
    with pytest.raises(BadInput, match="No space left"):
        trained(tmp_path / "run")
    monkeypatch.undo()
    standing, _ = checkpoint.load(tmp_path / "run" / "last.safetensors")
    assert standing.step == 5
    again, _ = trained(tmp_path / "run")
    whole, _ = trained(tmp_path / "whole")
    assert same(again, whole)


def test_a_signal_saves_and_the_run_goes_on(tmp_path: Path) -> None:
    class Asked(Dies):
        def losses(self, model, batch, draw):
            if self.left == 0:  # From within a step, when the loop surely listens.
                os.kill(os.getpid(), signal.SIGTERM)
            self.left -= 1
            return Sums.losses(self, model, batch, draw)

    with pytest.raises(Stopped) as stopped:
        trained(tmp_path / "run", PACE, Asked(7))
    assert stopped.value.status == 128 + signal.SIGTERM
    assert checkpoint.load(tmp_path / "run" / "last.safetensors")[0].step == 8
    again, _ = trained(tmp_path / "run")
    whole, _ = trained(tmp_path / "whole")
    assert same(again, whole)


class Uneven(Sums):
    """Asks its own process to stop at a step; another process is not asked."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def losses(self, model, batch, draw):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        self.left -= 1
        return super().losses(model, batch, draw)


def one_of_two(folder: Path, rank: int, port: int) -> None:
    """Train as one of two processes, of which the second alone hears a signal, in step 6."""
    words = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    words |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    os.environ |= {name: str(value) for name, value in words.items()}
    torch.set_num_threads(1)
    try:
        trained(folder, PACE, Uneven(5 if rank else -1))
    except Stopped as stopped:
        (folder / f"stopped-{rank}").write_text(str(stopped.step))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork (POSIX)")
def test_processes_stop_at_the_same_step_whoever_was_asked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_engine"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    both = [context.Process(target=one_of_two, args=(tmp_path, rank, port)) for rank in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
        one.kill()
    assert [(tmp_path / f"stopped-{rank}").read_text() for rank in range(2)] == ["6", "6"]
    assert checkpoint.load(tmp_path / "last.safetensors")[0].step == 6


def test_a_hopeless_run_is_stopped_and_said_why(tmp_path: Path) -> None:
    class Flat(Sums):
        def complaint(self, measures) -> str:
            return "it has collapsed" if len(measures) > 1 else ""

    with pytest.raises(BadInput, match="step 12: it has collapsed"):
        trained(tmp_path / "run", PACE, Flat())
    assert checkpoint.load(tmp_path / "run" / "last.safetensors")[0].step == 12


def test_an_epoch_shows_every_item_once_and_ranks_share_a_batch() -> None:
    order = Order(10, 4, seed=3)
    keys = [key for step in range(order.steps_per_epoch) for key in order.keys(step)]
    assert sorted(index for index, _ in keys[:10]) == list(range(10))
    both = [order.keys(2, rank=rank, ranks=2) for rank in range(2)]
    assert sorted(both[0] + both[1]) == sorted(order.keys(2))
    assert len({seed for _, seed in keys}) == len(keys)


def test_rare_items_come_as_often_as_asked() -> None:
    order = Order(4, 400, seed=0, weights=(1.0, 1.0, 1.0, 9.0))
    drawn = [index for step in range(20) for index, _ in order.keys(step)]
    assert drawn.count(3) / len(drawn) == pytest.approx(0.75, abs=0.02)


def test_batches_begin_anywhere() -> None:
    order = Order(10, 4, seed=0)
    every = list(batches(Points(), order, first=0, last=9, workers=0, rank=0, ranks=1))
    late = list(batches(Points(), order, first=5, last=9, workers=0, rank=0, ranks=1))
    for one, other in zip(every[5:], late, strict=True):
        assert torch.equal(one["x"], other["x"])


class Counted(Points):
    """Items that count how many were made; the sixth cannot be read."""

    def __init__(self) -> None:
        self.made = 0

    def item(self, index: int, seed: int):
        self.made += 1
        if self.made == 6:
            raise BadInput("case 6 is broken")
        return super().item(index, seed)


class Signalled(Points):
    """Items whose process hears what a cluster sends to a whole group before it kills."""

    def item(self, index: int, seed: int):
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        return super().item(index, seed)


def test_a_signal_to_the_whole_group_ends_no_worker() -> None:
    order = Order(10, 4, seed=0)
    made = list(batches(Signalled(), order, first=0, last=3, workers=2, rank=0, ranks=1))
    assert len(made) == 3


def test_batches_are_made_ahead_and_an_error_comes_at_its_step() -> None:
    items = Counted()
    feed = batches(items, Order(10, 1, seed=0), first=0, last=9, workers=0, rank=0, ranks=1)
    next(feed)
    end = time.monotonic() + 20
    while items.made < 3 and time.monotonic() < end:
        time.sleep(0.001)
    assert items.made == 3
    for _ in range(4):
        next(feed)
    with pytest.raises(BadInput, match="case 6"):
        next(feed)


def test_a_feed_that_is_closed_leaves_no_thread() -> None:
    feed = batches(Points(), Order(10, 2, seed=0), first=0, last=99, workers=0, rank=0, ranks=1)
    next(feed)
    feed.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("batches")]


def test_seeds_differ_and_stay() -> None:
    assert seed_of(0, 3, 1) == seed_of(0, 3, 1) != seed_of(0, 3, 2)
    assert 0 <= seed_of(2**63, 1) < 2**63


def test_a_forecast_comes_after_five_steps(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    fabric = launched(torch.device("cpu"), 1, "fp32", seed=0, deterministic=False)
    fit(Sums(), Points(), PACE, folder, fabric=fabric)
    lines = [line for line in capsys.readouterr().err.splitlines() if "forecast" in line]
    assert len(lines) == 1
    assert "GB" in lines[0]


def test_schedules_rise_and_fall() -> None:
    shares = [factor(step, steps=10, warm_up=2, schedule="cosine") for step in range(10)]
    assert shares[:3] == [0.5, 1.0, 1.0]
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert factor(9, steps=10, warm_up=2, schedule="constant") == 1.0
    measures = [0.5, 0.6, 0.6, 0.6, 0.7, 0.1, 0.2]
    assert plateau(measures, better="higher", patience=2) == 0.25
    assert (best_of(measures, better="higher"), waited(measures, better="higher")) == (4, 2)
    assert best_of([float("nan")], better="lower") is None


def test_weight_decay_goes_to_its_end_where_there_is_one_and_spares_norms() -> None:
    task, standing = Sums(), Standing()
    pace = replace(PACE, steps=100, weight_decay=0.04, weight_decay_end=0.4)
    optimizer = optimizer_of(task, pace)
    for step, wanted in ((0, 0.04), (50, 0.22), (100, 0.4)):
        rate(optimizer, pace, step, standing, task)
        now = [group["weight_decay"] for group in optimizer.param_groups]
        assert now == pytest.approx([wanted, 0.0])
    rate(optimizer, replace(pace, weight_decay_end=None), 70, standing, task)
    assert optimizer.param_groups[0]["weight_decay"] == 0.04


def test_recipes_refuse_what_they_do_not_know() -> None:
    with pytest.raises(BadInput, match="close names: steps"):
        filled(PACE, {"stepz": 3}, source="recipe.toml")
    with pytest.raises(BadInput, match="steps='many', but a whole number"):
        filled(PACE, {"steps": "many"}, source="recipe.toml")
    with pytest.raises(BadInput, match="steps=True"):
        filled(PACE, {"steps": True}, source="recipe.toml")
    other = filled(PACE, {"lr": 1, "batch-size": 8}, source="recipe.toml")
    assert (other.lr, other.batch_size) == (1.0, 8)
    older = {key: value for key, value in plain(PACE).items() if key != "patience"}
    assert difference(older, PACE) == []
    assert difference(older, replace(PACE, patience=3)) == ["patience: 0 then, 3 now"]
    assert difference(plain(PACE), other) == ["batch_size: 4 then, 8 now", "lr: 0.02 then, 1.0 now"]
