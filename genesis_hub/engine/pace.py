"""How a run goes: steps, learning rates, and when it looks at itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from genesis_hub.engine.checkpoint import Standing
from genesis_hub.engine.objective import Objective
from genesis_hub.engine.schedule import factor, plateau, waited
from genesis_hub.errors import BadInput


@dataclass(frozen=True)
class Pace:
    """How a run goes: steps, rates, and when it looks at itself.

    batch_size: of one step, over all processes and accumulated parts. patience: validations
    without anything better before it stops; 0 never stops. plateau: those before that schedule
    halves the rate; 0 takes a third of the patience. average: the decay of the weights'
    moving average that is validated and kept; 0 keeps none. shuffle: items come in another order
    each epoch; else as they lie. halve_every: steps after which the
    rate is halved, each time; 0 never. weight_decay_end: what weight_decay becomes by the last
    step, along half a cosine; None: it stays. clip: the greatest norm of all gradients together;
    clip_each: that of each tensor's by itself; clip_value: the greatest of their numbers; in this
    order, 0 leaves them. restart: epochs at whose first step the optimiser forgets its averages.
    keep: the weights that the run ends with: the "best" that validation saw, or the "last".
    complain: a run stops whose objective says that nothing will come of it; one that keeps its last
    weights never does.
    """

    steps: int
    batch_size: int
    lr: float
    seed: int = 0
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    weight_decay_end: float | None = None
    momentum: float = 0.9
    schedule: str = "cosine"
    warm_up: int = 0
    halve_every: int = 0
    clip: float = 1.0
    clip_each: float = 0.0
    clip_value: float = 0.0
    restart: tuple[int, ...] = ()
    keep: str = "best"
    complain: bool = True
    accumulate: int = 1
    average: float = 0.0
    validate_every: int = 0
    save_every: int = 100
    patience: int = 0
    plateau: int = 0
    workers: int = 0
    deterministic: bool = False
    shuffle: bool = True


def optimizer_of(objective: Objective, pace: Pace) -> torch.optim.Optimizer:
    """Return the optimiser; biases and norms are not decayed."""
    check_optimizer(pace.optimizer)
    groups = []
    for group in objective.groups():
        share = float(group.get("share", 1.0))
        for decayed in (True, False):
            some = [p for p in group["params"] if (p.ndim > 1) == decayed]
            if some:
                decay = pace.weight_decay if decayed else 0.0
                groups.append(
                    {"params": some, "share": share, "weight_decay": decay, "decayed": decayed}
                )
    return OPTIMIZERS[pace.optimizer](groups, pace)


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], Pace], torch.optim.Optimizer]] = {
    "adamw": lambda groups, pace: torch.optim.AdamW(groups, lr=pace.lr),
    "adam": lambda groups, pace: torch.optim.Adam(groups, lr=pace.lr),
    "sgd": lambda groups, pace: torch.optim.SGD(
        groups, lr=pace.lr, momentum=pace.momentum, nesterov=True
    ),
    # As most papers have it, without Nesterov's step ahead.
    "momentum": lambda groups, pace: torch.optim.SGD(groups, lr=pace.lr, momentum=pace.momentum),
}


def check_optimizer(name: str) -> None:
    """Raise `BadInput` unless an optimiser is known."""
    if name not in OPTIMIZERS:
        raise BadInput(f"optimizer={name!r}; choose from {', '.join(OPTIMIZERS)}")


def rate(optimizer: Any, pace: Pace, step: int, standing: Standing, objective: Objective) -> None:
    """Set every group's learning rate and weight decay for a step."""
    share = factor(step, steps=pace.steps, warm_up=pace.warm_up, schedule=pace.schedule)
    if pace.schedule == "plateau":
        seen = [one[objective.monitor] for one in standing.measures]
        wait = pace.plateau or max(1, pace.patience // 3)
        share *= plateau(seen, better=objective.better, patience=wait)
    if pace.halve_every:
        share *= 0.5 ** (step // pace.halve_every)
    decay = pace.weight_decay
    if pace.weight_decay_end is not None:
        left = factor(step, steps=pace.steps, warm_up=0, schedule="cosine")
        decay = pace.weight_decay_end + (decay - pace.weight_decay_end) * left
    for group in optimizer.param_groups:
        group["lr"] = pace.lr * group["share"] * share
        if group.get("decayed", bool(group["weight_decay"])):  # Runs begun before this key go on.
            group["weight_decay"] = decay


def begins_anew(pace: Pace, epoch: int, before: int) -> bool:
    """Say whether the optimiser forgets at a step's epoch; before: the epoch of the step before."""
    return any(before < start <= epoch for start in pace.restart)


def forget(optimizer: Any) -> None:
    """Take the averages and counts of steps from an optimiser, as if it were made now."""
    inner = getattr(optimizer, "optimizer", optimizer)  # Fabric wraps it.
    inner.state.clear()


def clip_apart(optimizer: Any, pace: Pace) -> None:
    """Clip each tensor's gradient by its own norm, then each number, as asked.

    Published as clipnorm and clipvalue of Keras' optimisers, in this order.
    """
    some = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if pace.clip_each:
        for parameter in some:
            torch.nn.utils.clip_grad_norm_(parameter, pace.clip_each, error_if_nonfinite=False)
    if pace.clip_value:
        torch.nn.utils.clip_grad_value_(some, pace.clip_value)


def top_rate(optimizer: Any) -> float:
    """Return the greatest learning rate in use."""
    return max(float(group["lr"]) for group in optimizer.param_groups)


def enough(standing: Standing, pace: Pace, objective: Objective) -> bool:
    """Say whether patience is at its end."""
    seen = [one[objective.monitor] for one in standing.measures]
    return bool(pace.patience) and waited(seen, better=objective.better) >= pace.patience
