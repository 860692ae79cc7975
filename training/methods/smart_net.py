"""SMART-Net (Kyung et al. 2022): slices told, outlined and restored at once, in agreement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel, Pretext
from training.examined import Examined
from training.kinds import SliceRecipe
from training.methods.base import Batch, Method, full_precision
from training.multitask.losses import (
    POOLS,
    agreeing,
    outlining,
    overlapping,
    pooled,
    restoring,
    telling,
)
from training.multitask.measures import dices, measured
from training.multitask.weighing import WEIGHTINGS, Weighing
from training.views.draws import Draws
from training.views.slices import PRESETS, slice_views

# What is asked of a slice, and what of the network answers it.
ANSWERS = {"cls": "classification", "seg": "segmentation", "rec": "reconstruction"}
ATTENTIONS = ("scse", "last")
DICES = ("sample", "batch")
UNTRAINED = "untrained"  # Parts that are there, but learned nothing; `from_pretrained` knows.
SHOWN = 2  # Slices of a batch that are drawn.


@dataclass(frozen=True)
class SmartNetRecipe(SliceRecipe):
    """tasks: what is asked of a slice, one or more of "cls", "seg" and "rec": tasks=cls,seg,rec.

    consistency: what is told of a slice and what is outlined in it shall agree: needs both, and is
    on by itself where both are there.
    consistency_pool: how an outline becomes one number: "maxavg16", "gmp", "gap" or "gem" (the
    generalised mean of power 3, which is fixed: learned, it could settle the loss by itself).
    attention: "scse" puts it into every block of the decoders, as the paper's figure draws it,
    "last" into the last alone, as the released code does.
    weighting: "fixed", or "uncertainty", learned. weight_cls, weight_dice, weight_bce, weight_rec,
    weight_consistency: what each loss counts; of seg, two.
    dice: "sample", the mean over slices in whose mask something is, or one of the whole "batch".
    preset: of the views, by name. equalise: the contrast of each slice is equalised (CLAHE) first;
    `model.inputs` does not, so users of the weights would have to.
    """

    tasks: tuple[str, ...] | str = ("cls", "seg", "rec")
    consistency: bool | None = None
    consistency_pool: str = "maxavg16"
    attention: str = "scse"
    weighting: str = "fixed"
    weight_cls: float = 1.0
    weight_dice: float = 1.0
    weight_bce: float = 1.0
    weight_rec: float = 1.0
    weight_consistency: float = 0.5
    dice: str = "sample"
    preset: str = "smart"
    equalise: bool = False

    @property
    def asked(self) -> tuple[str, ...]:
        """The tasks in their usual order."""
        given = self.tasks.split(",") if isinstance(self.tasks, str) else self.tasks
        words = {word.strip() for word in given}
        return tuple(task for task in ANSWERS if task in words)

    @property
    def agrees(self) -> bool:
        """Whether what is told and what is outlined shall agree."""
        both = {"cls", "seg"} <= set(self.asked)
        return both if self.consistency is None else self.consistency

    @property
    def decoder(self) -> str | None:
        return "scse" if self.attention == "scse" else None

    @property
    def needs(self) -> tuple[str, ...]:
        told = {"cls": "label", "seg": "mask"}
        return tuple(told[task] for task in self.asked if task in told)

    @property
    def weights_of(self) -> dict[str, float]:
        """What each loss counts that there is."""
        told = {
            "cls": {"classification": self.weight_cls},
            "seg": {"overlap": self.weight_dice, "segmentation": self.weight_bce},
            "rec": {"reconstruction": self.weight_rec},
        }
        found = {name: weight for task in self.asked for name, weight in told[task].items()}
        return {**found, "consistency": self.weight_consistency} if self.agrees else found

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        super().check()
        given = self.tasks.split(",") if isinstance(self.tasks, str) else self.tasks
        unknown = [word for word in given if word.strip() not in ANSWERS]
        if unknown or not self.asked:
            raise BadInput(
                f"tasks={self.tasks!r}; give one or more of {', '.join(ANSWERS)}, such as "
                "tasks=cls,seg"
            )
        if self.consistency and not {"cls", "seg"} <= set(self.asked):
            raise BadInput(
                f"consistency=True lets cls and seg agree, but tasks={','.join(self.asked)}; give "
                "tasks=cls,seg or more, or leave consistency away"
            )
        self.one_of("consistency_pool", POOLS)
        self.one_of("attention", ATTENTIONS)
        self.one_of("weighting", WEIGHTINGS)
        self.one_of("dice", DICES)
        self.one_of("preset", PRESETS)
        for name in ("cls", "dice", "bce", "rec", "consistency"):
            self.within(f"weight_{name}", -1e-9, 1e6)


class SmartNet(Method):
    """Say whether a slice has a lesion, outline it, restore the slice; the first two shall agree.

    S. Kyung et al.: Improved performance and robustness of multi-task representation learning with
    consistency loss between pretexts for intracranial hemorrhage identification in head CT. Medical
    Image Analysis 81 (2022). Of the network only what the tasks need learns.
    """

    def __init__(self, network: HubModel, recipe: SmartNetRecipe, facts: InputFacts) -> None:
        super().__init__(network)
        assert isinstance(network, Pretext)
        self.tasks, self.consistency = recipe.asked, recipe.agrees
        self.pool, self.each = recipe.consistency_pool, recipe.dice == "sample"
        self.preset, self.equalise = PRESETS[recipe.preset], recipe.equalise
        self.weighing = Weighing(recipe.weights_of, uncertain=recipe.weighting == "uncertainty")
        for task in ANSWERS:
            for part in self.answering(task):
                part.requires_grad_(task in self.tasks)

    def views(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        image, mask = slice_views(
            batch["image"], batch["mask"], draws, self.preset, equalise=self.equalise
        )
        kept = {name: batch[name] for name in ("label", "masked")}
        return {"view": image, "mask": mask, **kept}

    def step(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        losses = self.losses(views, self.answers(self.maps(views["view"])))
        return {"total": self.weighing(losses), **losses}

    def examine(self, views: dict[str, Tensor]) -> Examined:
        maps = self.maps(views["view"])
        answers = self.answers(maps)
        losses = self.losses(views, answers)
        # By the fixed weights in any case: learned ones would move what is chosen by.
        weights = self.weighing.weights
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        return Examined(
            losses={"total": total, **losses},
            embedding=maps[-1].float().mean((2, 3)),
            view=views["view"],
            shown=shown(views, answers),
            said=said(views, answers),
        )

    def measured(self, seen: Sequence[Examined]) -> dict[str, float]:
        return measured([one.said for one in seen if one.said is not None])

    def maps(self, view: Tensor) -> list[Tensor]:
        """Return the encoder's maps of slices."""
        network: Any = self.network
        found: list[Tensor] = network.encoder(view)
        return found

    def answers(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Return what the network answers to each task, in full precision; cls, seg: logits."""
        network: Any = self.network
        made = {}
        for task in self.tasks:
            name = ANSWERS[task]
            below = maps[-1] if task == "cls" else network.decoder[name](maps)
            made[task] = network.head[name](below).float()
        if "cls" in made:
            made["cls"] = made["cls"].flatten()
        return made

    def losses(self, views: dict[str, Tensor], answers: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return every loss there is, each of the samples that can say it."""
        masks, masked, label = views["mask"], views["masked"], views["label"]
        found: dict[str, Tensor] = {}
        with full_precision(masks):
            if "cls" in answers:
                target = label.clamp_min(0).float()
                found["classification"] = telling(answers["cls"], target, label >= 0)
            if "seg" in answers:
                found["overlap"] = overlapping(answers["seg"], masks, masked, each=self.each)
                found["segmentation"] = outlining(answers["seg"], masks, masked)
            if "rec" in answers:
                found["reconstruction"] = restoring(answers["rec"], views["view"].float())
            if self.consistency:
                found["consistency"] = agreeing(
                    answers["cls"], answers["seg"], masked, pool=self.pool
                )
        return found

    def answering(self, task: str) -> list[nn.Module]:
        """Return the parts that answer a task."""
        network: Any = self.network
        name = ANSWERS[task]
        head = [network.head[name]]
        return head if task == "cls" else [network.decoder[name], *head]

    def groups(self) -> list[dict[str, Any]]:
        learning = [one for one in self.parameters() if one.requires_grad]
        return [{"params": learning, "share": 1.0}]

    def deliverable(self) -> HubModel:
        told = {key: said for key, said in self.network.provenance.items() if key != UNTRAINED}
        # Nobody shall take a part that learned nothing for a trained one.
        bare = [f"head.{ANSWERS[task]}" for task in ANSWERS if task not in self.tasks]
        bare += [f"decoder.{ANSWERS[t]}" for t in ("seg", "rec") if t not in self.tasks]
        self.network.provenance = {**told, UNTRAINED: bare} if bare else told
        return self.network


def said(views: dict[str, Tensor], answers: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what was answered to each slice beside what is true of it, (N,) each."""
    found = {"label": views["label"]}
    if "cls" in answers:
        found["told"] = torch.sigmoid(answers["cls"])
    if "seg" in answers:
        found["dice"] = dices(answers["seg"], views["mask"], views["masked"])
    if "rec" in answers:
        found["mae"] = (answers["rec"] - views["view"]).abs().mean((1, 2, 3))
    if "cls" in answers and "seg" in answers:
        outlined = pooled(torch.sigmoid(answers["seg"]), "gmp")
        found["disagreement"] = (found["told"] - outlined).abs()
    return found


def shown(views: dict[str, Tensor], answers: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the first slices of a batch, their masks and the answers, in [0, 1]."""
    made = {"slice": views["view"]}
    if "seg" in answers:
        made |= {"mask": views["mask"], "outlined": torch.sigmoid(answers["seg"])}
    if "rec" in answers:
        made["restored"] = answers["rec"]
    return {name: some[:SHOWN].float().clamp(0, 1) for name, some in made.items()}
