"""The training loop: every step a pure function of the recipe, the seed and its number.

So a run that was killed and goes on ends with the same tensors as one that was not: a checkpoint
holds model, optimiser, averages and the number of steps done, and random states need not be kept,
since each step makes its own from the seed.
"""

import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.engine.average import averaged, lent, move
from genesis_hub.engine.checkpoint import Standing
from genesis_hub.engine.determinism import exactly
from genesis_hub.engine.fabric import Fabric, agree, heard
from genesis_hub.engine.feed import Order, batches, seed_of
from genesis_hub.engine.objective import Items, Objective
from genesis_hub.engine.pace import (
    Pace,
    begins_anew,
    clip_apart,
    enough,
    forget,
    optimizer_of,
    rate,
    top_rate,
)
from genesis_hub.engine.record import Progress, Record
from genesis_hub.engine.saving import Saver, finish, restore
from genesis_hub.engine.schedule import best_of
from genesis_hub.engine.stopping import Stopped, asked_to_stop
from genesis_hub.errors import BadInput


def fit(
    objective: Objective,
    items: Items,
    pace: Pace,
    folder: Path,
    *,
    fabric: Fabric,
    weights: tuple[float, ...] | None = None,
    quiet: bool = False,
) -> Standing:
    """Train until the steps are done or nothing gets better; go on where the folder stands.

    At the end `objective.model` holds the best weights that validation saw, or the last.
    """
    if pace.batch_size % (fabric.world_size * pace.accumulate):
        raise BadInput(
            f"batch_size={pace.batch_size} cannot be shared by {fabric.world_size} process(es) in "
            f"{pace.accumulate} part(s); choose a multiple of {fabric.world_size * pace.accumulate}"
        )
    order = Order(len(items), pace.batch_size, pace.seed, weights, pace.shuffle)
    plain = objective.model
    optimizer = optimizer_of(objective, pace)
    model, optimizer = fabric.setup(plain, optimizer)
    average = averaged(plain) if pace.average else None
    standing = restore(folder, plain, optimizer, average, fabric)
    if standing.finished:
        return finish(folder, plain, standing)
    record = Record(folder, first=standing.step, quiet=quiet) if fabric.global_rank == 0 else None
    progress = Progress(pace.steps, quiet=quiet or fabric.global_rank > 0)
    progress.start(standing.step)
    save = Saver(folder, plain, optimizer, average, fabric)
    feed = batches(
        items, order, first=standing.step, last=pace.steps, workers=pace.workers,
        rank=fabric.global_rank, ranks=fabric.world_size,
    )  # fmt: skip
    exact = exactly(pace.deterministic, standing.inexact, progress.say)
    with asked_to_stop() as asked, exact, closing(feed):
        for batch in feed:
            step = standing.step
            epoch = order.epoch_of(step)
            begin(objective, optimizer, pace, order, step)
            rate(optimizer, pace, step, standing, objective)
            losses = one_step(objective, model, optimizer, batch, pace, step, fabric)
            agree(plain, fabric)
            if average is not None:
                move(average, plain, pace.average, step)
            objective.after_step((step + 1) / pace.steps)
            standing.step = step + 1
            told = {name: float(loss) for name, loss in losses.items()}
            if record is not None:
                record.note(standing.step, "train", {**told, "lr": top_rate(optimizer)})
            progress.tell(standing.step, epoch, said(told))
            progress.forecast(standing.step)
            last = standing.step == pace.steps
            if looked := last or standing.step % (pace.validate_every or pace.steps) == 0:
                look(
                    objective, model, average, standing, record, progress, epoch, save,
                    keep=pace.keep,
                )  # fmt: skip
                complain(objective, standing, save, pace)
                if enough(standing, pace, objective):
                    standing.finished = "nothing got better"
                    break
            # The last step's state is saved below, as finished.
            due = not last and (looked or standing.step % pace.save_every == 0)
            if (stop := heard(asked(), fabric)) or due:
                save(standing)
            if stop and not last:
                if record is not None:
                    record.close()
                raise Stopped(stop, standing.step)
    standing.finished = standing.finished or "all steps done"
    save(standing)
    if record is not None:
        record.close()
    return finish(folder, plain, standing)


def begin(objective: Objective, optimizer: Any, pace: Pace, order: Order, step: int) -> None:
    """Do what the epoch of a step begins with: functions of its number alone."""
    epoch = order.epoch_of(step)
    objective.begin_epoch(epoch)
    if step and begins_anew(pace, epoch, order.epoch_of(step - 1)):
        forget(optimizer)


def one_step(
    objective: Objective,
    model: Any,
    optimizer: Any,
    batch: dict[str, Tensor],
    pace: Pace,
    step: int,
    fabric: Fabric,
) -> dict[str, Tensor]:
    """Make one step; return its losses, or raise `BadInput` where they are no numbers."""
    model.train()
    parts = split(batch, pace.accumulate)
    total: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        # Counted over processes: two of them draw what one does in two parts.
        group = fabric.global_rank * len(parts) + number
        torch.manual_seed(seed_of(pace.seed, 3, step, group))  # dropout's, on every device
        draw = torch.Generator().manual_seed(seed_of(pace.seed, 4, step, group))
        with fabric.no_backward_sync(model, enabled=number + 1 < len(parts)):
            losses = objective.losses(model, fabric.to_device(part), draw)
            fabric.backward(losses["total"] / len(parts))
        for name, loss in losses.items():
            total[name] = total.get(name, torch.zeros(())) + loss.detach().cpu() / len(parts)
    if not math.isfinite(float(total["total"])):
        raise BadInput(
            f"step {step + 1}: the loss is {float(total['total'])}; the last checkpoint is kept; "
            "lower lr, clip gradients (clip=1.0), or use precision fp32; look for broken images "
            "with `load_cases(..., check=True)`"
        )
    if pace.clip:
        fabric.clip_gradients(model, optimizer, max_norm=pace.clip, error_if_nonfinite=False)
    if pace.clip_each or pace.clip_value:
        if not pace.clip:  # Which has taken the loss scale of fp16 out of them already.
            fabric.strategy.precision.unscale_gradients(optimizer.optimizer)
        clip_apart(optimizer, pace)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def split(batch: dict[str, Tensor], parts: int) -> list[dict[str, Tensor]]:
    """Return a batch in equal parts."""
    size = len(next(iter(batch.values()))) // parts
    return [
        {name: t[at * size : (at + 1) * size] for name, t in batch.items()} for at in range(parts)
    ]


def look(
    objective: Objective,
    model: nn.Module,
    average: dict[str, Tensor] | None,
    standing: Standing,
    record: Record | None,
    progress: Progress,
    epoch: int,
    save: Saver,
    *,
    keep: str,
) -> None:
    """Validate what would be kept; keep it if it is the best so far, or the last that counts.

    What `validate` changes in the model (batch-norm statistics made anew) is kept with it, and
    undone for the training that goes on.
    """
    model.eval()
    with lent(objective.model, average or averaged(objective.model)), torch.no_grad():
        measures = dict(save.fabric.broadcast(dict(objective.validate(model))))
        kept = averaged(objective.model)
    if not measures:
        return
    # Sorted, as a checkpoint gives them back: what is written of them is the same after a kill.
    standing.measures.append(dict(sorted({"step": standing.step, **measures}.items())))
    if record is not None:
        record.note(standing.step, "validation", measures)
    progress.tell(standing.step, epoch, said(measures), always=True)
    seen = [one[objective.monitor] for one in standing.measures]
    if keep == "last" or best_of(seen, better=objective.better) == len(seen) - 1:
        save.best(standing, kept)


def complain(objective: Objective, standing: Standing, save: Saver, pace: Pace) -> None:
    """Stop a run whose measures say that nothing will come of it; what it has is kept.

    One that keeps its last weights is as long as it was told to be, come what may.
    """
    heeded = pace.complain and pace.keep != "last"
    if heeded and (said := objective.complaint(standing.measures)):
        save(standing)
        raise BadInput(f"step {standing.step}: {said}")


def said(measures: Mapping[str, float]) -> str:
    """Return measures in a few words; of several names for one number the first is enough."""
    once: dict[float, str] = {}
    for name, value in measures.items():
        once.setdefault(value, name)
    return "  ".join(f"{name} {value:.4g}" for value, name in list(once.items())[:4])
