"""Adam (Hosseinzadeh Taher et al. 2023): parts of pictures told apart, from coarse to fine."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from training.contrast.groups import groups_of, in_groups, norms_of, shuffled
from training.contrast.loss import info_nce, spread_of, unlike
from training.contrast.queue import Queue
from training.contrast.ranks import gathered
from training.examined import Examined
from training.kinds import ImageRecipe
from training.methods.base import Batch, Method, full_precision
from training.views.draws import Draws
from training.views.planar import moco_views
from training.views.presets import PICTURES, Pictures

GROUP = 64  # Images that batch norm sees together, as on each of the authors' four GPUs.


@dataclass(frozen=True)
class AdamRecipe(ImageRecipe):
    """n: the side of the grid that a picture is parted by: 0, the whole; 2, four; 4, sixteen parts.

    A list is a chain: each n goes on from where the one before it ended. One part of each picture,
    drawn anew, comes in an epoch. decompose: False takes the whole picture whatever n is.
    temperature: what cosines are divided by. sim_threshold: from n = 2 on, keys as similar to a
    query as this are no negatives to it. min_negatives: so many are kept in any case, the least
    similar, of half the queue at most. prune: False prunes nothing.
    queue: keys that are kept as negatives. momentum: of the key encoder, the query encoder's moving
    average. hidden, code: width of the projector's hidden layer (0: the features'), and of what it
    gives. bn_splits: groups that batch norm sees of a batch, over all processes; 0: of 64 each.
    preset: of the views, by name. crop_scale_min: least share of a part that a view shows.
    """

    n: int | tuple[int, ...] = 0
    decompose: bool = True
    temperature: float = 0.2
    sim_threshold: float = 0.8
    min_negatives: int = 1024
    prune: bool = True
    queue: int = 65536
    momentum: float = 0.999
    hidden: int = 0
    code: int = 128
    bn_splits: int = 0
    preset: str = "adam"
    crop_scale_min: float = 0.2

    @property
    def chain(self) -> tuple[int, ...]:
        """The stages; one alone is no chain."""
        return self.n if isinstance(self.n, tuple) else (self.n,)

    @property
    def parted(self) -> int:
        """The side of the grid that pictures are parted by in fact; 0: they are whole."""
        assert isinstance(self.n, int)
        return self.n if self.decompose else 0

    @property
    def prunes(self) -> bool:
        """Whether similar keys are no negatives: not at n = 0, as published."""
        return self.prune and self.n not in (0, 1)

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        self.one_of("preset", PICTURES)
        self.at_least(0, "min_negatives", "hidden", "bn_splits")
        self.at_least(2, "queue", "code", "batch_size")
        for name, low, high in (
            ("temperature", 0, 100), ("sim_threshold", -1, 100), ("momentum", -1e-9, 1),
            ("crop_scale_min", 0, 1),
        ):  # fmt: skip
            self.within(name, low, high)
        if not self.chain or min(self.chain) < 0 or len(set(self.chain)) < len(self.chain):
            raise BadInput(f"n={self.n!r}; give 0, 2, 4, or a list of such, each once: n=[0,2,4]")
        if self.batch_size > self.queue:
            raise BadInput(
                f"batch_size={self.batch_size} keys do not fit into queue={self.queue}; give "
                f"queue={self.batch_size} or more"
            )
        if self.bn_splits > self.batch_size // 2:
            raise BadInput(
                f"bn_splits={self.bn_splits} leaves less than two of batch_size={self.batch_size} "
                f"to a group; give at most {self.batch_size // 2}"
            )

    def stages(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the runs that a chain is made of, by name."""
        return {f"n{n}": {"n": n} for n in self.chain} if isinstance(self.n, tuple) else {}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should hear before the run begins."""
        if self.n not in (0, 1) and isinstance(self.n, int) and not self.weights:
            return (
                f"n={self.n} begins with random weights, but the published chain goes on from the "
                "stage before it: weights=RUN, or n=[0,2,4] for all of it",
            )
        return super().notes()


class Adam(Method):
    """Find a part of a picture again among tens of thousands of others, those like it left out.

    M. R. Hosseinzadeh Taher, M. B. Gotway, J. Liang: Towards Foundation Models Learned from Anatomy
    in Medical Imaging via Self-Supervision. MICCAI-DART 2023, arXiv 2309.15358. Learned by momentum
    contrast: X. Chen et al.: Improved Baselines with Momentum Contrastive Learning, 2020, arXiv
    2003.04297.
    """

    hands_over = True

    def __init__(self, network: HubModel, recipe: AdamRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        features = int(network.num_features)  # type: ignore[arg-type]
        hidden = recipe.hidden or features
        self.projector = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, recipe.code)
        )
        self.key_network = deepcopy(network).requires_grad_(False)
        self.key_projector = deepcopy(self.projector).requires_grad_(False)
        self.queue = Queue(recipe.queue, recipe.code, seed=recipe.seed)
        self.preset = preset_of(recipe, facts)
        self.temperature, self.momentum = recipe.temperature, recipe.momentum
        self.threshold = recipe.sim_threshold if recipe.prunes else None
        # With none left at all the loss would be 0, and best.
        self.floor = min(recipe.min_negatives, recipe.queue // 2)
        self.splits = recipe.bn_splits or max(1, recipe.batch_size // GROUP)
        self.batch_size = recipe.batch_size
        # Every process writes the same keys: DDP need not send a queue of 34 MB before each step.
        self._ddp_params_and_buffers_to_ignore = [
            f"queue.{name}" for name, _ in self.queue.named_buffers()
        ]

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        query, key = moco_views(batch["image"], batch["aspect"], draws, self.preset)
        order = draws.words("shuffle", 1)[:, 0]
        return {"query": query, "key": key, "order": order, "part": batch["image"]}

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        query = self.code(self.encoded(views["query"]))
        key = self.key_code(views["key"], views["order"])
        with full_precision(query):
            positive = (query * key).sum(1)
            # The queue changes before the gradient is taken.
            negatives = query @ self.queue.keys.clone().t()
            kept = self.kept(negatives)
            loss = info_nce(positive, negatives, temperature=self.temperature, kept=kept)
        self.queue.push(gathered(key))
        return {
            "total": loss,
            "pruned": share_pruned(kept, loss),
            "positive_cosine": positive.detach().mean(),
            "spread": spread_of(query.detach()),
        }

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        pairs = ((self.network, self.key_network), (self.projector, self.key_projector))
        for learning, following in pairs:
            torch._foreach_lerp_(
                list(following.parameters()), list(learning.parameters()), 1 - self.momentum
            )

    def examine(self, views: dict[str, Tensor]) -> Examined:
        features = self.network(views["query"])
        query = self.code(features)
        # Of the network that is published, not of the one that follows it a while behind.
        other = self.code(self.network(views["key"]))
        with full_precision(query):
            positive = (query * other).sum(1)
            negatives = query @ self.queue.keys.t()
            kept = self.kept(negatives)
            loss = info_nce(positive, negatives, temperature=self.temperature, kept=kept)
        scores = {"pruned": share_pruned(kept, loss), "positive_cosine": positive.mean()}
        return Examined(
            losses={"total": loss},
            embedding=features.float(),
            view=views["query"],
            scores=scores,
            code=query,
            other=other,
            shown=self.shown(views),
        )

    def shown(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the first parts of a batch and their views, in greys or colours from 0 to 1."""
        mean, std = (
            torch.tensor(one, device=views["query"].device).view(-1, 1, 1)
            for one in (self.preset.mean, self.preset.std)
        )
        made = {name: views[name][:2] * std + mean for name in ("query", "key")}
        return {"part": views["part"][:2].float() / 255, **made}

    def encoded(self, x: Tensor) -> Tensor:
        """Return the features of query views, normalised in groups."""
        return in_groups(self.network, x, self.parts(len(x)), norms_of(self.network))

    @torch.no_grad()
    def key_code(self, x: Tensor, order: Tensor) -> Tensor:
        """Return the codes of key views, normalised in other groups than their queries."""
        norms = norms_of(self.key_network)
        features = shuffled(self.key_network, x, order, self.parts(len(x)), norms)
        return unit(self.key_projector(features))

    def code(self, features: Tensor) -> Tensor:
        """Return what the projector makes of features, on the unit sphere."""
        return unit(self.projector(features))

    def kept(self, negatives: Tensor) -> Tensor | None:
        """Return which keys are negatives to which query; None: all."""
        if self.threshold is None:
            return None
        return unlike(negatives, threshold=self.threshold, floor=self.floor)

    def groups(self) -> list[dict[str, Any]]:
        learning = [*self.network.parameters(), *self.projector.parameters()]
        return [{"params": learning, "share": 1.0}]

    def parts(self, count: int) -> int:
        """Return how many of batch norm's groups this process makes of so many images."""
        return groups_of(count, self.splits * count // self.batch_size)


def preset_of(recipe: AdamRecipe, facts: InputFacts) -> Pictures:
    """Return what is done to pictures, which end as the network will be given them in use."""
    constants: Any = {"mean": facts.mean, "std": facts.std}  # Three of each, as its channels.
    return replace(
        PICTURES[recipe.preset],
        side=recipe.input_side,
        area=(recipe.crop_scale_min, 1.0),
        colour=recipe.colour,
        **constants,
    )


def unit(x: Tensor) -> Tensor:
    """Return vectors (N, F) on the unit sphere, in full precision."""
    return F.normalize(x.float(), dim=1)


def share_pruned(kept: Tensor | None, like: Tensor) -> Tensor:
    """Return the share of negatives that are pruned; 0 where none is, or none is there."""
    if kept is None or not kept.numel():
        return torch.zeros_like(like)
    return 1 - kept.float().mean()
