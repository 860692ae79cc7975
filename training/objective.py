"""A method as the training loop takes it: views made on the device, validation always alike."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.engine.feed import seed_of, stacked
from genesis_hub.engine.objective import Batch, Items
from genesis_hub.evaluate.rank import effective_rank
from training.contrast.loss import found_again, spread_of
from training.examined import Examined
from training.methods.base import Method
from training.views.draws import Draws

VALIDATION = 17  # Tells the seeds of validation from those of training.
FLAT = 0.05  # Answers that vary less than this share of what was asked for, or could be, are one.
ALIKE = 0.99  # Where so many negatives look like the query, nothing is told apart any more.
AT = 0.2  # Temperature at which views look for their others, whatever a method learns at.
GRACE = 500  # Steps in which a fresh network may still answer with a constant.
PATIENCE = 3  # Validations in a row at which a run that gives one constant is ended.

Show = Callable[[Sequence[Examined], float], None]


class Pretraining:
    """What the loop minimises; validation sees the same windows in the same views each time.

    items: to validate on; None where nothing is kept for it. looks: how many of them.
    show: is given what the windows became and how far the run is, after each validation. keep: is
    told how far the run is after each step.
    """

    monitor = "loss"
    better = "lower"

    def __init__(
        self,
        method: Method,
        *,
        items: Items | None,
        looks: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        autocast: Callable[[], Any],
        show: Show | None = None,
        keep: Callable[[float], None] | None = None,
    ) -> None:
        self.method = method
        self.items, self.batch_size, self.seed = items, batch_size, seed
        self.looks = 0 if items is None else min(looks, len(items))
        self.device, self.autocast, self.show, self.keep = device, autocast, show, keep
        self.held: list[Batch] = []
        self.progress = 0.0

    @property
    def model(self) -> nn.Module:
        """What is learned, as a checkpoint holds it."""
        return self.method

    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of a batch; its views depend on the keys of its items alone."""
        with torch.no_grad():
            views = self.method.views(batch, Draws(batch["key"]))
        losses: dict[str, Tensor] = model(views)
        return losses

    def groups(self) -> list[dict[str, Any]]:
        """Return what learns."""
        return self.method.groups()

    def begin_epoch(self, epoch: int) -> None:
        """Do nothing: all is trained from the first epoch."""

    def after_step(self, progress: float) -> None:
        """Let the method follow a step."""
        self.progress = progress
        self.method.after_step(progress)
        if self.keep is not None:
            self.keep(progress)

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Return the losses, and how far the network is from giving one answer to all."""
        if not self.looks:
            return {}
        seen: list[Examined] = []
        totals: dict[str, float] = {}
        for batch in self.batches():
            on_device = {name: part.to(self.device) for name, part in batch.items()}
            views = self.method.views(on_device, Draws(on_device["key"]))
            with self.autocast():
                examined = self.method.examine(views)
            for name, one in {**examined.losses, **(examined.scores or {})}.items():
                totals[name] = totals.get(name, 0.0) + float(one) * len(examined.view)
            seen.append(examined)
        measures = {name: total / self.looks for name, total in totals.items()}
        total = measures.pop("total")
        measures = {"loss": total, "objective": total, **measures, **self.method.measured(seen)}
        if self.show is not None:
            self.show(seen, self.progress)
        features = torch.cat([one.embedding for one in seen]).cpu().numpy()
        if len(features) > 1:
            measures["effective_rank"] = effective_rank(features)
        found = apart(seen)
        if not found:
            del measures["objective"]  # It is what weights are chosen by.
        return {**measures, **against_constants(seen), **found}

    def batches(self) -> list[Batch]:
        """Return the windows that are validated on, evenly from all, read once."""
        if not self.held:
            assert self.items is not None
            places = [at * len(self.items) // self.looks for at in range(self.looks)]
            made = [self.items.item(at, seed_of(self.seed, VALIDATION, at)) for at in places]
            size = min(self.batch_size, 8)  # Whatever a step holds, this fits.
            self.held = [stacked(made[at : at + size]) for at in range(0, len(made), size)]
        return self.held

    def complaint(self, measures: list[dict[str, float]]) -> str:
        """Return what is wrong with a network that gives one answer to all, and the remedy."""
        last = measures[-PATIENCE:]
        if len(last) < PATIENCE or not all(map(is_flat, last)):
            return ""
        if last[0]["step"] < GRACE and all(map(is_flat, measures)):
            return ""  # It has not begun to tell one from another.
        told = last[-1]
        pruned = f", {told['pruned']:.1%} of the negatives pruned" if told.get("pruned") else ""
        return (
            f"the network has collapsed: at {PATIENCE} validations in a row its answers varied by "
            f"{told.get('spread', 0.0):.1%} of what they should (effective rank of its features "
            f"{told.get('effective_rank', 0.0):.1f}{pruned}); what it has is kept; lower lr, "
            "lengthen warm_up, set clip=1.0, or leave faithful=true away"
        )


def is_flat(measures: Mapping[str, float]) -> bool:
    """Say whether a network gave about one answer, or one embedding, to all."""
    return (
        measures.get("spread", 1.0) < FLAT
        or measures.get("effective_rank", 2.0) < 1.0
        or measures.get("pruned", 0.0) > ALIKE
    )


def apart(seen: Sequence[Examined]) -> dict[str, float]:
    """Return how surely views find their others, and how far codes lie apart on their sphere.

    loss: what weights are chosen by where a method learns by telling pictures apart. spread: 0 for
    one code of all. With floors and weights a loss can stay finite in a collapse;
    this cannot.
    """
    pairs = [
        (one.code.float().cpu(), one.other.float().cpu())
        for one in seen
        if one.code is not None and one.other is not None
    ]
    if not pairs:
        return {}
    codes, others = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    if len(codes) < 2:
        return {}  # A view that is alone finds its other whatever the network.
    loss, hits = found_again(codes, others, temperature=AT)
    return {
        "loss": float(loss),
        "chance": math.log(len(codes)),
        "top_1": float(hits),
        "spread": float(spread_of(codes)),
    }


def against_constants(seen: Sequence[Examined]) -> dict[str, float]:
    """Return what answering with the mean would cost, and how much the answers vary beside it.

    spread: the deviation of the answers over that of the targets; 0 for one constant.
    """
    pairs = [
        (one.answer.float().cpu(), one.target.float().cpu())
        for one in seen
        if one.answer is not None and one.target is not None
    ]
    if not pairs:
        return {}
    answers, targets = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    wanted = float(targets.std(correction=0))
    spread = float(answers.std(correction=0)) / max(wanted, 1e-12)
    return {"mean_would_cost": wanted**2, "spread": spread}
