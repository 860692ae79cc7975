"""Adam-v2 (Hosseinzadeh Taher et al. 2024): where a part is, what it is made of, what it makes."""

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from training.contrast.ranks import gathered
from training.distillation.loss import distilled, sharpened
from training.distillation.prototypes import Prototypes
from training.distillation.wholes import (
    Composer,
    Decomposer,
    composed,
    decomposed,
    side_by_side,
    unit,
)
from training.examined import Examined
from training.kinds import ImageRecipe, Parts
from training.methods.base import Batch, Method, full_precision
from training.views.draws import Draws
from training.views.wholes import Wholes, crops_of_whole, wholes_and_parts

PHASES = ("L", "LCD")
MEASURES = ("cosine", "mse")
HEADS_OF_PARTS = ("compose", "decompose")


@dataclass(frozen=True)
class AdamV2Recipe(ImageRecipe):
    """The keys of Adam-v2.

    phase: "L" learns where a region is (localizability); "LCD" also how wholes are composed of
    parts, and decompose into them. granularity: how small the anchor is: its side is that of the
    picture over 2 ** granularity. Both may be lists of one length, which make a chain.
    stage_epochs: how long each stage of a chain is, unless steps say so; nothing: epochs, each.
    local_side, locals: side and number of small views. prototypes, bottleneck, hidden: of the head.
    student_temperature, teacher_temperature: what similarities are divided by. center: decay of the
    average that the teacher's are centred by. momentum: of the teacher at the beginning; it rises
    to 1. still: share of the run in which the prototypes do not learn.
    lambda_loc, lambda_comp, lambda_decomp: what each loss counts. part_loss: "cosine", or "mse", as
    released, a thousandth as large. part_norm: each part taken out of a whole has a length of its
    own; False, as released: the four have one together.
    margin: views are turned before they are cropped, so that none has black corners.
    """

    phase: str | tuple[str, ...] = "L"
    granularity: int | tuple[int, ...] = 0
    stage_epochs: tuple[int, ...] = ()
    local_side: int = 96
    locals: int = 8
    prototypes: int = 65536
    bottleneck: int = 256
    hidden: int = 2048
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    center: float = 0.9
    momentum: float = 0.996
    still: float = 0.005
    lambda_loc: float = 1.0
    lambda_comp: float = 1.0
    lambda_decomp: float = 1.0
    part_loss: str = "cosine"
    part_norm: bool = True
    margin: bool = True

    @property
    def parted(self) -> int:
        """How many anchors would fit along a side of the picture."""
        assert isinstance(self.granularity, int)
        return 1 << self.granularity

    @property
    def parts(self) -> Parts:
        """Where an anchor is drawn: squares for crops of them, rectangles for wholes and parts."""
        return "squares" if self.phase == "L" else "rectangles"

    def stages(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the runs that a chain is made of, by name."""
        if not isinstance(self.phase, tuple) or not isinstance(self.granularity, tuple):
            return {}
        pairs = zip(self.phase, self.granularity, strict=True)
        made: dict[str, dict[str, Any]] = {
            f"{phase}{depth}": {"phase": phase, "granularity": depth, "stage_epochs": ()}
            for phase, depth in pairs
        }
        if self.stage_epochs and self.steps is None:
            for keys, epochs in zip(made.values(), self.stage_epochs, strict=True):
                keys["epochs"] = epochs
        return made

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        phases = self.phase if isinstance(self.phase, tuple) else (self.phase,)
        depths = self.granularity if isinstance(self.granularity, tuple) else (self.granularity,)
        for one in phases:
            if one not in PHASES:
                raise BadInput(f"phase={one!r}; choose from {', '.join(PHASES)}")
        pairs = list(zip(phases, depths, strict=False))
        if (
            min(depths, default=-1) < 0
            or len(phases) != len(depths)
            or len(set(pairs)) < len(pairs)
        ):
            raise BadInput(
                f"phase={self.phase!r} and granularity={self.granularity!r}; give one of each, or "
                'two lists of one length: phase=["L","L","LCD"] granularity=[0,1,0]'
            )
        chained = isinstance(self.phase, tuple)
        if chained and self.stage_epochs and len(self.stage_epochs) != len(phases):
            raise BadInput(
                f"stage_epochs={self.stage_epochs!r}, but there are {len(phases)} stages; give a "
                "number for each, or steps= or epochs= for all"
            )
        self.one_of("part_loss", MEASURES)
        self.at_least(2, "prototypes", "bottleneck", "hidden", "batch_size")
        self.at_least(1, "locals", "local_side")
        for name, low, high in (
            ("student_temperature", 0, 100), ("teacher_temperature", 0, 100),
            ("center", -1e-9, 1), ("momentum", -1e-9, 1), ("still", -1e-9, 1.0000001),
            ("lambda_loc", -1e-9, 1e6), ("lambda_comp", -1e-9, 1e6), ("lambda_decomp", -1e-9, 1e6),
        ):  # fmt: skip
            self.within(name, low, high)


class AdamV2(Method):
    """Say of a crop what the teacher says of its whole; compose wholes of parts, and part them.

    M. R. Hosseinzadeh Taher, M. B. Gotway, J. Liang: Representing Part-Whole Hierarchies in
    Foundation Models by Learning Localizability, Composability, and Decomposability from Anatomy
    via Self-Supervision. CVPR 2024, arXiv 2404.15672.
    The teacher, a moving average of the student, is what is published. It sees each whole once; the
    released code encodes it twice, for its head and for the parts' sake.
    """

    hands_over = True

    def __init__(self, network: HubModel, recipe: AdamV2Recipe, facts: InputFacts) -> None:
        super().__init__(network)
        features = int(network.num_features)  # type: ignore[arg-type]
        self.head = Prototypes(
            features,
            hidden=recipe.hidden,
            bottleneck=recipe.bottleneck,
            prototypes=recipe.prototypes,
        )
        self.teacher = deepcopy(network).requires_grad_(False)
        self.teacher_head = deepcopy(self.head).requires_grad_(False)
        self.register_buffer("center", torch.zeros(recipe.prototypes))
        self.parted = recipe.phase == "LCD"
        if self.parted:
            self.compose, self.decompose = Composer(features), Decomposer(features)
        self.recipe, self.progress = recipe, 0.0
        self.preset = Wholes(
            side=recipe.input_side,
            local_side=recipe.local_side,
            locals=recipe.locals,
            margin=recipe.margin,
            colour=recipe.colour,
            mean=facts.mean,  # type: ignore[arg-type]
            std=facts.std,  # type: ignore[arg-type]
        )
        self.constants = self.preset.large(0.0)

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        make = wholes_and_parts if self.parted else crops_of_whole
        return make(batch["image"], batch["aspect"], draws, self.preset)

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        losses, similar = self.losses(views)
        self.follow_center(similar)
        return losses

    def losses(self, views: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return the losses, and what the teacher said, by which its centre moves."""
        recipe = self.recipe
        seen = views["whole"] if self.parted else views["large"]
        with torch.no_grad():
            wanted_features = self.teacher(seen)
            similar = self.teacher_head(wanted_features)
        with full_precision(similar):
            center: Tensor = self.center  # type: ignore[assignment]
            wanted = sharpened(similar, center, temperature=recipe.teacher_temperature)
        still = self.progress < recipe.still
        large = self.head(self.network(views["large"]), still=still)
        small = self.head(self.network(views["small"]), still=still)
        both = 1 if self.parted else 2
        with full_precision(similar):
            located = distilled(
                [*large.chunk(both), *small.chunk(recipe.locals)],
                wanted.chunk(both),
                temperature=recipe.student_temperature,
                same=not self.parted,
            )
        losses = {"localizability": located}
        total = recipe.lambda_loc * located
        if self.parted:
            made, taken = self.part_losses(views, wanted_features)
            losses |= {"composability": made, "decomposability": taken}
            total = total + recipe.lambda_comp * made + recipe.lambda_decomp * taken
        return {"total": total, **losses}, similar

    def part_losses(self, views: dict[str, Tensor], whole: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses of wholes composed of parts, and of wholes decomposed into them.

        whole: what the teacher makes of the wholes.
        """
        recipe: Any = self.recipe
        parts = self.network(views["parts"])
        with torch.no_grad():
            wanted = self.teacher(views["parts"])
        made = self.compose(side_by_side(parts))
        taken = self.decompose(self.network(views["whole"]))
        with full_precision(made):
            return (
                composed(made, whole, recipe.part_loss),
                decomposed(taken, wanted, recipe.part_loss, each=recipe.part_norm),
            )

    @torch.no_grad()
    def follow_center(self, similar: Tensor) -> None:
        """Move the centre towards the mean of what all processes' teachers say."""
        mean = gathered(similar.float().mean(0, keepdim=True)).mean(0)
        center: Tensor = self.center  # type: ignore[assignment]
        center.lerp_(mean, 1 - self.recipe.center)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        self.progress = progress
        rest = (1 - self.recipe.momentum) * (math.cos(math.pi * progress) + 1) / 2
        for learning, following in ((self.network, self.teacher), (self.head, self.teacher_head)):
            torch._foreach_lerp_(list(following.parameters()), list(learning.parameters()), rest)

    def examine(self, views: dict[str, Tensor]) -> Examined:
        losses, _ = self.losses(views)
        first, second = (views["whole"], views["large"]) if self.parted else views["large"].chunk(2)
        features = self.teacher(first)
        # The losses fall to nothing when all pictures get one prototype: weights are chosen by how
        # surely the teacher finds a picture's second view among all.
        return Examined(
            losses=losses,
            embedding=features.float(),
            view=first,
            code=unit(features),
            other=unit(self.teacher(second)),
            shown=self.shown(views),
        )

    def shown(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return one view of each kind of the first picture of a batch, in [0, 1]."""
        count = len(views["whole"]) if self.parted else len(views["large"]) // 2
        kinds = {"whole": "whole", "large": "large view", "parts": "first part"}
        made = {said: views[name][:1] for name, said in kinds.items() if name in views}
        small = views["small"][:1]
        made["small view"] = F.interpolate(small, size=self.preset.side, mode="nearest")
        if not self.parted:
            made["second large view"] = views["large"][count : count + 1]
        mean, std = (
            torch.tensor(one, device=small.device).view(-1, 1, 1)
            for one in (self.constants.mean, self.constants.std)
        )
        return {name: some * std + mean for name, some in made.items()}

    def adopted(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return another run's state: the heads of parts begin afresh, or stay behind."""
        own = {
            name: one
            for name, one in self.state_dict().items()
            if name.partition(".")[0] in HEADS_OF_PARTS
        }
        rest = {
            name: one
            for name, one in given.items()
            if name.partition(".")[0] not in HEADS_OF_PARTS or name in own
        }
        return {**own, **rest}

    def groups(self) -> list[dict[str, Any]]:
        learning: list[nn.Module] = [self.network, self.head]
        if self.parted:
            learning += [self.compose, self.decompose]
        return [{"params": [one for part in learning for one in part.parameters()], "share": 1.0}]

    def deliverable(self) -> HubModel:
        return self.teacher
